"""A Lease as values and as the next object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncer.cluster import lease
from syncer.cluster.lease import Claim, Spec
from syncer.errors import ClusterError

NOW = datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=UTC)
BODY: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "syncer", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {"x": "y"}},
    "spec": {"holderIdentity": "a", "leaseDurationSeconds": 60, "leaseTransitions": 3, "strategy": "Oldest"},
}
CLAIM = Claim("b", 60, NOW, {"x": None, "z": "1"})


def test_what_is_not_ours_goes_back_as_it_came() -> None:
    made = lease.taken(lease.parse(BODY), CLAIM)
    assert made["metadata"] == {**BODY["metadata"], "annotations": {"z": "1"}}
    assert made["spec"]["strategy"] == "Oldest"
    assert BODY["spec"]["holderIdentity"] == "a"


def test_taking_counts_and_renewing_does_not() -> None:
    read = lease.parse(BODY)
    assert lease.taken(read, CLAIM)["spec"]["leaseTransitions"] == 4
    assert lease.renewed(read, CLAIM)["spec"]["leaseTransitions"] == 3


def test_times_are_written_with_six_digits() -> None:
    made = lease.begun("telephony", "syncer", CLAIM)
    assert made["spec"]["renewTime"] == made["spec"]["acquireTime"] == "2026-11-23T10:00:00.000005Z"
    assert made["metadata"] == {"name": "syncer", "namespace": "telephony", "annotations": {"z": "1"}}


def test_a_claim_without_annotations_writes_none() -> None:
    assert "annotations" not in lease.begun("n", "syncer", Claim("b", 60, NOW))["metadata"]


def test_letting_go_is_told_from_an_emptied_field() -> None:
    let_go = lease.released(lease.parse(BODY), CLAIM)
    assert lease.parse(let_go).spec.released
    assert not Spec(holder="", seconds=60).released


def test_a_lease_that_nobody_ever_held_is_read() -> None:
    assert lease.parse({"kind": "Lease", "metadata": {"resourceVersion": "1"}}).spec == Spec()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"kind": "Pod"},
        {"kind": "Lease"},
        {"kind": "Lease", "metadata": {}},
        {"kind": "Lease", "metadata": {"resourceVersion": "1", "annotations": [1]}},
        {"kind": "Lease", "metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": 7}},
        {"kind": "Lease", "metadata": {"resourceVersion": "1"}, "spec": {"leaseTransitions": "7"}},
        {"kind": "Lease", "metadata": {"resourceVersion": "1"}, "spec": [1]},
    ],
)
def test_what_is_no_lease_is_an_error(body: object) -> None:
    with pytest.raises(ClusterError, match="can't be used"):
        lease.parse(body)
