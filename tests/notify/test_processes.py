"""Notices of real processes: a daemon and one-shots, restarts, kill -9, and receivers that hang."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncer import settings
from syncer.cli import examination
from syncer.cli import main as cli
from syncer.serve import signatures
from tests.support.daemon import running
from tests.support.receivers import receiving, tls
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder
    from tests.support.daemon import Running
    from tests.support.receivers import Receiver

OURS, THEIRS = "https://hooks.acme.example/popup", "https://elsewhere.example/popup"
REPORTED = CONFIG.replace("policy:", "policy:\n  on_drift: report", 1)


@contextmanager
def installed(
    home: Path, receiver: Receiver, *, count: int = 3, more: str = "", text: str = REPORTED
) -> Iterator[Site]:
    """A fleet in sync whose drift is only reported, and one receiver of it."""
    with site(home, count, seeded={"popup_url": OURS}, popup_url=OURS) as here:
        wanted = f"- {{{{kind: webhook, url: '{receiver.url()}', on: [Drifted, Failing, Held], digest: 1000{more}}}}}"
        here.configure(f"{text}notify:\n  {wanted}\n")
        yield here


def drifts(here: Site, daemon: Running, number: int = 1) -> None:
    here.change(number, popup_url=THEIRS)
    daemon.pass_now()


DRIFTED = ("problem", "app_0001", "Drifted")
BACK = ("recovery", "app_0001", "InSync")


def test_a_daemon_tells_of_a_drift_and_of_its_end_and_a_restart_repeats_nothing(tmp_path: Path) -> None:
    with receiving() as receiver, installed(tmp_path, receiver) as here:
        here.config.write_text(f"{here.config.read_text()}metrics: {{file: {tmp_path}/kept.prom}}\n")
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            drifts(here, daemon)
            receiver.wait_for(1)
            assert daemon.stop() == 0
        assert 'syncer_notices_total{kind="webhook",result="sent"} 1.0' in (tmp_path / "kept.prom").read_text()
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            here.change(1, popup_url=OURS)
            daemon.pass_now()
            receiver.wait_for(2)
            assert daemon.stop() == 0
        assert receiver.told() == [DRIFTED, BACK]


def test_a_receiver_that_hangs_holds_up_no_pass_and_no_end(tmp_path: Path) -> None:
    with receiving() as receiver, installed(tmp_path, receiver) as here, running(here) as daemon:
        receiver.open.clear()
        daemon.wait_for("pass.finished")
        drifts(here, daemon)
        receiver.wait_for(1)
        began = time.monotonic()
        for _ in range(20):
            daemon.pass_now()
        assert time.monotonic() - began < 60  # each attempt has 10 s
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0


def test_what_a_receiver_never_got_is_delivered_by_the_next_process(tmp_path: Path) -> None:
    with receiving() as receiver, installed(tmp_path, receiver) as here:
        receiver.answer = lambda _request: (503, {}, b"")
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            drifts(here, daemon)
            daemon.wait_for("notice.failed", error="the receiver answered 503")
            daemon.process.kill()
        receiver.answer = lambda _request: (204, {}, b"")
        with running(here) as daemon:
            sent = daemon.wait_for("notice.sent")
            daemon.stop()
        assert {each.headers["webhook-id"] for each in receiver.got} == {sent["id"]}
        assert set(receiver.told()) == {DRIFTED}


def killed_and_delivered(home: Path, rounds: int, rng: random.Random) -> int:
    """Kills daemons at any moment around a delivery; how many notices arrived. Each transition arrives, in order."""
    with receiving() as receiver, installed(home, receiver, count=rounds) as here:
        for number in range(1, rounds + 1):
            with running(here) as daemon:
                daemon.wait_for("pass.finished")
                here.change(number, popup_url=THEIRS)
                daemon.signal(signal.SIGHUP)
                time.sleep(rng.uniform(0.0, 0.08))
                daemon.process.kill()
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            receiver.wait_for(rounds)
            assert daemon.stop() == 0
        told = [name for _, name, _ in receiver.told()]
        assert list(dict.fromkeys(told)) == [f"app_{number:04d}" for number in range(1, rounds + 1)]
        by_id = {each.headers["webhook-id"]: each.document["app"]["name"] for each in receiver.got}
        assert len(by_id) == rounds  # told twice at most under the same id
        return len(told)


def test_kill_9_around_a_delivery_loses_no_notice_and_makes_no_second_one(tmp_path: Path) -> None:
    killed_and_delivered(tmp_path, 2, random.Random(11))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_kill_9_around_many_deliveries(tmp_path: Path, figure: Recorder) -> None:
    rounds, seeds = 30, range(4)
    arrived = []
    for seed in seeds:
        home = tmp_path / str(seed)
        home.mkdir()
        arrived.append(killed_and_delivered(home, rounds, random.Random(seed)))
    figure("notice-kills", rounds * len(seeds), seeds="0 to 3", result=f"{sum(arrived)} deliveries, none missing")


def test_a_one_shot_delivers_or_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    once = ("run", "--once", "--log-format", "json")
    with receiving() as receiver, installed(tmp_path, receiver) as here:
        receiver.answer = lambda _request: (500, {}, b"")
        here.run(*once)
        here.change(1, popup_url=THEIRS)
        assert '"notice.failed"' in here.run(*once)
        assert len(receiver.got) == 1  # one attempt, not all of them
        receiver.answer = lambda _request: (200, {}, b"")
        with closing(sqlite3.connect(here.state / "notices.sqlite")) as spool:
            spool.execute("UPDATE waiting SET due = 1")  # as if some seconds had gone by
            spool.commit()
        assert '"notice.sent"' in here.run(*once)
        assert receiver.told() == [DRIFTED, DRIFTED]
        assert len({each.headers["webhook-id"] for each in receiver.got}) == 1


def test_a_one_shot_that_finds_nothing_to_load_tells_so(tmp_path: Path) -> None:
    with receiving() as receiver, installed(tmp_path, receiver) as here:
        (here.source / "apps.yaml").unlink()
        here.run("run", "--once", "--log-format", "json", expect=65)
        assert receiver.told() == [("problem", "fleet", "Failing")]


def test_sync_tells_nobody_because_a_person_looks_at_its_result(tmp_path: Path) -> None:
    with receiving() as receiver, installed(tmp_path, receiver, text=f"{CONFIG}  on_commit: hold\n") as here:
        here.change(1, popup_url=THEIRS)
        here.run("sync", expect=4)
        assert receiver.got == []


CANARIES = (b"canary-signing-91c2", b"canary-path-91c2", b"canary-token-91c2")


def test_no_secret_of_a_receiver_is_in_anything_that_is_printed_or_kept(tmp_path: Path) -> None:
    context, authority = tls(tmp_path)
    keep = {"signing": "canary-signing-91c2", "token": "canary-token-91c2"}
    for name, text in keep.items():
        (tmp_path / name).write_text(f"{text}\n")
    with receiving(context) as receiver, site(tmp_path, 3, seeded={"popup_url": OURS}, popup_url=OURS) as here:
        (tmp_path / "slack").write_text(f"{receiver.url('/services/canary-path-91c2')}\n")
        (tmp_path / "dead").write_text("https://127.0.0.1:9/services/canary-path-91c2\n")
        receivers = "".join(
            f"  - {{{{kind: {kind}, name: {name}, url: {{{{file: {tmp_path}/{url}}}}}, on: [Drifted]"
            f", ca_file: {authority}, secret: {{{{file: {tmp_path}/signing}}}}}}}}\n"
            for kind, name, url in (("slack", "a", "slack"), ("webhook", "b", "dead"), ("cloudevents", "c", "slack"))
        )
        here.configure(f"{REPORTED}notify:\n{receivers}")
        printed = [here.run("config", "show", "--origin"), here.run("notify", "test", expect=1)]
        receiver.answer = lambda _request: (403, {}, b"canary-path-91c2")
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            drifts(here, daemon)
            daemon.wait_for("notice.failed", receiver="a")
            daemon.wait_for("notice.failed", receiver="b")
            daemon.stop()
        printed += [json.dumps(line) for line in daemon.lines]
    assert receiver.got[0].path == "/services/canary-path-91c2"
    kept = [path for path in here.state.rglob("*") if path.is_file()]
    assert {"notices.sqlite"} <= {path.name for path in kept}
    texts = {str(path): path.read_bytes() for path in kept} | {"printed": "".join(printed).encode()}
    assert [(where, canary) for where, text in texts.items() for canary in CANARIES if canary in text] == []


def ran(here: Site, capsys: pytest.CaptureFixture[str], *arguments: str, expect: int = 0) -> str:
    """`syncer notify test` in this process."""
    assert cli.run(["notify", "test", "-c", str(here.config), *arguments]) == expect
    return capsys.readouterr().out


def test_a_signed_notice_is_verified_by_whoever_has_the_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "signing").write_text("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=\n")
    more = f", secret: {{{{file: {tmp_path}/signing}}}}"
    with receiving() as receiver, installed(tmp_path, receiver, more=more) as here:
        assert ran(here, capsys) == "ok   webhook: answered 200\n"
    [told] = receiver.got
    assert told.document["change"] == "test"
    now = datetime.fromtimestamp(int(told.headers["webhook-timestamp"]), UTC)
    assert signatures.standard(told.headers, told.body, b"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=", now)


def test_a_test_notice_goes_to_those_who_are_named_and_says_what_went_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiving() as receiver, installed(tmp_path, receiver) as here:
        dead = "- {kind: webhook, name: dead, url: 'http://127.0.0.1:9/', on: [Held]}"
        here.config.write_text(f"{here.config.read_text()}  {dead}\n")
        rows = json.loads(ran(here, capsys, "-o", "json", expect=1))
        assert [(row["name"], row["ok"]) for row in rows] == [("webhook", True), ("dead", False)]
        assert ran(here, capsys, "webhook") == "ok   webhook: answered 200\n"
        assert ran(here, capsys, "dead", expect=1).splitlines() == [
            "FAIL dead: no connection: Connection refused",
            "     -> is its url right, and is it up?",
        ]
        receiver.answer = lambda _request: (404, {}, b"")
        assert "-> check its url, secret and ca_file" in ran(here, capsys, "webhook", expect=1)
        ran(here, capsys, "nobody", expect=64)


STATUS = "- {kind: commit-status, server: github, url: 'http://127.0.0.1:9/', repository: a/b, token: {file: ./t}}"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [("notify: []\n", ()), (f"notify:\n  {STATUS}\n", ()), (f"notify:\n  {STATUS}\n", ("commit-status",))],
)
def test_where_nobody_can_be_tried_out_it_says_so(text: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "syncer.yaml"
    config.write_text(f"apiVersion: syncer/v1\nkind: Config\nsource: {{url: 'https://git.example/x'}}\n{text}")
    assert cli.run(["notify", "test", "-c", str(config), *arguments]) == 64


def test_doctor_says_which_receivers_lack_a_secret(tmp_path: Path) -> None:
    config = tmp_path / "syncer.yaml"
    (tmp_path / "there").write_text("https://hooks.example/x\n")
    config.write_text(
        "apiVersion: syncer/v1\nkind: Config\nnotify:\n"
        f"  - {{kind: slack, url: {{file: {tmp_path}/there}}, on: [Held]}}\n"
        f"  - {{kind: webhook, url: {{file: {tmp_path}/missing}}, on: [Held]}}\n"
    )
    found = examination._receivers(settings.load({}, {"HOME": "/x"}, config).settings)
    assert [(each.what, each.ok) for each in found] == [("receiver", True), ("receiver", False)]
    assert found[1].seen == f"webhook: file {tmp_path}/missing can't be read: No such file or directory"
