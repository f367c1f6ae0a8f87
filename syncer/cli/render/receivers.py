"""What the webhooks commands say: verdicts per URL, and a webhook that was sent with its answer."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from syncer.cli.render import columns, words
from syncer.model.text import sanitize
from syncer.model.url import MASK
from syncer.receivers.verdicts import Checked, Failure, Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from syncer.cli.receiving import Message, Sent
    from syncer.cli.render.style import Style
    from syncer.model.live import Unreadable
    from syncer.model.url import Url
    from syncer.receivers.targets import Use

SCHEMA: Final = "syncer.receivers/v1"
SENT_SCHEMA: Final = "syncer.webhook-sent/v1"
ORDER: Final = (Level.DEAD, Level.WARNING, Level.OK)
MARKS: Final = {Level.DEAD: "DEAD", Level.WARNING: "warn", Level.OK: "ok"}
INDENT: Final = 6
SECRET: Final = 4
"""Characters from which a query value is masked in an answer: shorter ones stand in any text."""
NAMED: Final = 3
"""Users of a URL that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """Every URL with its verdict, and the apps whose URLs are not known; `scope` says which URLs these are."""

    checks: tuple[Checked, ...]
    unreadable: tuple[Unreadable, ...]
    scope: str
    now: datetime

    @property
    def counts(self) -> dict[str, int]:
        """How many URLs there are at each level."""
        found = Counter(one.level for one in self.checks)
        return {level.value: found[level] for level in Level}

    def failed(self, *, strict: bool) -> bool:
        """Whether a pipeline should stop."""
        bad = {Level.DEAD, Level.WARNING} if strict else {Level.DEAD}
        return bool(self.unreadable) or any(one.level in bad for one in self.checks)

    @property
    def fenced(self) -> bool:
        """Whether a URL was not connected to because of its address."""
        return any(one.verdict is Verdict.NOT_PUBLIC for one in self.checks)

    def summary(self) -> str:
        """`4 declared URLs: 2 ok, 1 warning, 1 dead`."""
        counts = self.counts
        told = [f"{counts['ok']:,} ok", words.count(counts["warning"], "warning"), f"{counts['dead']:,} dead"]
        unread = [f"{words.count(len(self.unreadable), 'app')} unreadable"] if self.unreadable else []
        return f"{words.count(len(self.checks), f'{self.scope} URL')}: {', '.join([*told, *unread])}"


def fenced(sent: Sent) -> bool:
    """Whether nothing was sent because of the address."""
    return isinstance(sent.answer, Failure) and sent.answer.verdict is Verdict.NOT_PUBLIC


def text(view: CheckView, style: Style) -> str:
    """A block per URL, the dead ones first, then the sum."""
    lines: list[str] = []
    for one in sorted(view.checks, key=lambda check: ORDER.index(check.level)):
        lines += _block(one, view.now, style)
    for unread in view.unreadable:
        lines += [style.error(f"FAIL  {sanitize(str(unread.ref))}"), *_hang(f"can't be read: {unread.message}")]
    return "\n".join([*lines, style.bold(view.summary())]) + "\n"


def _block(one: Checked, now: datetime, style: Style) -> list[str]:
    paint = {Level.DEAD: style.error, Level.WARNING: style.warn, Level.OK: style.added}[one.level]
    lines = [f"{paint(f'{MARKS[one.level]:<4}')}  {sanitize(one.target.url.shown)}"]
    lines += _hang(", ".join(filter(None, (f"{one.verdict}: {one.detail}", _certificate(one.certificate_ends, now)))))
    lines += _hang(f"leads to {one.location}") if one.location else []
    for warning in one.warnings:
        lines += [style.warn(line) for line in _hang(warning)]
    return lines + [style.dim(line) for line in _hang(_users(one.target.uses))]


def _hang(told: str) -> list[str]:
    return columns.hanging("", sanitize(told), INDENT)


