"""Which declared fields differ, who moved them, and which of the differences are dangerous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model.fields import UNDECLARED, Field
from syncer.model.planned import Cause, Danger, FieldChange
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.model.desired import DesiredApp
    from syncer.model.fields import AppSettings, Value
    from syncer.model.planned import LastApplied

    Digest = Callable[[Field, Value], str]


def changes(app: DesiredApp, live: AppSettings, last: LastApplied | None, digest: Digest) -> tuple[FieldChange, ...]:
    """The declared fields of `app` whose live value is another one, in the vendor's order.

    `digest` is the keyed digest under which `last` was recorded: it holds digests, never values.
    """
    return tuple(_changes(app, live, last, digest))


def _changes(app: DesiredApp, live: AppSettings, last: LastApplied | None, digest: Digest) -> Iterator[FieldChange]:
    for field, desired in app.settings.declared():
        current = live.get(field)
        if current is UNDECLARED:
            raise ValueError(f"live settings of {app.ref} lack {field}")
        if current != desired:
            recorded = last.digest(field) if last else None
            cause = _cause(digest(field, current), digest(field, desired), recorded)
            if last is not None and last.left and cause is Cause.DRIFT:
                cause = Cause.BOTH  # it moved while nobody declared it, and a commit brings the old value back
            yield FieldChange(field, current, desired, cause, app.origin(field), danger(field, current, desired))


def _cause(live: str, desired: str, recorded: str | None) -> Cause:
    """Who moved a field away from what was recorded, given that live and desired differ."""
    if recorded is None:
        return Cause.UNKNOWN
    if recorded == live:
        return Cause.GIT
    return Cause.DRIFT if recorded == desired else Cause.BOTH


def danger(field: Field, live: Value, desired: Value) -> Danger | None:
    """What makes a change from one value to another deserve a second look."""
    if field is Field.RECORDING_ENABLED:
        return Danger.RECORDING_OFF if desired is False else None
    if field is Field.STREAMING_ENABLED:
        return Danger.STREAMING_OFF if desired is False else None
    if isinstance(live, Url):
        if desired is None:
            return Danger.BLANKS_URL
        if isinstance(desired, Url) and (live.origin != desired.origin or not live.host):
            return Danger.HOST_CHANGE
    return None
