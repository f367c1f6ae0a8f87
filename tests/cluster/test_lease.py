"""A Lease as values and as the next object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncer.cluster import lease
from syncer.cluster.lease import MOST, Claim, Spec
from syncer.errors import ClusterError

NOW = datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=UTC)
BODY: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "syncer", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {"x": "y"}},
    "spec": {"holderIdentity": "a", "leaseDurationSeconds": 60, "leaseTransitions": 3, "strategy": "Oldest"},
}
CLAIM = Claim("b", 4, 60, NOW, {"x": None, "z": "1"})


def test_what_is_not_ours_goes_back_as_it_came() -> None:
    made = lease.taken(lease.parse(BODY), CLAIM)
    assert made["metadata"] == {**BODY["metadata"], "annotations": {"z": "1"}}
    assert made["spec"]["strategy"] == "Oldest"
    assert BODY["spec"]["holderIdentity"] == "a"


def test_whoever_writes_it_writes_the_epoch() -> None:
    read = lease.parse(BODY)
    for made in (lease.taken(read, CLAIM), lease.renewed(read, CLAIM), lease.begun("n", "syncer", CLAIM)):
        assert made["spec"]["leaseTransitions"] == 4


@pytest.mark.parametrize(("found", "counted", "epoch"), [(3, 3, 3), (0, -1, 0), (0, 3, 4), (MOST, 3, 4)])
def test_a_number_that_was_turned_back_by_hand_is_counted_on(found: int, counted: int, epoch: int) -> None:
    assert lease.numbered(Spec(transitions=found), counted) == epoch


@pytest.mark.parametrize(("found", "count"), [(0, 0), (7, 7), (-1, -1), (MOST - 1, MOST - 1), (MOST, -1)])
def test_a_number_that_nobody_can_have_counted_is_none(found: int, count: int) -> None:
    assert Spec(transitions=found).count == count


def test_times_are_written_with_six_digits() -> None:
    made = lease.begun("telephony", "syncer", CLAIM)
    assert made["spec"]["renewTime"] == made["spec"]["acquireTime"] == "2026-11-23T10:00:00.000005Z"
    assert made["metadata"] == {"name": "syncer", "namespace": "telephony", "annotations": {"z": "1"}}


def test_a_claim_without_annotations_writes_none() -> None:
    assert "annotations" not in lease.begun("n", "syncer", Claim("b", 0, 60, NOW))["metadata"]


def test_letting_go_is_told_from_an_emptied_field() -> None:
    read = lease.parse(BODY)
    assert lease.parse(lease.released(read, CLAIM, clear=True)).spec.released
    assert lease.parse(lease.released(read, CLAIM, clear=False)).spec == Spec("", 60, lease.instant(NOW), 4)
    assert not Spec(holder="", seconds=60).released


@pytest.mark.parametrize("identity", ["two words", "a\nb", "\x1b[31m", "<script>", "x" * 301, "\ud800", "tök"])
def test_a_holder_that_is_no_name_is_somebody_of_its_own(identity: str) -> None:
    body = {**BODY, "spec": {"holderIdentity": identity}}
    read = lease.parse(body)
    assert read.spec.holder.startswith("somebody-")
    assert read.spec.holder != lease.shown(f"{identity} ")
    assert read.body["spec"]["holderIdentity"] == identity


@pytest.mark.parametrize("identity", ["", "syncer-0_5b1d", "a.b-c"])
def test_a_holder_that_is_a_name_is_shown_as_it_is(identity: str) -> None:
    assert lease.shown(identity) == identity


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
