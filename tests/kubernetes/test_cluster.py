"""The overlays on a real one-node cluster, our image in each Pod: what rollouts, kills and drains do to the writing."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import git_https, one_node
from tests.support.real_kube import FOLDER
from tests.support.repositories import Repository
from tests.support.site import CUSTOMER, app_id
from tests.support.versioned import apps_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.soak.figures import Recorder
    from tests.support.one_node import OneNode

pytestmark = pytest.mark.kubernetes
APPS = 12
PORT = 18090
ROUNDS = int(os.environ.get("SYNCER_KUBE_ROUNDS", "3"))
FAST = {"lease_duration": "20s", "renew_deadline": "15s", "retry_period": "2s"}
UNLIMITED = {"budget": {"apps": 100000, "share": "100%", "at_least": 100000}, "mass_drift": {"apps": 100000}}


@dataclass
class Fleet:
    """A repository over https, the emulator as a Pod, and one overlay that runs."""

    node: OneNode
    repository: Repository
    kept: Path
    namespace: str
    documents: list[dict[str, Any]]
    version: int = 0

    def declare(self) -> None:
        self.version += 1
        settings = {"popup_url": f"https://hooks.acme.example/{self.version}"}
        home = Path("/var/run/secrets/syncer")
        files: dict[str | bytes, Any] = {
            f"{app_id(n)}.yaml": apps_file(home, range(n, n + 1), settings).replace(b"/tokens/", b"/")
            for n in range(1, APPS + 1)
        }
        self.repository.commit(files)

    def converged(self) -> bool:
        wanted = f"https://hooks.acme.example/{self.version}"
        apps = one_node.asked(PORT, "/apps")["apps"]
        return [each["settings"].get("popup_url") for each in apps] == [wanted] * APPS

    def settle(self, told: str) -> None:
        one_node.until(self.converged, lambda: f"{told}\n{self.node.logs(self.namespace)}")

    def ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = one_node.asked(PORT, "/ledger")["ledger"]
        return found

    def over(self) -> int:
        """Ends every Pod in its own time, and judges what all of them wrote."""
        self.node.kubectl("delete", "deployment,statefulset,cronjob,job", "--all", "-n", self.namespace)
        one_node.until(lambda: self.node.gone(self.namespace), lambda: self.node.logs(self.namespace))
        return one_node.judge(self.kept, self.ledger())


@contextmanager
def fleet(
    tmp_path: Path, overlay: str, namespace: str, *, policy: dict[str, Any] = UNLIMITED, vanishing: bool = False
) -> Iterator[Fleet]:
    """Runs an overlay; with limits of its own, or on a journal that goes with its Pod, it is not waited for."""
    node = one_node.one_node()
    if node is None:
        pytest.skip(f"{FOLDER} and {one_node.IMAGE} name no cluster with a node and no image")
    image = os.environ[one_node.IMAGE]
    kept = one_node.fresh(tmp_path / "kept")
    repository = Repository.create(tmp_path / "repos" / "settings.git")
    with git_https.serving(tmp_path / "repos", tmp_path, username="x", password="a-password") as git:
        changes = {
            "mode": "apply",
            "source": {"url": git.url("settings.git"), "ca_file": "/etc/syncer/git/ca.pem", "poll": "1s"},
            "vendor": {
                "base_url": f"http://127.0.0.1:{PORT}/v2/integrations",
                "rate": "5000/s",
                "concurrency": 2,
                "deadline": "3s",
            },
            "schedule": {"detect": "1h", "apply": "1h", "jitter": "0%"},
            "policy": policy,
            "serve": {"token": {"file": "/etc/syncer/git/serve.token"}},
            "leader": FAST,
        }
        documents = one_node.adapted(overlay, one_node.Setting(image, kept, changes))
        here = Fleet(node, repository, kept, namespace, documents)
        node.kubectl("delete", "namespace", namespace, "vendor", "--ignore-not-found", "--wait=true")
        node.apply(one_node.vendor(image, PORT))
        one_node.until(_answers, lambda: node.kubectl("get", "pods", "-A", "-o", "wide"))
        seeds = [{"customer_id": CUSTOMER, "app_id": app_id(n), "token": f"token-{n}"} for n in range(1, APPS + 1)]
        one_node.asked(PORT, "/apps", {"apps": seeds})
        one_node.asked(PORT, "/faults", {"fault": "PUT:latency(100)"})
        here.declare()
        try:
            node.kubectl("create", "namespace", namespace, check=False)
            tokens = [f"--from-literal={app_id(n)}=token-{n}" for n in range(1, APPS + 1)]
            node.kubectl("create", "secret", "generic", "syncer-tokens", "-n", namespace, *tokens)
            keys = ("--from-literal=password=a-password", "--from-literal=serve.token=asha 0123456789abcdef")
            ca_file = f"--from-file=ca.pem={git.ca_file}"
            node.kubectl("create", "secret", "generic", "syncer-git", "-n", namespace, *keys, ca_file)
            node.apply(one_node.unanchored(documents) if vanishing else documents)
            if policy is UNLIMITED and not vanishing:
                here.settle("never converged")
            yield here
        finally:
            node.kubectl("uncordon", "localhost")
            node.kubectl("delete", "namespace", namespace, "vendor", "--wait=true")


def _answers() -> bool:
    try:
        return bool(one_node.asked(PORT, "/"))
    except OSError:
        return False


def rolled(here: Fleet, workload: str) -> None:
    """A rollout in the middle of a commit's writes."""
    here.declare()
    time.sleep(random.Random(here.version).uniform(0.5, 3.0))
    here.node.kubectl("rollout", "restart", workload, "-n", here.namespace)
    here.declare()
    here.settle("after a rollout")
    here.node.kubectl("rollout", "status", workload, "-n", here.namespace, "--timeout=240s")


