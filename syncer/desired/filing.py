"""One file: what kind it is, and the apps that it declares over the layers of its folders. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from syncer.desired import layers
from syncer.desired.layers import Sheet, has_error
from syncer.desired.resolving import Naming, Resolution, problems_of_id
from syncer.documents import loading, schema
from syncer.model.desired import AppRef, Layer
from syncer.model.problems import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncer.desired.layers import Stack
    from syncer.documents.building import Value
    from syncer.documents.loading import Parsed
    from syncer.model.desired import DesiredApp
    from syncer.model.problems import Place

APPS: Final = "Apps"
DEFAULTS: Final = "Defaults"
KINDS: Final = {APPS: "apps", DEFAULTS: "defaults"}
DEFAULTS_NAME: Final = re.compile(r"(?:\A|/)_defaults\.ya?ml\Z")
_SAYS_DEFAULTS: Final = re.compile(rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?def", re.MULTILINE | re.IGNORECASE)
_SAYS_APPS: Final = re.compile(rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?Apps", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """One file as read: its document, its problems, and its kind as far as a broken file shows one, else ""."""

    parsed: Parsed
    problems: tuple[Problem, ...]
    kind: str

    @property
    def sound(self) -> bool:
        """Whether the schema has nothing against it."""
        return not has_error(self.problems)

    @property
    def defaults(self) -> bool:
        """Whether it governs its folder."""
        return self.kind == DEFAULTS


@dataclass(frozen=True, slots=True)
class Filed:
    """The apps of one file; `names` are all that could be read, `apps` is empty when the file is rejected."""

    names: tuple[Naming, ...]
    apps: tuple[DesiredApp, ...]
    problems: tuple[Problem, ...]


def read(path: str, data: bytes, *, was_defaults: bool) -> Read:
    """Parse a file and check it against the schema of its kind."""
    parsed = loading.parse(path, data)
    return Read(parsed, schema.check_kind(parsed, KINDS), _kind(parsed, data, was_defaults=was_defaults))


def counts_as_defaults(path: str, *, was_defaults: bool) -> bool:
    """Whether a file that says nothing readable must be taken for a Defaults file.

    Apps without the defaults that a broken file would give them are other apps: what it governs is rejected with it.
    """
    return was_defaults or bool(DEFAULTS_NAME.search(path))


def _kind(parsed: Parsed, data: bytes, *, was_defaults: bool) -> str:
    written = parsed.value.get("kind") if isinstance(parsed.value, dict) else None
    if isinstance(written, str) and written in KINDS:
        return written
    if _SAYS_DEFAULTS.search(data):
        return DEFAULTS
    if _SAYS_APPS.search(data):
        return APPS
    return DEFAULTS if counts_as_defaults(parsed.path, was_defaults=was_defaults) else ""


def resolve(read: Read, below: Stack) -> Filed:
    """Every app of an Apps file, and every problem; an error anywhere in it leaves `apps` empty."""
    document = read.parsed.value
    names = _readable(read)
    if not names or not isinstance(document, dict):
        return Filed((), (), ())
    places = read.parsed.places
    customer = cast("str", document["customer_id"])
    defaults = cast("Mapping[str, Value]", document.get("defaults") or {})
    stack, found = layers.lay(below, Sheet(Layer.FILE, defaults, places, ("defaults",)))
    problems = [*found]
    namings, apps = [], []
    for name in names:
        data = cast("dict[str, dict[str, Value] | None]", document["apps"])[name] or {}
        ref = AppRef(customer, cast("str", data.get("app_id", name)))
        naming = Naming(name, ref, places, ("apps", name))
        own, found = layers.lay(stack, Sheet(Layer.APP, data, places, naming.path))
        resolution = Resolution(own, naming)
        apps.append(resolution.app())
        namings.append(naming)
        problems += [*found, *problems_of_id(naming), *resolution.problems]
    rejected = not read.sound or has_error(problems)
    return Filed(tuple(namings), () if rejected else tuple(apps), _folded(problems))


def _folded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """One problem where the same value is wrong for many apps: it names the first of them and counts the rest."""
    found: dict[tuple[str, str, Place], tuple[Problem, int]] = {}
    for problem in problems:
        key = problem.rule, problem.message, problem.at
        first, count = found.get(key, (problem, -1))
        found[key] = first, count + 1
    return tuple(
        replace(one, label=f"{one.label} and {more} more") if more and one.label else one
        for one, more in found.values()
    )


def _readable(read: Read) -> Sequence[str]:
    """The names of the apps that the schema has nothing against, so that all problems are found at once.

    None of them when something is wrong outside of the apps: what the file says of all of them is then unknown.
    """
    document = read.parsed.value
    apps = document.get("apps") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(apps, dict):
        return ()
    if read.sound:
        return list(apps)
    wrong = [problem.at.line for problem in read.problems if problem.severity is Severity.ERROR]
    spans = dict(_spans(read.parsed, document, apps))
    if not all(any(start <= line <= end for start, end in spans.values()) for line in wrong):
        return ()
    return [name for name, (start, end) in spans.items() if not any(start <= line <= end for line in wrong)]


def _spans(
    parsed: Parsed, document: Mapping[str, Value], apps: Mapping[str, Value]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """First and last line of each app; an app that shares its line with the next ends on it."""
    starts = {name: parsed.places.position(("apps", name))[0] for name in apps}
    above = parsed.places.position(("apps",))[0]
    others = [parsed.places.position((key,))[0] for key in document if key != "apps"]
    stops = sorted({*starts.values(), *(line for line in others if line > above), _FAR})
    for name, start in starts.items():
        yield name, (start, max(start, stops[bisect_right(stops, start)] - 1))


_FAR: Final = 1 << 30
