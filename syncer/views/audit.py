"""The journal as it is searched: by app, field, person, commit, time and kind, with before and after of each entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from syncer.audit import export, payloads
from syncer.audit.events import EventType
from syncer.errors import UsageError
from syncer.views import asking, happenings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.report import JSON
    from syncer.views.trail import Trail

SCHEMA: Final = "syncer.audit-page/v1"
PAGE: Final = 25
EXPORTED: Final = 10_000
"""Records of one export; a part of what was asked for would pass for all of it."""
QUIET: Final = (*happenings.FOLDED, *happenings.HOUSEKEEPING)
"""Left out unless asked for: told with the intent they belong to, or only about the log itself."""
KINDS: Final = tuple(kind.value.removeprefix("syncer.").removesuffix(".v1") for kind in EventType)
FORMS: Final = {"jsonl": export.jsonl, "csv": export.table}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for; an empty text asks for nothing. `kind` may be `all`."""

    app: str = ""
    field: str = ""
    who: str = ""
    commit: str = ""
    since: str = ""
    until: str = ""
    kind: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """From the query of an address."""
        names = ("app", "field", "who", "commit", "since", "until", "kind")
        return cls(**asking.texts(query, names), page=asking.page(query))

    def document(self) -> JSON:
        """The same for pages and programs."""
        return {
            "app": self.app, "field": self.field, "who": self.who, "commit": self.commit, "since": self.since,
            "until": self.until, "kind": self.kind, "page": self.page,
        }  # fmt: skip


def page(trail: Trail, asked: Asked) -> JSON:
    """What the page shows. Blocks: reads the journal. A search that can't be meant finds nothing, and says why."""
    progress = trail.progress
    shown: JSON = {
        "schema": SCHEMA,
        "verified": {
            "records": progress.records,
            "sealed": progress.sealed,
            "oldest": progress.oldest,
            "caught_up": progress.caught_up,
            "trouble": progress.trouble,
        },
        "kinds": list(KINDS),
        "asked": asked.document(),
        "wrong": "",
        "found": 0,
        "pages": 1,
        "entries": [],
    }
    try:
        where, values = narrowed(asked, QUIET)
    except UsageError as error:
        return {**shown, "wrong": error.message}
    found = trail.count(where, values)
    pages = max(1, -(-found // PAGE))
    number = min(asked.page, pages)
    rows = trail.search(where, values, "DESC", PAGE, (number - 1) * PAGE)
    return {
        **shown,
        "asked": {**asked.document(), "page": number},
        "found": found,
        "pages": pages,
        "entries": [happenings.of(trail, row, whole=True) for row in rows],
    }


def exported(trail: Trail, asked: Asked, form: str) -> bytes:
    """Every record that the search finds, results included, as JSON lines or CSV, oldest first. Blocks.

    UsageError where it is more than can be sent, or the search can't be meant.
    """
    where, values = narrowed(asked, ())
    rows = trail.search(where, values, "ASC", EXPORTED + 1)
    if len(rows) > EXPORTED:
        raise UsageError(
            f"more than {EXPORTED:,} records are asked for",
            hint="narrow the time, or use `syncer audit export`, which has no limit",
        )
    return "".join(f"{line}\n" for line in FORMS[form](trail.event(row) for row in rows)).encode()


def narrowed(asked: Asked, without: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """The condition of a search and its values; UsageError for a time that is none. `without` is for no kind."""
    parts = list(_parts(asked, without))
    where = " AND ".join(part for part, _ in parts)
    return (f"WHERE {where}" if where else ""), tuple(value for _, values in parts for value in values)


def _parts(asked: Asked, without: tuple[str, ...]) -> Iterable[tuple[str, tuple[Any, ...]]]:
    if asked.app:
        named = _like(asked.app)
        yield "(customer || '/' || app LIKE ? ESCAPE '\\' OR name LIKE ? ESCAPE '\\')", (named, named)
    for text, clause, pattern in (
        (asked.field, "' ' || fields || ' ' LIKE ? ESCAPE '\\'", _like(f" {asked.field} ")),
        (asked.who, "who LIKE ? ESCAPE '\\'", _like(asked.who)),
        (asked.commit, "revision LIKE ? ESCAPE '\\'", _like(asked.commit)[1:]),
    ):
        if text:
            yield clause, (pattern,)
    yield from _times(asked)
    if asked.kind and asked.kind != "all":
        yield "type = ?", (f"syncer.{asked.kind}.v1",)
    elif without and not asked.kind:
        yield f"type NOT IN ({happenings.marks(without)})", without


def _times(asked: Asked) -> Iterable[tuple[str, tuple[Any, ...]]]:
    if asked.since:
        yield "time >= ?", (_instant("since", asked.since, timedelta()),)
    if asked.until:
        yield "time < ?", (_instant("until", asked.until, timedelta(days=1)),)


def _like(text: str) -> str:
    """Anything that holds the text."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _instant(name: str, text: str, whole_day: timedelta) -> str:
    """A day (its beginning, or its end for `whole_day`) or a time, UTC where it names no zone."""
    try:
        at = datetime.fromisoformat(text)
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return payloads.instant(aware.astimezone(UTC) + (whole_day if len(text) <= len("2026-01-31") else timedelta()))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"`{name}` is no day or time: write it like 2026-01-31 or 2026-01-31T09:30") from error
