"""webhooks check and send, against real receivers over TLS on loopback."""

from __future__ import annotations

import json
import socket
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from syncer.cli import webhooks
from syncer.documents import schema
from syncer.receivers.payloads import EVENTS
from tests.support.receiver import Receiver, receiver
from tests.support.site import CUSTOMER, Site, app_id, site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Ran
    from tests.cli.running import Syncer

DEAD = "https://localhost:1/dead"


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver(tmp_path) as one:
        yield one


def check(syncer: Syncer, here: Site, hooks: Receiver, *more: str, expect: int = 0, private: bool = True) -> Ran:
    return syncer(
        "webhooks", "check", *more,
        config=here.config, expect=expect,
        SYNCER_WEBHOOKS_CA_FILE=str(hooks.ca_file), SYNCER_WEBHOOKS_ALLOW_PRIVATE="true" if private else "",
    )  # fmt: skip


def test_declared_urls_are_checked_without_the_vendor(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 3, popup_url=hooks.url("/popup"), callback_url=hooks.url("/{app}"), recording_url=None) as here:
        ran = check(syncer, here, hooks, "-o", "json")
        assert here.emulator.store.requests() == ()
    assert schema.validate(ran.document, "receivers") == ()
    assert hooks.asked == {("HEAD", path) for path in ("/popup", "/app_0001", "/app_0002", "/app_0003")}
    assert ran.document["counts"] == {"ok": 4, "warning": 0, "dead": 0}
    popup = ran.document["urls"][0]
    assert [use["app"] for use in popup["uses"]] == [f"{CUSTOMER}/{app_id(number)}" for number in (1, 2, 3)]


def test_a_dead_url_fails_and_is_shown_first(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 5, popup_url=hooks.url("/popup"), callback_url=DEAD) as here:
        ran = check(syncer, here, hooks, expect=1)
        lines = check(syncer, here, hooks, "-o", "jsonl", expect=1).out.splitlines()
    assert ran.out.startswith(f"DEAD  {DEAD}\n      no-connection: no connection: Connection refused\n")
    assert "and 2 more" in ran.out
    assert ran.out.endswith("2 declared URLs: 1 ok, 0 warnings, 1 dead\n")
    assert [json.loads(line)["level"] for line in lines] == ["ok", "dead"]


