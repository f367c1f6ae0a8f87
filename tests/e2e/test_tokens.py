"""When tokens end is known: in the report, to `syncer status`, in the log; and never the token itself."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncer.emulator.store import Seed
from tests.support.site import CUSTOMER, Site, app_id, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"


def jwt(ends: datetime) -> str:
    """A token that says when it ends; nobody checks its signature."""
    parts = ({"alg": "none"}, {"exp": int(ends.timestamp())})
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{head}.{body}.canary-signature"


def give(here: Site, number: int, ends: datetime) -> None:
    token = jwt(ends)
    here.emulator.seed(Seed(CUSTOMER, app_id(number), app_id(number), token, "secret"))
    (here.home / "tokens" / app_id(number)).write_text(token)


def test_status_and_log_tell_of_tokens_that_end_soon(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with site(tmp_path, 3, popup_url=POPUP) as here:
        give(here, 1, now + timedelta(days=2))
        give(here, 2, now + timedelta(days=60))
        told = here.run("run", "--once", "--log-format", "json")
        events = [json.loads(line) for line in told.splitlines()]
        [line] = [event for event in events if event["event"] == "token.expiring"]
        assert line["app"] == f"{CUSTOMER}/{app_id(1)}"
        document = json.loads(here.run("status", "-o", "json"))
        ends = {app["app_id"]: app["token_ends"] for app in document["apps"]}
        assert ends[app_id(3)] is None
        assert datetime.fromisoformat(ends[app_id(2)]) == now + timedelta(days=60)
        shown = here.run("status")
        assert (
            f"Tokens that end soon: 1 app\n  {CUSTOMER}/{app_id(1)}  ends {now + timedelta(days=2):%Y-%m-%d %H:%M} UTC"
            in shown
        )
        tabled = here.run("status", "-o", "markdown")
        assert f"Tokens that end soon: 1 app, the first {CUSTOMER}/" in tabled.replace("\\", "")
        checked = here.run("doctor")
        assert f"due to be replaced: 1 app, first {CUSTOMER}/{app_id(1)}: ends " in checked
        assert "canary" not in told + shown + tabled + checked + json.dumps(document)


def test_doctor_names_a_token_that_has_ended_and_the_first_end_where_none_is_due(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with site(tmp_path, 2, popup_url=POPUP) as here:
        give(here, 1, now + timedelta(days=60))
        assert f"the first of 1 token on {now + timedelta(days=60):%Y-%m-%d}" in here.run("doctor")
        give(here, 2, now - timedelta(hours=1))
        told = here.run("doctor", expect=1)
        assert f"due to be replaced: 1 app, first {CUSTOMER}/{app_id(2)}: ended" in told
        assert "canary" not in told


def test_a_minted_token_raises_no_alarm_for_it_renews_itself(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        kept = here.source / "apps.yaml"
        minted = "token: {mint: {secret: {env: SYNCER_SECRET_APP}}}"
        kept.write_text(re.sub(r"token: .*", minted, kept.read_text()))
        secret = f"secret-{app_id(1)}"
        told = here.run("run", "--once", "--log-format", "json", SYNCER_SECRET_APP=secret)
        [app] = json.loads(here.run("status", "-o", "json"))["apps"]
        assert app["token_ends"] == app["token_due"] is not None
        assert "token.expiring" not in told
        assert "Tokens that end soon" not in here.run("status")
