"""The commands with a Lease: who waits, who gives way, what is recorded, and what a standby shows."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from syncer import leasetext
from syncer.leaseorders import KEY
from syncer.model.orders import Saying
from tests.daemon.test_serving import get, post
from tests.support.daemon import running
from tests.support.kube_api import TOKEN, Fault, kube_api
from tests.support.replicas import LEADER, Times
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Running
    from tests.support.kube_api import KubeApi

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
ACTIONS = "alice-0123456789abcdef"
LIVE = {"holderIdentity": "somebody-else", "leaseDurationSeconds": 4, "leaseTransitions": 7}


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running_api:
        yield running_api


@pytest.fixture
def here(tmp_path: Path, api: KubeApi) -> Iterator[Site]:
    with site(tmp_path, 2, popup_url=POPUP) as made:
        configure(made, api)
        yield made


def configure(here: Site, api: KubeApi, more: str = "") -> None:
    token = here.home / "kube-token"
    token.write_text(TOKEN)
    times = Times()
    leader = LEADER.format(
        namespace="telephony", server=api.url, token=token, lease=times.lease, renew=times.renew, retry=times.retry
    )
    common = CONFIG.replace("rate: 5000/s", f"rate: 5000/s, deadline: {times.put}s")
    (here.home / "serve.token").write_text(f"alice {ACTIONS}\n")
    serve = f"serve: {{token: {{file: {here.home}/serve.token}}}}\n"
    here.configure(f"{common}{(leader + serve + more).replace('{', '{{').replace('}', '}}')}")


def free(api: KubeApi, **spec: object) -> None:
    """A lease that somebody let go of in order, unless told otherwise."""
    body: dict[str, Any] = {"metadata": {"name": "syncer"}, "spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}
    body["spec"] |= {"leaseTransitions": 7, "renewTime": "2026-11-23T10:00:00.000000Z", **spec}
    assert api.answer("POST", "/apis/coordination.k8s.io/v1/namespaces/telephony/leases", TOKEN, body)[0] == 201


def renewing(api: KubeApi) -> None:
    """Somebody else leads, and renews with each request that comes."""
    count = itertools.count(1)

    def renew() -> None:
        api.edit(renewTime=f"2026-11-23T10:00:00.{next(count):06}Z")

    api.before = renew


def intents(here: Site) -> list[dict[str, Any]]:
    return [record for record in here.journal() if record["type"] == "syncer.put.intent.v1"]


def test_a_one_shot_writes_under_its_epoch_and_lets_go(here: Site, api: KubeApi) -> None:
    free(api)
    here.run("run", "--once")
    assert here.live()["popup_url"] == POPUP
    assert {record["data"]["epoch"] for record in intents(here)} == {8}
    assert api.holder() == ""


@pytest.mark.parametrize(
    ("arguments", "code"), [(("run", "--once"), 0), (("run", "--once", "--require-lock"), 4), (("sync",), 4)]
)
def test_a_run_that_finds_the_lease_held_writes_nothing(
    here: Site, api: KubeApi, arguments: tuple[str, ...], code: int
) -> None:
    free(api, **LIVE)
    renewing(api)
    ended = here.ended(*arguments)
    assert ended.returncode == code
    told = ended.stdout + ended.stderr
    assert "the lease telephony/syncer is held by somebody-else" in told
    assert "another run holds" in told or arguments == ("sync",)
    assert here.live()["popup_url"] is None
    assert intents(here) == []


def test_a_one_shot_takes_over_from_a_leader_that_is_dead(here: Site, api: KubeApi) -> None:
    free(api, **LIVE)
    begun = time.monotonic()
    here.run("run", "--once")
    assert time.monotonic() - begun > Times().lease + Times().quarantine
    assert {record["data"]["epoch"] for record in intents(here)} == {8}


def test_a_one_shot_that_is_asked_to_stop_while_it_waits_ends_with_0(here: Site, api: KubeApi) -> None:
    free(api, **LIVE)
    process = subprocess.Popen(here.command("run", "--once"), env=here.environ(), stdout=subprocess.DEVNULL)
    assert api.wait_until(lambda: api.requests)
    process.terminate()
    assert process.wait(20) == 0
    assert here.live()["popup_url"] is None


def test_a_one_shot_that_can_not_ask_the_server_fails(here: Site, api: KubeApi) -> None:
    api.allowed.clear()
    told = here.run("run", "--once", expect=1)
    assert "cannot get resource" in told
    assert here.live()["popup_url"] is None


def test_approving_stands_for_no_lease(here: Site, api: KubeApi) -> None:
    """It writes nothing but the journal, and may be needed while somebody else leads."""
    free(api, **LIVE)
    renewing(api)
    here.run("approve", "0123456789ab", "--reason", "a test", expect=4)
    assert api.requests == []


def test_observing_stands_for_no_lease(here: Site, api: KubeApi) -> None:
    here.run("run", "--once", SYNCER_MODE="observe")
    assert api.requests == []


def test_those_that_observe_are_not_several_that_may_write(here: Site, api: KubeApi) -> None:
    """The manifests ship three replicas that observe, and an alert when two say that they may write."""
    with running(here, SYNCER_MODE="observe") as daemon:
        daemon.wait_for("pass.finished")
        assert "leader_election_master_status{" not in get(address(daemon), "/metrics")[1].decode()
        assert daemon.stop() == 0
    assert api.requests == []


def test_doctor_says_who_holds_the_lease_or_why_that_is_not_known(here: Site, api: KubeApi) -> None:
    def finding(expect: int = 0) -> dict[str, Any]:
        findings = json.loads(here.run("doctor", "-o", "json", expect=expect))
        return next(each for each in findings if each["what"] == "lease")

    assert finding()["seen"] == "telephony/syncer: there is none yet"
    free(api, **LIVE)
    assert finding()["seen"] == "telephony/syncer: held by somebody-else"
    api.allowed.clear()
    assert "cannot get resource" in finding(expect=1)["seen"]


def address(daemon: Running) -> str:
    return str(daemon.wait_for("serve.listening")["address"])


def test_a_standby_looks_and_says_who_leads(here: Site, api: KubeApi) -> None:
    free(api, **LIVE)
    renewing(api)
    with running(here) as daemon:
        finished = daemon.wait_for("pass.finished")
        assert (finished["writes"], finished["waiting"]) == (False, 2)
        assert daemon.wait_for("leader.other")["holder"] == "somebody-else"
        server = address(daemon)
        status = json.loads(get(server, "/api/v1/status")[1])
        assert (status["leader"]["holder"], status["leader"]["leads"]) == ("somebody-else", False)
        assert status["states"] == {"Pending": 2}
        assert get(server, "/readyz")[0] == 200
        assert b"[+] leader: shown, not counted: somebody-else leads" in get(server, "/readyz?verbose")[1]
        metrics = get(server, "/metrics")[1].decode()
        assert 'leader_election_master_status{name="syncer"} 0.0' in metrics
        assert b"<b>This process stands by</b>: somebody-else leads and writes." in get(server, "/")[1]
        assert json.loads(get(server, "/system.json")[1])["leader"]["leads"] is False
        refused, answer = post(server, "/-/approve", {"plan": "0123456789ab", "reason": "a test"})
        assert (refused, answer["exit_code"]) == (409, 4)
        assert "does not lead" in answer["error"]
        assert answer["hint"] == "ask the leader, somebody-else"
        assert daemon.stop() == 0
    assert "Stands by: somebody-else leads by the lease telephony/syncer" in here.run("status")
    assert "somebody-else leads" in here.run("status", "-o", "markdown")
    assert here.live()["popup_url"] is None


def test_a_plan_made_while_another_led_is_never_written(tmp_path: Path, api: KubeApi) -> None:
    """The leader applies a newer commit and lets go while the standby still reads what the vendor has."""
    slow = "GET:latency(600)"
    with site(tmp_path, 6, popup_url=POPUP) as shared:
        configure(shared, api)
        free(api, **LIVE)
        renewing(api)
        with running(shared, SYNCER_VENDOR_CONCURRENCY="1") as daemon:
            daemon.wait_for("pass.finished")
            shared.emulator.fault(slow)
            since, asked = daemon.mark(), len(shared.emulator.store.requests())
            daemon.signal(signal.SIGHUP)
            while len(shared.emulator.store.requests()) == asked:  # the first app is read, and the source before it
                time.sleep(0.01)
            shared.declare(6, popup_url=OTHER)
            for number in range(1, 7):
                shared.change(number, popup_url=OTHER)
            api.before = lambda: None
            api.edit(holderIdentity="", leaseDurationSeconds=1)
            daemon.wait_for("leader.acquired", since)
            daemon.wait_for("pass.finished", since, trigger="schedule", writes=True)
            assert daemon.stop() == 0
        assert shared.emulator.store.ledger() == ()
        assert shared.live(6)["popup_url"] == OTHER


def test_who_takes_over_writes_nothing_before_it_has_read_the_source(here: Site, api: KubeApi) -> None:
    """The leader before may have applied a newer commit than the last one that this process has seen."""
    free(api, **LIVE)
    renewing(api)
    gone = here.home / "gone"
    with running(here) as daemon:
        daemon.wait_for("leader.other")
        daemon.wait_for("pass.finished")
        here.source.rename(gone)
        api.before = lambda: None
        api.edit(holderIdentity="")
        daemon.wait_for("leader.acquired")
        daemon.wait_for("leader.uninformed", epoch=8)
        assert not here.emulator.store.ledger()
        gone.rename(here.source)
        daemon.pass_now()
        assert here.live()["popup_url"] == POPUP
        here.source.rename(gone)
        here.change(popup_url=OTHER)
        daemon.pass_now()
        assert here.live()["popup_url"] == POPUP  # what it has read as the leader, it goes on with
        assert daemon.stop() == 0


def test_a_leader_says_so(here: Site, api: KubeApi) -> None:
    free(api)
    with running(here) as daemon:
        daemon.wait_for("leader.acquired")
        daemon.wait_for("app.applied")
        server = address(daemon)
        assert b"this process leads, epoch 8; PUTs may be sent" in get(server, "/readyz?verbose")[1]
        assert 'leader_election_master_status{name="syncer"} 1.0' in get(server, "/metrics")[1].decode()
        assert json.loads(get(server, "/api/v1/status")[1])["leader"]["epoch"] == 8
        assert b"This process leads." in get(server, "/system")[1]
        api.fault = Fault.STATUS
        daemon.wait_for("leader.lost")
        assert b"leader: shown, not counted: nobody leads; nobody leads, this" in get(server, "/readyz?verbose")[1]
        assert 'leader_election_master_status{name="syncer"} 0.0' in get(server, "/metrics")[1].decode()
        api.fault = Fault.NONE
        daemon.wait_for("leader.acquired", daemon.mark() - 1)
        assert daemon.stop() == 0
    assert "Leads by the lease telephony/syncer" in here.run("status")


def test_the_newest_head_stands_in_the_lease_and_is_what_the_verifier_wants(here: Site, api: KubeApi) -> None:
    free(api)
    configure(here, api, "audit: {origin: acme/prod, anchors: [lease]}\n")
    here.run("sync")
    annotations = api.lease()["metadata"]["annotations"]
    (note,) = (text for key, text in annotations.items() if key != "anchor.syncer/order")
    (here.home / "heads").write_text(note)
    found = json.loads(here.run("audit", "verify", "--anchor", str(here.home / "heads"), "-o", "json"))
    assert found["finding"] == "good"


def test_a_journal_begun_afresh_may_not_lead(here: Site, api: KubeApi) -> None:
    free(api)
    configure(here, api, "audit: {origin: acme/prod, anchors: [lease]}\n")
    here.run("sync")
    here.state.rename(here.home / "gone")
    here.change(popup_url=OTHER)
    ended = here.ended("sync")
    assert ended.returncode == 1
    assert "was it reset, cut, restored or forked?" in ended.stderr
    assert here.live()["popup_url"] == OTHER
    assert api.holder() == ""
    configure(here, api, "audit: {origin: acme/prod-2, anchors: [lease]}\n")
    here.run("sync")
    assert here.live()["popup_url"] == POPUP


@pytest.mark.parametrize("command", [("run", "--once"), ("sync",)])
def test_in_kubernetes_a_state_folder_that_goes_with_the_pod_is_refused(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as alone, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SYNCER_STATE_DIR": folder}
        ended = alone.ended("sync", **environ)
        assert ended.returncode == 64
        assert "would be lost with the Pod: it is in memory" in ended.stderr
        assert alone.live()["popup_url"] is None
        assert alone.ended(*command, **environ, SYNCER_AUDIT_MAY_VANISH="true").returncode == 0
        assert alone.live()["popup_url"] == POPUP
        lines = (Path(folder) / "journal" / "00000001.jsonl").read_text().splitlines()
        changed = [json.loads(line) for line in lines if "config.changed" in line]
        assert "audit.may_vanish" in changed[0]["data"]["keys"]
        begun = [json.loads(line) for line in lines if "put.intent" in line]
        assert [record["data"]["epoch"] for record in begun] == [None]  # nobody counts where there is no election


def test_a_one_shot_obeys_the_orders_in_the_lease_and_leads_not_if_it_can_not_read_them(
    here: Site, api: KubeApi
) -> None:
    free(api)
    now = datetime.now(UTC)
    saying = Saying(None, False, now, "api:asha", "the fair", now + timedelta(hours=4), log="0f" * 16, record=7)
    api.edit(annotations={KEY: leasetext.encoded([saying])})
    here.run("run", "--once")
    assert here.live()["popup_url"] is None
    assert "suspended with the whole fleet by api:asha" in here.run("status")
    here.state.rename(here.home / "gone")
    api.edit(annotations={KEY: "1.what is this"})
    ended = subprocess.run(here.command("sync"), env=here.environ(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "what people ordered can't be read in the lease: it is damaged" in ended.stderr
    assert here.live()["popup_url"] is None
    assert intents(here) == []
    told = here.run("suspend", "--all", "--until", "4h", "--reason", "x")
    assert "the whole fleet" in told
