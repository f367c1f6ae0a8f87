"""The API server of the tests answers as a real one did, word for word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.support import lease_talk
from tests.support.kube_api import ADMIN_TOKEN, NAMESPACE, TOKEN, KubeApi


@dataclass
class Talker:
    """The fake as the talk wants it."""

    api: KubeApi
    namespace: str = NAMESPACE

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, dict[str, Any]]:
        return self.api.answer(method, path, token or ADMIN_TOKEN, body)

    def grant(self, verbs: list[str]) -> None:
        self.api.allowed = set(verbs)

    def remove(self) -> None:
        self.api.delete()


def test_the_fake_says_what_the_real_server_said() -> None:
    expected = json.loads(lease_talk.TRANSCRIPT.read_text(encoding="utf-8"))
    said = lease_talk.talk(Talker(KubeApi()), TOKEN)
    assert [line["told"] for line in said] == [line["told"] for line in expected]
    for ours, theirs in zip(said, expected, strict=True):
        assert ours == theirs
