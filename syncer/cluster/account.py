"""Where the API server is and who asks: named by the operator, or what every Pod is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.errors import ClusterError, UsageError
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts token, ca.crt and namespace of the Pod's service account."""


@dataclass(frozen=True, slots=True)
class Reach:
    """One Lease at one server; `token` is asked for each request and raises ClusterError."""

    server: str
    namespace: str
    name: str
    ca_file: str | None
    token: Callable[[], Secret]


@dataclass(frozen=True, slots=True)
class Named:
    """What the operator says; empty parts are those of the Pod."""

    name: str
    namespace: str = ""
    server: str = ""
    ca_file: str = ""
    token: Callable[[], Secret] | None = None


def reach(named: Named, environ: Mapping[str, str], mount: Path = MOUNT) -> Reach:
    """All that is needed to ask for a Lease; UsageError where a part is neither named nor given to a Pod."""
    return Reach(
        server=named.server.rstrip("/") or _server(environ),
        namespace=named.namespace or _namespace(mount),
        name=named.name,
        ca_file=named.ca_file or str(mount / "ca.crt"),
        token=named.token or (lambda: file_token(mount / "token")),
    )


def file_token(path: Path) -> Secret:
    """The token as the file has it now; ClusterError where there is none."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"the token can't be read from {path}: {error}", hint=_NO_TOKEN) from error
    return checked(text, str(path))


def checked(text: str, where: str) -> Secret:
    """A token that can stand in a header; ClusterError otherwise, without showing any of it."""
    if not text:
        raise ClusterError(f"no token in {where}", hint=_NO_TOKEN)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ClusterError(f"what is in {where} is no token", hint=_NO_TOKEN)
    return Secret(text)


_NO_TOKEN: Final = "a Pod needs automountServiceAccountToken: true; elsewhere leader.token names the file"  # noqa: S105 -- no token but advice
_OUTSIDE: Final = "outside a Pod name it, or leave leader.kind: none"


def _server(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise UsageError("leader.kind is lease, and there is no API server: leader.server is not set", hint=_OUTSIDE)
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _namespace(mount: Path) -> str:
    try:
        return (mount / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("leader.kind is lease, and leader.namespace is not set", hint=_OUTSIDE) from error
