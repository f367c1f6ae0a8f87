"""The policy of one app from the values that its layers declare. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from syncer.desired.layers import Declared, Stack, lock_key
from syncer.documents import formats
from syncer.model.desired import AllowedHosts, Layer, OnCommit, OnDrift, Origin, Policy, Suspend, Window, WindowKind
from syncer.model.fields import URL_FIELDS, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.desired.layers import Key
    from syncer.documents.building import Value


OPERATOR: Final = Origin(str(Layer.POLICY), 1, 1, Layer.POLICY)
"""Where the operator's policy stands: in no file of the source."""


def bottom(policy: Policy, locked: Sequence[str]) -> Stack:
    """The operator's policy as the weakest layer; `locked` are settings fields and policy keys."""
    said: dict[str, object] = {
        "on_commit": policy.on_commit.value,
        "on_drift": policy.on_drift.value,
        "protected": [field.value for field in policy.protected],
        "windows": policy.windows,
        "suspend": policy.suspend,
    }
    declared: dict[Key, Declared] = {
        ("policy", name): Declared(cast("Value", value), OPERATOR, 0, None, ("policy", name))
        for name, value in said.items()
    }
    listed = {entry.field: frozenset(host.lower() for host in entry.hosts) for entry in policy.allowed_hosts}
    hosts = {field: listed[key] for field in URL_FIELDS if (key := field if field in listed else None) in listed}
    return Stack(declared, {lock_key(name): None for name in locked}, hosts, dict.fromkeys(hosts))


def policy(stack: Stack) -> Policy:
    """All layers' policy keys as one value."""
    return Policy(
        on_commit=OnCommit(cast("str", stack.value("policy", "on_commit"))),
        on_drift=OnDrift(cast("str", stack.value("policy", "on_drift"))),
        protected=_fields(cast("Sequence[str]", stack.value("policy", "protected"))),
        allowed_hosts=tuple(AllowedHosts(f, tuple(sorted(stack.hosts[f]))) for f in URL_FIELDS if f in stack.hosts),
        windows=tuple(_window(one) for one in cast("Sequence[object]", stack.value("policy", "windows"))),
        suspend=_suspend(stack.value("policy", "suspend")),
    )


def _fields(names: Sequence[str]) -> tuple[Field, ...]:
    wanted = frozenset(names)
    return tuple(field for field in Field if field.value in wanted)


def _window(written: object) -> Window:
    if isinstance(written, Window):
        return written
    parts = cast("Mapping[str, str]", written)
    kind = WindowKind.ALLOW if "allow" in parts else WindowKind.DENY
    return Window(kind, parts[kind.value], formats.read_duration(parts["for"]), parts.get("zone", "UTC"))


def _suspend(written: object) -> Suspend | None:
    if written is None or isinstance(written, Suspend):
        return written
    parts = cast("Mapping[str, str]", written)
    until = parts.get("until")
    return Suspend(parts["reason"], None if until is None else formats.read_until(until))
