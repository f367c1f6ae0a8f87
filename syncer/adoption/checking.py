"""Whether a change of files is the change that was meant and no other: two states of a source compared. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from syncer.model.fields import UNDECLARED, Field, plain
from syncer.model.problems import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.live import LiveApp

    Said: TypeAlias = tuple[object, ...]


def moved(before: Iterable[DesiredApp], after: Iterable[DesiredApp]) -> frozenset[AppRef]:
    """Apps of which anything is declared otherwise than before, where it stands aside; new and gone ones too."""
    old, new = ({app.ref: said(app) for app in apps} for apps in (before, after))
    return frozenset(ref for ref in old.keys() | new.keys() if old.get(ref) != new.get(ref))


def said(app: DesiredApp, but: Collection[Field] = ()) -> Said:
    """Everything that is declared of an app, in the very spelling, `but` some fields."""
    settings = tuple(_spelt(app, field) for field in Field if field not in but)
    return app.ref, app.name, settings, app.token, app.labels, app.policy, app.invalid


def _spelt(app: DesiredApp, field: Field) -> object:
    value = app.settings.get(field)
    return value if value is UNDECLARED else (plain(value),)


def errors(state: DesiredState) -> frozenset[tuple[str, str, str]]:
    """Rule, message and path of each error: what can be compared though lines have moved."""
    return frozenset((p.rule, p.message, p.at.path) for p in state.problems if p.severity is Severity.ERROR)


def differing(apps: Iterable[DesiredApp], live: Mapping[AppRef, LiveApp]) -> tuple[AppRef, ...]:
    """Apps for which a plan against these live values would not be empty."""
    return tuple(
        app.ref for app in apps if any(live[app.ref].settings.get(f) != value for f, value in app.settings.declared())
    )
