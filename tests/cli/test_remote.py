"""--server: what a command asks of a daemon, and what it makes of the answer."""

from __future__ import annotations

import fcntl
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from syncer.cli.remote import Server
from syncer.errors import HeldError, SyncerError, UsageError
from tests.support.site import site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.running import Syncer

TOKEN = "alice-0123456789abcdef"


class Stub:
    """A server that answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.asked.append((self.command, self.path, self.headers.get("Authorization"), content))
                status, body = stub.answer
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"alice {TOKEN}\n")
    return path


def test_an_approval_is_asked_for_with_the_token(stub: Stub, token: Path) -> None:
    stub.answer = (200, b'{"commit": null, "approved": []}')
    Server(f"{stub.url}/", token).approve({"plan": "3f2a9c1b7d20", "reason": "r"})
    [(method, path, authorization, body)] = stub.asked
    assert (method, path, authorization) == ("POST", "/-/approve", f"Bearer {TOKEN}")
    assert json.loads(body) == {"plan": "3f2a9c1b7d20", "reason": "r"}


def test_reading_sends_no_token(stub: Stub, token: Path) -> None:
    Server(stub.url, token).status()
    assert stub.asked[0][2] is None


@pytest.mark.parametrize("url", ["", "x", "ftp://h", "http://", "https://u:p@h", "https://h/?q", "https://h/#f"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Server(url)


def test_a_token_does_not_travel_in_the_clear(token: Path) -> None:
    with pytest.raises(UsageError, match="would show the token"):
        Server("http://syncer.corp.example", token).approve({})


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xff"])
def test_without_a_token_nothing_is_asked(stub: Stub, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "other"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError):
        Server(stub.url, file).approve({})
    with pytest.raises(UsageError, match="no token"):
        Server(stub.url).approve({})
    assert stub.asked == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((409, b'{"error": "stale", "hint": "h", "exit_code": 4}'), HeldError),
        ((400, b'{"error": "stale", "hint": "h", "exit_code": 64}'), UsageError),
        ((400, b'{"error": "stale", "hint": "h"}'), UsageError),
        ((502, b'{"error": "stale", "hint": "h", "exit_code": 1}'), SyncerError),
        ((401, b'{"error": "stale"}'), SyncerError),
        ((302, b'{"error": "stale"}'), SyncerError),
    ],
)
def test_a_refusal_keeps_its_kind(stub: Stub, answer: tuple[int, bytes], kind: type[SyncerError]) -> None:
    stub.answer = answer
    with pytest.raises(kind, match="stale") as caught:
        Server(stub.url).status()
    assert type(caught.value) is kind
    assert [path for _, path, _, _ in stub.asked] == ["/api/v1/status"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_what_is_no_syncer_is_told(stub: Stub, body: bytes) -> None:
    stub.answer = (200, body)
    with pytest.raises(SyncerError, match="no JSON"):
        Server(stub.url).status()


def test_an_answer_too_large_is_refused(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncer.cli.remote.LARGEST", 10)
    stub.answer = (200, b'{"a": "bbbbbbbbbbbbbbbb"}')
    with pytest.raises(SyncerError, match="larger"):
        Server(stub.url).status()


def test_no_answer_is_a_failure(unused_tcp_port: int) -> None:
    with pytest.raises(SyncerError, match="no answer"):
        Server(f"http://127.0.0.1:{unused_tcp_port}").status()


def test_status_shows_what_the_server_says_and_its_stale_apps(tmp_path: Path, syncer: Syncer, stub: Stub) -> None:
    with site(tmp_path, 2, popup_url="https://hooks.acme.example/popup") as here:
        syncer("sync", config=here.config)
        document = json.loads((here.state / "status.json").read_bytes())
    document["apps"][0]["state"] = "Stale"
    stub.answer = (200, json.dumps(document).encode())
    told = syncer("status", SYNCER_SERVER=stub.url).out
    assert "Stale" in told
    assert "no verdict for three intervals" in told
    stub.answer = (200, b"{}")
    assert "not a report" in syncer("status", "--server", stub.url, expect=1).err


def test_an_approval_says_what_was_approved(tmp_path: Path, syncer: Syncer, stub: Stub, token: Path) -> None:
    given = ("--reason", "r", "--server", stub.url, "--server-token-file", str(token))
    apps = [{"customer_id": "c", "app_id": "a", "name": "n\x1b"}]
    stub.answer = (200, json.dumps({"commit": None, "approved": apps}).encode())
    assert syncer("approve", "3f2a9c1b7d20", "-l", "a=b", *given).out.startswith("approved c/a (n\\u{1b})\n")
    stub.answer = (200, b'{"commit": "5f2b6c0d9e17", "approved": []}')
    assert syncer("approve", "--non-fast-forward", "5f2b6c0d", *given).out.startswith("approved 5f2b6c0d9e17\n")
    stub.answer = (200, b'{"commit": null, "approved": []}')
    assert "nothing in this plan waits" in syncer("approve", "3f2a9c1b7d20", *given).out
    assert "no commit waits" in syncer("approve", "--non-fast-forward", "5f2b6c0d", *given).out
    asked = [json.loads(body) for _, _, _, body in stub.asked]
    assert asked[0] == {"plan": "3f2a9c1b7d20", "apps": [], "labels": ["a=b"], "reason": "r"}
    assert asked[1] == {"commit": "5f2b6c0d", "reason": "r"}
    assert "--changed-since" in syncer("approve", "3f2a9c1b7d20", "--changed-since", "x", *given, expect=64).err


@pytest.mark.parametrize(
    ("left", "told"),
    [(b'{"address": "http://127.0.0.1:8080"}', "--server http://127.0.0.1:8080"), (None, "wait until"), (b"[", "wait")],
)
def test_a_locked_state_names_the_server(tmp_path: Path, syncer: Syncer, left: bytes | None, told: str) -> None:
    with site(tmp_path, 1, popup_url="https://hooks.acme.example/popup") as here:
        syncer("sync", config=here.config)
        if left is not None:
            (here.state / "serve.json").write_bytes(left)
        with (here.state / "lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused = syncer("approve", "3f2a9c1b7d20", "--reason", "r", config=here.config, expect=4)
        assert told in refused.err


def test_a_pass_is_asked_for_and_waited_for(stub: Stub, token: Path, syncer: Syncer) -> None:
    row = {"customer_id": "c", "app_id": "a", "name": "a", "labels": {}, "state": "InSync", "reason": "", "holds": []}
    since = {"since": "2026-11-20T10:11:12Z", "checked": "2026-11-20T10:11:12Z", "token_ends": None, "outcome": None}
    report = {"schema": "syncer.report/v1", "started": "2026-11-20T10:11:12Z", "apps": [{**row, **since}], "states": {}}
    both = {"asked": True, "at": "2026-11-20T10:11:12Z", "revision": {"id": "5f" * 20}, **report}
    stub.answer = (200, json.dumps(both).encode())
    where = ("--server", stub.url, "--server-token-file", str(token))
    assert syncer("reconcile", *where).out == "a pass is asked for\n"
    told = syncer("reconcile", *where, "--wait").out
    assert told == "a pass is asked for\n1 of 1 app in order after the pass\n"
    assert syncer("wait", "a", "--server", stub.url).out == "1 of 1 app InSync\n"
    assert [(method, path) for method, path, _, _ in stub.asked[:2]] == [("POST", "/-/reconcile")] * 2


def test_orders_are_asked_for_as_the_command_line_has_them(stub: Stub, token: Path, syncer: Syncer) -> None:
    answer = {"apps": [], "all": True, "commit": None, "until": "2026-11-20T10:11:12Z", "notes": ["still: \x1b[2J"]}
    stub.answer = (200, json.dumps(answer).encode())
    where = ("--reason", "INC-7", "--server", stub.url, "--server-token-file", str(token))
    ran = syncer("suspend", "--all", "--until", "4h", *where)
    assert ran.out.startswith("suspended until 2026-11-20T10:11:12Z: the whole fleet\nnext: the daemon's next pass; ")
    assert "\x1b" not in ran.err
    syncer("rollback", "desk", "-l", "env=prod", "--undo", *where)
    assert [json.loads(body) for *_, body in stub.asked] == [
        {"reason": "INC-7", "apps": [], "labels": [], "all": True, "until": "4h"},
        {"reason": "INC-7", "apps": ["desk"], "labels": ["env=prod"], "undo": True},
    ]


def test_history_is_asked_for_by_name_or_by_ids(stub: Stub, syncer: Syncer) -> None:
    document = {"schema": "syncer.history/v1", "customer_id": "c", "app_id": "a b", "entries": []}
    stub.answer = (200, json.dumps(document).encode())
    told = syncer("history", "c/a b", "popup_url", "-n", "7", "--server", stub.url).out
    assert told == "nothing is recorded of c/a b\n"
    assert stub.asked[0][1] == "/api/v1/apps/c/a%20b/history?field=popup_url&limit=7"
