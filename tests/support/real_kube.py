"""A real kube-apiserver on loopback that somebody started: its accounts, its RBAC, and how to stop it.

SYNCER_KUBE names the folder of its files: `kubeconfig` of an administrator, `certs/apiserver.crt`, `sa.key` that signs
service-account tokens, and `api.pid`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "SYNCER_KUBE"
ACCOUNT = "syncer"
ISSUER = "https://kubernetes.default.svc"
RULES = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "update"],
        "resourceNames": ["syncer"],
    },
]
"""What the manifests give the service account, and no more."""


@dataclass(frozen=True, slots=True)
class RealKube:
    """The server, and a namespace of the test's own in it."""

    folder: Path
    server: str
    admin: str
    namespace: str

    @property
    def ca_file(self) -> Path:
        return self.folder / "certs" / "apiserver.crt"

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, dict[str, Any]]:
        """One request, as the administrator unless a token is given."""
        request = urllib.request.Request(
            f"{self.server}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token or self.admin}", "Content-Type": "application/json"},
        )
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def do(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, answer = self.ask(method, path, body)
        assert status in {200, 201, 409}, (method, path, status, answer)
        return answer

    @property
    def leases(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def lease(self) -> dict[str, Any]:
        return self.do("GET", f"{self.leases}/syncer")

    def prepare(self) -> None:
        """Namespace, service account, Role and binding as the manifests have them."""
        self.do("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        self.do("POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        self.grant(RULES)
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        self.do(
            "POST",
            f"{rbac}/rolebindings",
            {
                "metadata": {"name": ACCOUNT},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}],
            },
        )

    def grant(self, rules: list[dict[str, Any]]) -> None:
        """Makes the Role say this; it holds within moments."""
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}/roles"
        body = {"metadata": {"name": ACCOUNT}, "rules": rules}
        if self.ask("GET", f"{rbac}/{ACCOUNT}")[0] == 404:
            self.do("POST", rbac, body)
        else:
            self.do("PUT", f"{rbac}/{ACCOUNT}", body)

    def requested(self) -> str:
        """A token of the account as the kubelet asks for it, for an hour."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{ACCOUNT}/token"
        answer = self.do("POST", path, {"spec": {"expirationSeconds": 3600}})
        return str(answer["status"]["token"])

    def signed(self, seconds: float) -> str:
        """The same, signed here: the server gives out none for less than ten minutes."""
        account = self.do("GET", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{ACCOUNT}")
        now = int(time.time())
        claims = {
            "aud": [ISSUER],
            "iss": ISSUER,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": int(now + seconds),
            "sub": f"system:serviceaccount:{self.namespace}:{ACCOUNT}",
            "kubernetes.io": {
                "namespace": self.namespace,
                "serviceaccount": {"name": ACCOUNT, "uid": account["metadata"]["uid"]},
            },
        }
        key = serialization.load_pem_private_key((self.folder / "sa.key").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        text = b".".join(_part(part) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
        signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return b".".join((text, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """The server answers nobody."""
        pid = int((self.folder / "api.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def down(self) -> Iterator[None]:
        """The server is not there; at the end it is started as it was."""
        pid = int((self.folder / "api.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
        os.kill(pid, signal.SIGKILL)
        _until(lambda: not _alive(pid))
        try:
            yield
        finally:
            again = [
                "sh",
                "-c",
                'cd "$0" && setsid "$@" >>api.log 2>&1 & echo $! >"$0/api.pid"',
                str(self.folder),
                *command,
            ]
            subprocess.run(again, check=True)
            _until(self._ready)

    def _ready(self) -> bool:
        try:
            return self.ask("GET", self.leases)[0] == 200
        except (OSError, ValueError):
            return False


def _part(document: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def real_kube() -> RealKube | None:
    """The server that the environment names, with a fresh namespace; None without one."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    text = (Path(folder) / "kubeconfig").read_text()
    server, admin = re.search(r'server: "?(https://[^"\s,}]+)', text), re.search(r"token: ([^\s}]+)", text)
    assert server
    assert admin
    made = RealKube(Path(folder), server[1], admin[1], f"t-{uuid.uuid4().hex[:8]}")
    made.prepare()
    return made
