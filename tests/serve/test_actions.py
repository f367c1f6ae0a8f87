"""Actions: who may ask, for what, and in whose name."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import pytest

from syncer.errors import (
    DesiredStateError,
    HeldError,
    JournalError,
    SourceError,
    StoppedError,
    SyncerError,
    UsageError,
)
from syncer.model.desired import FileToken
from syncer.model.secret import Secret
from syncer.serve import keys
from syncer.serve.keys import Key, Keyring
from syncer.serve.ports import Approval, Order
from tests.support.served import JSON_HEADERS, TOKEN, Served, served

if TYPE_CHECKING:
    from pathlib import Path

PLAN = {"plan": "3f2a9c1b7d20", "reason": "CHG-1"}


async def test_a_pass_is_asked_for() -> None:
    async with served() as here:
        assert (await here.post("/-/reconcile", {})).status == 202
        assert here.actions.passes == 1
        assert [(line["action"], line["principal"]) for line in here.log] == [("reconcile", "api:alice")]


async def test_an_approval_carries_everything_and_the_name_of_the_token() -> None:
    async with served() as here:
        answer = await here.post("/-/approve", {**PLAN, "apps": ["desk"], "labels": ["env=prod"]})
        assert answer.status == 200
        assert here.actions.approvals == [Approval("api:alice", "CHG-1", "3f2a9c1b7d20", ("desk",), ("env=prod",))]


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        (
            "suspend",
            {"apps": ["desk"], "labels": ["env=prod"], "until": "4h", "reason": "INC-7"},
            Order("api:alice", "INC-7", ("desk",), ("env=prod",), until="4h"),
        ),
        ("suspend", {"all": True, "until": "4h", "reason": "x"}, Order("api:alice", "x", everybody=True, until="4h")),
        ("resume", {"apps": ["desk"], "reason": "over"}, Order("api:alice", "over", ("desk",))),
        (
            "rollback",
            {"apps": ["desk"], "to": "1a2b3c4", "until": "1d", "reason": "INC-9"},
            Order("api:alice", "INC-9", ("desk",), until="1d", to="1a2b3c4"),
        ),
        ("rollback", {"apps": ["desk"], "undo": True, "reason": "ok"}, Order("api:alice", "ok", ("desk",))),
    ],
)
async def test_an_order_carries_everything_and_the_name_of_the_token(path: str, body: Any, wanted: Order) -> None:
    async with served() as here:
        answer = await here.post(f"/-/{path}", body)
        assert (answer.status, here.actions.orders) == (200, [(path, wanted)])
        assert [(line["action"], line["principal"]) for line in here.log] == [(path, "api:alice")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("suspend", {"all": "yes"}),
        ("suspend", {"to": "1a2b3c4"}),
        ("resume", {"until": "4h"}),
        ("rollback", {"apps": ["desk"], "reason": "x"}),
        ("rollback", {"apps": ["desk"], "undo": False, "reason": "x"}),
        ("rollback", {"to": "", "undo": True}),
        ("rollback", {"to": "1a2b3c4", "undo": True}),
        ("rollback", {"until": "4h", "undo": True}),
        ("rollback", {"to": 7}),
        ("rollback", {"undo": 1}),
    ],
)
async def test_an_order_that_is_not_clear_is_refused(path: str, body: Any) -> None:
    async with served() as here:
        assert (await here.post(f"/-/{path}", body)).status == 400
        assert here.actions.orders == []


async def test_history_is_asked_for_with_its_bounds() -> None:
    async with served() as here:
        path = "/api/v1/apps/cust_1/desk/history"
        assert (await here.ask("GET", path)).json() == {
            "customer_id": "cust_1",
            "app_id": "desk",
            "field": "",
            "limit": 50,
        }
        assert (await here.ask("GET", f"{path}?field=popup_url&limit=7")).json()["limit"] == 7
        for limit in ("0", "1001", "-1", "x", "", "9" * 30, "%C2%B2"):
            assert (await here.ask("GET", f"{path}?limit={limit}")).status == 400


async def test_what_a_request_says_of_itself_is_no_name() -> None:
    async with served() as here:
        await here.post("/-/approve", PLAN, **{"X-Syncer-Principal": "root", "X-Forwarded-User": "root"})
        assert here.actions.approvals[0].by == "api:alice"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
     "Bearer \xff\xfe", f"Bearer alice {TOKEN}"],
)  # fmt: skip
async def test_without_the_right_token_nothing_happens(authorization: str) -> None:
    async with served() as here:
        answer = await here.post("/-/reconcile", {}, Authorization=authorization)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert here.actions.passes == 0


async def test_a_body_is_not_read_before_the_token_is_right() -> None:
    async with served() as here:
        headers = {**JSON_HEADERS, "Content-Length": "60000", "Authorization": "Bearer wrong"}
        assert (await here.ask("POST", "/-/approve", headers)).status == 401


@pytest.mark.parametrize("text", ["", "short", "\n\n", "name short", "a b c-0123456789abcdef"])
async def test_without_a_configured_token_actions_are_off(text: str) -> None:
    async with served(Served(environ={"T": text})) as here:
        answer = await here.post("/-/reconcile", {})
        assert answer.status == 403
        assert "serve.token" in answer.json()["hint"]


async def test_a_token_is_changed_without_a_restart() -> None:
    async with served() as here:
        here.environ["T"] = "bob bob-0123456789abcdef"
        assert (await here.post("/-/reconcile", {})).status == 401
        answer = await here.post("/-/reconcile", {}, Authorization="bearer bob-0123456789abcdef")
        assert answer.status == 202
        assert here.log[-1]["principal"] == "api:bob"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_a_body_that_a_form_could_send_is_refused(kind: str) -> None:
    async with served() as here:
        assert (await here.post("/-/reconcile", {}, **{"Content-Type": kind})).status == 415


@pytest.mark.parametrize(
    "document",
    [
        [], "x", None, 7, {}, {"plan": "3f2a9c1b7d20"}, {"reason": "r"}, {**PLAN, "reason": "  "},
        {**PLAN, "reason": 7},
        {**PLAN, "commit": "5f2b6c0d9e17"}, {**PLAN, "surprise": 1}, {**PLAN, "apps": "desk"}, {**PLAN, "apps": [7]},
        {**PLAN, "apps": ["x"] * 1001}, {**PLAN, "reason": "x" * 2001},
        {"commit": "a" * 40, "apps": ["x"], "reason": "r"},
        {**PLAN, "plan": {}}, {**PLAN, "labels": {}},
    ],
)  # fmt: skip
async def test_an_approval_that_is_not_clear_is_refused(document: Any) -> None:
    async with served() as here:
        assert (await here.post("/-/approve", document)).status == 400
        assert here.actions.approvals == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 30_000, b'{"reason": "\\ud800"}', b"{} {}"])
async def test_what_is_no_json_is_refused(body: bytes) -> None:
    async with served() as here:
        headers = {**JSON_HEADERS, "Authorization": f"Bearer {TOKEN}"}
        assert (await here.ask("POST", "/-/approve", headers, body)).status == 400


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("m", hint="h"), 400, 64),
        (HeldError("m", hint="h"), 409, 4),
        (DesiredStateError("m", (), hint="h"), 422, 65),
        (JournalError("m", hint="h"), 503, 1),
        (StoppedError("m", hint="h"), 503, 0),
        (SourceError("m", hint="h"), 502, 1),
    ],
)
async def test_an_error_keeps_its_exit_code(error: SyncerError, status: int, code: int) -> None:
    async with served() as here:
        here.actions.fails_with = error
        answer = await here.post("/-/approve", PLAN)
        assert (answer.status, answer.json()) == (status, {"error": "m", "hint": "h", "exit_code": code})


def test_keys_are_read_from_a_file_each_time(tmp_path: Path) -> None:
    ring = Keyring(FileToken(str(tmp_path / "tokens")), {}, "token")
    assert ring.all() == ()
    (tmp_path / "tokens").write_bytes(b"alice 0123456789abcdef\r\n\nfedcba9876543210\n# no key\nx y z\n\xff\xff\n")
    assert [key.name for key in ring.all()] == ["alice", "token"]
    assert (ring.whose(b"0123456789abcdef"), ring.whose(b"fedcba9876543210")) == ("alice", "token")
    assert ring.whose(b"alice 0123456789abcdef") == ""


def test_nowhere_holds_no_key() -> None:
    assert Keyring(None, {}, "token").all() == ()


def test_keys_are_compared_as_bytes_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []

    def digest(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return hmac.compare_digest(left, right)

    monkeypatch.setattr(keys, "hmac", type("H", (), {"compare_digest": staticmethod(digest)}))
    assert Key("a", Secret("k")).is_bytes(b"k")
    assert not Key("a", Secret("k")).is_bytes("\xe4".encode())
    assert all(isinstance(each, bytes) for pair in compared for each in pair)
    assert len(compared) == 2
