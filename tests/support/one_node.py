"""A real one-node cluster that somebody started, and what the overlays need to run on so small a one.

Its Pods share the machine's network, its Kubernetes is 1.20: `adapted` says all that is changed of the overlays.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from syncer.audit import verify
from tests.support import manifests, programs
from tests.support.real_kube import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMAGE = "SYNCER_KUBE_IMAGE"
"""The variable that names an image of syncer that the node has."""

SERVER = ("127.0.0.1", "16443")
UNKNOWN = frozenset({"PodMonitor", "PodDisruptionBudget"})
"""Kinds, or versions of kinds, that came later or belong to an operator."""

ASK = """\
import json, urllib.request
told = json.load(open("/var/lib/syncer/state/serve.json"))
urllib.request.urlopen(told["address"] + "{}", timeout=5)
"""
GRACE = 240.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What the test brings: the image, where journals are kept on the host, and changes to the configuration."""

    image: str
    kept: Path
    changes: dict[str, Any]


def adapted(overlay: str, setting: Setting) -> list[dict[str, Any]]:
    """An overlay's objects as this cluster takes them.

    No Pod network: all Pods share the machine's and its name, each server takes a free port, and probes ask at that
    port. Nobody provides volumes: the state of each Pod is a folder of the host's, where it can be read afterwards.
    """
    found = [copy.deepcopy(each) for each in manifests.documents(overlay) if each["kind"] not in UNKNOWN]
    for document in found:
        if document["kind"] == "ConfigMap":
            written = yaml.safe_load(document["data"]["syncer.yaml"])
            document["data"]["syncer.yaml"] = yaml.safe_dump(_laid(written, setting.changes))
        elif document["kind"] == "CronJob":
            _older(document)
        elif document["kind"] == "StatefulSet":
            del document["spec"]["volumeClaimTemplates"]
    for document in found:
        if document["kind"] in manifests.WORKLOADS:
            spec = document["spec"]
            template = (spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec)["template"]
            _housed(template["spec"], setting)
    return [each for each in found if each["kind"] != "PersistentVolumeClaim"]


