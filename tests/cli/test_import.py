"""`syncer import`: what is live becomes files of which a plan is empty, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from syncer.adoption.accepting import Edit
from syncer.cli import accepting
from syncer.emulator.store import Seed
from syncer.emulator.tokens import Entity
from syncer.errors import SyncerError
from tests.support.site import CUSTOMER, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.running import Syncer

LIVE: dict[str, Any] = {
    "popup_url": "https://hooks.example/popup",
    "recording_enabled": True,
    "recording_url": "https://hooks.example/rec",
}


def listing(here: Site) -> None:
    """Configures the customer's token."""
    token = here.emulator.store.issue(Entity.CUSTOMER, CUSTOMER, here.emulator.store.customers[CUSTOMER])
    (here.home / "customer").write_text(f"{token}\n")
    text = here.config.read_text().replace(
        "rate: 5000/s", f'rate: 5000/s, customer_tokens: {{{CUSTOMER}: {{file: "{here.home}/customer"}}}}'
    )
    here.config.write_text(text)


def token_from(here: Site) -> str:
    return f"--token-from={here.home}/tokens/{{app_id}}"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """Three apps at the vendor, and none in git."""
    with site(tmp_path, seeded=LIVE) as found:
        (found.source / "apps.yaml").unlink()
        listing(found)
        yield found


def imported(syncer: Syncer, here: Site, *more: str, expect: int = 0) -> str:
    ran = syncer("import", "-d", str(here.source), token_from(here), *more, config=here.config, expect=expect)
    return ran.out + ran.err


def seed(here: Site, app_id: str, name: str, **settings: str | bool | None) -> None:
    here.emulator.seed(Seed(CUSTOMER, app_id, name, f"token-{app_id}", f"secret-{app_id}", settings=settings))
    (here.home / "tokens" / app_id).write_text(f"token-{app_id}\n")


def test_a_fleet_becomes_one_file_of_which_the_plan_is_empty(syncer: Syncer, here: Site) -> None:
    told = imported(syncer, here)
    assert f"wrote {here.source}/{CUSTOMER}.yaml: 3 apps\n" in told
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


def test_what_all_apps_have_alike_stands_once(syncer: Syncer, here: Site) -> None:
    imported(syncer, here)
    assert (here.source / f"{CUSTOMER}.yaml").read_text() == (
        "# Written by `syncer import`. A field in a comment is not managed: it keeps its value at the vendor.\n"
        "apiVersion: syncer/v1\n"
        "kind: Apps\n"
        f"customer_id: {CUSTOMER}\n"
        "defaults:\n"
        f'  token: {{file: "{here.home}/tokens/{{app_id}}"}}\n'
        "  settings:  # alike in all 3 apps\n"
        "    popup_url: https://hooks.example/popup\n"
        "    missed_call_url: null\n"
        "    callback_url: null\n"
        "    recording_enabled: true\n"
        "    recording_url: https://hooks.example/rec\n"
        "    streaming_enabled: false\n"
        "    streaming_url: null\n"
        "apps:\n"
        "  app_0001: {}\n"
        "  app_0002: {}\n"
        "  app_0003: {}\n"
    )


def test_an_app_that_differs_has_its_own_lines(syncer: Syncer, here: Site) -> None:
    here.change(2, popup_url="https://hooks.example/two")
    imported(syncer, here)
    text = (here.source / f"{CUSTOMER}.yaml").read_text()
    assert "  app_0002:\n    settings:\n      popup_url: https://hooks.example/two\n" in text
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


