"""The action for GitHub and the hook for pre-commit, as their runners would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACTION = ROOT / ".github" / "actions" / "syncer" / "action.yml"
GITLAB = ROOT / "docs" / "ci" / "gitlab.yml"


def git(where: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.example", "-C", str(where), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of desired settings, one commit ahead of its branch `base`."""
    here = tmp_path / "checkout"
    (here / "apps").mkdir(parents=True)
    app = "  desk: {token: {env: T}, settings: {popup_url: URL}}\n"
    app = f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n{app}"
    (here / "apps" / "a.yaml").write_text(app.replace("URL", "https://h.example/one"))
    git(here, "init", "-q")
    git(here, "add", ".")
    git(here, "commit", "-qm", "one")
    git(here, "branch", "base")
    (here / "apps" / "a.yaml").write_text(app.replace("URL", "https://h.example/two"))
    git(here, "commit", "-qam", "two")
    return here


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's scratch folder, with this tree's syncer where the first step would install it."""
    temp = tmp_path / "runner"
    (temp / "syncer" / "bin").mkdir(parents=True)
    program = temp / "syncer" / "bin" / "syncer"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m syncer "$@"\n')
    program.chmod(0o755)
    return temp


def steps() -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"]


def run_step(step: dict[str, Any], where: Path, runner: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    def filled(text: str) -> str:
        for name, value in inputs.items():
            text = text.replace("${{ inputs." + name + " }}", value)
        return text.replace("${{ runner.temp }}", str(runner))

    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(runner),
        "RUNNER_TEMP": str(runner),
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_STEP_SUMMARY": str(runner / "summary"),
        **{name: filled(value) for name, value in step.get("env", {}).items()},
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, cwd=where, env=environ, capture_output=True, text=True, check=False)


def test_the_action_checks_and_shows_what_would_change(checkout: Path, runner: Path) -> None:
    _, check, show = steps()
    assert run_step(check, checkout, runner, path="apps").returncode == 0
    ended = run_step(show, checkout, runner, path="apps", against="base")
    assert ended.returncode == 0, ended.stderr
    assert "https://h.example/two" in (runner / "summary").read_text("utf-8")
    assert (runner / "output").read_text("utf-8") == f"file={runner}/syncer-plan.md\n"


def test_the_action_fails_on_a_mistake_and_shows_it_at_its_line(checkout: Path, runner: Path) -> None:
    path = checkout / "apps" / "a.yaml"
    path.write_text(path.read_text("utf-8").replace("popup_url", "popup_ulr"))
    _, check, _ = steps()
    ended = run_step(check, checkout, runner, path="apps")
    assert ended.returncode == 65
    assert ended.stdout.startswith("::error file=apps/a.yaml,line=5,")


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "; touch pwned", "--upload-pack=touch pwned", "`touch pwned`"])
def test_an_input_is_never_a_command(checkout: Path, runner: Path, hostile: str) -> None:
    _, check, show = steps()
    assert run_step(check, checkout, runner, path=hostile).returncode != 0
    assert run_step(show, checkout, runner, path="apps", against=hostile).returncode != 0
    assert not (checkout / "pwned").exists()


def test_no_step_interpolates_an_input_into_its_script() -> None:
    assert all("${{" not in step["run"] for step in steps())


def test_the_include_for_gitlab_runs_commands_that_exist(checkout: Path, runner: Path) -> None:
    _, jobs = yaml.safe_load_all(GITLAB.read_text("utf-8"))
    variables = {
        name: value.replace("$[[ inputs.path ]]", "apps").replace("/tmp/", f"{runner}/")
        for name, value in (jobs["syncer-validate"]["variables"] | jobs["syncer-plan"]["variables"]).items()
    }
    environ = {
        **variables,
        "PATH": f"{runner}/syncer/bin:{os.environ['PATH']}",
        "HOME": str(runner),
        "CI_COMMIT_SHA": git(checkout, "rev-parse", "HEAD"),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "base",
    }
    git(checkout, "remote", "add", "origin", str(checkout))
    for line in (*jobs["syncer-validate"]["script"], "\n".join(jobs["syncer-plan"]["script"])):
        ended = subprocess.run(
            ["bash", "-ec", line], cwd=checkout, env=environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert (checkout / "code-quality.json").read_text("utf-8") == "[]\n"
    assert "https://h.example/two" in (checkout / "plan.md").read_text("utf-8")


def test_the_hook_checks_the_files_that_it_is_given(checkout: Path, runner: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    program = str(runner / "syncer" / "bin" / "syncer")
    command = [program, *hook["entry"].split()[1:], "apps/a.yaml"]
    assert subprocess.run(command, cwd=checkout, capture_output=True, check=False).returncode == 0
    (checkout / "apps" / "a.yaml").write_text("kind: Apps\n")
    assert subprocess.run(command, cwd=checkout, capture_output=True, check=False).returncode == 65
