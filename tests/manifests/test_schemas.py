"""The overlays against the schemas of each Kubernetes since native sidecars, and the Dockerfile against its linter."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import manifests, programs

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = (manifests.ROOT / "Dockerfile").read_text("utf-8")

LATER = frozenset({"sidecar", "cronjob"})
"""What needs native sidecars, time zones and pod failure policies."""


@pytest.mark.needs("kubectl", "kubernetes-validate")
@pytest.mark.parametrize("minor", range(25, 38))
def test_no_field_and_no_kind_is_unknown(minor: int, tmp_path: Path) -> None:
    overlays = [each for each in manifests.OVERLAYS if minor >= 29 or each not in LATER]
    files = []
    for overlay in overlays:
        files.append(tmp_path / f"{overlay}.yaml")
        files[-1].write_text(manifests.rendered(overlay))
    command = [str(programs.find("kubernetes-validate")), "--strict", "-k", f"1.{minor}", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("INFO")]
    assert done.returncode == 0, told
    monitors = sum(len(manifests.of_kind(overlay, "PodMonitor")) for overlay in overlays)
    assert [line.split("for kind ")[-1].split()[0] for line in told] == ["PodMonitor"] * monitors


@pytest.mark.needs("kubernetes-validate")
def test_the_schemas_would_find_a_field_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "account.yaml"
    path.write_text("{apiVersion: v1, kind: ServiceAccount, metadata: {name: x}, automountToken: false}\n")
    command = [str(programs.find("kubernetes-validate")), "--strict", "-k", "1.37", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.needs("hadolint")
def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    command = [str(programs.find("hadolint")), str(manifests.ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_the_user_of_the_manifests() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    (entry,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(entry) == ["syncer"]


def test_everything_that_goes_into_the_image_from_an_index_is_locked_by_hash() -> None:
    installs = re.findall(r"pip install ([^\n]*)", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_nothing_in_the_image_could_install_anything() -> None:
    assert re.search(r"rm -rf .*/usr/local/bin/pip\*.*/ensurepip .*/pip\*", DOCKERFILE.rpartition("\nFROM ")[2])
