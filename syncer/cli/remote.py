"""The daemon's server as commands ask it, with --server."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import certifi
import httpx

from syncer.errors import HeldError, SyncerError, UsageError
from syncer.settings.checks import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from syncer.model.desired import AppRef

LARGEST: Final = 64 * 1024 * 1024
PATIENCE: Final = httpx.Timeout(10, read=600)
"""An approval waits for the pass under way."""
KINDS: Final = {64: UsageError, 4: HeldError}
"""What an answer's exit code makes of it; anything else is a plain failure."""


class Server:
    """One server; `token_file` is needed for what changes something."""

    def __init__(self, url: str, token_file: Path | None = None) -> None:
        self._url = _checked(url)
        self._token_file = token_file

    def status(self) -> dict[str, Any]:
        """The report on the fleet, its verdicts aged."""
        return self._exchange("GET", "/api/v1/status", {})

    def approve(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Asks for an approval; what was approved."""
        return self._exchange("POST", "/-/approve", self._authorized(), wanted)

    def order(self, what: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Gives an order (suspend, resume, rollback); what it came to."""
        return self._exchange("POST", f"/-/{what}", self._authorized(), wanted)

    def reconcile(self) -> dict[str, Any]:
        """Asks for a pass; when that was, by the server's clock."""
        return self._exchange("POST", "/-/reconcile", self._authorized(), {})

    def history(self, ref: AppRef, field: str, limit: int) -> dict[str, Any]:
        """What the journal tells of one app."""
        path = "/".join(quote(part, safe="") for part in (ref.customer_id, ref.app_id))
        return self._exchange("GET", f"/api/v1/apps/{path}/history?{urlencode({'field': field, 'limit': limit})}", {})

    def _authorized(self) -> dict[str, str]:
        parts = urlsplit(self._url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise UsageError(
                "http to another machine would show the token on the way",
                hint="use https, or a tunnel to this machine (kubectl port-forward)",
            )
        if self._token_file is None:
            raise UsageError("no token", hint="name its file with --server-token-file (SYNCER_SERVER_TOKEN_FILE)")
        try:
            words = self._token_file.read_text("ascii").split("\n", 1)[0].split()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the token file {self._token_file} can't be read", hint="one line: the token") from error
        if not words:
            raise UsageError(f"the token file {self._token_file} is empty", hint="one line: the token")
        return {"Authorization": f"Bearer {words[-1]}"}

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            with (
                httpx.Client(verify=_tls(), trust_env=False, follow_redirects=False, timeout=PATIENCE) as client,
                client.stream(method, self._url + path, headers=headers, json=body) as response,
            ):
                content = _content(response)
        except httpx.HTTPError as error:
            told = str(error) or type(error).__name__
            raise SyncerError(f"no answer from {self._url}: {told}", hint="is the daemon up, and is this it?") from None
        return _answer(self._url, response, content)


def _tls() -> ssl.SSLContext:
    """TLS 1.2 or later against the bundled public authorities.

    Not what httpx makes of itself: that writes each session's keys, and so the token, where SSLKEYLOGFILE says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    return context


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in url:
        raise UsageError("--server is no URL of the form that is read here", hint="write https://host:port")
    return url.rstrip("/")


def _content(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        size += len(part)
        if size > LARGEST:
            raise SyncerError(f"the answer is larger than {LARGEST // 2**20} MiB", hint="is this a syncer?")
        parts.append(part)
    return b"".join(parts)


def _answer(url: str, response: httpx.Response, content: bytes) -> dict[str, Any]:
    import orjson

    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise SyncerError(f"{url} answered {response.status_code}, and no JSON", hint="is this a syncer?")
    if response.is_success:
        return document
    kind = KINDS.get(document.get("exit_code", 0), UsageError if response.status_code == 400 else SyncerError)
    raise kind(f"{url}: {document.get('error', response.status_code)}", hint=str(document.get("hint", "")))