def test_an_id_in_the_path_becomes_a_placeholder(syncer: Syncer, here: Site) -> None:
    for number in (1, 2, 3):
        here.change(number, popup_url=f"https://hooks.example/app_000{number}/popup")
    imported(syncer, here)
    assert '    popup_url: "https://hooks.example/{app_id}/popup"\n' in (here.source / f"{CUSTOMER}.yaml").read_text()
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "popup_url",
            "http://hooks.example/p",
            "# popup_url: http://hooks.example/p: SY321: scheme `http` in popup_url",
        ),
        ("popup_url", "https://u:pw@hooks.example/p", "# popup_url: https://***@hooks.example/p: a secret may stand"),
        ("popup_url", "https://hooks.example/p?token=abc", "# popup_url: https://hooks.example/p?token=***: a secret"),
        ("popup_url", "https://hooks.example/{app}/p", "# popup_url: https://hooks.example/{app}/p: braces"),
        ("popup_url", "not a url", "# popup_url: not a url: SY324: white space"),
        ("popup_url", "https://hooks.example/\x1b[31m\n", r"\u{1b}[31m\u{a}: SY"),
        ("recording_url", None, "# recording_enabled: true: SY301"),
    ],
)
def test_what_no_rule_accepts_is_a_comment_with_the_reason(
    syncer: Syncer, here: Site, field: str, value: str | None, told: str
) -> None:
    here.change(2, **{field: value})
    out = imported(syncer, here)
    text = (here.source / f"{CUSTOMER}.yaml").read_text()
    assert told in text
    assert "left out, each with its reason" in out
    assert "pw@" not in text
    assert "=abc" not in text
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


def test_a_query_is_written_when_it_is_said_to_be_no_secret(syncer: Syncer, here: Site) -> None:
    here.change(2, popup_url="https://hooks.example/p?team=two")
    imported(syncer, here, "--with-queries")
    assert 'popup_url: "https://hooks.example/p?team=two"' in (here.source / f"{CUSTOMER}.yaml").read_text()


def test_a_host_outside_the_allow_list_is_left_out(syncer: Syncer, here: Site) -> None:
    here.change(2, popup_url="https://elsewhere.example/p")
    here.config.write_text(
        here.config.read_text().replace("policy: ", "policy:\n  allowed_hosts: {all: [hooks.example]}")
    )
    imported(syncer, here)
    assert "# popup_url: https://elsewhere.example/p: SY330: host" in (here.source / f"{CUSTOMER}.yaml").read_text()


def test_one_unreadable_app_does_not_stop_the_others(syncer: Syncer, here: Site) -> None:
    (here.home / "tokens" / "app_0002").unlink()
    told = imported(syncer, here, expect=1)
    assert "not imported: cust_1/app_0002: token: the token file" in told
    assert "# not imported: cust_1/app_0002: token: " in (here.source / f"{CUSTOMER}.yaml").read_text()
    assert syncer("plan", config=here.config).out.startswith("In sync: 2 apps")


def test_names_come_from_the_vendor(syncer: Syncer, here: Site) -> None:
    seed(here, "a1", "Support Desk (Ünited)")
    seed(here, "a2", "Sales")
    seed(here, "a3", "sales")
    imported(syncer, here)
    text = (here.source / f"{CUSTOMER}.yaml").read_text()
    assert "  support-desk-united:\n    app_id: a1\n" in text
    assert "  a2:\n" in text
    assert "  a3:\n" in text


def test_teams_have_files_of_their_own(syncer: Syncer, here: Site) -> None:
    seed(here, "a1", "Support Desk")
    imported(syncer, here, "--team", "desk=support-*,nothing")
    assert "  labels: {team: desk}\n" in (here.source / CUSTOMER / "desk.yaml").read_text()
    assert syncer("plan", "-l", "team=desk", config=here.config).out.startswith("In sync: 1 app,")
    assert syncer("plan", config=here.config).out.startswith("In sync: 4 apps")


def test_nothing_that_exists_is_replaced_without_force(syncer: Syncer, here: Site) -> None:
    (here.source / f"{CUSTOMER}.yaml").write_text("mine: true\n")
    assert "exists already" in imported(syncer, here, expect=64)
    assert (here.source / f"{CUSTOMER}.yaml").read_text() == "mine: true\n"
    imported(syncer, here, "--force")
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


def test_apps_that_the_source_declares_are_left_out(syncer: Syncer, here: Site) -> None:
    here.declare(2, popup_url=LIVE["popup_url"])
    assert "left out: 2 apps that the source declares already" in imported(syncer, here)
    assert "app_0001" not in (here.source / f"{CUSTOMER}.yaml").read_text()
    assert syncer("plan", config=here.config).out.startswith("In sync: 3 apps")


