"""Orders that outlive their leader: three daemons with a journal each, and one Lease that carries what people said."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from syncer.leaseorders import KEY
from tests.daemon.test_serving import get, post
from tests.support.kube_api import TOKEN, Fault, kube_api
from tests.support.replicas import Cluster, replicas, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kube_api import KubeApi
    from tests.support.replicas import Replicas

SUSPENDED, PINNED, FREE = 1, 2, 3
UNTIL = {"until": "4h", "reason": "INC-7: calls are being moved"}


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        yield running


@contextmanager
def fleet(home: Path, api: KubeApi, count: int) -> Iterator[Replicas]:
    """So many replicas that are not started, over three apps."""
    (home / "kube-token").write_text(f"{TOKEN}\n")
    (home / "serve.token").write_text("alice alice-0123456789abcdef\n")
    more = f"serve: {{token: {{file: {home}/serve.token}}}}\n"
    cluster = Cluster(api.url, home / "kube-token")
    with replicas(home, cluster, count=count, apps=3, more=more, run=False) as made:
        yield made


def server(made: Replicas, number: int) -> str:
    return str(made.daemons[number].wait_for("serve.listening")["address"])


def popup(made: Replicas, number: int) -> str:
    return str(made.shared.site.live(number)["popup_url"])


def converged(made: Replicas, *numbers: int) -> None:
    made.until(lambda: all(popup(made, n) == made.popup for n in numbers), 40, f"{numbers} were not written")


def declare(made: Replicas) -> None:
    """Another commit, that says of the pinned app what is refused for it."""
    made.version += 1
    for number in (SUSPENDED, FREE):
        made.shared.commit(range(number, number + 1), popup_url=made.popup)


def finished(made: Replicas, number: int) -> None:
    """A whole pass, begun from now on, that may write."""
    daemon = made.daemons[number]
    daemon.wait_for("leader.acquired")
    made.until(lambda: daemon.pass_now()["writes"], 40, "it writes nothing")


def apps(made: Replicas, number: int) -> dict[str, Any]:
    status = json.loads(get(server(made, number), "/api/v1/status")[1])
    return {app["app_id"]: app for app in status["apps"]}


def records(made: Replicas, number: int, kind: str) -> list[dict[str, Any]]:
    return [each["data"] for each in made.sites[number].journal() if each["type"] == f"syncer.{kind}.v1"]


def forget(made: Replicas, number: int) -> None:
    """As a Pod with an emptyDir that is made anew."""
    shutil.rmtree(made.sites[number].state)


def test_the_next_leader_obeys_what_people_told_the_one_before(tmp_path: Path, api: KubeApi) -> None:
    with fleet(tmp_path, api, 3) as made, ExitStack() as stack:
        start(made, 0, stack)
        converged(made, 1, 2, 3)
        first, good = made.popup, made.shared.before(0)
        for number in (1, 2):
            start(made, number, stack)
            made.daemons[number].wait_for("leader.other")
        made.declare()
        converged(made, 1, 2, 3)
        second, leader = made.popup, server(made, 0)
        assert post(server(made, 1), "/-/suspend", {"apps": ["app_0001"], **UNTIL})[0] == 409
        told = post(leader, "/-/suspend", {"apps": ["app_0001"], **UNTIL})
        assert (told[0], told[1]["notes"]) == (200, [])
        told = post(leader, "/-/rollback", {"apps": ["app_0002"], "to": good, **UNTIL})
        assert (told[0], told[1]["notes"]) == (200, [])
        made.until(lambda: popup(made, PINNED) == first or made.daemons[0].pass_now() is None, 20, "not rolled back")
        made.daemons.pop(0).process.kill()
        declare(made)
        converged(made, FREE)  # by the next leader, which would have written all three
        number = made.leader()
        finished(made, number)
        assert [popup(made, SUSPENDED), popup(made, PINNED), popup(made, FREE)] == [second, first, made.popup]
        seen = apps(made, number)
        assert (seen["app_0001"]["state"], seen["app_0002"]["pin"]["by"]) == ("Suspended", "api:alice")
        assert "api:alice" in seen["app_0001"]["reason"]
        (carried,) = records(made, number, "suspend")
        origin = next(each for each in made.sites[0].journal() if each["type"] == "syncer.suspend.v1")
        assert carried["carried"] == {"at": origin["time"], "logid": origin["logid"], "record": origin["seq"]}
        assert b"INC-7" in get(server(made, number), "/api/v1/apps/cust_1/app_0001/history")[1]

        told = post(server(made, number), "/-/resume", {"apps": ["app_0001"], "reason": "moved"})
        assert (told[0], told[1]["notes"]) == (200, [])
        made.daemons[number].pass_now()
        converged(made, SUSPENDED)
        start(made, 0, stack)  # with its old journal, in which nobody resumed anything
        made.daemons[0].wait_for("leader.other")
        for other in (1, 2):
            assert made.daemons.pop(other).stop() == 0
        made.leader()
        declare(made)
        converged(made, SUSPENDED, FREE)
        finished(made, 0)
        assert popup(made, PINNED) == first
        (lifted,) = records(made, 0, "resume")
        assert (lifted["by"], lifted["reason"]) == ("api:alice", "moved")
        assert made.daemons[0].stop() == 0
        made.judge()
        made.judge_journals()


def test_an_order_that_the_lease_could_not_be_told_says_so_and_goes_with_the_next_renewal(
    tmp_path: Path, api: KubeApi
) -> None:
    with fleet(tmp_path, api, 2) as made, ExitStack() as stack:
        start(made, 0, stack)
        converged(made, 1, 2, 3)
        api.fault = Fault.STATUS
        code, told = post(server(made, 0), "/-/suspend", {"all": True, **UNTIL})
        assert code == 200
        assert "the lease could not be told yet" in told["notes"][0]
        api.fault = Fault.NONE
        assert api.wait_until(lambda: KEY in api.lease()["metadata"].get("annotations", {}))
        assert made.daemons.pop(0).stop() == 0
        forget(made, 0)
        before = made.popup
        made.declare()
        start(made, 0, stack)  # another Pod of the same Deployment
        finished(made, 0)
        assert {popup(made, number) for number in (1, 2, 3)} == {before}
        assert made.daemons[0].stop() == 0


def test_what_can_not_be_read_keeps_every_candidate_from_leading_and_a_leader_mends_it(
    tmp_path: Path, api: KubeApi
) -> None:
    with fleet(tmp_path, api, 1) as made, ExitStack() as stack:
        start(made, 0, stack)
        converged(made, 1, 2, 3)
        assert post(server(made, 0), "/-/suspend", {"all": True, **UNTIL})[1]["notes"] == []
        right = api.lease()["metadata"]["annotations"][KEY]
        api.edit(annotations={KEY: "1.what is this"})
        made.daemons[0].wait_for("orders.refused")
        assert api.wait_until(lambda: api.lease()["metadata"]["annotations"][KEY] == right)
        assert made.daemons.pop(0).stop() == 0
        forget(made, 0)
        api.edit(annotations={KEY: f"9{right}"})
        made.declare()
        before = {popup(made, number) for number in (1, 2, 3)}
        start(made, 0, stack)
        refused = made.daemons[0].wait_for("orders.refused")
        assert refused["error"] == "what people ordered can't be read in the lease: it is of another version"
        assert made.daemons[0].pass_now()["writes"] is False
        assert b"[-] leader" in get(server(made, 0), "/readyz?verbose")[1]
        api.edit(annotations={KEY: right})
        finished(made, 0)
        assert {popup(made, number) for number in (1, 2, 3)} == before != {made.popup}
        assert made.daemons[0].stop() == 0