def killed(here: Fleet) -> None:
    """The leader's Pod is gone at once, as when its node loses power."""
    one_node.until(lambda: bool(here.node.leader(here.namespace)), lambda: here.node.logs(here.namespace))
    leader = here.node.leader(here.namespace)
    here.declare()
    time.sleep(random.Random(here.version).uniform(0.5, 3.0))
    here.node.kubectl("delete", "pod", leader, "-n", here.namespace, "--grace-period=0", "--force")
    here.declare()
    here.settle("after a kill")


def drained(here: Fleet) -> None:
    """The node is emptied while the leader writes, and takes Pods again."""
    here.declare()
    time.sleep(random.Random(here.version).uniform(0.5, 3.0))
    here.node.kubectl("drain", "localhost", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=200s")
    here.declare()
    here.node.kubectl("uncordon", "localhost")
    here.settle("after a drain")


def test_a_deployment_of_three_through_rollouts_kills_and_drains(tmp_path: Path, figure: Recorder) -> None:
    with fleet(tmp_path, "deployment", "syncer") as here:
        for _ in range(ROUNDS):
            rolled(here, "deployment/syncer")
            killed(here)
            drained(here)
        puts = here.over()
        pods = len(one_node.journals(here.kept))
    told = f"{puts} PUTs of {pods} Pods, 0 overlap, 0 of an older epoch, 0 without a record; every journal is whole"
    figure("cluster", 3 * ROUNDS, seeds="by version", result=told)


def test_a_statefulset_of_three_goes_on_in_its_journals(tmp_path: Path) -> None:
    with fleet(tmp_path, "statefulset", "syncer") as here:
        killed(here)
        for typed in ("status", "plan", "doctor", "audit verify"):  # as the page has it
            here.node.kubectl("exec", "syncer-0", "-n", "syncer", "--", "syncer", *typed.split())
        here.over()
        assert [state.parent.name for state in one_node.journals(here.kept)] == ["syncer-0", "syncer-1", "syncer-2"]


def test_a_container_in_three_pods_of_an_application(tmp_path: Path) -> None:
    with fleet(tmp_path, "sidecar-plain", "desk") as here:
        rolled(here, "deployment/desk")
        here.over()


def test_a_cronjob_beside_one_that_somebody_starts_by_hand(tmp_path: Path) -> None:
    with fleet(tmp_path, "cronjob", "syncer") as here:
        here.declare()
        here.node.apply([one_node.job(here.documents, f"by-hand-{number}") for number in range(3)])
        here.settle("after three runs at once")
        one_node.until(lambda: _succeeded(here) >= 3, lambda: here.node.logs("syncer"))
        here.over()


def test_a_first_sync_waits_until_somebody_approves_it_in_the_leaders_pod(tmp_path: Path) -> None:
    with fleet(tmp_path, "statefulset", "syncer", policy={"budget": {"at_least": 3}}) as here:
        one_node.until(lambda: bool(here.node.leader("syncer")), lambda: here.node.logs("syncer"))
        leader = here.node.leader("syncer")

        def inside(*words: str) -> str:
            return here.node.kubectl("exec", leader, "-n", "syncer", "--", *words, check=False)

        def report() -> dict[str, Any]:
            return dict(json.loads(inside("syncer", "status", "-o", "json") or "{}"))

        one_node.until(lambda: report().get("states") == {"Held": APPS}, lambda: here.node.logs("syncer"))
        assert here.ledger() == []
        address = json.loads(inside("cat", "/var/lib/syncer/state/serve.json"))["address"]
        (plan,) = re.findall(r"plan ([0-9a-f]{12})", inside("syncer", "status"))
        (tmp_path / "token").write_text(
            "0123456789abcdef\n"
        )  # Asha's, on her own machine; a forwarded port in a real cluster
        told = ("--reason", "first sync", "--server", address, "--server-token-file", str(tmp_path / "token"))
        subprocess.run([sys.executable, "-m", "syncer", "approve", plan, *told], check=True)
        here.settle("after an approval")
        here.over()
        written = [each for state in one_node.journals(here.kept) for each in one_node.records(state)]
        assert {each["data"]["by"] for each in written if each["type"] == "syncer.approve.v1"} == {"api:asha"}


def test_a_pod_whose_journal_would_go_with_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    path = "{.items[0].status.containerStatuses[0].lastState.terminated"
    with fleet(tmp_path, "deployment", "syncer", vanishing=True) as here:

        def told(field: str) -> str:
            return here.node.kubectl("get", "pods", "-n", "syncer", "-o", f"jsonpath={path}.{field}}}", check=False)

        one_node.until(lambda: bool(told("exitCode")), lambda: here.node.logs("syncer"))
        assert told("exitCode") == "64"
        assert "would be lost with the Pod: it is an emptyDir" in told("message")
        assert here.ledger() == []


def _succeeded(here: Fleet) -> int:
    told = here.node.kubectl("get", "jobs", "-n", "syncer", "-o", "jsonpath={.items[*].status.succeeded}")
    return sum(map(int, told.split()))
