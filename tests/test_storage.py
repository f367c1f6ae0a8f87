"""Whether what is written to a folder outlives the Pod, by what the kernel says of real mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer import settings, storage
from syncer.cli.demo import stage
from syncer.errors import UsageError

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
VOLUMES = "/var/lib/kubelet/pods/4f0c1d6e-1111-2222-3333-444455556666/volumes"
MOUNTS = f"""\
1520 1260 0:250 / / ro,relatime master:380 - overlay overlay rw,lowerdir=/l:/m,upperdir=/u,workdir=/w
1521 1520 0:253 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1530 1520 259:1 {VOLUMES}/kubernetes.io~empty-dir/state /state rw,relatime - ext4 /dev/nvme0n1p1 rw
1531 1520 259:3 / /claim rw,relatime - ext4 /dev/nvme1n1 rw
1532 1520 259:1 {VOLUMES}/kubernetes.io~local-volume/pv-7/sub /claim/deep rw,relatime - ext4 /dev/nvme0n1p1 rw
1533 1520 0:260 / /memory rw,relatime - tmpfs tmpfs rw,size=65536k
1534 1520 259:1 /pods/4f0c/volumes/kubernetes.io~empty-dir/a\\040b /with\\040blank rw - xfs /dev/sdb rw
1535 1520 0:99 /export /nfs rw,relatime - nfs4 10.0.0.9:/export rw
1536 1531 0:261 / /claim/over rw,relatime - ext4 /dev/sdc rw
1537 1536 0:262 / /claim/over rw,relatime - tmpfs tmpfs rw
not a line
"""


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/state", "it is an emptyDir"),
        ("/state/deep/er", "it is an emptyDir"),
        ("/with blank/x", "it is an emptyDir"),
        ("/memory/x", "it is in memory (tmpfs)"),
        ("/home/syncer", "it is in the container's own layer"),
        ("/statement", "it is in the container's own layer"),
        ("/claim/x", ""),
        ("/claim/deep/x", ""),
        ("/claim/over/x", "it is in memory (tmpfs)"),
        ("/nfs/x", ""),
    ],
)
def test_a_mount_says_whether_it_goes_with_the_pod(folder: str, why: str) -> None:
    assert storage.vanishing(MOUNTS, folder) == why


def test_where_there_are_no_mounts_nothing_is_concluded() -> None:
    assert storage.vanishing("", "/state") == ""


def check(
    *anchors: object,
    environ: dict[str, str] | None = None,
    folder: str = "/state",
    accepted: str = "false",
    mode: str = "apply",
) -> None:
    text = "\n".join(
        [
            "apiVersion: syncer/v1",
            "kind: Config",
            "leader: {kind: lease}",
            f"audit: {{anchors: [{', '.join(map(str, anchors))}]}}",
        ]
    )
    path = Path("syncer.yaml")
    path.write_text(text)
    loaded = settings.load({"state_dir": folder, "audit.may_vanish": accepted, "mode": mode}, {}, path).settings
    storage.check(loaded, POD if environ is None else environ, MOUNTS)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_in_kubernetes_a_journal_that_goes_with_its_pod_is_refused() -> None:
    with pytest.raises(UsageError, match="would be lost with the Pod: it is an emptyDir") as caught:
        check()
    assert "audit.may_vanish" in caught.value.hint


@pytest.mark.parametrize(
    "anchor", ["lease", "stdout", "{git: {url: https://git.example/a, ref: heads}}", "{file: /nfs/heads}"]
)
def test_an_anchor_elsewhere_makes_it_a_choice(anchor: str) -> None:
    check(anchor)


def test_an_anchor_that_goes_with_the_pod_as_well_is_none() -> None:
    with pytest.raises(UsageError):
        check("{file: /state/heads}")


def test_the_operators_word_a_claim_another_mode_or_another_place_pass() -> None:
    check(accepted="true")
    check(folder="/claim/state")
    check(mode="observe")
    check(environ={})


def test_this_machine_has_mounts() -> None:
    assert " - " in storage.mounts()


def test_the_demo_takes_place_in_a_pod_that_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "syncer.yaml"
    places = dict.fromkeys(("repository", "state", "token"), "/state")
    path.write_text(stage.CONFIG.format(vendor="http://127.0.0.1:1", **places))
    storage.check(settings.load({}, {"HOME": "/"}, path).settings, POD, MOUNTS)
