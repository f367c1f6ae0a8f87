"""Digests that bind a plan to what it was made from: SHA-256 over sorted, compact JSON."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from syncer.model.fields import UNDECLARED, Setting, plain
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.desired import AppRef
    from syncer.model.fields import AppSettings
    from syncer.model.planned import AppPlan, FieldChange


def base(settings: AppSettings) -> str:
    """The digest of live settings, of the texts as they are: a respelling by somebody else is a move, too."""
    return _sha256([plain(value) for _, value in settings.declared()])


def target(ref: AppRef, desired: AppSettings) -> str:
    """The digest of what git declares for one app, whatever is live.

    Of the texts as written: respelling a URL that the vendor refused makes another target, which is tried again.
    """
    return _sha256([str(ref), {field.value: plain(value) for field, value in desired.declared()}])


def change(ref: AppRef, changes: Iterable[FieldChange]) -> str:
    """The digest of one app's changes: what an approval binds to."""
    rows = [[c.field.value, _canonical(c.live), _canonical(c.desired)] for c in changes]
    return _sha256([str(ref), rows])


def plan_id(revision: str, steps: Iterable[AppPlan]) -> str:
    """The id of a whole plan, as people type it: the first 12 characters identify it among the plans of a day."""
    return _sha256([revision, [[str(step.ref), step.base, step.digest] for step in steps]])


def _canonical(setting: Setting) -> object:
    """A value as JSON; an undeclared one as an empty list, which no value can be."""
    if isinstance(setting, Url):
        return setting.normal
    return [] if setting is UNDECLARED else setting


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
