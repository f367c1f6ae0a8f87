"""Commit statuses at servers that look at requests as GitHub, GitLab and Gitea do."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer import log
from syncer.clock import SystemClock
from syncer.model.desired import EnvToken
from syncer.notify.commits import Verdict
from syncer.notify.courier import Courier, Round
from syncer.notify.notice import Change, Notice, What
from syncer.notify.spool import Spool
from syncer.notify.transport import Link
from tests.support.daemon import running
from tests.support.git_statuses import TOKEN, Statuses
from tests.support.noticed import QUICK, SENDER, a_receiver
from tests.support.receivers import receiving
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.receivers import Receiver

SHA = "5f" * 20
SERVERS = ("github", "gitlab", "gitea")
OURS, NEW = "https://hooks.acme.example/popup", "https://hooks.acme.example/new"


def progress(verdict: Verdict, number: int = 1, reason: str = "1 of 2 apps are as declared") -> Notice:
    now = SystemClock().now()
    return Notice(now, Change.PROGRESS, What.COMMIT, "", verdict.value, reason, now, SHA, id=f"{verdict}{number}")


async def delivered(server: str, receiver: Receiver, notices: Sequence[Notice]) -> list[tuple[str, str]]:
    """Sends these to a server; what became of each attempt."""
    counts: list[tuple[str, str]] = []
    spool, link = Spool.in_memory(), Link("", None, 5.0)
    shared = Round(
        spool,
        SystemClock(),
        random.Random(7),
        {"SYNCER_SECRET_STATUS": TOKEN},
        SENDER,
        log.silent(),
        QUICK,
        lambda kind, result: counts.append((kind, result)),
    )
    wanted = a_receiver(
        receiver.url(""),
        kind="commit-status",
        name="prod",
        server=server,
        repository="acme/settings",
        token=EnvToken("SYNCER_SECRET_STATUS"),
    )
    spool.record("prod", notices, {})
    courier = Courier(wanted, link, shared)
    task = asyncio.create_task(courier.run())
    async with asyncio.timeout(20):
        while spool.waiting("prod"):
            courier.wake()
            await courier.idle.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await link.aclose()
    spool.close()
    return counts


@pytest.mark.parametrize("server", SERVERS)
async def test_every_verdict_is_taken(server: str) -> None:
    statuses = Statuses(SHA)
    with receiving() as receiver:
        receiver.answer = getattr(statuses, server)
        counts = await delivered(server, receiver, [progress(verdict) for verdict in Verdict])
    assert counts == [("commit-status", "sent")] * len(Verdict)
    assert [(sha, context) for sha, context, _ in statuses.told] == [(SHA, "syncer/prod")] * len(Verdict)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_long_description_is_taken(server: str) -> None:
    statuses = Statuses(SHA)
    with receiving() as receiver:
        receiver.answer = getattr(statuses, server)
        await delivered(server, receiver, [progress(Verdict.FAILURE, reason="not taken: " + "x" * 900)])
    assert len(statuses.told) == 1


@pytest.mark.parametrize("server", SERVERS)
async def test_counts_that_move_are_a_status_of_the_same_state(server: str) -> None:
    statuses = Statuses(SHA)
    with receiving() as receiver:
        receiver.answer = getattr(statuses, server)
        told = [progress(Verdict.PENDING, number, f"{number} of 9 apps are as declared") for number in range(3)]
        assert await delivered(server, receiver, told) == [("commit-status", "sent")] * 3


@pytest.mark.parametrize("server", SERVERS)
async def test_a_commit_that_the_server_does_not_have_yet_or_never(server: str) -> None:
    statuses = Statuses()
    with receiving() as receiver:
        receiver.answer = getattr(statuses, server)
        late = replace(progress(Verdict.PENDING), id="late")
        deliveries = asyncio.create_task(delivered(server, receiver, [late]))
        await asyncio.to_thread(receiver.wait_for, 1)
        statuses.commits = (SHA,)
        counts = [result for _, result in await deliveries]
    assert counts[-1] == ("dropped" if server == "github" else "sent")


def test_a_commit_is_shown_as_it_makes_its_way(tmp_path: Path) -> None:
    with receiving() as receiver, versioned(tmp_path, 2, popup_url=OURS) as here:
        statuses = Statuses()
        receiver.answer = statuses.github
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        text = here.site.config.read_text()
        here.site.config.write_text(
            f"{text}notify:\n  - {{kind: commit-status, name: prod, server: github, url: '{receiver.url('')}', "
            f"repository: acme/settings, token: {{file: {tmp_path}/token}}}}\n"
        )
        first = here.repository.git("rev-parse", "main").strip()
        statuses.commits = (first,)
        with running(here.site) as daemon:
            daemon.wait_for("notice.sent", to="success")
            since = daemon.mark()
            second = here.commit(range(1, 2), popup_url=NEW)
            statuses.commits = (first, second)
            daemon.pass_now()
            daemon.wait_for("notice.sent", since, to="success")
            assert daemon.stop() == 0
    assert statuses.current == {(first, "syncer/prod"): "success", (second, "syncer/prod"): "success"}