def test_each_customer_has_a_file(syncer: Syncer, here: Site) -> None:
    here.emulator.seed(Seed("cust_2", "other", "", "token-other", "secret", settings=LIVE))
    (here.home / "tokens" / "other").write_text("token-other\n")
    assert "cust_2.yaml: 1 app\n" in imported(syncer, here, "cust_2/other")
    assert ": 3 apps\n" in imported(syncer, here)
    assert syncer("plan", config=here.config).out.startswith("In sync: 4 apps")


def test_defaults_above_the_folder_count(syncer: Syncer, here: Site) -> None:
    """Outside of the configured source the files join what lies around them."""
    around = here.home / "elsewhere"
    (around / "in").mkdir(parents=True)
    (around / "_defaults.yaml").write_text(
        "apiVersion: syncer/v1\nkind: Defaults\npolicy: {allowed_hosts: {all: [nobody.example]}}\n"
    )
    syncer("import", "-d", str(around / "in"), token_from(here), config=here.config)
    assert "# popup_url: https://hooks.example/popup: SY330" in (around / "in" / f"{CUSTOMER}.yaml").read_text()


def test_what_was_refused_before_is_no_obstacle(syncer: Syncer, here: Site) -> None:
    (here.source / f"{CUSTOMER}.yaml.new").write_text("old\n")
    imported(syncer, here)
    assert not (here.source / f"{CUSTOMER}.yaml.new").exists()


def test_a_folder_that_is_not_there_is_made(syncer: Syncer, here: Site) -> None:
    new = here.home / "new" / "apps"
    assert (
        f"wrote {new}/{CUSTOMER}.yaml: 3 apps"
        in syncer("import", "-d", str(new), token_from(here), config=here.config).out
    )


def test_where_no_file_can_be_made_nothing_is(syncer: Syncer, here: Site) -> None:
    (here.source / CUSTOMER).write_text("in the way")
    assert "can't be written" in imported(syncer, here, "--team", "x=*", expect=1)


def test_an_id_that_no_file_may_hold_is_refused(syncer: Syncer, here: Site) -> None:
    told = imported(syncer, here, f"{CUSTOMER}/a..b", expect=1)
    assert "not imported: cust_1/a..b: its ids have characters that no file may hold" in told
    assert "next:" not in told


def test_a_name_that_another_app_has_in_git_is_not_given_again(syncer: Syncer, here: Site) -> None:
    here.declare(3, popup_url=LIVE["popup_url"])
    seed(here, "a1", "app_0001")
    seed(here, "a2", "Desk")
    imported(syncer, here)
    text = (here.source / f"{CUSTOMER}.yaml").read_text()
    assert "  a1: {}\n" in text
    assert "  desk:\n    app_id: a2\n" in text
    imported(syncer, here, "--force")
    assert "  desk:\n    app_id: a2\n" in (here.source / f"{CUSTOMER}.yaml").read_text()


