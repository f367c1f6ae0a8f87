"""From what the vendor has to drafts that every rule accepts: what no rule accepts is left out, with its reason.

The rules are those of the loader itself: the files are read as they would be, and each error names a line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.adoption import drafting
from syncer.adoption.drafting import Draft, Sheet
from syncer.adoption.spelling import scalar
from syncer.documents.veil import looks_secret, veil
from syncer.errors import DesiredStateError
from syncer.model.fields import FLAG_FIELDS, Field, shown
from syncer.model.problems import Problem, Severity
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from syncer.adoption.drafting import About
    from syncer.model.fields import Setting, Value
    from syncer.model.live import LiveApp
    from syncer.model.problems import Place

    Sheets: TypeAlias = Mapping[str, Sheet]
    Load: TypeAlias = Callable[[Mapping[str, bytes]], Sequence[Problem]]

LONGEST: Final = 200
"""Characters of a value in a comment."""
SECRET: Final = "a secret may stand in it, and what git has seen stays known"  # noqa: S105 -- a reason, not a secret


def draft(live: LiveApp, name: str, *, with_queries: bool) -> Draft:
    """An app with every field that may be looked at by all who can read the repository.

    `with_queries`: the values in the queries of URLs are no secrets.
    """
    made = Draft(live.ref, name, dict(live.settings.declared()), extra=live.extra)
    for field, value in live.settings.declared():
        if why := _unfit(field, value, with_queries=with_queries):
            made = made.without(field, f"{told(value)}: {why}")
    return made


def _unfit(field: Field, value: Value, *, with_queries: bool) -> str:
    if value is None:
        return "the vendor says neither true nor false" if field in FLAG_FIELDS else ""
    if not isinstance(value, Url):
        return ""
    if "{" in value.text or "}" in value.text:
        return "braces mark placeholders here"
    return secret(value, with_queries=with_queries)


def secret(url: Url, *, with_queries: bool) -> str:
    """Why a URL is not written down, empty where it may be."""
    head, _, query = url.text.partition("?")
    bare = head if with_queries and not looks_secret(query) else url.text
    return SECRET if veil(bare) != bare else ""


def told(value: Setting) -> str:
    """A value for a comment, with what may be secret masked, and cut where nobody reads on."""
    known = shown(value)
    if not isinstance(known, str):
        return scalar(known)
    masked = veil(known) or '""'
    return masked if len(masked) <= LONGEST else f"{masked[:LONGEST]}…"


def fit(sheets: Sheets, load: Load) -> Sheets:
    """The sheets without what the rules refuse; `load` gives the problems of the source with these files in it.

    DesiredStateError for an error that no field or app of theirs is to blame for.
    """
    while True:
        written = {path: drafting.text(sheet, factored=False) for path, sheet in sheets.items() if sheet.drafts}
        problems = load({path: text.encode() for path, (text, _) in written.items()}) if written else ()
        faults = [problem for problem in problems if problem.severity is Severity.ERROR]
        blamed = dict(_blamed(faults, {path: about for path, (_, about) in written.items()}))
        if not blamed:
            _refuse([problem for problem in faults if set(_paths(problem)) & written.keys()])
            return sheets
        sheets = {path: _without(path, sheet, blamed) for path, sheet in sheets.items()}


def _refuse(faults: Sequence[Problem]) -> None:
    if faults:
        raise DesiredStateError(
            "what the vendor has can't be written as files that hold", tuple(faults), hint="nothing was written"
        )


def _paths(problem: Problem) -> Iterator[str]:
    return (place.path for place in (problem.at, problem.other) if place is not None)


def _blamed(
    faults: Sequence[Problem], about: Mapping[str, Mapping[int, About]]
) -> Iterator[tuple[tuple[str, About], str]]:
    """What each error is about, and why it may not be."""
    for problem in reversed(faults):
        place = _ours(problem, about)
        if place is not None and (concerns := about[place.path].get(place.line)) is not None:
            yield (place.path, concerns), f"{problem.rule}: {problem.message}"


def _ours(problem: Problem, about: Mapping[str, Mapping[int, About]]) -> Place | None:
    places = (place for place in (problem.at, problem.other) if place is not None)
    return next((place for place in places if place.line in about.get(place.path, {})), None)


def _without(path: str, sheet: Sheet, blamed: Mapping[tuple[str, About], str]) -> Sheet:
    kept, refused = [], list(sheet.refused)
    for one in sheet.drafts:
        if (why := blamed.get((path, (one.ref, None)))) is not None:
            refused.append((one.ref, why))
        else:
            kept.append(_cut(path, one, blamed))
    return replace(sheet, drafts=tuple(kept), refused=tuple(refused))


def _cut(path: str, one: Draft, blamed: Mapping[tuple[str, About], str]) -> Draft:
    for field, value in one.values.items():
        if (why := blamed.get((path, (one.ref, field)))) is not None:
            one = one.without(field, f"{told(value)}: {why}")
    return one
