"""plan and explain against a vendor on loopback; --against without one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from syncer.documents import schema
from tests.support.site import CONFIG, site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Syncer

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
FORMS = ("text", "brief", "json", "jsonl", "markdown")


def test_waiting_commits_end_with_2_and_only_when_asked_for(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("plan", config=here.config)
        syncer("plan", "--exit-code", config=here.config, expect=2)
        syncer("diff", config=here.config, expect=2, SYNCER_EXIT_CODE="true")
        assert here.emulator.store.ledger() == ()


def test_in_sync_ends_with_0_and_only_drift_with_3(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        syncer("plan", "--exit-code", config=here.config)
        here.change(1, popup_url=OTHER)
        syncer("plan", "--exit-code", config=here.config, expect=3)


def test_commits_win_over_drift_and_holds_over_both(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        here.change(1, popup_url=OTHER)
        here.declare(2, popup_url=POPUP, callback_url=OTHER)
        syncer("plan", "--exit-code", config=here.config, expect=2)
        here.config.write_text(here.config.read_text() + "  protected: [callback_url]\n")
        syncer("plan", "--exit-code", config=here.config, expect=4)


def test_an_app_that_can_not_be_read_ends_with_1(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        (tmp_path / "tokens" / "app_0002").unlink()
        told = syncer("plan", config=here.config, expect=1)
        assert "app_0002" in told.out


def test_an_invalid_file_ends_with_65_and_shows_the_place(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_ulr=POPUP) as here:
        told = syncer("plan", config=here.config, expect=65)
        assert told.out == ""
        assert "SY201" in told.err
        assert here.emulator.store.requests() == ()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_a_result_on_stdout(tmp_path: Path, syncer: Syncer, form: str) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        told = syncer("plan", "-o", form, config=here.config)
        assert "app_0001" in told.out
        assert told.err == ""


def test_the_json_forms_fit_the_published_schema(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here:
        syncer("sync", "app_0001", config=here.config)
        here.change(1, popup_url=OTHER)
        (tmp_path / "tokens" / "app_0003").unlink()
        document = syncer("plan", "-o", "json", config=here.config, expect=1).document
        assert schema.validate(document, "plan") == ()
        lines = syncer("plan", "-o", "jsonl", config=here.config, expect=1).out.splitlines()
        assert [json.loads(line)["app_id"] for line in lines] == [app["app_id"] for app in document["apps"]]


def test_apps_are_chosen_by_name_glob_and_label(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 12, popup_url=POPUP) as here:
        text = (here.source / "apps.yaml").read_text()
        (here.source / "apps.yaml").write_text(
            text.replace("app_0003: {}", "app_0003: {labels: {env: prod}}").replace(
                "defaults:", "defaults:\n  labels: {env: test}"
            )
        )

        def chosen(*arguments: str) -> list[str]:
            return [
                app["app_id"] for app in syncer("plan", "-o", "json", *arguments, config=here.config).document["apps"]
            ]

        assert chosen("app_0001", "cust_1/app_0002") == ["app_0001", "app_0002"]
        assert chosen("app_001*") == ["app_0010", "app_0011", "app_0012"]
        assert chosen("-l", "env=prod") == ["app_0003"]
        assert chosen("app_000*", "-l", "env!=prod", "-l", "env=test") == [
            f"app_000{n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)
        ]
        assert "did you mean" in syncer("plan", "app_0O01", config=here.config, expect=64).err


def test_only_what_changed_since_a_revision_is_planned(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 3, popup_url=POPUP) as here:
        first = here.repository.git("rev-parse", "main")
        here.commit(range(2, 3), popup_url=OTHER)
        document = syncer("plan", "-o", "json", "--changed-since", first, config=here.site.config).document
        assert [app["app_id"] for app in document["apps"]] == ["app_0002"]
        here.repository.commit({"_defaults.yaml": b"apiVersion: syncer/v1\nkind: Defaults\n"})
        document = syncer("plan", "-o", "json", "--changed-since", here.before(1), config=here.site.config).document
        assert len(document["apps"]) == 3


def test_a_damaged_journal_is_told_beside_the_plan(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        assert syncer("plan", config=here.config).err == ""
        [segment] = (here.state / "journal").glob("*.jsonl")
        kept = segment.read_bytes()
        segment.write_bytes(kept.replace(b"app_0001", b"app_0009", 1))
        told = syncer("plan", "-o", "json", config=here.config)
        assert told.document["summary"] == {"InSync": 2}
        assert told.err.startswith("syncer: ")
        assert "\n  hint: `syncer audit verify` says more; keep a copy of the state folder" in told.err
        segment.write_bytes(kept)
        assert syncer("plan", config=here.config).err == ""


def test_explain_shows_every_policy_key_with_its_place_and_the_limits(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 4, popup_url=POPUP) as here:
        here.configure(CONFIG.partition("policy:")[0] + "policy: {{allowed_hosts: {{all: [hooks.acme.example]}}}}\n")
        file = here.source / "apps.yaml"
        policy = '{protected: [popup_url], on_drift: report, windows: [{deny: "0 0 1 1 *", for: 1m}]}'
        file.write_text(file.read_text().replace("defaults:", f"defaults:\n  policy: {policy}"))
        told = "".join(syncer("explain", "app_0001", config=here.config).out.split())  # long paths are wrapped
        for part in (
            "policy on_commit: apply (operator policy) on_drift: report (",
            "apps.yaml:5) protected: popup_url (",
            "allowed_hosts: popup_url: hooks.acme.example",
            "windows: deny 0 0 1 1 * for 0:01:00 in UTC (",
            "limits 3 of 4 apps may change in 24 h without an approval",
            "blanks-url in 2 of them in 24 h",
            "2 drifted at once are put back",
        ):
            assert part.replace(" ", "") in told
        assert "suspend:" not in told


def test_a_folder_has_no_revision_to_compare_with(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        assert "git repository" in syncer("plan", "--changed-since", "HEAD~1", config=here.config, expect=64).err
        syncer("plan", "--against", "HEAD~1", config=here.config, expect=64)


def test_a_commit_is_named_beside_the_line_that_it_changed(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        told = syncer("plan", config=here.site.config).out
        assert "Ann Example" in told
        assert here.repository.git("rev-parse", "--short=7", "main") in told


def test_two_revisions_are_compared_without_vendor_or_token(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 3, popup_url=POPUP) as here:
        for token in (tmp_path / "tokens").iterdir():
            token.unlink()
        here.commit(range(2, 3), popup_url=OTHER)
        here.repository.commit({"app_0003.yaml": None})
        syncer("plan", "--against", "main", "--exit-code", config=here.site.config)
        told = syncer(
            "plan", "--against", here.before(2), "--exit-code", "-o", "json", config=here.site.config, expect=2
        )
        assert schema.validate(told.document, "against") == ()
        assert {change["app_id"] for change in told.document["changes"]} == {"app_0002", "app_0003"}
        for form in FORMS:
            shown = "1 leaves git" if form == "brief" else "app_0003"
            assert shown in syncer("plan", "--against", here.before(2), "-o", form, config=here.site.config).out
        assert here.site.emulator.store.requests() == ()


def test_a_comparison_takes_the_same_choice_of_apps(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 3, popup_url=POPUP) as here:
        here.commit(range(1, 4), popup_url=OTHER)
        here.commit(range(2, 3), popup_url=POPUP, callback_url=OTHER)
        against = ("plan", "--against", here.before(2), "-o", "json")

        def chosen(*arguments: str) -> set[str]:
            document = syncer(*against, *arguments, config=here.site.config).document
            return {change["app_id"] for change in document["changes"]}

        assert chosen("app_0001") == {"app_0001"}
        assert chosen("--changed-since", here.before(1)) == {"app_0002"}


def test_an_unknown_revision_and_an_invalid_one_are_told_apart(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 1, popup_ulr=POPUP) as here:
        here.commit(range(1, 2), popup_url=POPUP)
        told = syncer("plan", "--against", here.before(1), config=here.site.config, expect=65)
        assert "SY201" in told.err
        assert "no-such" in syncer("plan", "--against", "no-such", config=here.site.config, expect=1).err


def test_an_app_is_explained_from_every_side(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP, recording_enabled=False) as here:
        syncer("sync", config=here.site.config)
        here.site.change(1, popup_url=OTHER)
        told = syncer("explain", "app_0001", config=here.site.config).out
        for part in ("popup_url", POPUP, OTHER, "app_0001.yaml", "drift", "recording_enabled"):
            assert part in told
        assert "recording_enabled" not in syncer("explain", "app_0001", "popup_url", config=here.site.config).out
        assert "InSync" in syncer("explain", "app_0002", config=here.site.config).out


def test_an_app_that_can_not_be_read_is_explained_all_the_same(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        (tmp_path / "tokens" / "app_0001").write_text("wrong\n")
        assert "401" in syncer("explain", "app_0001", config=here.config).out


def test_an_unknown_or_ambiguous_app_is_a_usage_error(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        assert "did you mean" in syncer("explain", "app_001", config=here.config, expect=64).err
        assert "names 2 apps" in syncer("explain", "app_*", config=here.config, expect=64).err
        syncer("explain", "app_0001", "no_field", config=here.config, expect=64)


def test_a_rule_is_explained_without_configuration(syncer: Syncer) -> None:
    assert syncer("explain", "sy201").out.startswith("SY201: ")
    assert "no rule is called SY999" in syncer("explain", "SY999", expect=64).err
