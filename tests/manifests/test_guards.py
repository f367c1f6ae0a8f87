"""What stands around the container of syncer: probes' patience, volumes, users, replicas, network, namespace."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from syncer.cluster import account
from syncer.desired.gitproc import Bounds
from tests.support import manifests

pytestmark = [pytest.mark.needs("kubectl"), pytest.mark.parametrize("overlay", manifests.OVERLAYS)]
OWN = {"statefulset", "deployment", "cronjob"}
"""Overlays whose Pods are syncer's own, in a namespace of its own."""

REPLICATED = {"statefulset", "deployment"}
VENDOR, METADATA, SIX = "203.0.113.7", "169.254.169.254", "2001:db8::7"
UNITS = {"Mi": 2**20, "Gi": 2**30}


def size(text: str) -> int:
    return int(text[:-2]) * UNITS[text[-2:]]


def test_a_daemon_stays_and_a_job_ends(overlay: str) -> None:
    wanted = ["run", "--once"] if overlay == "cronjob" else ["run"]
    assert manifests.workload(overlay).container["args"] == wanted


def test_probes_are_more_patient_than_what_they_ask_after(overlay: str) -> None:
    container = manifests.workload(overlay).container
    probes = {name: container[name] for name in container if name.endswith("Probe")}
    for probe in probes.values():
        assert probe["timeoutSeconds"] >= 5
        assert probe["periodSeconds"] >= 5
    if probes:
        startup, alive = probes["startupProbe"], probes["livenessProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] > 3 * Bounds().network  # refs, objects, a retry
        assert alive["periodSeconds"] * alive["failureThreshold"] >= 30


def test_volumes_hold_what_belongs_there(overlay: str) -> None:
    here = manifests.workload(overlay)
    state = here.mounts["/var/lib/syncer"]
    if "emptyDir" in state:
        assert size(state["emptyDir"]["sizeLimit"]) >= Bounds().object_file
    else:
        claim = state if "spec" in state else manifests.of_kind(overlay, "PersistentVolumeClaim")[0]
        named = state.get("persistentVolumeClaim", {}).get("claimName", claim["metadata"]["name"])
        assert named == claim["metadata"]["name"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
        assert size(claim["spec"]["resources"]["requests"]["storage"]) >= Bounds().object_file
    assert size(here.mounts["/tmp"]["emptyDir"]["sizeLimit"]) >= 64 * 2**20
    assert size(here.container["resources"]["limits"]["memory"]) >= 4 * 109 * 2**20  # 5,000 apps took 109 MiB


def test_the_account_is_mounted_as_the_kubelet_would(overlay: str) -> None:
    mounted = manifests.workload(overlay).mounts[str(account.MOUNT)]["projected"]["sources"]
    token, authority, name = mounted
    assert token["serviceAccountToken"]["expirationSeconds"] >= 600  # the API server takes no less
    assert authority == {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    field = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    assert name == {"downwardAPI": {"items": [field]}}


def test_secrets_can_be_read_by_the_user_who_runs(overlay: str) -> None:
    here = manifests.workload(overlay)
    group = here.pod["securityContext"].get("fsGroup")
    assert group == (65532 if overlay in OWN else None)  # the group of an application's volumes is its own matter
    for path in ("/etc/syncer/git", "/var/run/secrets/syncer", str(account.MOUNT)):
        volume = here.mounts[path]
        assert (volume.get("secret") or volume["projected"])["defaultMode"] == (0o440 if group else 0o444)
    assert here.container["imagePullPolicy"] == "IfNotPresent"


def test_pods_of_our_own_are_let_into_a_restricted_namespace(overlay: str) -> None:
    if overlay not in OWN:
        assert not manifests.of_kind(overlay, "Namespace")
        return
    (namespace,) = manifests.of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = manifests.workload(overlay).pod
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip


def test_all_of_it_is_in_one_namespace(overlay: str) -> None:
    wanted = "syncer" if overlay in OWN else "desk"
    kinds = [each for each in manifests.documents(overlay) if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in kinds} == {wanted}
    assert {each["metadata"]["name"] for each in manifests.of_kind(overlay, "Namespace")} <= {wanted}
    (account_,) = manifests.of_kind(overlay, "ServiceAccount")
    assert account_["automountServiceAccountToken"] is False


def test_the_binding_is_to_the_role_that_is_there(overlay: str) -> None:
    (role,), (binding,) = manifests.of_kind(overlay, "Role"), manifests.of_kind(overlay, "RoleBinding")
    wanted = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    assert binding["roleRef"] == wanted


def test_replicas_stand_apart_and_go_one_at_a_time(overlay: str) -> None:
    here, budgets = manifests.workload(overlay), manifests.of_kind(overlay, "PodDisruptionBudget")
    assert len(budgets) == (overlay in REPLICATED)
    if overlay not in REPLICATED:
        return
    assert budgets[0]["spec"]["maxUnavailable"] == 1
    assert here.document["spec"]["replicas"] == 3
    (spread,) = here.pod["topologySpreadConstraints"]
    assert (spread["maxSkew"], spread["topologyKey"]) == (1, "kubernetes.io/hostname")
    assert set(spread["labelSelector"]["matchLabels"].items()) <= set(here.labels.items())
    if here.kind == "Deployment":
        assert here.document["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 1}


def test_a_statefulset_has_the_service_that_names_its_pods(overlay: str) -> None:
    for document in manifests.of_kind(overlay, "StatefulSet"):
        (service,) = manifests.of_kind(overlay, "Service")
        here, spec = manifests.workload(overlay), service["spec"]
        assert document["spec"]["serviceName"] == service["metadata"]["name"]
        assert document["spec"]["podManagementPolicy"] == "Parallel"  # one that can't start keeps no other from it
        assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)
        assert set(spec["selector"].items()) <= set(here.labels.items())
        (port,), (open_,) = spec["ports"], here.container["ports"]
        assert (port["port"], port["targetPort"]) == (open_["containerPort"], open_["name"])


def test_a_sidecar_is_native_and_a_plain_one_is_not(overlay: str) -> None:
    here = manifests.workload(overlay)
    first = [each["name"] for each in here.pod.get("initContainers", ())]
    assert first == (["syncer"] if overlay == "sidecar" else [])
    assert here.container.get("restartPolicy") == ("Always" if overlay == "sidecar" else None)
    assert here.labels["syncer" if overlay != "cronjob" else "app.kubernetes.io/name"]  # whom a PodMonitor finds
    assert len(manifests.of_kind(overlay, "PodMonitor")) == (overlay != "cronjob")


def test_a_cronjob_is_started_late_rather_than_never_and_tells_of_its_failures(overlay: str) -> None:
    for document in manifests.of_kind(overlay, "CronJob"):
        spec = document["spec"]
        assert spec["timeZone"] == "Etc/UTC"
        assert 10 < spec["startingDeadlineSeconds"] < 300  # under 10 s none is started: the controller looks so often
        assert spec["failedJobsHistoryLimit"] >= 1
        assert spec["jobTemplate"]["spec"]["backoffLimit"] <= 2
        ignored, failed = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
        assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
        assert failed["onExitCodes"]["operator"] == "In"


def test_a_monitor_asks_for_metrics_now_and_then(overlay: str) -> None:
    for monitor in manifests.of_kind(overlay, "PodMonitor"):
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert (endpoint["path"], endpoint["interval"]) == ("/metrics", "30s")


@pytest.mark.parametrize(
    ("address", "port", "passes"),
    [
        (VENDOR, 443, True), (VENDOR, 22, True), (VENDOR, 6443, True), ("10.96.0.1", 443, True), (SIX, 443, True),
        (VENDOR, 80, False), (VENDOR, 25, False), (VENDOR, 53, False),
        (METADATA, 443, False), ("fe80::1", 443, False), ("fd00:ec2::254", 443, False),
    ],
)  # fmt: skip
def test_the_network_lets_out_to_servers_and_not_to_the_clouds_metadata(
    overlay: str, address: str, port: int, passes: bool
) -> None:
    rules = _rules(overlay, "egress")
    if overlay not in OWN:
        assert not rules  # the application's own policies count
        return
    found = any(
        {"protocol": "TCP", "port": port} in rule["ports"] and any(_within(address, each) for each in rule["to"])
        for rule in rules
    )
    assert found is passes


def test_the_network_lets_out_to_names_and_in_from_two_namespaces(overlay: str) -> None:
    if overlay not in OWN:
        return
    kind, name = "matchLabels", "kubernetes.io/metadata.name"
    dns = {"namespaceSelector": {kind: {name: "kube-system"}}, "podSelector": {kind: {"k8s-app": "kube-dns"}}}
    ports = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert {"to": [dns], "ports": ports} in _rules(overlay, "egress")
    inside = [{"protocol": "TCP", "port": "syncer-http"}]
    wanted = [{"from": [{"namespaceSelector": {kind: {name: each}}}], "ports": inside} for each in _SPEAKERS]
    assert _rules(overlay, "ingress") == wanted
    closed = [
        each for each in manifests.of_kind(overlay, "NetworkPolicy") if not {"ingress", "egress"} & {*each["spec"]}
    ]
    assert [each["spec"]["policyTypes"] for each in closed] == [["Ingress", "Egress"]]


_SPEAKERS = ("ingress", "monitoring")


def _rules(overlay: str, direction: str) -> list[dict[str, Any]]:
    """What is let through for syncer's own Pods, by policies that judge that direction."""
    found = [each["spec"] for each in manifests.of_kind(overlay, "NetworkPolicy")]
    judging = [each for each in found if direction.capitalize() in each["policyTypes"]]
    return [rule for each in judging for rule in each.get(direction, ())]


def _within(address: str, peer: dict[str, Any]) -> bool:
    block, found = peer.get("ipBlock"), ip_address(address)
    if block is None or found not in ip_network(block["cidr"]):
        return False
    return all(found not in ip_network(each) for each in block.get("except", ()))