def test_a_folder_in_the_environment_does_not_matter_to_one_field(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    arguments = ("import", "--field", "app_0001", "popup_url")
    assert "nothing to accept" in syncer(*arguments, config=here.config, SYNCER_IMPORT_DIRECTORY="apps").err


def test_a_variable_that_can_not_be_one_is_told_before_anything_is_asked(syncer: Syncer, here: Site) -> None:
    seed(here, "a-1", "")
    arguments = ("import", "-d", str(here.source), f"{CUSTOMER}/a-1", "--token-from", "env:SYNCER_TOKEN_{app_id}")
    told = syncer(*arguments, config=here.config, expect=1).err
    assert "not imported: cust_1/a-1: SY403: this is not the name of a variable: SYNCER_TOKEN_a-1" in told


def test_tokens_may_be_in_the_environment(syncer: Syncer, here: Site) -> None:
    where = ("--token-from", "env:SYNCER_TOKEN_{app_id}")
    arguments = ("import", "-d", str(here.source), "app_0001", *where)
    syncer(*arguments, config=here.config, SYNCER_TOKEN_app_0001="token-app_0001")
    assert '  token: {env: "SYNCER_TOKEN_{app_id}"}\n' in (here.source / f"{CUSTOMER}.yaml").read_text()


def test_named_apps_need_no_list(syncer: Syncer, here: Site) -> None:
    here.configure()
    told = imported(syncer, here, f"{CUSTOMER}/app_0001", f"{CUSTOMER}/app_0003")
    assert ": 2 apps" in told
    assert "no app to import" in imported(syncer, here, "--force", expect=64)


def test_globs_choose_among_the_listed(syncer: Syncer, here: Site) -> None:
    assert ": 1 app\n" in imported(syncer, here, "*_0002")
    assert "no app matches 'x*'" in imported(syncer, here, "--force", "x*", expect=64)


def test_a_list_that_is_refused_is_told(syncer: Syncer, here: Site) -> None:
    (here.home / "customer").write_text("token-app_0001\n")
    told = imported(syncer, here, expect=1)
    assert "not listed: cust_1: the vendor does not accept the customer's token (401)" in told
    assert not (here.source / f"{CUSTOMER}.yaml").exists()


def test_the_older_header_is_understood(syncer: Syncer, here: Site) -> None:
    here.config.write_text(here.config.read_text().replace("rate: 5000/s", "list_authorization: bare, rate: 5000/s"))
    assert ": 3 apps" in imported(syncer, here)
    token = (here.home / "customer").read_text().strip()
    assert any(entry.path.endswith("/app") for entry in here.emulator.store.requests())
    assert token not in (here.source / f"{CUSTOMER}.yaml").read_text()


def test_files_that_would_not_hold_stay_beside_their_names(syncer: Syncer, here: Site) -> None:
    (here.source / "_defaults.yaml").write_text(
        "apiVersion: syncer/v1\nkind: Defaults\n"
        "settings: {streaming_url: https://hooks.example/s}\nlocked: [streaming_url]\n"
    )
    told = imported(syncer, here, expect=1)
    assert "the files do not come out as the vendor has it" in told
    assert not (here.source / f"{CUSTOMER}.yaml").exists()
    assert (here.source / f"{CUSTOMER}.yaml.new").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "with -d"),
        (["-d", "x", "--write"], "belong to --field"),
        (["-d", "x", "--field", "a", "popup_url"], "no -d"),
        (["--field", "a", "popup_url", "--write", "--branch", "b"], "exclude"),
        (["--field", "a", "popup_url", "--push"], "--push belongs"),
        (["--field", "a", "popup_url", "--force"], "are for whole files"),
        (["--field", "a", "popup_url", "--author", "A <a@b>"], "--author belongs"),
        (["--field", "a", "popup_url", "--branch", "b"], "needs --author"),
        (["--field", "a", "popup_url", "--branch", "-b", "--author", "A <a@b>"], "can't be a git ref"),
        (["--field", "a", "popup_url", "--branch", "refs/heads/b", "--author", "A <a@b>"], "no name of a branch"),
        (["--field", "a", "popup_url", "--branch", "b", "--author", "A\n <a@b>"], "no author"),
        (["--field", "a", "popup_url", "--branch", "b", "--author", "A <a@b>", "--push"], "is for a source.url"),
        (["-d", "x", "--team", "desk"], "is no team"),
        (["-d", "x", "--token-from", "tokens/{app_id}"], "is no absolute path"),
        (["-d", "x", "--token-from", "/x/{nobody}"], "unknown placeholder"),
        (["-d", "x", "--token-from", "./x/{app_id}"], "a token path with `.` or `..` in it"),
        (["-d", "x", "--token-from", "env:A-B"], "not the name of a variable"),
    ],
)
def test_options_that_do_not_go_together_are_refused(syncer: Syncer, here: Site, options: list[str], told: str) -> None:
    assert told in syncer("import", *options, config=here.config, expect=64).err


