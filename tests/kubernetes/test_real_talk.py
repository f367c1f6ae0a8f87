"""The transcript that the fake is held to is what a real server says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import lease_talk
from tests.support.real_kube import FOLDER, real_kube

if TYPE_CHECKING:
    from tests.support.real_kube import RealKube

pytestmark = pytest.mark.kubernetes


@dataclass
class Talker:
    """A real server as the talk wants it. A Role takes moments to hold."""

    kube: RealKube
    namespace: str

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, dict[str, Any]]:
        return self.kube.ask(method, path, body, token)

    def grant(self, verbs: list[str]) -> None:
        group = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs}
        self.kube.grant([group] if verbs else [])
        time.sleep(2)

    def remove(self) -> None:
        self.kube.ask("DELETE", f"{self.kube.leases}/syncer")


def test_a_real_server_says_what_the_transcript_says() -> None:
    kube = real_kube()
    if kube is None:
        pytest.skip(f"{FOLDER} names no kube-apiserver")
    expected = json.loads(lease_talk.TRANSCRIPT.read_text(encoding="utf-8"))
    token = kube.requested()
    assert lease_talk.talk(Talker(kube, kube.namespace), token) == expected
