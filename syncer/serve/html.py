"""Documents as HTML: templates that escape everything, and show every outside text as `sanitize` has it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import jinja2
import orjson

from syncer.model.planned import QUIET_RULES
from syncer.model.text import sanitize
from syncer.phrasing import count, lasted, roughly, when

if TYPE_CHECKING:
    from collections.abc import Mapping

QUIET: Final = frozenset(rule.value for rule in QUIET_RULES)
ASKED: Final = ("syncer approve ", "syncer reconcile", "syncer resume ", "syncer rollback ", "syncer suspend ")
"""Commands that a running daemon carries out."""
WHOLE: Final = 12
"""Characters of a revision that people see."""


@cache
def templates() -> jinja2.Environment:
    """The templates, read once."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("syncer.serve"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "ago": ago,
        "at": at,
        "value": value,
        "short": short,
        "part": part,
        "count": count,
        "lasted": lasted,
    }
    made.filters |= {"number": lambda number: f"{number:,}", "ms": lambda seconds: f"{seconds * 1000:,.0f} ms"}
    made.filters |= {"lines": lines, "past": past, "asked_here": asked_here}
    made.globals |= {"query": query, "kind": kind, "shares": shares}
    return made


def page(name: str, document: Mapping[str, Any], now: datetime, **more: Any) -> str:
    """A page as text."""
    return templates().get_template(f"{name}.html").render(doc=document, now=now, page=name, **more)


def _plain(shown: Any) -> Any:
    """What an expression shows: text of whoever wrote it loses what moves, hides or breaks a line."""
    return sanitize(shown) if isinstance(shown, str) and not hasattr(shown, "__html__") else shown


def ago(moment: str, now: datetime) -> str:
    """How long ago, or how long until."""
    seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    return f"{roughly(seconds)} ago" if seconds >= 0 else f"in {roughly(-seconds)}"


def asked_here(command: str, origin: str) -> str:
    """A command that needs the state, as it is asked of this server: the daemon behind it holds the state."""
    if not command.startswith(ASKED):
        return command
    return f"{command} --server {origin} --server-token-file FILE"


def past(moment: str, now: datetime) -> bool:
    """Whether it is over."""
    return datetime.fromisoformat(moment) <= now


def at(moment: str, now: datetime) -> str:
    """The time of day in UTC, with its date on another day."""
    return when(datetime.fromisoformat(moment).astimezone(UTC), now)


def value(setting: object) -> str:
    """A setting as YAML spells it."""
    if setting is None:
        return "null"
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def lines(record: object) -> list[str]:
    """A record as indented JSON, line by line: a text in it has no line breaks left to make more of them."""
    return orjson.dumps(record, option=orjson.OPT_INDENT_2).decode().split("\n")


def kind(entry: Mapping[str, Any]) -> str:
    """The class of an entry: what it looks like in a time line."""
    if entry["rule"] in QUIET:
        return "quiet"
    return str(entry["verdict"] or entry["type"]).replace(".", "-")


def shares(fleet: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Each turn's part of the fleet as a stretch of a line: the turn, where it begins, how long it is."""
    turns: Mapping[str, int] = fleet["turns"]
    found, x = [], 0
    for turn, wide in (*turns.items(), ("still", fleet["total"] - sum(turns.values()))):
        found.append((turn, x, wide))
        x += wide
    return found


def short(revision: str) -> str:
    """A commit or a folder's digest as people name it."""
    return f"folder {revision[7:][:WHOLE]}" if revision.startswith("sha256:") else revision[:WHOLE]


def part(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="", errors="surrogatepass")


def query(asked: Mapping[str, Any], **changed: Any) -> str:
    """The query of an address: what is asked for already, with changes; what asks for nothing is left out."""
    kept = {key: each for key, each in {**asked, "page": "", **changed}.items() if each not in {"", None}}
    return f"?{urlencode(kept, errors='surrogatepass')}" if kept else "?"