def test_a_warning_fails_only_if_asked_to(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    hooks.status = 404
    with site(tmp_path, 1, popup_url=hooks.url("/popup")) as here:
        assert "1 warning, 0 dead" in check(syncer, here, hooks).out
        check(syncer, here, hooks, "--strict", expect=1)


def test_this_machine_is_not_connected_to_unasked(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, popup_url=hooks.url("/popup")) as here:
        ran = check(syncer, here, hooks, expect=1, private=False)
        assert "not-public" in ran.out
        assert "--allow-private" in ran.err
        assert hooks.got == []
        here.config.write_text(f'{here.config.read_text()}\nwebhooks: {{allow_networks: [127.0.0.0/8, "::1/128"]}}\n')
        check(syncer, here, hooks, private=False)


def test_secrets_in_urls_are_not_shown(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    hooks.status = 302
    with site(tmp_path, 1, popup_url=hooks.url("/popup?key=canary"), callback_url=f"{DEAD}?key=canary") as here:
        for form in ("text", "json", "jsonl"):
            ran = check(syncer, here, hooks, "-o", form, expect=1)
            assert "canary" not in ran.out + ran.err
            assert "key=***" in ran.out
    assert ("HEAD", "/popup?key=canary") in hooks.asked


def test_live_urls_are_those_of_the_vendor(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 2, popup_url=DEAD) as here:
        here.change(1, popup_url=hooks.url("/live"), recording_url=hooks.url("/recording"))
        ran = check(syncer, here, hooks, "--live")
        assert "2 live URLs: 2 ok" in ran.out
        here.change(1, recording_url="http://localhost:1/plain")
        assert "\n      without TLS: " in check(syncer, here, hooks, "--live", expect=1).out
        here.change(1, recording_url=None)
        (tmp_path / "tokens" / app_id(2)).unlink()
        ran = check(syncer, here, hooks, "--live", "-o", "json", expect=1)
        assert schema.validate(ran.document, "receivers") == ()
        assert [row["app"] for row in ran.document["unreadable"]] == [f"{CUSTOMER}/{app_id(2)}"]
        ran = check(syncer, here, hooks, "--live", expect=1)
        assert f"FAIL  {CUSTOMER}/{app_id(2)}\n      can't be read: " in ran.out
        assert "1 app unreadable" in ran.out


def test_a_plan_is_stopped_before_it_points_calls_at_a_dead_url(
    tmp_path: Path, syncer: Syncer, hooks: Receiver
) -> None:
    with site(tmp_path, 2, popup_url=hooks.url("/popup"), callback_url=hooks.url("/old")) as here:
        assert "2 planned URLs: 2 ok" in check(syncer, here, hooks, "--plan").out
        syncer("sync", config=here.config)
        assert check(syncer, here, hooks, "--plan").out == "0 planned URLs: 0 ok, 0 warnings, 0 dead\n"
        here.declare(2, popup_url=hooks.url("/popup"), callback_url=DEAD)
        ran = check(syncer, here, hooks, "--plan", "-o", "json", expect=1)
        assert schema.validate(ran.document, "receivers") == ()
        assert [row["url"] for row in ran.document["urls"]] == [DEAD]
        assert len(here.emulator.store.ledger()) == 2


def test_new_urls_of_a_pull_request_are_checked_without_vendor_or_token(
    tmp_path: Path, syncer: Syncer, hooks: Receiver
) -> None:
    with versioned(tmp_path, 2, popup_url=DEAD) as here:
        for token in (tmp_path / "tokens").iterdir():
            token.unlink()
        here.commit(range(2, 3), popup_url=hooks.url("/new"), recording_enabled=False)
        for given in (("--against", here.before(1)), ("--plan", "--against", here.before(1))):
            ran = check(syncer, here.site, hooks, *given, "-o", "json")
            assert [(row["url"], row["level"]) for row in ran.document["urls"]] == [(hooks.url("/new"), "ok")]
            assert ran.document["scope"] == "new"
        ran = check(syncer, here.site, hooks, "--changed-since", here.before(1))
        assert "1 declared URL: 1 ok" in ran.out
        assert here.site.emulator.store.requests() == ()


def test_the_choice_of_apps_is_the_usual_one(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 2, popup_url=hooks.url("/{app}")) as here:
        check(syncer, here, hooks, app_id(1))
        assert hooks.asked == {("HEAD", "/app_0001")}
        check(syncer, here, hooks, "no-such-app", expect=64)
        check(syncer, here, hooks, "--live", "--plan", expect=64)
        check(syncer, here, hooks, "--live", "--against", "main", expect=64)


def test_invalid_files_are_told_rather_than_half_checked(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, popup_ulr="https://hooks.acme.example/") as here:
        assert "SY201" in check(syncer, here, hooks, expect=65).err


def send(syncer: Syncer, here: Site, hooks: Receiver, *arguments: str, expect: int = 0) -> Ran:
    return syncer(
        "webhooks", "send", *arguments,
        config=here.config, expect=expect,
        SYNCER_WEBHOOKS_CA_FILE=str(hooks.ca_file), SYNCER_WEBHOOKS_ALLOW_PRIVATE="true",
    )  # fmt: skip


def everything(hooks: Receiver) -> dict[str, Any]:
    return {field.value: hooks.url(f"/{field}?key=canary") for field in EVENTS.values()}


def test_nothing_is_sent_to_this_machine_unasked(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, **everything(hooks)) as here:
        ran = syncer("webhooks", "send", app_id(1), "incoming_call", "--yes", config=here.config, expect=1)
        assert "not-public" in ran.out
        assert "--allow-private" in ran.err
        assert hooks.got == []


@pytest.mark.parametrize("event", webhooks.EVENTS)
def test_an_event_goes_where_the_vendor_would_send_it(
    event: str, tmp_path: Path, syncer: Syncer, hooks: Receiver
) -> None:
    with site(tmp_path, 1, **everything(hooks)) as here:
        ran = send(syncer, here, hooks, app_id(1), event, "--yes", "-o", "json")
        assert here.emulator.store.requests() == ()
    [(method, path, headers, body)] = hooks.got
    assert (method, path) == ("POST", f"/{EVENTS[event]}?key=canary")
    assert (headers["x-syncer-test"], headers["content-type"]) == ("true", "application/json")
    payload = json.loads(body)
    assert schema.validate(payload, f"webhooks/{event}") == ()
    assert payload["call_sid"].startswith("syncer-test-")
    assert schema.validate(ran.document, "webhook-sent") == ()
    assert ran.document["request"]["payload"] == payload
    assert "canary" not in ran.out


def test_every_event_of_the_command_is_a_documented_one() -> None:
    assert tuple(EVENTS) == webhooks.EVENTS


def test_request_and_answer_are_shown(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, **everything(hooks)) as here:
        told = send(syncer, here, hooks, app_id(1), "missed_call", "--yes").out
        assert told.startswith(f"POST {hooks.url('/missed_call_url?key=***')}\n")
        assert "X-Syncer-Test: true" in told
        assert "200 from 127.0.0.1 after " in told
        assert ": taken\n" in told
        assert told.endswith("you asked for /missed_call_url?key=***\n")
        assert "canary" not in told
        hooks.status = 202
        told = send(syncer, here, hooks, app_id(1), "missed_call", "-y", expect=1).out
        assert "not taken: the vendor wants 200, and would try again" in told


def test_no_answer_is_told_in_both_forms(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, popup_url=DEAD) as here:
        told = send(syncer, here, hooks, app_id(1), "incoming_call", "-y", expect=1).out
        assert told.endswith("no-connection: no connection: Connection refused\n")
        ran = send(syncer, here, hooks, app_id(1), "incoming_call", "-y", "-o", "json", expect=1)
    assert schema.validate(ran.document, "webhook-sent") == ()
    assert (ran.document["answer"], ran.document["taken"]) == (None, False)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_sent_before_somebody_says_so(
    tmp_path: Path, syncer: Syncer, hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, 1, popup_url=hooks.url("/popup")) as here:
        arguments = (app_id(1), "incoming_call")
        monkeypatch.setattr(sys, "stdin", StringIO("y\n"))
        assert "add --yes" in send(syncer, here, hooks, *arguments, expect=64).err
        monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
        assert f"Send incoming_call to {hooks.url('/popup')}?" in send(syncer, here, hooks, *arguments, expect=130).err
        assert hooks.got == []
        monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
        send(syncer, here, hooks, *arguments)
    assert hooks.asked == {("POST", "/popup")}


def test_another_setting_can_be_named(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 1, callback_url=hooks.url("/calls")) as here:
        told = send(syncer, here, hooks, app_id(1), "incoming_call", "-y", expect=64).err
        assert "declares no popup_url" in told
        send(syncer, here, hooks, app_id(1), "incoming_call", "-y", "--field", "callback_url")
    assert hooks.asked == {("POST", "/calls")}


def test_another_url_must_be_on_a_host_of_the_app(
    tmp_path: Path, syncer: Syncer, hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, 1, popup_url="https://hooks.acme.example/popup") as here:
        arguments = (app_id(1), "incoming_call", "-y", "--to")
        for url in (
            "https://evil.example/", "https://hooks.acme.example@evil.example/", "http://hooks.acme.example/",
            "https://hooks.acme.example:8443/", "https://10.0.0.1/", "ftp://localhost/", "nonsense",
        ):  # fmt: skip
            assert "--to: " in send(syncer, here, hooks, *arguments, url, expect=64).err, url
        send(syncer, here, hooks, *arguments, hooks.url("/mine"))
        assert hooks.asked == {("POST", "/mine")}
        here.config.write_text(
            f"{here.config.read_text()}  allowed_hosts: {{all: [hooks.acme.example, other.example]}}\n"
        )
        told = send(syncer, here, hooks, *arguments, "https://other.invalid/", expect=64).err
        assert "allowed: hooks.acme.example, other.example" in told

        def refuse(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        assert "no-such-name" in send(syncer, here, hooks, *arguments, "https://other.example/x", expect=1).out


def test_one_app_is_meant(tmp_path: Path, syncer: Syncer, hooks: Receiver) -> None:
    with site(tmp_path, 2, popup_url=hooks.url("/popup")) as here:
        assert "names 2 apps" in send(syncer, here, hooks, "app_*", "incoming_call", "-y", expect=64).err
        send(syncer, here, hooks, "nobody", "incoming_call", "-y", expect=64)
    assert hooks.got == []
