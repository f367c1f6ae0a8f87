"""What `kubectl kustomize` makes of an overlay, and the parts of it that run syncer."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "config" / "kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))
WORKLOADS = frozenset({"Deployment", "StatefulSet", "CronJob"})


@dataclass(frozen=True, slots=True)
class Workload:
    """An object with a Pod that has syncer in it; `container` is syncer's own."""

    document: dict[str, Any]
    pod: dict[str, Any]
    labels: dict[str, str]
    container: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def environ(self) -> dict[str, str]:
        """The container's variables as the kubelet would set them in a Pod called `pod` in the namespace `ns`."""
        fields = {"metadata.name": "pod", "metadata.namespace": "ns"}
        found: dict[str, str] = {}
        for each in self.container["env"]:
            value = each.get("value") or fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for name, text in found.items():
                value = value.replace(f"$({name})", text)
            found[each["name"]] = value
        return found

    @property
    def mounts(self) -> dict[str, dict[str, Any]]:
        """The volume at each path."""
        volumes = {volume["name"]: volume for volume in self.pod.get("volumes", ())}
        claims = {each["metadata"]["name"]: each for each in self.document["spec"].get("volumeClaimTemplates", ())}
        return {
            mount["mountPath"]: {"readOnly": mount.get("readOnly", False), **{**volumes, **claims}[mount["name"]]}
            for mount in self.container["volumeMounts"]
        }


def render(folder: Path) -> str:
    """The text of all objects; fails with what kubectl says."""
    kubectl = programs.find("kubectl")
    assert kubectl is not None
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@cache
def rendered(overlay: str) -> str:
    return render(KUBERNETES / "overlays" / overlay)


@cache
def documents(overlay: str) -> tuple[dict[str, Any], ...]:
    return tuple(yaml.safe_load_all(rendered(overlay)))


def of_kind(overlay: str, *kinds: str) -> tuple[dict[str, Any], ...]:
    return tuple(each for each in documents(overlay) if each["kind"] in kinds)


def workload(overlay: str) -> Workload:
    """The one object of an overlay that runs syncer."""
    (found,) = _workloads(overlay)
    return found


def _workloads(overlay: str) -> Iterator[Workload]:
    for document in of_kind(overlay, *WORKLOADS):
        spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
        pod = spec["template"]["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            if container["name"] == "syncer":
                yield Workload(document, pod, spec["template"]["metadata"]["labels"], container)
