"""A Lease (coordination.k8s.io/v1) as values, and the next state of one as the object that is sent. Pure."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from syncer.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

API_VERSION: Final = "coordination.k8s.io/v1"
RELEASED_SECONDS: Final = 1
"""The duration that a leader leaves behind when it lets go in order, as client-go does."""
MOST: Final = 2**31 - 1
"""The largest number of transitions that the server takes; nothing can follow it."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,300}")


@dataclass(frozen=True, slots=True)
class Spec:
    """What the holder writes: when none of it changes any more, nobody renews the lease.

    `holder` is a name that can be shown, as `shown` has it.
    """

    holder: str = ""
    seconds: int = 0
    renewed: str = ""
    transitions: int = 0

    @property
    def released(self) -> bool:
        """Whether the last holder let go of it after its work had ended; an emptied field alone says no such thing."""
        return not self.holder and self.seconds == RELEASED_SECONDS

    @property
    def count(self) -> int:
        """The transitions as something to count on from; -1 for a number that nobody can have counted."""
        return self.transitions if 0 <= self.transitions < MOST else -1


@dataclass(frozen=True, slots=True)
class Lease:
    """One as it was read: `body` is all of it, so that what is not ours goes back as it came."""

    spec: Spec
    annotations: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a process writes into a lease, `epoch` as its transitions; an annotation that is None is taken out."""

    identity: str
    epoch: int
    seconds: int
    now: datetime
    annotations: Mapping[str, str | None] = field(default_factory=dict)


def parse(body: object) -> Lease:
    """A Lease from the server's JSON; ClusterError where it is none."""
    if not isinstance(body, dict) or body.get("kind") != "Lease":
        raise _garbled("it is no Lease")
    metadata, spec = body.get("metadata"), body.get("spec") or {}
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise _garbled("metadata or spec is missing")
    annotations = metadata.get("annotations") or {}
    if not isinstance(metadata.get("resourceVersion"), str) or not isinstance(annotations, dict):
        raise _garbled("it has no resourceVersion")
    read = Spec(
        holder=shown(_text(spec, "holderIdentity")),
        seconds=_number(spec, "leaseDurationSeconds"),
        renewed=_text(spec, "renewTime"),
        transitions=_number(spec, "leaseTransitions"),
    )
    return Lease(read, {str(key): str(value) for key, value in annotations.items()}, body)


def shown(identity: str) -> str:
    """An identity as it may be printed: one that is no name, as somebody's, and still told from all others."""
    if not identity or _NAME.fullmatch(identity):
        return identity
    return f"somebody-{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def begun(namespace: str, name: str, claim: Claim) -> dict[str, Any]:
    """A new one that the claim's process holds."""
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"acquireTime": instant(claim.now)},
    }
    return _claimed(body, claim)


def taken(lease: Lease, claim: Claim) -> dict[str, Any]:
    """The same lease in other hands."""
    body = copy.deepcopy(dict(lease.body))
    body["spec"] = {**(body.get("spec") or {}), "acquireTime": instant(claim.now)}
    return _claimed(body, claim)


def numbered(spec: Spec, counted: int) -> int:
    """The epoch of a lease whose number is known from itself alone; one that was counted back by hand goes on."""
    return spec.transitions if spec.transitions == counted else counted + 1


def renewed(lease: Lease, claim: Claim) -> dict[str, Any]:
    """The same lease in the same hands, for longer."""
    return _claimed(copy.deepcopy(dict(lease.body)), claim)


def released(lease: Lease, claim: Claim, *, clear: bool) -> dict[str, Any]:
    """The same lease in nobody's hands; `clear`: nothing that was begun under it or before it can still write."""
    body = _claimed(copy.deepcopy(dict(lease.body)), claim)
    body["spec"] |= {"holderIdentity": "", "acquireTime": instant(claim.now)}
    if clear:
        body["spec"]["leaseDurationSeconds"] = RELEASED_SECONDS
    return body


def instant(at: datetime) -> str:
    """A time as Kubernetes' MicroTime: UTC, always with six digits."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _claimed(body: dict[str, Any], claim: Claim) -> dict[str, Any]:
    body["spec"] |= {
        "holderIdentity": claim.identity,
        "leaseDurationSeconds": claim.seconds,
        "renewTime": instant(claim.now),
        "leaseTransitions": claim.epoch,
    }
    annotations = {**(body["metadata"].get("annotations") or {}), **claim.annotations}
    if annotations:
        body["metadata"]["annotations"] = {key: value for key, value in annotations.items() if value is not None}
    return body


def _text(spec: Mapping[str, object], key: str) -> str:
    value = spec.get(key) or ""
    if not isinstance(value, str):
        raise _garbled(f"{key} is no text")
    return value


def _number(spec: Mapping[str, object], key: str) -> int:
    value = spec.get(key) or 0
    if not isinstance(value, int):
        raise _garbled(f"{key} is no number")
    return value


def _garbled(why: str) -> ClusterError:
    return ClusterError(
        f"the API server's answer can't be used: {why}", hint="check that leader.server is a Kubernetes API server"
    )
