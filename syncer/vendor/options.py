"""What the vendor package is told from outside, and the one address that every request goes to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from syncer.errors import UsageError

BASE_URL: Final = "https://integrationscore.mum1.exotel.com/v2/integrations"
_BASE_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,128}")


@dataclass(frozen=True, slots=True)
class VendorOptions:
    """Plain values of the `vendor` section.

    `rate` is requests per second for one customer_id; `deadline` and `connect` are seconds for a whole request and
    for its connection; `attempts` counts the first one; `patience` is the longest wait in seconds that one pass takes
    on for a single app; `backoff` is the seconds under the first jitter, doubled at every further attempt.
    `list_bare` sends a customer's token without the word Bearer.
    """

    base_url: str = BASE_URL
    rate: float = 50.0
    concurrency: int = 32
    deadline: float = 15.0
    connect: float = 5.0
    attempts: int = 3
    patience: float = 30.0
    backoff: float = 0.5
    proxy: str | None = None
    ca_file: str | None = None
    list_bare: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The operator's base URL taken apart: `origin` as `scheme://host[:port]`, `path` without a trailing slash."""

    origin: str
    path: str

    @property
    def secure(self) -> bool:
        """Whether requests travel under TLS."""
        return self.origin.startswith("https:")

    @property
    def token_path(self) -> str:
        """Where a token is minted."""
        return f"{self.path}/token"

    @property
    def list_path(self) -> str:
        """Where a customer's apps are listed."""
        return f"{self.path}/app?entity=customer"

    def settings_path(self, customer_id: str, app_id: str) -> str:
        """The path of one app's settings; ValueError when an id could change the path it is put into."""
        for name, value in (("customer_id", customer_id), ("app_id", app_id)):
            if not is_id(value):
                raise ValueError(f"{name} has characters that do not belong in an id")
        return f"{self.path}/{customer_id}/apps/{app_id}/settings"


def is_id(text: str) -> bool:
    """Whether a text can be a segment of a path."""
    return _ID.fullmatch(text) is not None


def endpoint(base_url: str) -> Endpoint:
    """The endpoint of a base URL; raises UsageError for anything but plain https (http on loopback only)."""
    host, scheme = _authority(base_url, "vendor.base_url")
    path = urlsplit(base_url).path.rstrip("/")
    if not _BASE_PATH.fullmatch(path) or any(part in {".", ".."} for part in path.split("/")):
        raise UsageError("vendor.base_url has a path with characters that do not belong there")
    if scheme == "http" and not _is_loopback(host):
        raise UsageError("vendor.base_url must be https", hint="http is accepted for a loopback address only")
    return Endpoint(f"{scheme}://{urlsplit(base_url).netloc.lower()}", path)


def proxy_url(proxy: str) -> str:
    """A proxy's address; raises UsageError where it is not `http(s)://host[:port]` without credentials."""
    _authority(proxy, "vendor.proxy")
    if urlsplit(proxy).path not in {"", "/"}:
        raise UsageError("vendor.proxy must be http://host:port")
    return proxy


def _authority(url: str, key: str) -> tuple[str, str]:
    shape = UsageError(f"{key} must be a plain http or https URL: no user, query or fragment")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise shape from error
    bare = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(bare) or set(url) & set("?#@ "):
        raise shape
    return host, parts.scheme


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
