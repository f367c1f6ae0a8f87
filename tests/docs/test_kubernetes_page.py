"""The page on Kubernetes: what it tells people to type and to write fits the manifests."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from syncer import leaseanchor
from tests.docs import pages
from tests.support import manifests

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (pages.DOCS / "kubernetes.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- file: (.+) -->\n```yaml\n([\s\S]*?)```", PAGE))
TYPED = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)]
KINDS = {"statefulset": "StatefulSet", "cronjob": "CronJob"}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The reader's own overlay, beside a copy of ours."""
    shutil.copytree(manifests.KUBERNETES, tmp_path / "kubernetes")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(FILES["mine/kustomization.yaml"])
    base = (manifests.KUBERNETES / "base" / "syncer.yaml").read_text()
    (tmp_path / "mine" / "syncer.yaml").write_text(base.replace("mode: observe", "mode: apply"))
    return tmp_path / "mine"


def test_every_overlay_is_told_of_and_no_other() -> None:
    opening = PAGE[: PAGE.index("\n## ")]
    assert sorted(cells[0].strip("`") for cells in pages.rows(opening) if "`" in cells[0]) == list(manifests.OVERLAYS)


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("overlay", ["statefulset", "deployment", "cronjob"])
def test_an_overlay_of_ones_own_replaces_image_and_configuration(mine: Path, overlay: str) -> None:
    path = mine / "kustomization.yaml"
    path.write_text(path.read_text().replace("overlays/statefulset", f"overlays/{overlay}"))
    text = manifests.render(mine)
    (config,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "ConfigMap")
    assert "mode: apply" in config["data"]["syncer.yaml"]
    assert set(re.findall(r"image: (.*)", text)) == {"registry.corp.example/platform/syncer@sha256:" + "0" * 64}
    assert text.count(f"name: {config['metadata']['name']}") == 2  # the object, and the volume that mounts it


@pytest.mark.needs("kubectl")
def test_patches_of_ones_own_hit_what_they_are_for(mine: Path) -> None:
    path = mine / "kustomization.yaml"
    assert "PodMonitor" not in manifests.render(mine)
    patch = FILES["mine/registry.yaml"].replace("\n", "\n  ").rstrip()
    path.write_text(f"{path.read_text()}  {patch}\n")
    (account,) = (each for each in yaml.safe_load_all(manifests.render(mine)) if each["kind"] == "ServiceAccount")
    assert account["imagePullSecrets"] == [{"name": "registry"}]


def test_the_name_of_a_head_in_the_lease_is_that_of_its_origin() -> None:
    (line,) = re.findall(r"^\$ kubectl .* annotate lease syncer (.*)-$", PAGE, re.MULTILINE)
    made = subprocess.run(["sh", "-c", f"echo {line}"], check=True, capture_output=True, text=True)
    assert made.stdout.strip() == leaseanchor.key_of("syncer/syncer-0")


def test_what_is_shown_of_a_file_stands_in_it() -> None:
    shown = {name: text for name, text in FILES.items() if not name.startswith("mine/")}
    assert shown
    for name, text in shown.items():
        assert text in (manifests.ROOT / name).read_text("utf-8")


def test_every_kubectl_command_names_what_there_is() -> None:
    workloads = {f"{kind}/syncer" for kind in KINDS}
    for words in (each for each in TYPED if each[0] != "syncer"):
        assert words[0] == "kubectl"
        named = {word.removeprefix("--from=") for word in words if re.search(r"^(--from=)?\w+/syncer$", word)}
        assert named <= workloads
        secrets = [words[words.index("generic") + 1]] if "generic" in words else []
        assert set(secrets) <= {"syncer-git", "syncer-tokens"}


def test_every_syncer_command_that_is_typed_exists() -> None:
    typed = [words[words.index("--") + 1 if "--" in words else 0 :] for words in TYPED]
    ours = [words for words in typed if words[0] == "syncer"]
    assert len(ours) == 6
    for words in ours:
        named = [" ".join(words[:count]) for count in (3, 2) if " ".join(words[:count]) in pages.commands()]
        options = {name for each in pages.commands()[named[0]].params for name in each.opts}
        assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.needs("kubectl")
def test_the_role_that_is_shown_is_the_one_that_is_shipped() -> None:
    shown = yaml.safe_load(re.findall(r"```yaml\n(rules:[\s\S]*?)```", PAGE)[0])
    (role,) = manifests.of_kind("deployment", "Role")
    assert shown["rules"] == role["rules"]
