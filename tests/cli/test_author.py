"""init, validate and schema: nothing but files is needed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.folder import FolderSource
from syncer.documents import schema, schemas
from tests.support.repositories import Repository

if TYPE_CHECKING:
    from syncer.desired.snapshot import Snapshot
    from tests.cli.running import Syncer

GOOD = """\
apiVersion: syncer/v1
kind: Apps
customer_id: cust_acme
defaults: {token: {file: /tokens/a}}
apps:
  desk: {app_id: app_1, settings: {popup_url: "https://hooks.acme.example/popup"}}
"""
TYPO = GOOD.replace("popup_url", "popup_ulr")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "acme.yaml").write_text(GOOD)
    return tmp_path / "apps"


def test_init_writes_a_source_that_is_valid_and_a_configuration_that_is_read(
    tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = syncer("init", "first", "--customer", "cust_x", "--app", "app_x")
    assert "next: " in told.out
    assert syncer("validate", "first/apps").out == "1 file, 1 app: valid\n"
    shown = syncer("config", "show", "-o", "json", "-c", "first/syncer.yaml").document
    assert shown["mode"]["value"] == "observe"
    assert json.loads((tmp_path / "first/apps/.schemas/apps.schema.json").read_text())["title"]


def test_init_overwrites_nothing(tmp_path: Path, syncer: Syncer) -> None:
    syncer("init", str(tmp_path / "first"))
    (tmp_path / "first/apps/apps.yaml").write_text("mine")
    told = syncer("init", str(tmp_path / "first"), expect=64)
    assert "exists already" in told.err
    assert (tmp_path / "first/apps/apps.yaml").read_text() == "mine"


@pytest.mark.parametrize("option", ["--customer", "--app"])
@pytest.mark.parametrize("wrong", ["../x", "a b", 'x"y', "a: b", "#z", ""])
def test_init_writes_nothing_for_an_id_that_no_source_may_hold(
    option: str, wrong: str, tmp_path: Path, syncer: Syncer
) -> None:
    told = syncer("init", str(tmp_path / "first"), option, wrong, expect=64)
    assert f"{option} {wrong!r} is no id" in told.err
    assert not (tmp_path / "first").exists()


@pytest.mark.parametrize("odd", ["true", "007", "1e3", "null", "x" * 128])
def test_init_writes_ids_that_yaml_would_not_read_as_text(odd: str, tmp_path: Path, syncer: Syncer) -> None:
    syncer("init", str(tmp_path / "first"), "--customer", odd, "--app", odd)
    assert "1 app: valid" in syncer("validate", str(tmp_path / "first/apps")).out


def test_init_where_no_folder_can_be_made_says_so(tmp_path: Path, syncer: Syncer) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be written" in syncer("init", str(tmp_path / "file" / "below"), expect=1).err


def test_a_valid_folder_is_one_line(folder: Path, syncer: Syncer) -> None:
    assert syncer("validate", "apps").out == "1 file, 1 app: valid\n"


def test_json_lines_of_nothing_are_no_line(folder: Path, tmp_path: Path, syncer: Syncer) -> None:
    assert syncer("validate", "apps", "-o", "jsonl").out == ""
    syncer("validate", "apps", "-o", "jsonl", "--output-file", "found.jsonl")
    assert (tmp_path / "found.jsonl").read_bytes() == b""


def test_a_typo_is_shown_at_its_place_with_what_was_meant(folder: Path, syncer: Syncer) -> None:
    (folder / "acme.yaml").write_text(TYPO)
    told = syncer("validate", "apps", expect=65)
    assert "error[SY201]: unknown key `popup_ulr`" in told.out
    assert "--> apps/acme.yaml:6:" in told.out
    assert "did you mean `popup_url`?" in told.out


def test_every_form_names_the_problem(folder: Path, syncer: Syncer) -> None:
    (folder / "acme.yaml").write_text(TYPO)
    document = syncer("validate", "-o", "json", "apps", expect=65).document
    assert schema.validate(document, "problems") == ()
    assert document["problems"][0]["rule"] == "SY201"
    assert [json.loads(line) for line in syncer("validate", "-o", "jsonl", "apps", expect=65).out.splitlines()] == (
        document["problems"]
    )
    assert "SY201" in syncer("validate", "-o", "brief", "apps", expect=65).out
    markdown = syncer("validate", "-o", "markdown", "apps", expect=65).out
    assert markdown.startswith("### syncer validate: 1 file, 0 apps: 1 error")
    assert "| SY201 |" in markdown


def test_valid_forms_have_no_table(folder: Path, syncer: Syncer) -> None:
    assert syncer("validate", "-o", "markdown", "apps").out == "### syncer validate: 1 file, 1 app: valid\n"
    assert syncer("validate", "-o", "json", "apps").document["problems"] == []


def test_an_output_file_gets_the_form_and_stdout_the_text(folder: Path, syncer: Syncer, tmp_path: Path) -> None:
    told = syncer("validate", "-o", "json", "--output-file", "p.json", "apps")
    assert told.out == "1 file, 1 app: valid\n"
    assert json.loads((tmp_path / "p.json").read_text())["apps"] == 1


def test_an_output_file_that_can_not_be_written_costs_no_result(folder: Path, syncer: Syncer) -> None:
    told = syncer("validate", "-o", "json", "--output-file", "apps/acme.yaml/p.json", "apps", expect=1)
    assert told.out == "1 file, 1 app: valid\n"
    assert "can't be written" in told.err


def test_a_file_is_checked_with_the_source_around_it(folder: Path, syncer: Syncer) -> None:
    (folder / "other.yaml").write_text(TYPO.replace("app_1", "app_2"))
    assert syncer("validate", "apps/acme.yaml").out == "1 file, 1 app: valid\n"
    assert "other.yaml" in syncer("validate", "apps/other.yaml", expect=65).out


def test_a_file_that_disagrees_with_another_shows_both_places(folder: Path, syncer: Syncer) -> None:
    (folder / "other.yaml").write_text(GOOD.replace("desk", "desk-2"))
    told = syncer("validate", "apps/acme.yaml", expect=65).out
    assert "apps/acme.yaml" in told
    assert "apps/other.yaml" in told


def test_the_source_of_a_file_begins_at_the_highest_defaults_above_it(folder: Path, syncer: Syncer) -> None:
    below = folder / "team" / "line"
    below.mkdir(parents=True)
    header = "apiVersion: syncer/v1\nkind: Defaults\n"
    (folder / "_defaults.yaml").write_text(
        header + "settings: {streaming_enabled: false}\nlocked: [streaming_enabled]\n"
    )
    (folder / "team" / "_defaults.yaml").write_text(header)
    (below / "_defaults.yaml").write_text(header)
    (below / "one.yaml").write_text(
        GOOD.replace("app_1", "app_2").replace("popup_url: ", "streaming_enabled: true, popup_url: ")
    )
    told = syncer("validate", "apps/team/line/one.yaml", expect=65).out
    assert "apps/_defaults.yaml" in told


def test_a_named_source_is_the_one_a_file_belongs_to(folder: Path, syncer: Syncer) -> None:
    (folder / "team").mkdir()
    (folder / "team" / "one.yaml").write_text(GOOD.replace("desk", "two"))
    assert "acme.yaml" in syncer("validate", "-C", "apps", "apps/team/one.yaml", expect=65).out
    assert syncer("validate", "apps/team/one.yaml").out == "1 file, 1 app: valid\n"


def test_a_file_outside_of_the_named_source_brings_its_own(folder: Path, syncer: Syncer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "one.yaml").write_text(GOOD)
    assert syncer("validate", "-C", "apps", "elsewhere/one.yaml").out == "1 file, 1 app: valid\n"


def test_a_file_outside_of_the_current_folder_is_shown_with_its_whole_path(
    folder: Path, syncer: Syncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (folder / "acme.yaml").write_text(TYPO)
    monkeypatch.chdir(tmp_path / "here")
    assert f"--> {folder}/acme.yaml:6" in syncer("validate", str(folder / "acme.yaml"), expect=65).out


def test_several_paths_are_one_result(folder: Path, syncer: Syncer, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text(GOOD)
    (tmp_path / "more" / "b.yaml").write_text(TYPO.replace("app_1", "app_2"))
    assert syncer("validate", "apps", "more", expect=65).out.endswith("3 files, 2 apps: 1 error\n")


def test_several_files_of_one_source_are_one_reading_of_it(
    folder: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("two", "three"):
        (folder / f"{name}.yaml").write_text(GOOD.replace("desk", name).replace("app_1", name))
    fetched = []
    fetch = FolderSource.fetch

    def counted(self: FolderSource) -> Snapshot:
        fetched.append(self)
        return fetch(self)

    monkeypatch.setattr(FolderSource, "fetch", counted)
    assert syncer("validate", "apps/acme.yaml", "apps/two.yaml", "apps/three.yaml").out == "3 files, 3 apps: valid\n"
    assert len(fetched) == 1


@pytest.mark.parametrize("path", ["apps", "apps/acme.yaml"])
def test_a_repository_beside_paths_is_a_usage_error_and_not_ignored(folder: Path, syncer: Syncer, path: str) -> None:
    told = syncer("validate", "-C", "https://git.example/apps.git", path, expect=64)
    assert "-C names a repository" in told.err
    assert syncer("validate", path, SYNCER_SOURCE="https://git.example/apps.git").out == "1 file, 1 app: valid\n"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("suspend: {reason: x}", "policy.suspend"),
        ("popup_url: https://a.example/", "settings.popup_url"),
        ("on_drift: report", "policy.on_drift"),
        ("polcy: {}", "policy"),
    ],
)
def test_a_key_one_level_too_high_is_told_where_it_belongs(folder: Path, syncer: Syncer, line: str, meant: str) -> None:
    (folder / "acme.yaml").write_text(GOOD.replace("{app_id: app_1,", f"{{{line}, app_id: app_1,"))
    assert f"did you mean `{meant}`?" in syncer("validate", "apps", expect=65).out


def test_a_path_that_does_not_exist_is_a_usage_error(folder: Path, syncer: Syncer) -> None:
    assert "nowhere does not exist" in syncer("validate", "nowhere", expect=64).err


def test_an_empty_folder_is_no_valid_source(folder: Path, syncer: Syncer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = syncer("validate", "-o", "json", "empty", expect=65)
    assert told.document["problems"][0]["rule"] == "SY309"
    (tmp_path / "empty" / "_defaults.yaml").write_text("apiVersion: syncer/v1\nkind: Defaults\n")
    assert "SY309" in syncer("validate", "empty", expect=65).out


def test_without_a_path_the_configured_source_is_checked_under_the_operator_s_policy(
    folder: Path, syncer: Syncer, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(
        "apiVersion: syncer/v1\nkind: Config\nsource: {path: apps}\npolicy: {allowed_hosts: {all: [only.example]}}\n"
    )
    assert "hooks.acme.example" in syncer("validate", "-c", "c.yaml", expect=65).out
    assert syncer("validate", "-C", "apps").out == "1 file, 1 app: valid\n"
    (tmp_path / "empty").mkdir()
    assert "SY309" in syncer("validate", "-C", "empty", expect=65).out


def test_a_file_name_that_is_no_text_is_told_in_every_form(folder: Path, syncer: Syncer) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\x1b.yaml")).write_text(GOOD)
    for form in ("text", "brief", "json", "jsonl", "markdown"):
        told = syncer("validate", "-o", form, "apps", expect=65)
        assert "\x1b" not in told.out
        told.out.encode()


def test_schemas_are_listed_and_printed(syncer: Syncer) -> None:
    listed = syncer("schema").out.split()
    assert {"apps", "defaults", "config", "plan", "report", "problems", "verification"} <= set(listed)
    assert json.loads(syncer("schema", "apps").out) == json.loads(schemas.text("apps"))
    assert "one of: " in syncer("schema", "app", expect=64).err


def test_a_repository_s_newest_commit_is_checked(syncer: Syncer, tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "r.git")
    repository.commit({"apps.yaml": TYPO.encode()})
    (tmp_path / "c.yaml").write_text(
        f"apiVersion: syncer/v1\nkind: Config\nsource: {{url: '{repository.url}', ref: main, allow_file: true}}\n"
        f"state_dir: {tmp_path}/state\n"
    )
    assert "SY201" in syncer("validate", config=tmp_path / "c.yaml", expect=65).out
