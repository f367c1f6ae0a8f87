"""Which repository, which ref, which folder in it: texts that are safe to hand to git, or a UsageError.

What passes here can't be taken for an option, another transport or a second host by git, curl or ssh; the rules are
narrower than git's own on purpose (CVE-2017-1000117, CVE-2018-17456, CVE-2020-5260, CVE-2024-50349).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from syncer.errors import UsageError

HEAD: Final = "HEAD"
"""The ref that stands for the branch which the server calls its default."""

_REMOTE: Final = re.compile(
    r"\A(?P<scheme>https|ssh)://(?P<host>[a-z0-9][a-z0-9.-]*)(:(?P<port>[0-9]{1,5}))?/[!-~]+\Z", re.ASCII
)
_LOCAL: Final = re.compile(r"\Afile:///[!-~]+\Z", re.ASCII)
_CONTROL: Final = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_USERINFO: Final = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/]*@")
_COMMIT: Final = re.compile(r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_ABBREVIATED: Final = re.compile(r"\A[0-9a-f]{7,63}\Z")
_NOT_IN_A_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|/\.|\.lock(?:/|\Z)")
_LONGEST: Final = {"url": 2000, "ref": 200, "subpath": 1000}


@dataclass(frozen=True, slots=True)
class Address:
    """A repository, what to read of it, and where in it.

    `ref` is a branch, a tag, a full commit or HEAD; `subpath` has no slash at its ends, and is empty for the whole
    repository.
    """

    url: str
    scheme: str
    ref: str
    subpath: str


def parse(url: str, ref: str = HEAD, subpath: str = "", *, allow_file: bool = False) -> Address:
    """The address, every part checked; UsageError says what to write instead."""
    return Address(url, _scheme(url, allow_file=allow_file), checked_ref(ref), checked_subpath(subpath))


def checked_ref(ref: str) -> str:
    """A ref that `git check-ref-format` accepts and that can't be an option; UsageError otherwise."""
    fault = (
        not ref
        or len(ref) > _LONGEST["ref"]
        or not ref.isprintable()
        or ref == "@"
        or ref[0] in "-./+"
        or ref[-1] in "./"
        or _NOT_IN_A_REF.search(ref)
    )
    if fault:
        raise UsageError(
            f"{ref!r} can't be a git ref",
            hint="name a branch, a tag or a full commit, such as main, v1.4 or 40 hex digits",
        )
    return ref


def checked_subpath(subpath: str) -> str:
    """A folder inside the repository, normalised; UsageError for `..`, absolute and unprintable ones."""
    parts = subpath.split("/")
    if subpath.startswith("/") or ".." in parts or not subpath.isprintable() or len(subpath) > _LONGEST["subpath"]:
        raise UsageError(f"subpath {subpath!r} is not a folder inside the repository", hint="write it like apps/prod")
    return "/".join(part for part in parts if part not in {"", "."})


def is_commit(text: str) -> bool:
    """Whether a text is a full commit hash."""
    return _COMMIT.match(text) is not None


def may_be_commit(text: str) -> bool:
    """Whether a text may be a commit hash cut short."""
    return _ABBREVIATED.match(text) is not None


def has_userinfo(url: str) -> bool:
    """Whether a URL carries a user name, with or without a password."""
    return _USERINFO.match(url) is not None


def _scheme(url: str, *, allow_file: bool) -> str:
    if has_userinfo(url):
        raise UsageError(
            "the git URL carries a user name or password",
            hint="leave it out of the URL and set source.credentials: a URL ends up in logs and process lists",
        )
    if len(url) <= _LONGEST["url"] and not _CONTROL.search(url):
        remote = _REMOTE.match(url)
        if remote and not ("?" in url or "#" in url) and int(remote["port"] or 1) in range(1, 65536):
            return remote["scheme"]
        if _LOCAL.match(url) and allow_file:
            return "file"
    raise UsageError(f"{url!r} is not a git URL that can be used", hint=_what_to_write(url, allow_file=allow_file))


def _what_to_write(url: str, *, allow_file: bool) -> str:
    if _LOCAL.match(url) and not allow_file:
        return "file:// URLs are read only with source.allow_file: true"
    if re.match(r"\A[\w.-]+@[\w.-]+:", url):
        return "write ssh://HOST/PATH; the user name goes to source.credentials.username (default git)"
    if re.match(r"\A(?:http|git)://", url):
        return "only https and ssh are used: the others can be read and changed on their way"
    if "?" in url or "#" in url:
        return "a query or fragment has no meaning for git; credentials go to source.credentials"
    return "write https://HOST/PATH or ssh://HOST/PATH, the host in lower case, in plain ASCII"
