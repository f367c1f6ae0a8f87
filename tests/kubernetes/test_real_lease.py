"""The election against a real kube-apiserver, with the service account and the Role that the manifests give."""

from __future__ import annotations

import json
import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.real_kube import FOLDER, RULES, RealKube, real_kube
from tests.support.replicas import REAL, Cluster, Times, replicas, strike

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.figures import Recorder
    from tests.support.replicas import Replicas

pytestmark = pytest.mark.kubernetes
LATENCY = "PUT:latency(100)"
TIMES = Times(6, 4, 1, 1)
LEEWAY = 60
"""Seconds that the server believes a token beyond its end."""


@pytest.fixture
def kube() -> RealKube:
    found = real_kube()
    if found is None:
        pytest.skip(f"{FOLDER} names no kube-apiserver")
    return found


def cluster(kube: RealKube, home: Path, token: str) -> Cluster:
    path = home / "kube-token"
    path.write_text(token)
    return Cluster(kube.server, path, kube.namespace, kube.ca_file)


def ended_well(here: Replicas) -> None:
    assert [daemon.stop() for daemon in here.daemons.values()] == [0] * len(here.daemons)
    here.judge()
    here.judge_journals()


def test_leaders_stopped_for_up_to_ninety_seconds(tmp_path: Path, kube: RealKube, figure: Recorder) -> None:
    rng, stops, slowest, taken, inside = random.Random(43), 30, 0.0, 0, 0
    with replicas(tmp_path, cluster(kube, tmp_path, kube.requested()), times=REAL) as here:
        here.shared.site.emulator.fault(LATENCY)
        here.until(here.converged, 150, "never converged")  # the first leader of a new lease waits longest
        for _ in range(stops):
            hit = strike(here, rng.uniform(1.0, 90.0), rng)
            taken, slowest, inside = taken + bool(hit.took), max(slowest, hit.took), inside + hit.among_puts
            puts = here.judge()
        ended_well(here)
    assert slowest < 90
    assert kube.lease()["spec"].get("holderIdentity", "") == ""
    told = (
        f"{puts} PUTs, 0 overlap, 0 of an older epoch; {inside} among PUTs; {taken} take-overs, slowest {slowest:.0f} s"
    )
    figure("lease-real", stops, seeds="43", result=told)


def test_a_token_that_expires_is_read_again_from_its_file(tmp_path: Path, kube: RealKube) -> None:
    with replicas(tmp_path, cluster(kube, tmp_path, kube.signed(30 - LEEWAY)), count=2, times=TIMES) as here:
        here.until(here.converged, 60, "never converged")
        leader = here.leader()
        here.until(lambda: not here.leaders(), 90, "the token never ended")
        (tmp_path / "kube-token").write_text(kube.requested())
        here.declare()
        here.until(here.converged, 60, "nothing written with the new token")
        refused = [line for line in here.daemons[leader].lines if line["event"] == "leader.failed"]
        assert "answers 401" in refused[-1]["error"]
        ended_well(here)


def test_a_role_that_is_revoked_stops_the_writing_until_it_is_back(tmp_path: Path, kube: RealKube) -> None:
    with replicas(tmp_path, cluster(kube, tmp_path, kube.requested()), count=2, times=TIMES) as here:
        here.until(here.converged, 60, "never converged")
        leader = here.leader()
        kube.grant([])
        here.daemons[leader].wait_for("leader.lost")
        puts = len(here.shared.site.emulator.store.ledger())
        here.declare()
        time.sleep(TIMES.lease + 3)
        assert len(here.shared.site.emulator.store.ledger()) == puts
        assert not here.leaders()
        kube.grant(RULES)
        here.until(here.converged, 60, "nothing written with the Role back")
        ended_well(here)


@pytest.mark.parametrize("how", ["hung", "down"])
def test_a_server_that_is_gone_stops_the_writing_until_it_is_back(tmp_path: Path, kube: RealKube, how: str) -> None:
    with replicas(tmp_path, cluster(kube, tmp_path, kube.requested()), count=2, times=TIMES) as here:
        here.until(here.converged, 60, "never converged")
        leader = here.leader()
        with kube.hung() if how == "hung" else kube.down():
            here.daemons[leader].wait_for("leader.lost")
            puts = len(here.shared.site.emulator.store.ledger())
            here.declare()
            time.sleep(TIMES.lease + 2)
            assert len(here.shared.site.emulator.store.ledger()) == puts
        here.until(here.converged, 90, "nothing written with the server back")
        ended_well(here)


def test_a_stranger_who_edits_the_lease_takes_no_lead_away(tmp_path: Path, kube: RealKube) -> None:
    """Each renewal meets a version that has moved (409), and succeeds after another look."""
    with replicas(tmp_path, cluster(kube, tmp_path, kube.requested()), count=2, times=TIMES) as here:
        here.until(here.converged, 60, "never converged")
        leader = here.leader()
        deadline, edits = time.monotonic() + 3 * TIMES.lease, 0
        while time.monotonic() < deadline:
            body = kube.lease()
            body["metadata"].setdefault("annotations", {})["somebody"] = str(edits)
            edits += kube.ask("PUT", f"{kube.leases}/syncer", body)[0] == 200
            time.sleep(0.05)
        assert edits > 20
        assert here.leaders() == [leader]
        assert not [line for line in here.daemons[leader].lines if line["event"] == "leader.lost"]
        assert kube.lease()["metadata"]["annotations"]["somebody"]
        ended_well(here)


def test_twenty_one_shots_at_once_write_once(tmp_path: Path, kube: RealKube) -> None:
    times = Times(15, 12, 2, 2)  # twenty processes at once are slow to answer
    at = cluster(kube, tmp_path, kube.requested())
    with replicas(tmp_path, at, count=20, times=times, run=False) as here:
        processes = [
            subprocess.Popen(
                site.command("run", "--once", "--log-format", "json"),
                env=site.environ(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for site in here.sites
        ]
        ended = [process.communicate(timeout=240)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 20
        assert here.converged()
        assert here.judge() == here.apps
        lines = [json.loads(line) for text in ended for line in text.splitlines()]
        held = [line for line in lines if "another run holds" in line.get("hint", "")]
        led = [line for line in lines if line["event"] == "leader.acquired"]
        assert len(held) + len(led) == 20
