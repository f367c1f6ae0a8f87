"""What differs between two desired states: no vendor, no tokens, so a pull request may ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from syncer.model.desired import EnvToken, FileToken
from syncer.model.fields import UNDECLARED, Field, Setting
from syncer.plan import compare as live_compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.model.desired import AppRef, DesiredApp, DesiredState, Origin, Policy, TokenRef
    from syncer.model.planned import Danger

Side: TypeAlias = Setting | str
"""One side of a change: a setting, the text of a policy key, or UNDECLARED where there is nothing."""


@dataclass(frozen=True, slots=True)
class DesiredChange:
    """One thing that differs. `field` is a settings field or a key such as `on_drift`, `suspend`, `token`, `labels`.

    `field` None is the app as a whole: its name stands on the side where git has it. `origin` is the place in the
    later state, in the earlier one for what is no longer there.
    """

    ref: AppRef
    name: str
    field: str | None
    before: Side
    after: Side
    origin: Origin
    danger: Danger | None = None

    @property
    def added(self) -> bool:
        """Whether the app is new."""
        return self.field is None and self.before is UNDECLARED

    @property
    def removed(self) -> bool:
        """Whether the app leaves git: from then on nothing is written to it, and nothing is deleted."""
        return self.field is None and self.after is UNDECLARED


def compare(before: DesiredState, after: DesiredState) -> tuple[DesiredChange, ...]:
    """Every difference, sorted by app; the settings of a new app are listed, those of one that leaves are not."""
    old = {app.ref: app for app in before.apps}
    new = {app.ref: app for app in after.apps}
    found: list[DesiredChange] = []
    for ref in sorted(old.keys() | new.keys()):
        if ref not in new:
            found.append(DesiredChange(ref, old[ref].name, None, old[ref].name, UNDECLARED, old[ref].at))
        elif ref not in old:
            found += _added(new[ref])
        else:
            found += [*_settings(old[ref], new[ref]), *_beside(old[ref], new[ref])]
    return tuple(found)


def _added(app: DesiredApp) -> Iterator[DesiredChange]:
    yield DesiredChange(app.ref, app.name, None, UNDECLARED, app.name, app.at)
    for field, value in app.settings.declared():
        yield DesiredChange(app.ref, app.name, field.value, UNDECLARED, value, app.origin(field))


def _beside(old: DesiredApp, new: DesiredApp) -> Iterator[DesiredChange]:
    """Changes of the keys beside the settings."""
    earlier = _keys(old)
    for key, text in _keys(new).items():
        if earlier[key] != text:
            yield DesiredChange(new.ref, new.name, key, earlier[key], text, new.at)


def _settings(old: DesiredApp, new: DesiredApp) -> Iterator[DesiredChange]:
    for field in Field:
        before, after = old.settings.get(field), new.settings.get(field)
        if before != after:
            origin = (old if after is UNDECLARED else new).origin(field)
            yield DesiredChange(new.ref, new.name, field.value, before, after, origin, _danger(field, before, after))


def _danger(field: Field, before: Setting, after: Setting) -> Danger | None:
    """The danger of applying it; a field that is no longer declared keeps its live value."""
    if before is UNDECLARED or after is UNDECLARED:
        return None
    return live_compare.danger(field, before, after)


def _keys(app: DesiredApp) -> dict[str, str]:
    """Everything beside the settings, as text that is equal exactly when the value is."""
    return {
        "name": app.name,
        "labels": ", ".join(f"{key}={value}" for key, value in app.labels) or "none",
        "token": token(app.token),
        **policy(app.policy),
    }


def policy(found: Policy) -> dict[str, str]:
    """Every key of a policy as text: `none` where nothing is set, `any` for hosts without a list."""
    pause = found.suspend
    until = f"until {pause.until.isoformat()}" if pause and pause.until else "until removed"
    hosts = (f"{allowed.field or 'every URL'}: {', '.join(allowed.hosts)}" for allowed in found.allowed_hosts)
    windows = (f"{w.kind} {w.cron} for {w.duration} in {w.zone}" for w in found.windows)
    return {
        "on_commit": found.on_commit.value,
        "on_drift": found.on_drift.value,
        "protected": ", ".join(found.protected) or "none",
        "allowed_hosts": "; ".join(hosts) or "any",
        "windows": "; ".join(windows) or "none",
        "suspend": f"{until}: {pause.reason}" if pause else "none",
    }


def token(ref: TokenRef | None) -> str:
    """Where an app's token comes from; never a token."""
    match ref:
        case None:
            return "none"
        case FileToken(path=path):
            return f"file {path}"
        case EnvToken(name=name):
            return f"environment variable {name}"
        case _:
            return f"minted with the secret in {token(ref.secret)}"
