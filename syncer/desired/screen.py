"""Which files of a source are documents, and which of those may not be read, and why."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from syncer.documents.rules import Rule
from syncer.errors import SourceError
from syncer.model.problems import Place, Problem, Severity
from syncer.model.text import sanitize

SUFFIXES: Final = (".yaml", ".yml")
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 1024
_MEBIBYTE: Final = 1024 * 1024

RULES: Final = (
    Rule(
        "SY150",
        "a symlink in the source",
        "Links are never followed: one that leads out of the source would show what the syncer can read, and a link's "
        "target can change without a commit. What lies behind one is not read.",
        'Put the file itself where the link is:  cp --remove-destination "$(readlink -f apps.yaml)" apps.yaml',
    ),
    Rule(
        "SY151",
        "a document with an unusual mode",
        "In git a document is a plain file of mode 100644. An executable one was committed by mistake.",
        "git update-index --chmod=-x config/apps/support.yaml && git commit",
    ),
    Rule(
        "SY152",
        "a submodule in the source",
        "Other repositories are never fetched, so what a submodule holds is not read.",
        "Move the apps into this repository, or run a syncer on the other one.",
    ),
    Rule(
        "SY153",
        "a file name that can't be trusted",
        "Names appear in plans, logs and the journal. Control and invisible characters, names that are not UTF-8 in "
        "composed form (NFC), and very long ones could pass for another file.",
        "Rename the file to plain letters, digits, dots and dashes.",
    ),
    Rule(
        "SY154",
        "a document over the size limit",
        "A document may hold 8 MiB; it is refused before it is read.",
        "Split the apps over several files; all of them are read.",
    ),
    Rule(
        "SY155",
        "a path that is too deep",
        "Documents lie at most 16 names below the root of the source.",
        "Move the file up, or name a folder nearer to it as source.subpath.",
    ),
    Rule(
        "SY156",
        "not a regular file",
        "FIFOs, sockets and devices under a document's name are never opened.",
        "Put a regular file there.",
    ),
    Rule(
        "SY157",
        "a file or folder that can't be read",
        "The system denies access. What can't be read is an error, never an absence.",
        "chmod a+r config/apps/support.yaml",
    ),
    Rule(
        "SY158",
        "a document without a last line break",
        "A daemon that reads a folder which others write to takes such a file for half-written: cut in the middle of a "
        "line it is often valid YAML, with half a URL or id in it. Repositories and ConfigMaps are published whole and "
        "may leave it out.",
        "End the file with a line break, and write it under another name first:  mv apps.yaml.new apps.yaml",
    ),
)
"""The rules of this module, SY150 to SY158."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How much a source may hold: `file` and `total` in bytes, `files` of any kind, `depth` in path components."""

    file: int = 8 * _MEBIBYTE
    files: int = 200_000
    total: int = 512 * _MEBIBYTE
    depth: int = 16


def is_document(relative: str) -> bool:
    """Whether a path below the root names a document: `*.yaml` or `*.yml`, nothing in it begins with a dot."""
    return relative.endswith(SUFFIXES) and not is_hidden(relative)


def is_hidden(relative: str) -> bool:
    """Whether a component of a path begins with a dot, which a shell's `*` leaves out as well."""
    return relative.startswith(".") or "/." in relative


def shown(path: str) -> str:
    """A path that is safe to print: invisible and unencodable characters as escapes, cut where it is too long."""
    clear = sanitize(path[:_LONGEST_PATH])
    return clear if len(path) <= _LONGEST_PATH else f"{clear}…"


def link(path: str, relative: str, target: str = "") -> Problem:
    """A symlink: refused where a document is expected, only mentioned elsewhere (it may lead to a folder of them)."""
    where = f" to {shown(target)}" if target else ""
    severity = Severity.ERROR if relative.endswith(SUFFIXES) else Severity.WARNING
    return _problem("SY150", path, f"a symlink{where} is not followed", "put the file itself here", severity)


def mode(path: str, found: str) -> Problem:
    """A file in git with another mode than 100644."""
    return _problem("SY151", path, f"its mode is {found}, not 100644", "git update-index --chmod=-x FILE, then commit")


def submodule(path: str) -> Problem:
    """A gitlink: another repository, which is never fetched."""
    return _problem("SY152", path, "a submodule is not read", "name that repository as a source", Severity.WARNING)


def name(path: str, relative: str) -> Problem | None:
    """The problem with a document's name, or None: invisible characters, two spellings of one letter, length."""
    if relative.isascii() and relative.isprintable() and len(relative) <= _LONGEST_NAME:
        return None  # nearly all of a hundred thousand
    if sanitize(relative) != relative:
        return _problem("SY153", path, "its name holds invisible or undecodable characters", "rename the file")
    if not unicodedata.is_normalized("NFC", relative):
        return _problem("SY153", path, "its name is not in Unicode's composed form (NFC)", "rename the file")
    longest = max(len(part.encode()) for part in relative.split("/"))
    if longest > _LONGEST_NAME or len(relative.encode()) > _LONGEST_PATH:
        limit = f"{_LONGEST_NAME} bytes a name, {_LONGEST_PATH} a path"
        return _problem("SY153", path, f"its name is too long ({limit})", "rename the file")
    return None


def size(path: str, found: int, caps: Caps) -> Problem | None:
    """The problem with a document's size, or None."""
    if found <= caps.file:
        return None
    return _problem("SY154", path, f"it has {found} bytes, more than the {caps.file} allowed", "split it")


def depth(path: str, relative: str, caps: Caps) -> Problem | None:
    """The problem with how deep a path lies, or None."""
    if relative.count("/") < caps.depth:
        return None
    return _problem("SY155", path, f"it lies deeper than {caps.depth} folders and names", "move it up")


def special(path: str) -> Problem:
    """A FIFO, socket or device under a document's name."""
    return _problem("SY156", path, "it is not a regular file", "put a regular file here")


def cut_off(path: str) -> Problem:
    """A document that does not end with a line break, where somebody may be in the middle of writing it."""
    return _problem("SY158", path, "it does not end with a line break: half of it may be missing", "add one")


def unreadable(path: str, reason: str) -> Problem:
    """A file or folder that the system does not let us read."""
    return _problem("SY157", path, f"it can't be read: {reason}", "give the syncer's user read permission")


def within(found: int, total: int, caps: Caps) -> None:
    """SourceError when a source holds too many files or bytes: part of it must never pass for the whole."""
    if found > caps.files:
        what = f"more than {caps.files} files"
    elif total > caps.total:
        what = f"more than {caps.total} bytes of documents"
    else:
        return
    raise SourceError(
        f"the source holds {what}", hint="name the folder with the apps as its subpath, or raise the limit"
    )


def _problem(rule: str, path: str, message: str, help_: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(rule, message, Place(shown(path)), help=help_, severity=severity)