def _laid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    made = dict(under)
    for key, value in over.items():
        made[key] = _laid(made[key], value) if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def _older(cronjob: dict[str, Any]) -> None:
    cronjob["apiVersion"] = "batch/v1beta1"
    cronjob["spec"]["schedule"] = "* * * * *"
    del cronjob["spec"]["timeZone"], cronjob["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]


def _housed(pod: dict[str, Any], setting: Setting) -> None:
    pod["hostNetwork"] = True
    pod["terminationGracePeriodSeconds"] = 30
    cron = pod.get("restartPolicy") == "Never"
    for container in pod["containers"]:
        container.update(image=setting.image, imagePullPolicy="Never")
        container.pop("ports", None)
        if container["name"] != "syncer":
            for probe in ("livenessProbe", "readinessProbe"):
                container.pop(probe, None)
            container["command"] = ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"]
            continue
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                path = container[probe].pop("httpGet")["path"]
                container[probe].update(exec={"command": ["python", "-c", ASK.format(path)]}, timeoutSeconds=30)
        container["env"] = [each for each in container["env"] if each["name"] != "SYNCER_SERVE_LISTEN"]
        container["env"] += [
            {"name": "SYNCER_SERVE_LISTEN", "value": "127.0.0.1:0"},
            {"name": "KUBERNETES_SERVICE_HOST", "value": SERVER[0]},
            {"name": "KUBERNETES_SERVICE_PORT", "value": SERVER[1]},
        ]
        mount = next(each for each in container["volumeMounts"] if each["name"] == "syncer-state")
        mount["subPathExpr"] = "cronjob" if cron else "$(POD_NAME)"
    pod["volumes"] = [each for each in pod["volumes"] if each["name"] != "syncer-state"]
    pod["volumes"].append({"name": "syncer-state", "hostPath": {"path": str(setting.kept), "type": "Directory"}})


def unanchored(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same on an emptyDir, as it is shipped, and without the anchors that make up for one."""
    found = copy.deepcopy(list(documents))
    for document in found:
        if document["kind"] == "ConfigMap":
            written = yaml.safe_load(document["data"]["syncer.yaml"])
            document["data"]["syncer.yaml"] = yaml.safe_dump({**written, "audit": {"anchors": []}})
        elif document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            pod["volumes"][-1] = {"name": "syncer-state", "emptyDir": {}}
            for mount in pod["containers"][0]["volumeMounts"]:
                mount.pop("subPathExpr", None)
    return found


def job(documents: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """What `kubectl create job NAME --from=cronjob/syncer` makes, which knows no CronJobs as old as this cluster's."""
    (cronjob,) = (each for each in documents if each["kind"] == "CronJob")
    metadata = {"name": name, "namespace": cronjob["metadata"]["namespace"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": cronjob["spec"]["jobTemplate"]["spec"],
    }


def vendor(image: str, port: int) -> list[dict[str, Any]]:
    """The emulator as a Pod that a drain leaves alone."""
    labels = {"app.kubernetes.io/name": "vendor"}
    container = {
        "name": "vendor",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["emulator", "--port", str(port)],
    }
    pod = {"hostNetwork": True, "terminationGracePeriodSeconds": 1, "containers": [container]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vendor"}},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "vendor", "namespace": "vendor"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


@dataclass(frozen=True, slots=True)
class OneNode:
    """kubectl on the cluster whose files lie in `folder`."""

    folder: Path

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        command = [str(programs.find("kubectl")), "--kubeconfig", str(self.folder / "kubeconfig"), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=300)
        assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def apply(self, documents: Sequence[dict[str, Any]]) -> None:
        # namespaces first, which a List keeps in order
        self.kubectl(
            "apply",
            "--validate=false",
            "-f",
            "-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)}),
        )

    def pods(self, namespace: str, selector: str = "") -> list[str]:
        picked = ("-l", selector) if selector else ()
        told = self.kubectl("get", "pods", "-n", namespace, *picked, "-o", "jsonpath={.items[*].metadata.name}")
        return told.split()

    def leader(self, namespace: str) -> str:
        """The Pod that holds the Lease, by its holder's name; empty when nobody does."""
        told = self.kubectl(
            "get", "lease", "syncer", "-n", namespace, "-o", "jsonpath={.spec.holderIdentity}", check=False
        )
        return told.rpartition("_")[0]

    def logs(self, namespace: str) -> str:
        """The end of what each Pod says, for a test that failed."""
        named = self.pods(namespace)
        shown = [
            self.kubectl("logs", "-n", namespace, name, "-c", "syncer", "--tail=15", check=False) for name in named
        ]
        return self.kubectl("get", "pods", "-n", namespace, "-o", "wide") + "\n".join(shown)

    def gone(self, namespace: str) -> bool:
        return not self.pods(namespace)


def one_node() -> OneNode | None:
    """The cluster that the environment names, if it has a node that runs Pods and an image is named."""
    folder = os.environ.get(FOLDER)
    if not folder or not os.environ.get(IMAGE):
        return None
    found = OneNode(Path(folder))
    ready = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
    return found if "True" in found.kubectl("get", "nodes", "-o", f"jsonpath={ready}") else None


def until(condition: Callable[[], bool], told: Callable[[], str], seconds: float = GRACE) -> None:
    """Wait for a cluster that no event here tells of."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.25)


def asked(port: int, path: str, body: object = None) -> Any:
    """One request to the emulator's control."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_emulator{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def journals(kept: Path) -> list[Path]:
    """The state folders of all Pods there ever were."""
    return sorted(path / "state" for path in kept.iterdir() if (path / "state" / "journal").is_dir())


def records(state: Path) -> list[dict[str, Any]]:
    texts = [path.read_bytes() for path in sorted((state / "journal").glob("*.jsonl"))]
    return [orjson.loads(line) for text in texts for line in text[: text.rfind(b"\n") + 1].splitlines()]


def judge(kept: Path, ledger: list[dict[str, Any]]) -> int:
    """Once all Pods have ended: no PUT without a record, none beside another of its app, none of an older leadership.

    Every journal is good. How many PUTs there were.
    """
    for state in journals(kept):
        assert verify.verify(state).good, state
    written = [record for state in journals(kept) for record in records(state)]
    epochs = {r["data"]["reqid"]: r["data"]["epoch"] for r in written if r["type"] == "syncer.put.intent.v1"}
    ended: dict[str, int] = {}
    newest = -1
    for entry in sorted(ledger, key=lambda each: int(each["started_ns"])):
        assert entry["request_id"] in epochs, f"PUT {entry['sequence']} has no intent in any journal"
        assert entry["started_ns"] > ended.get(entry["app_id"], 0), f"two PUTs of {entry['app_id']} at once"
        assert epochs[entry["request_id"]] >= newest, f"PUT {entry['sequence']} is of an older leadership"
        ended[entry["app_id"]], newest = entry["ended_ns"], epochs[entry["request_id"]]
    return len(ledger)


def fresh(folder: Path) -> Path:
    """An empty folder that any user of a Pod may write below."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder
