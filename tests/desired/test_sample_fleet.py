"""The fleet that users copy: loads without a word, and shows every feature of desired state."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer.desired.loader import Loader
from syncer.model.desired import (
    AppRef,
    DesiredApp,
    DesiredState,
    EnvToken,
    FileToken,
    Layer,
    MintedToken,
    OnCommit,
    OnDrift,
    WindowKind,
)
from syncer.model.fields import UNDECLARED, Field, plain
from tests.support.folder_tree import tree
from tests.support.memory_source import FixedClock, MemorySource

FOLDER = Path(__file__).parents[2] / "config" / "apps"


@pytest.fixture(scope="module")
def fleet() -> DesiredState:
    source = MemorySource(tree(FOLDER, "config/apps/"), root="config/apps")
    return Loader(FixedClock()).load(source, source.fetch())


@pytest.fixture(scope="module")
def apps(fleet: DesiredState) -> dict[str, DesiredApp]:
    return {app.name: app for app in fleet.apps}


def test_it_has_no_problem_and_no_warning(fleet: DesiredState) -> None:
    assert (fleet.problems, fleet.rejected) == ((), ())


def test_it_is_a_fleet(fleet: DesiredState) -> None:
    assert len(fleet.apps) == 14
    assert {app.ref.customer_id for app in fleet.apps} == {"cust_acme", "cust_globex"}
    assert {dict(app.labels)["team"] for app in fleet.apps} == {"telephony", "sales", "care"}


def test_every_field_every_layer_and_every_choice_appears(fleet: DesiredState) -> None:
    apps = fleet.apps
    assert {field for app in apps for field, _ in app.settings.declared()} == set(Field)
    assert {origin.layer for app in apps for _, origin in app.origins} == {Layer.FOLDER, Layer.FILE, Layer.APP}
    assert {type(app.token) for app in apps} == {FileToken, EnvToken, MintedToken}
    assert {app.policy.on_commit for app in apps} == set(OnCommit)
    assert {app.policy.on_drift for app in apps} == set(OnDrift)
    assert {window.kind for app in apps for window in app.policy.windows} == set(WindowKind)
    assert all(app.policy.protected and app.policy.allowed_hosts for app in apps)
    assert any(app.settings.get(field) is UNDECLARED for app in apps for field in Field)
    assert sum(app.policy.suspend is not None for app in apps) == 1


def test_every_placeholder_appears() -> None:
    text = "".join(tree(FOLDER).values())
    settings = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for placeholder in ("{app}", "{app_id}", "{customer_id}", "{labels.team}"):
        assert any(placeholder in line for line in settings), placeholder
    assert "locked: [" in text


def test_files_are_commented_and_name_their_schema() -> None:
    for path, text in tree(FOLDER).items():
        schema, _, comment, *_ = text.splitlines()
        location = schema.removeprefix("# yaml-language-server: $schema=")
        assert (FOLDER / path).parent.joinpath(location).resolve().is_file(), path
        assert comment.startswith("# "), path


def test_layers_reach_the_app(apps: dict[str, DesiredApp]) -> None:
    desk = apps["support-desk"]
    assert desk.ref == AppRef("cust_acme", "app_abc123")
    assert dict(desk.labels) == {"company": "acme", "env": "prod", "region": "in", "team": "telephony"}
    assert {field.value: plain(value) for field, value in desk.settings.declared()} == {
        "popup_url": "https://hooks.acme.example/telephony/support-desk/popup",
        "missed_call_url": "https://hooks.acme.example/telephony/missed",
        "callback_url": "https://hooks.acme.example/support/calls",
        "recording_enabled": True,
        "recording_url": "https://hooks.acme.example/support-desk/recording",
        "streaming_enabled": False,
    }
    assert desk.token == FileToken("/var/run/secrets/syncer/cust_acme/support-desk")
    assert str(desk.origin(Field.STREAMING_ENABLED)) == "config/apps/_defaults.yaml:20"


def test_null_is_a_declaration(apps: dict[str, DesiredApp]) -> None:
    assert apps["support-night"].settings.missed_call_url is None
    assert apps["care-inbound"].settings.missed_call_url is UNDECLARED


def test_the_stream_goes_over_a_websocket(apps: dict[str, DesiredApp]) -> None:
    premium = apps["care-premium"]
    assert str(premium.settings.streaming_url) == "wss://media.globex.example/live/care-premium"
    assert premium.token == MintedToken(FileToken("/var/run/secrets/syncer/cust_globex/care-premium.secret"))
