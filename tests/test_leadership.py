"""Whether this process may write: what the settings make of it, apart from the election itself."""

from __future__ import annotations

import os

import pytest

from syncer import leadership, log, settings, wiring
from syncer.errors import ClusterError
from syncer.leadership import Alone, Onlooker
from syncer.leaseorders import Carriage
from syncer.model.secret import Secret
from syncer.parts import Tenure

LEASE = {"leader.kind": "lease", "leader.server": "https://10.0.0.1", "leader.token.env": "SYNCER_SECRET_KUBE"}


def loaded(**more: str) -> settings.Settings:
    return settings.load({**LEASE, **more}, {}).settings


def test_the_times_are_those_of_the_settings_and_a_put_lasts_as_long_as_a_request_may() -> None:
    terms = leadership.terms_of(loaded())
    assert (terms.lease, terms.renew, terms.retry, terms.put) == (60, 40, 5, 15)
    assert (terms.margin, terms.room, terms.quarantine, terms.request) == (5, 20, 20, 10)


def test_a_token_may_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    token = leadership.named(loaded().leader).token
    assert token is not None
    with pytest.raises(ClusterError, match=r"no token in \$SYNCER_SECRET_KUBE"):
        token()
    monkeypatch.setitem(os.environ, "SYNCER_SECRET_KUBE", "one\n")
    assert token() == Secret("one")


@pytest.mark.parametrize(("mode", "stands", "made"), [("observe", True, Alone), ("apply", False, Onlooker)])
async def test_who_writes_nothing_stands_for_nothing(mode: str, stands: bool, made: type[object]) -> None:
    carried = Carriage("syncer", log.silent(), None)
    async with leadership.opened(loaded(mode=mode), log.silent(), "pod", carried, stands=stands) as lead:
        assert type(lead) is made
        assert (lead.told(), bool(lead.closed())) == (None, not stands)


async def test_whoever_is_alone_may_write_at_once() -> None:
    alone = Alone()
    alone.stand(lambda: None)
    alone.room(())
    await alone.acquire()
    assert await alone.spread() == ""
    assert (alone.leads, alone.healthy, alone.epoch, alone.closed()) == (True, True, None, "")


def test_a_later_leadership_is_no_licence_for_an_older_plan() -> None:
    class Fence(Alone):
        epoch: int | None = 3

    fence = Fence()
    tenure = Tenure(fence)
    assert tenure.closed() == ""
    fence.epoch = 5
    assert tenure.closed() == "another leadership has begun since"


def test_what_began_before_it_might_write_never_writes() -> None:
    class Fence(Alone):
        why = "the PUTs of the leader before have 3 s more to end"

        def closed(self) -> str:
            return self.why

    fence = Fence()
    early = Tenure(fence)
    fence.why = ""
    assert "begun too early" in early.closed()
    assert Tenure(fence).closed() == ""


@pytest.mark.parametrize(
    ("variables", "instance"),
    [
        ({"POD_NAME": "syncer-7d4b-x2x", "HOSTNAME": "node-3"}, "syncer-7d4b-x2x"),
        ({"HOSTNAME": "node-3"}, "node-3"),
        ({}, os.uname().nodename),
    ],
)
def test_who_leads_goes_by_the_pods_name_and_not_by_its_host(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], instance: str
) -> None:
    for name in ("POD_NAME", "HOSTNAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wiring.identity("system").instance == instance
    assert wiring.identity("system").pod == variables.get("POD_NAME", "")