def test_a_write_is_never_made(syncer: Syncer, here: Site) -> None:
    before = [here.live(number) for number in (1, 2, 3)]
    imported(syncer, here)
    assert [here.live(number) for number in (1, 2, 3)] == before
    assert {entry.method for entry in here.emulator.store.requests()} == {"GET"}


def declared(here: Site, text: str) -> Path:
    """One file in the source, `{tokens}` filled in."""
    path = here.source / "apps.yaml"
    path.write_bytes(text.replace("{tokens}", str(here.home / "tokens")).encode())
    return path


SHARED = """\
apiVersion: syncer/v1
kind: Apps
customer_id: cust_1
defaults:
  token: {file: "{tokens}/{app}"}
  settings:
    popup_url: https://hooks.example/popup     # everybody's
apps:
  app_0001: {}   # the first
  app_0002:
    settings:
      # its own
      recording_url: 'https://hooks.example/rec' # here
      recording_enabled: true
"""


def test_a_drift_is_accepted_as_a_patch_that_git_applies(syncer: Syncer, here: Site) -> None:
    path = declared(here, SHARED)
    here.change(2, recording_url="https://hooks.example/new")
    ran = syncer("import", "--field", "app_0002", "recording_url", config=here.config)
    assert "apply the patch with: patch -p1 -d /" in ran.err
    changed = [line for line in ran.out.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    assert changed == [
        "-      recording_url: 'https://hooks.example/rec' # here",
        "+      recording_url: 'https://hooks.example/new' # here",
    ]
    before = path.read_bytes()
    subprocess.run(
        ["git", "apply", "-p1", "--unsafe-paths", "--directory=/"], input=ran.out.encode(), check=True, cwd="/"
    )
    assert path.read_bytes() == before.replace(b"/rec'", b"/new'")
    assert syncer("plan", config=here.config).out.startswith("In sync: 2 apps")


@pytest.mark.parametrize(
    "text",
    [SHARED, SHARED.replace("\n", "\r\n"), SHARED.rstrip("\n"), SHARED.replace("# its own", "# seine, é ü \u4f60")],
    ids=["plain", "windows", "no-last-break", "letters"],
)
def test_git_applies_what_was_proposed_whatever_the_file_looks_like(
    syncer: Syncer, here: Site, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    here.source.rename(here.home / "my apps")
    path = here.home / "my apps" / "a file.yaml"
    path.write_bytes(text.replace("{tokens}", str(here.home / "tokens")).encode())
    before = path.read_bytes()
    here.change(2, recording_enabled=False)
    monkeypatch.chdir(here.home)
    arguments = ("import", "-C", "my apps", "--field", "app_0002", "recording_enabled")
    ran = subprocess.run(here.command(*arguments), capture_output=True, check=True, env=here.environ())
    git(here, "init", "--quiet")
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=ran.stdout, check=True)
    assert path.read_bytes() == before.replace(b"recording_enabled: true", b"recording_enabled: false")


def test_a_patch_of_a_relative_folder_is_for_git_apply(
    syncer: Syncer, here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(here, SHARED)
    here.change(2, recording_url="https://hooks.example/new")
    monkeypatch.chdir(here.home)
    ran = syncer("import", "-C", "apps", "--field", "app_0002", "recording_url", config=here.config)
    assert ran.out.startswith("--- a/apps/apps.yaml\n")
    assert "apply the patch with: git apply" in ran.err
    monkeypatch.chdir(here.home / "tokens")
    ran = syncer("import", "-C", "../apps", "--field", "app_0002", "recording_url", config=here.config)
    assert ran.out.startswith(f"--- a{here.home}/apps/apps.yaml\n")


def test_a_shared_default_stays_and_the_app_gets_its_own_line(syncer: Syncer, here: Site) -> None:
    path = declared(here, SHARED)
    here.change(1, popup_url="https://hooks.example/one")
    told = syncer("import", "--field", "app_0001", "popup_url", "--write", config=here.config).out
    assert "because others share" in told
    assert path.read_text() == SHARED.replace("{tokens}", str(here.home / "tokens")).replace(
        "app_0001: {}", 'app_0001: {settings: {popup_url: "https://hooks.example/one"}}'
    )
    assert syncer("plan", config=here.config).out.startswith("In sync: 2 apps")


def test_a_default_that_only_this_app_has_is_edited_where_it_stands(syncer: Syncer, here: Site) -> None:
    text = SHARED.replace("  app_0001: {}   # the first\n", "")
    path = declared(here, text)
    here.change(2, popup_url=None)
    syncer("import", "--field", "app_0002", "popup_url", "--write", config=here.config)
    assert "    popup_url: null     # everybody's\n" in path.read_text()


def test_what_is_live_as_declared_needs_nothing(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    ran = syncer("import", "--field", "app_0001", "popup_url", config=here.config)
    assert (ran.out, "nothing to accept" in ran.err) == ("", True)


@pytest.mark.parametrize(
    ("field", "value", "code", "told"),
    [
        ("popup_url", "http://hooks.example/p", 65, "SY321"),
        ("popup_url", "https://hooks.example/p?key=v", 64, "a secret may stand in it"),
        ("recording_url", None, 65, "SY301"),
        ("callback_url", "https://hooks.example/c", 64, "does not declare"),
    ],
)
def test_a_value_that_may_not_stand_in_git_is_refused(
    syncer: Syncer, here: Site, field: str, value: str | None, code: int, told: str
) -> None:
    path = declared(here, SHARED)
    before = path.read_bytes()
    here.change(2, **{field: value})
    ran = syncer("import", "--field", "app_0002", field, "--write", config=here.config, expect=code)
    assert told in ran.err
    assert path.read_bytes() == before


def test_a_locked_field_is_not_overridden(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    (here.source / "_defaults.yaml").write_text(
        "apiVersion: syncer/v1\nkind: Defaults\nsettings: {streaming_enabled: false}\nlocked: [streaming_enabled]\n"
    )
    here.change(1, streaming_enabled=True)
    ran = syncer("import", "--field", "app_0001", "streaming_enabled", "--write", config=here.config, expect=65)
    assert "SY305" in ran.err


def test_a_name_for_several_apps_is_refused(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    assert "names 2 apps" in syncer("import", "--field", "app_*", "popup_url", config=here.config, expect=64).err


def test_a_terminal_gets_a_patch_that_moves_nothing(
    syncer: Syncer, here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(here, SHARED.replace("# here", "# he\u200bre"))
    here.change(2, recording_url="https://hooks.example/new")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = syncer("import", "--field", "app_0002", "recording_url", config=here.config).out
    assert r"+      recording_url: 'https://hooks.example/new' # he\u{200b}re" in out


@pytest.mark.parametrize(("there", "told"), [(b"other", "changed meanwhile"), (None, "can't be written")])
def test_a_file_that_somebody_else_changes_is_left_alone(tmp_path: Path, there: bytes | None, told: str) -> None:
    path = tmp_path / "a.yaml"
    if there is not None:
        path.write_bytes(there)
    with pytest.raises(SyncerError, match=told):
        accepting.write(Edit(str(path), 1, b"before", b"after"))
    assert sorted(each.name for each in tmp_path.iterdir()) == (["a.yaml"] if there else [])


def test_an_app_that_can_not_be_read_is_not_edited(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    (here.home / "tokens" / "app_0001").unlink()
    assert "can't be read" in syncer("import", "--field", "app_0001", "popup_url", config=here.config, expect=1).err


def clone(here: Site) -> str:
    """Makes the home a git repository in which the source is committed."""
    git(here, "init", "--quiet", "--initial-branch=main")
    git(here, "add", "apps")
    git(here, "-c", "user.name=A", "-c", "user.email=a@example.test", "commit", "--quiet", "-m", "First")
    return git(here, "rev-parse", "HEAD")


def git(here: Site, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(here.home), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ACCEPT = (
    "import",
    "--field",
    "app_0001",
    "popup_url",
    "--branch",
    "accept",
    "--author",
    "Asha Rao <asha@acme.example>",
)


def test_a_branch_gets_a_commit_and_the_work_tree_stays(syncer: Syncer, here: Site) -> None:
    path = declared(here, SHARED)
    base, before = clone(here), path.read_bytes()
    here.change(1, popup_url="https://hooks.example/one")
    told = syncer(*ACCEPT, config=here.config).out
    commit = git(here, "rev-parse", "accept")
    assert told == f"committed {commit[:12]} on accept\n"
    assert git(here, "rev-parse", "accept^", "HEAD").split() == [base, base]
    assert git(here, "diff", "--name-only", "main", "accept") == "apps/apps.yaml"
    assert git(here, "log", "-1", "--format=%an <%ae>|%s", "accept") == (
        "Asha Rao <asha@acme.example>|Accept popup_url of cust_1/app_0001 as it is at the vendor"
    )
    assert path.read_bytes() == before
    assert git(here, "status", "--porcelain", "apps") == ""
    assert "a branch accept already" in syncer(*ACCEPT, config=here.config, expect=64).err


def test_a_file_keeps_its_mode_on_the_branch(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED).chmod(0o755)
    clone(here)
    here.change(1, popup_url="https://hooks.example/one")
    syncer(*ACCEPT, config=here.config)
    assert git(here, "ls-tree", "accept", "apps/apps.yaml").startswith("100755 ")


def test_a_clone_without_a_commit_is_told(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    git(here, "init", "--quiet")
    here.change(1, popup_url="https://hooks.example/one")
    assert "git" in syncer(*ACCEPT, config=here.config, expect=1).err


def test_a_file_that_is_not_as_committed_is_not_proposed(syncer: Syncer, here: Site) -> None:
    path = declared(here, SHARED)
    clone(here)
    path.write_text(path.read_text() + "# more\n")
    here.change(1, popup_url="https://hooks.example/one")
    assert "is not as it is committed" in syncer(*ACCEPT, config=here.config, expect=1).err


def test_a_folder_outside_of_git_has_no_branches(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    here.change(1, popup_url="https://hooks.example/one")
    assert "in no git work tree" in syncer(*ACCEPT, config=here.config, expect=64).err


def remote(here: Site) -> None:
    """The source becomes a repository of its own, bare, that is read over file://."""
    clone(here)
    git(here, "clone", "--quiet", "--bare", str(here.home), str(here.home / "bare.git"))
    here.config.write_text(
        here.config.read_text().replace(
            f"source: {{path: {here.source}}}",
            f"source: {{url: 'file://{here.home}/bare.git', allow_file: true, subpath: apps}}",
        )
    )


def test_a_repository_elsewhere_gets_a_new_branch_when_asked(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    remote(here)
    here.change(1, popup_url="https://hooks.example/one")
    assert "add --push" in syncer(*ACCEPT, config=here.config, expect=64).err
    assert (
        "--write edits a folder"
        in syncer("import", "--field", "app_0001", "popup_url", "--write", config=here.config, expect=64).err
    )
    assert "and pushed it" in syncer(*ACCEPT, "--push", config=here.config).out
    diff = git(here, "--git-dir=bare.git", "diff", "--name-only", "main", "accept")
    assert diff == "apps/apps.yaml"
    assert "has a branch accept already" in syncer(*ACCEPT[:-1], "B <b@c>", "--push", config=here.config, expect=64).err


def test_a_push_that_is_refused_is_told(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    remote(here)
    git(here, "--git-dir=bare.git", "config", "receive.hideRefs", "refs/heads/accept")
    here.change(1, popup_url="https://hooks.example/one")
    told = syncer(*ACCEPT, "--push", config=here.config, expect=1).err
    assert "push" in told


def test_a_repository_elsewhere_gives_a_patch_with_its_paths(syncer: Syncer, here: Site) -> None:
    declared(here, SHARED)
    remote(here)
    here.change(1, popup_url="https://hooks.example/one")
    assert syncer("import", "--field", "app_0001", "popup_url", config=here.config).out.startswith(
        "--- a/apps/apps.yaml\n+++ b/apps/apps.yaml\n@@ "
    )
