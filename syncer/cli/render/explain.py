"""`syncer explain APP [FIELD]`: for every value where it comes from, whether it is live, and what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as given
from typing import TYPE_CHECKING, Final, NamedTuple

from syncer.cli.render import change_lines, columns, words
from syncer.cli.render.change_lines import FIELD, VALUE
from syncer.model.desired import Layer
from syncer.model.fields import UNDECLARED, Field
from syncer.model.live import LiveApp, Unreadable
from syncer.model.planned import Cause
from syncer.model.text import sanitize
from syncer.plan import against, orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from syncer.cli.render.style import Style
    from syncer.model.desired import Commit, DesiredApp, Origin
    from syncer.model.live import Live
    from syncer.model.outcome import AppStatus
    from syncer.model.planned import FieldChange, Hold, LastApplied

LABEL: Final = 12
"""The width of the labels above the fields."""


class HistoryRow(NamedTuple):
    """One past event of an app, newest first: what happened to which fields, what asked for it, the revision."""

    at: datetime
    trigger: str
    what: str
    fields: tuple[str, ...]
    revision: str


class Written(NamedTuple):
    """When a field was last written: the revision, its author, what and who asked, and whose word it was, if any."""

    at: datetime
    revision: str
    author: str
    trigger: str
    actor: str
    word: str


@dataclass(frozen=True, slots=True)
class ExplainView:
    """All that is known of one app; `field` narrows it to one. None and empty mean: not asked or nothing known.

    `next_pass` is when a daemon acts by its schedule, or `every` how long it waits at most; both None where only a
    command acts. `moved` is the time in which a live value moved, `written` who last wrote each field. `limits` are the
    operator's, as sentences.
    """

    app: DesiredApp
    now: datetime
    blame: Mapping[Origin, Commit]
    status: AppStatus | None = None
    live: Live | None = None
    last: LastApplied | None = None
    changes: tuple[FieldChange, ...] = ()
    holds: tuple[Hold, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    next_pass: datetime | None = None
    every: timedelta | None = None
    moved: tuple[datetime | None, datetime] | None = None
    written: Mapping[Field, Written] = given(default_factory=dict)
    field: Field | None = None
    limits: tuple[str, ...] = ()

    @property
    def shown_fields(self) -> tuple[Field, ...]:
        """The one field asked for, or all."""
        return (self.field,) if self.field else tuple(Field)


def text(view: ExplainView, style: Style) -> str:
    """The app, its fields one by one, its history."""
    lines = [style.bold(line) for line in columns.spread((words.app(view.app.ref, view.app.name),), FIELD)]
    for label, told in _facts(view):
        lines += columns.hanging(columns.padded(label, LABEL), told, 2)
    changes = {change.field: change for change in view.changes}
    for field in view.shown_fields:
        lines += ["", *_field(field, changes.get(field), view, style)]
    if past := _history(view):
        lines += ["", style.bold("  history"), *past]
    return "\n".join(lines) + "\n"


def _facts(view: ExplainView) -> Iterator[tuple[str, str]]:
    """Labelled sentences about the app as a whole."""
    app = view.app
    if view.status:
        age = words.lasted(max(0.0, (view.now - view.status.since).total_seconds()))
        yield "state", f"{view.status.state} for {age}: {sanitize(view.status.reason)}"
    yield "declared", words.where(app.at, view.blame)
    if app.revision.commit and app.revision.commit.signer:
        yield "signed", f"{words.revision(app.revision)} by {sanitize(app.revision.commit.signer)}"
    if app.invalid:
        yield "invalid", f"{sanitize(app.invalid)}; {words.revision(app.revision)} stays in force"
    if app.pin is not None:
        yield "pinned", sanitize(app.unpinnable or orders.told(app.pin))
    for pause in app.suspensions:
        yield "suspended", sanitize(orders.told(pause))
    if app.labels:
        yield "labels", sanitize(" ".join(f"{key}={value}" for key, value in app.labels))
    yield "token", sanitize(against.token(app.token))
    yield from _policy(view)
    yield "applied", _applied(view)
    yield from _next(view)


def _policy(view: ExplainView) -> Iterator[tuple[str, str]]:
    """Each policy key that is set, with the place that set it where a file did; then the limits of every pass."""
    places = dict(view.app.more_origins)
    label = "policy"
    for key, told in against.policy(view.app.policy).items():
        if told not in {"none", "any"}:
            origin = places.get(f"policy.{key}")
            where = origin.layer if origin and origin.layer is Layer.POLICY else origin  # which is in no file
            yield label, sanitize(f"{key}: {told}{f'  ({where})' if where else ''}")
            label = ""
    label = "limits"
    for told in view.limits:
        yield label, told
        label = ""


def _applied(view: ExplainView) -> str:
    if view.last is None:
        return "no record of an earlier apply"
    seen = f"; last seen in agreement {words.when(view.last.seen_at, view.now)}"
    return f"{words.when(view.last.at, view.now)} from {_short(view.last.revision)}{seen}"


def _short(revision: str) -> str:
    return sanitize(f"folder {revision[7:19]}" if revision.startswith("sha256:") else f"commit {revision[:7]}")


def _next(view: ExplainView) -> Iterator[tuple[str, str]]:
    """What happens next and when: each hold with its way out, then what a pass would write."""
    for hold in view.holds:
        of = f" ({words.names(hold.fields)})" if hold.fields else ""
        yield "held", f"{sanitize(hold.detail)}{of}"
        if hold.release:
            yield "to release", sanitize(hold.release)
    if isinstance(view.live, Unreadable):
        yield "next", "read again at the next pass; nothing is concluded until then"
    elif free := _free(view):
        yield "next", f"{_when(view)} writes {words.names(free)}"
    elif view.live is not None and not view.changes:
        yield "next", f"nothing: live is as {view.app.pin.short if view.app.pin else 'git'} declares"


def _when(view: ExplainView) -> str:
    if view.next_pass:
        return f"the daemon's pass at {words.when(view.next_pass, view.now)}, or `syncer sync`,"
    if view.every:
        return f"the daemon's next pass, within {words.lasted(view.every.total_seconds())}, or `syncer sync`,"
    return "the next `syncer sync`"


def _free(view: ExplainView) -> tuple[Field, ...]:
    """The changes that no hold stands against."""
    if any(not hold.fields for hold in view.holds):
        return ()
    held = {field for hold in view.holds for field in hold.fields}
    return tuple(change.field for change in view.changes if change.field not in held)


def _field(field: Field, change: FieldChange | None, view: ExplainView, style: Style) -> Iterator[str]:
    """One field: the value, who declared it and where, what is live, when it was last written."""
    wanted = view.app.settings.get(field)
    yield from change_lines.single(field.value, wanted, style.bold)
    if wanted is UNDECLARED:
        yield from _told("left as it is at the vendor", style)
    else:
        yield from _told(_declared(view.app.origin(field), view), style)
    yield from _live(field, change, view, style)
    if change and change.danger:
        yield from columns.hanging("! ", words.danger(change.danger, change.live, change.desired), VALUE)
    for told in (*_moved(change, view), *_written(field, view), *_coming(change, view)):
        yield from _told(told, style)


def _declared(origin: Origin, view: ExplainView) -> str:
    """Layer and place, with the whole author and the day where a commit is known."""
    told = f"{origin.layer}: {sanitize(str(origin))}"
    commit = view.blame.get(origin)
    if commit is None:
        return told
    return f"{told}  {sanitize(commit.sha[:7])} {sanitize(commit.author)}, {words.when(commit.at, view.now)}"


def _live(field: Field, change: FieldChange | None, view: ExplainView, style: Style) -> Iterator[str]:
    if isinstance(view.live, Unreadable):
        yield from columns.hanging("live: ", f"unreadable ({sanitize(view.live.message)})", VALUE)
    elif isinstance(view.live, LiveApp):
        present = view.live.settings.get(field)
        if change is None and view.app.settings.get(field) is not UNDECLARED:
            yield from _told("live: the same", style)
            return
        first, *rest = change_lines.setting_lines(present, columns.LINE - VALUE - 6)
        paint = style.warn if change else style.dim
        why = f"  ({change.cause})" if change and not rest and columns.width(first) < 50 else ""
        yield f"{' ' * VALUE}live: {paint(first)}{why}"
        yield from (" " * (VALUE + 6) + paint(line) for line in rest)


def _moved(change: FieldChange | None, view: ExplainView) -> Iterator[str]:
    """The time in which the live value moved, where somebody moved it."""
    if change and view.moved and change.cause in {Cause.DRIFT, Cause.BOTH}:
        yield words.moved(*view.moved, view.now)


def _written(field: Field, view: ExplainView) -> Iterator[str]:
    """When and by whom it was last applied; else the newest event that names the field."""
    if found := view.written.get(field):
        author = f" {sanitize(found.author.partition(' <')[0])}" if found.author else ""
        told = f"applied {words.when(found.at, view.now)} from {_short(found.revision)}{author}"
        yield f"{told} ({sanitize(found.trigger)}, {sanitize(found.actor)})"
        if found.word:
            yield sanitize(found.word)
        return
    for row in view.history:
        if field.value in row.fields:
            yield f"{sanitize(row.what)} {words.when(row.at, view.now)} ({sanitize(row.trigger)})"
            return


def _coming(change: FieldChange | None, view: ExplainView) -> Iterator[str]:
    """What happens to a difference next."""
    if change is None:
        return
    holds = [hold for hold in view.holds if not hold.fields or change.field in hold.fields]
    for hold in holds:
        yield f"next: held ({hold.rule}), {sanitize(hold.release)}" if hold.release else f"next: held ({hold.rule})"
    if not holds:
        yield f"next: {_when(view)} writes it"


def _told(told: str, style: Style) -> list[str]:
    return [style.dim(line) for line in columns.hanging("", told, VALUE)]


def _history(view: ExplainView) -> list[str]:
    lines: list[str] = []
    for row in view.history:
        if view.field and view.field.value not in row.fields:
            continue
        parts = (
            words.when(row.at, view.now),
            sanitize(row.what),
            sanitize(", ".join(row.fields)),
            sanitize(row.trigger),
            *([_short(row.revision)] if row.revision else []),
        )
        lines += [f"    {line}" for line in columns.spread(parts, 4, columns.LINE - 4)]
    return lines
