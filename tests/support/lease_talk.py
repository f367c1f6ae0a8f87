"""A talk about one Lease that any API server can be led through, and what it answered, free of chance."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

TRANSCRIPT = Path(__file__).parents[1] / "cluster" / "transcript.json"
AT = "2026-11-23T10:00:0{}.000000Z"
CHANCE = ("uid", "creationTimestamp", "managedFields", "selfLink")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Line = dict[str, Any]


class Server(Protocol):
    """What the talk needs: an administrator (no token), an account, and its Role."""

    namespace: str

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, dict[str, Any]]: ...

    def grant(self, verbs: list[str]) -> None: ...

    def remove(self) -> None: ...


def talk(server: Server, token: str) -> list[Line]:
    """Every request with its answer, texts and versions made the same for every server."""
    lines = list(_lines(server, token))
    text = json.dumps(lines).replace(server.namespace, "NAMESPACE")
    for number, version in enumerate(dict.fromkeys(re.findall(r'"resourceVersion": "(\d+)"', text))):
        text = text.replace(f'"resourceVersion": "{version}"', f'"resourceVersion": "v{number}"')
    loaded: list[Line] = json.loads(UUID.sub("UUID", text))
    return loaded


def _lines(server: Server, token: str) -> Iterator[Line]:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{server.namespace}/leases"
    one = f"{leases}/syncer"

    def say(told: str, method: str, path: str, body: Any = None, who: str = token) -> Line:
        status, answer = server.ask(method, path, body, who)
        last.append(answer)
        return {"told": told, "request": [method, _shown(body)], "status": status, "answer": _shown(answer)}

    last: list[Any] = []
    yield say("none yet", "GET", one)
    yield say("begun", "POST", leases, lease("a", 60, 0, 1))
    yield say("begun twice", "POST", leases, lease("b", 60, 0, 1))
    yield say("read", "GET", one)
    first = last[-1]
    yield say("renewed", "PUT", one, changed(first, renewTime=AT.format(2)))
    second = last[-1]
    yield say("renewed from an old version", "PUT", one, changed(first, renewTime=AT.format(3)))
    yield say("the same again", "PUT", one, second)
    yield say("without a version", "PUT", one, without(second, "resourceVersion"))
    yield say("of another uid", "PUT", one, marked(second, uid="00000000-0000-0000-0000-000000000000"))
    yield say("for no time at all", "PUT", one, changed(second, leaseDurationSeconds=0))
    yield say("with an annotation", "PUT", one, marked(second, annotations={"anchor.syncer/x": "a\n1\n"}))
    third = last[-1]
    yield say("without it", "PUT", one, marked(third, annotations={}))
    fourth = last[-1]
    yield say("released", "PUT", one, changed(fourth, holderIdentity="", leaseDurationSeconds=1))
    fifth = last[-1]
    yield say("taken", "PUT", one, changed(fifth, holderIdentity="b", leaseDurationSeconds=60, leaseTransitions=1))
    sixth = last[-1]
    yield say("another name", "PUT", f"{leases}/other", renamed(sixth, "other"), "")
    yield say(
        "another namespace", "POST", "/apis/coordination.k8s.io/v1/namespaces/none/leases", lease("a", 60, 0, 1), ""
    )
    yield say("a wrong token", "GET", one, None, "wrong")
    server.grant([])
    yield say("read without the right", "GET", one)
    yield say("begun without the right", "POST", leases, lease("a", 60, 0, 1))
    yield say("renewed without the right", "PUT", one, sixth)
    server.grant(["create", "get", "update"])
    server.remove()
    yield say("deleted, then renewed", "PUT", one, sixth)
    yield say("begun anew", "POST", leases, lease("b", 60, 0, 1))


def lease(holder: str, seconds: int, transitions: int, at: int) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "syncer"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "acquireTime": AT.format(at),
            "renewTime": AT.format(at),
            "leaseTransitions": transitions,
        },
    }


def changed(body: dict[str, Any], **spec: object) -> dict[str, Any]:
    made = copy.deepcopy(body)
    made["spec"].update(spec)
    return made


def marked(body: dict[str, Any], **metadata: object) -> dict[str, Any]:
    made = copy.deepcopy(body)
    made["metadata"].update(metadata)
    return made


def without(body: dict[str, Any], key: str) -> dict[str, Any]:
    made = copy.deepcopy(body)
    del made["metadata"][key]
    return made


def renamed(body: dict[str, Any], name: str) -> dict[str, Any]:
    made = without(without(body, "resourceVersion"), "uid")
    made["metadata"]["name"] = name
    made["metadata"]["resourceVersion"] = "1"
    return made


def _shown(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    made = copy.deepcopy(body)
    made["metadata"] = {key: value for key, value in made.get("metadata", {}).items() if key not in CHANCE}
    return made
