"""Every overlay fits the code: variables, options, paths, ports, probes, exit codes, rights."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from syncer import settings, storage
from syncer.cli import exits, options
from syncer.cli.main import cli
from syncer.cluster import account
from syncer.errors import ConfigError, UsageError
from syncer.model.desired import FileToken
from syncer.serve import openapi
from tests.docs import pages
from tests.support import manifests
from tests.support.real_kube import RULES

if TYPE_CHECKING:
    from syncer.settings import Settings

pytestmark = [pytest.mark.needs("kubectl"), pytest.mark.parametrize("overlay", manifests.OVERLAYS)]
FIRST_LEASE = timedelta(seconds=80)
"""How long the very first run waits for the lead, and one after a run that was killed."""


def config_of(overlay: str, tmp_path: Path) -> Path:
    """The configuration as it lies in the ConfigMap that the Pod mounts."""
    here = manifests.workload(overlay)
    volume = here.mounts[str(PurePosixPath(here.environ["SYNCER_CONFIG"]).parent)]
    (found,) = manifests.of_kind(overlay, "ConfigMap")
    assert found["metadata"]["name"] == volume["configMap"]["name"]
    path = tmp_path / "syncer.yaml"
    path.write_text(found["data"][PurePosixPath(here.environ["SYNCER_CONFIG"]).name])
    return path


def image_environ() -> dict[str, str]:
    """What the image sets: a variable of ours there would be stronger than the ConfigMap."""
    text = (manifests.ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    block = re.search(r"^ENV ((?:.*\\\n)*.*)", text, re.MULTILINE)
    assert block is not None
    return dict(word.split("=", 1) for word in block[1].replace("\\\n", " ").split())


def configured(overlay: str, tmp_path: Path, **more: str) -> Settings:
    """What syncer reads in the Pod, in apply mode, which is what all of this is for."""
    environ = {"HOME": "/", **image_environ(), **manifests.workload(overlay).environ, "SYNCER_MODE": "apply", **more}
    return settings.load({}, environ, config_of(overlay, tmp_path), frozenset(options.variables(cli))).settings


def test_the_configuration_loads_with_the_variables_of_the_container(overlay: str, tmp_path: Path) -> None:
    found = configured(overlay, tmp_path)
    assert found.leader.kind == "lease"
    assert found.audit.origin == ("ns/cronjob" if overlay == "cronjob" else "ns/pod")


def test_it_can_write_nothing_as_it_is_shipped(overlay: str, tmp_path: Path) -> None:
    assert yaml.safe_load(config_of(overlay, tmp_path).read_text())["mode"] == "observe"
    assert "SYNCER_MODE" not in manifests.workload(overlay).environ


def test_a_variable_that_nobody_knows_would_be_found(overlay: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        configured(overlay, tmp_path, SYNCER_SERVE_LISTENS="0.0.0.0:8080")


def test_every_option_belongs_to_the_command(overlay: str) -> None:
    command, *rest = manifests.workload(overlay).container["args"]
    known = {name for each in pages.commands()[f"syncer {command}"].params for name in each.opts}
    assert set(rest) <= known


def test_the_port_is_the_one_that_the_server_listens_on(overlay: str, tmp_path: Path) -> None:
    if overlay == "cronjob":
        assert "ports" not in manifests.workload(overlay).container  # a single pass has no server
        return
    listening = configured(overlay, tmp_path).serve
    (port,) = manifests.workload(overlay).container["ports"]
    assert (port["containerPort"], listening.host) == (listening.port, "0.0.0.0")


def test_each_probe_asks_its_own_path_of_the_server(overlay: str) -> None:
    container = manifests.workload(overlay).container
    probes = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
    if overlay == "cronjob":
        assert not probes
        return
    wanted = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert probes == {name: {"path": path, "port": "syncer-http"} for name, path in wanted.items()}
    assert set(wanted.values()) <= set(openapi.DOCUMENT["paths"])


def test_all_paths_lie_in_volumes_and_only_state_and_scratch_can_be_written(overlay: str, tmp_path: Path) -> None:
    mounts, found = manifests.workload(overlay).mounts, configured(overlay, tmp_path)
    writable = {path for path, volume in mounts.items() if not volume["readOnly"]}
    assert writable == {"/var/lib/syncer", "/tmp"}
    assert found.state_dir == Path("/var/lib/syncer/state")
    credentials = found.source.credentials
    assert isinstance(credentials, settings.tree.Password)
    assert isinstance(credentials.password, FileToken)
    assert mounts[str(PurePosixPath(credentials.password.path).parent)]["secret"]["secretName"] == "syncer-git"
    assert mounts["/var/run/secrets/syncer"]["secret"]["secretName"] == "syncer-tokens"


def test_a_journal_that_goes_with_the_pod_is_anchored_elsewhere(overlay: str, tmp_path: Path) -> None:
    found, volume = configured(overlay, tmp_path), manifests.workload(overlay).mounts["/var/lib/syncer"]
    assert set(found.audit.anchors) == {"stdout", "lease"}
    in_pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    kind = "empty-dir" if "emptyDir" in volume else "csi"
    mount = f"1 0 0:1 /pods/4f0c/volumes/kubernetes.io~{kind}/syncer-state /var/lib/syncer rw - ext4 /dev/sda rw\n"
    storage.check(found, in_pod, mount)
    bare = manifests.KUBERNETES / "base" / "syncer.yaml"
    text = bare.read_text().replace("  anchors:", "  rotate: 1MiB  #")
    (tmp_path / "syncer.yaml").write_text(text)
    unanchored = settings.load({}, {"HOME": "/", "SYNCER_MODE": "apply"}, tmp_path / "syncer.yaml").settings
    if kind == "empty-dir":
        with pytest.raises(UsageError, match="would be lost with the Pod"):
            storage.check(unanchored, in_pod, mount)
    else:
        storage.check(unanchored, in_pod, mount)


def test_the_pod_is_restricted(overlay: str) -> None:
    here = manifests.workload(overlay)
    assert here.pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(here.pod)
    assert here.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert here.container["resources"]["limits"]["memory"]


def test_the_account_may_do_with_one_lease_what_the_election_does_and_nothing_else(
    overlay: str, tmp_path: Path
) -> None:
    (role,), (binding,) = manifests.of_kind(overlay, "Role"), manifests.of_kind(overlay, "RoleBinding")
    ours, tested = ([sorted(rule.items()) for rule in rules] for rules in (role["rules"], RULES))
    assert ours == tested  # what the election is tried with on a real server
    assert role["rules"][1]["resourceNames"] == [configured(overlay, tmp_path).leader.name]
    account_name = manifests.workload(overlay).pod["serviceAccountName"]
    accounts = {each["metadata"]["name"] for each in manifests.of_kind(overlay, "ServiceAccount")}
    namespace = role["metadata"]["namespace"]
    assert accounts == {account_name}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account_name, "namespace": namespace}]


def test_the_container_has_what_a_lease_needs_of_a_pod(overlay: str) -> None:
    sources = manifests.workload(overlay).mounts[str(account.MOUNT)]["projected"]["sources"]
    files = [source.get("serviceAccountToken", {}).get("path") for source in sources]
    files += [
        item["path"] for source in sources for kind in source.values() if "items" in kind for item in kind["items"]
    ]
    assert {name for name in files if name} == {"token", "ca.crt", "namespace"}


def test_a_pod_has_time_for_the_longest_put(overlay: str, tmp_path: Path) -> None:
    grace = manifests.workload(overlay).pod.get("terminationGracePeriodSeconds", 30)
    assert timedelta(seconds=grace) >= 2 * configured(overlay, tmp_path).vendor.deadline  # the PUT, and reading it back


def test_selectors_and_monitors_find_the_pod(overlay: str) -> None:
    here, spec = manifests.workload(overlay), manifests.workload(overlay).document["spec"]
    if here.kind != "CronJob":
        assert set(spec["selector"]["matchLabels"].items()) <= set(here.labels.items())
    for monitor in manifests.of_kind(overlay, "PodMonitor"):
        selected = monitor["spec"]["selector"]["matchExpressions"]
        assert all(each["operator"] == "Exists" and each["key"] in here.labels for each in selected)
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in {port["name"] for port in here.container["ports"]}
    for guard in manifests.of_kind(overlay, "NetworkPolicy", "PodDisruptionBudget"):
        wanted = guard["spec"].get("podSelector") or guard["spec"]["selector"]
        assert set(wanted["matchLabels"].items()) <= set(here.labels.items())


def test_the_image_is_that_of_this_version(overlay: str) -> None:
    version = re.search(r'^version = "(.+)"', (manifests.ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert manifests.workload(overlay).container["image"].endswith(f"/syncer:{version[1]}")


def test_syncer_is_set_up_alike_however_it_runs(overlay: str) -> None:
    """One container in several files: what differs is named here."""
    ours, first = (_common(manifests.workload(each).container) for each in (overlay, "deployment"))
    assert ours == first


def _common(container: dict[str, Any]) -> dict[str, Any]:
    named = {"ports", "startupProbe", "livenessProbe", "readinessProbe", "restartPolicy", "args", "env"}
    found = {key: value for key, value in container.items() if key not in named}
    own = {"SYNCER_SERVE_LISTEN", "SYNCER_AUDIT_ORIGIN"}
    return {**found, "env": [each for each in container["env"] if each["name"] not in own]}


def test_a_cronjob_ends_before_the_next_and_gives_up_on_what_a_retry_cannot_mend(overlay: str) -> None:
    for document in manifests.of_kind(overlay, "CronJob"):
        spec = document["spec"]
        job = spec["jobTemplate"]["spec"]
        assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/5 * * * *", "Forbid")
        assert FIRST_LEASE * 2 < timedelta(seconds=job["activeDeadlineSeconds"]) < timedelta(minutes=5)
        ignored, failed = job["podFailurePolicy"]["rules"]
        assert (ignored["action"], failed["action"]) == ("Ignore", "FailJob")
        assert failed["onExitCodes"]["containerName"] == manifests.workload(overlay).container["name"]
        assert failed["onExitCodes"]["values"] == [exits.HELD, UsageError("").exit_code, exits.INVALID]
        assert job["template"]["spec"]["restartPolicy"] == "Never"
