"""What the one-node cluster is given is the overlays, but for what it can't have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import manifests, one_node

pytestmark = pytest.mark.needs("kubectl")
SETTING = one_node.Setting(
    "localhost/syncer:dev", Path("/kept"), {"mode": "apply", "leader": {"lease_duration": "20s"}}
)


@pytest.mark.parametrize("overlay", [name for name in manifests.OVERLAYS if name != "sidecar"])
def test_probes_ask_the_same_paths_and_guards_stay(overlay: str) -> None:
    shipped = manifests.workload(overlay)
    (given,) = (each for each in one_node.adapted(overlay, SETTING) if each["kind"] == shipped.kind)
    spec = given["spec"]["jobTemplate"]["spec"] if given["kind"] == "CronJob" else given["spec"]
    (container,) = (each for each in spec["template"]["spec"]["containers"] if each["name"] == "syncer")
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name in shipped.container:
            assert f'"{shipped.container[name]["httpGet"]["path"]}"' in container[name]["exec"]["command"][2]
    for name in ("args", "securityContext", "resources"):
        assert container[name] == shipped.container[name]
    assert spec["template"]["spec"]["securityContext"] == shipped.pod["securityContext"]


def test_the_configuration_is_the_shipped_one_with_the_changes_laid_over_it() -> None:
    (config,) = (each for each in one_node.adapted("deployment", SETTING) if each["kind"] == "ConfigMap")
    text = config["data"]["syncer.yaml"]
    assert "mode: apply" in text
    assert "kind: lease" in text
    assert "lease_duration: 20s" in text
    assert "state_dir: /var/lib/syncer/state" in text
