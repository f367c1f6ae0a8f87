"""Three daemons over one fleet and one Lease, with leaders that are stopped, killed and asked to end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.support.kube_api import TOKEN, kube_api
from tests.support.replicas import Cluster, Times, replicas, strike

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder
    from tests.support.kube_api import KubeApi

LATENCY = "PUT:latency(100)"


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        yield running


def cluster(api: KubeApi, home: Path) -> Cluster:
    token = home / "kube-token"
    token.write_text(f"{TOKEN}\n")
    return Cluster(api.url, token)


def test_a_leader_that_was_stopped_never_writes_over_the_next_one(tmp_path: Path, api: KubeApi) -> None:
    rng = random.Random(1)
    with replicas(tmp_path, cluster(api, tmp_path)) as here:
        here.shared.site.emulator.fault(LATENCY)
        here.until(here.converged, 60, "never converged")
        strike(here, 1.0, rng)
        hit = strike(here, here.times.takeover, rng, until_taken=True)
        assert hit.took, "nobody took over"
        codes = [daemon.stop() for daemon in here.daemons.values()]
        assert codes == [0, 0, 0]
        assert here.judge() >= 3 * here.apps
        here.judge_journals()
    assert api.holder() == ""


@pytest.mark.soak
def test_leaders_stopped_at_random_moments(tmp_path: Path, api: KubeApi, figure: Recorder) -> None:
    rng, times = random.Random(41), Times(6, 4, 1, 1)
    stops, slowest, taken, inside = 200, 0.0, 0, 0
    with replicas(tmp_path, cluster(api, tmp_path), times=times) as here:
        here.shared.site.emulator.fault(LATENCY)
        here.until(here.converged, 60, "never converged")
        for _ in range(stops):
            hit = strike(here, rng.uniform(0.5, 12.0), rng)
            taken, slowest, inside = taken + bool(hit.took), max(slowest, hit.took), inside + hit.among_puts
            puts = here.judge()
        for daemon in here.daemons.values():
            assert daemon.stop() == 0
        here.judge_journals()
    assert slowest < times.takeover
    told = (
        f"{puts} PUTs, 0 overlap, 0 of an older epoch; {taken} take-overs, slowest {slowest:.1f} s of {times.takeover}"
    )
    figure("lease-stops", stops, seeds="41", result=told)


def test_a_leader_that_ends_is_followed_at_once_and_one_that_is_killed_after_the_lease(
    tmp_path: Path, api: KubeApi
) -> None:
    with replicas(tmp_path, cluster(api, tmp_path)) as here:
        here.until(here.converged, 60, "never converged")
        first = here.daemons.pop(here.leader())
        marks = {number: daemon.mark() for number, daemon in here.daemons.items()}
        assert first.stop() == 0
        second = here.leader()
        assert here.daemons[second].wait_for("leader.acquired", marks[second])["writes_in"] == 0
        here.declare()
        here.until(here.converged, 30, "not written")
        here.daemons.pop(second).process.kill()
        here.declare()
        here.until(here.converged, here.times.takeover + 20, "nobody took over")
        here.judge()