def _certificate(ends: datetime | None, now: datetime) -> str:
    return "" if ends is None else f"certificate until {ends:%Y-%m-%d} ({(ends - now).days} days)"


def _users(uses: tuple[Use, ...]) -> str:
    named = ", ".join(f"{use.field} of {words.app(use.ref, use.name)}" for use in uses[:NAMED])
    more = len(uses) - NAMED
    return f"{named}, and {more:,} more" if more > 0 else named


def document(view: CheckView) -> dict[str, Any]:
    """The same for machines, URLs in the order of the apps."""
    return {
        "schema": SCHEMA,
        "scope": view.scope,
        "checked_at": view.now.isoformat(timespec="seconds"),
        "counts": view.counts,
        "urls": [_row(one, view.now) for one in view.checks],
        "unreadable": [{"app": str(one.ref), "message": one.message} for one in view.unreadable],
    }


def _row(one: Checked, now: datetime) -> dict[str, Any]:
    ends = one.certificate_ends
    return {
        "url": one.target.url.shown,
        "level": one.level.value,
        "verdict": one.verdict.value,
        "detail": one.detail,
        "warnings": list(one.warnings),
        "status": one.status,
        "location": one.location,
        "addresses": list(one.addresses),
        "certificate_ends": None if ends is None else ends.isoformat(),
        "certificate_days": None if ends is None else (ends - now).days,
        "uses": [{"app": str(use.ref), "name": use.name, "field": use.field.value} for use in one.target.uses],
    }


def asked(message: Message) -> str:
    """The question before a webhook is sent."""
    return f"Send {message.event} to {sanitize(message.url.shown)}?"


def sent_text(sent: Sent, style: Style) -> str:
    """The request and its answer, as they stood on the wire but for what is masked in the URL."""
    message, answer = sent.message, sent.answer
    lines = [f"POST {sanitize(message.url.shown)}", *_headers(message.headers), "", message.content.decode(), ""]
    if isinstance(answer, Failure):
        return "\n".join([*lines, style.error(f"{answer.verdict}: {sanitize(answer.detail)}")])
    verdict = (
        style.added("taken") if sent.taken else style.error("not taken: the vendor wants 200, and would try again")
    )
    veil = _veil(message.url)
    lines += [f"{answer.status} from {answer.address} after {words.lasted(sent.elapsed)}: {verdict}"]
    body = sanitize(veil(answer.text))
    return "\n".join([*lines, *_headers({k: veil(v) for k, v in answer.headers}), *(["", body] if body else [])])


def _veil(url: Url) -> Callable[[str], str]:
    """Masks the URL's query values in what a receiver says: many repeat the URL that they were asked for."""
    written = (part.partition("=")[2] or part for part in url.text.partition("?")[2].split("&"))
    values = {form for value in written for form in (value, unquote_plus(value)) if len(form) >= SECRET}
    return lambda text: reduce(lambda told, value: told.replace(value, MASK), sorted(values, key=len)[::-1], text)


def _headers(headers: Mapping[str, str]) -> list[str]:
    return [f"{sanitize(name)}: {sanitize(value)}" for name, value in headers.items()]


def sent_document(sent: Sent) -> dict[str, Any]:
    """The same for machines."""
    message, answer = sent.message, sent.answer
    veil = _veil(message.url)
    failure = {"verdict": answer.verdict.value, "detail": answer.detail} if isinstance(answer, Failure) else None
    return {
        "schema": SENT_SCHEMA,
        "app": str(message.app.ref),
        "event": message.event,
        "taken": sent.taken,
        "request": {
            "url": message.url.shown,
            "headers": dict(message.headers),
            "payload": json.loads(message.content),
        },
        "answer": None
        if isinstance(answer, Failure)
        else {
            "status": answer.status,
            "address": answer.address,
            "headers": {name: veil(value) for name, value in answer.headers},
            "body": veil(answer.text),
            "elapsed": round(sent.elapsed, 3),
        },
        "failure": failure,
    }
