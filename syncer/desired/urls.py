"""What a URL in desired state must look like, so that a call can't end up on a host nobody meant. Pure.

A strict grammar of our own decides; urllib and yarl (the parser under the HTTP client) must then read the same host,
port, path and query out of the same text. Parsers that disagree are how a reviewed host becomes another one.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from yarl import URL

from syncer.desired.faults import Fault
from syncer.documents.veil import veil
from syncer.model.fields import Field
from syncer.model.url import DEFAULT_PORTS, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LONGEST: Final = 2048
_GRAMMAR: Final = re.compile(
    r"\A(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]/?#]*\]|[^:/?#\[\]]*)(?::(?P<port>[^/?#]*))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?\Z"
)
_LABEL: Final = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_NUMERIC: Final = re.compile(r"\A(?:[0-9]+|0[xX][0-9A-Fa-f]*)\Z")
_PLAIN: Final = re.compile(r"\A(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*\Z")


def schemes(field: Field) -> tuple[str, ...]:
    """The schemes a field may have; a live audio stream is delivered over a WebSocket or by HTTPS."""
    return ("https", "wss") if field is Field.STREAMING_URL else ("https",)


def faults(field: Field, text: str, allowed: Collection[str] | None) -> tuple[Fault, ...]:
    """Everything wrong with a URL; `allowed` are exact `host` or `host:port` entries, None for no restriction."""
    unreadable = tuple(_text_faults(text))
    if unreadable:
        return unreadable
    found = _GRAMMAR.match(text)
    if found is None:
        return (Fault("SY320", "this is not a URL", help=f"write {schemes(field)[0]}://host/path"),)
    parts = (*_scheme_faults(field, found), *_authority_faults(found), *_rest_faults(found))
    return parts or (*_agreement_faults(text, found), *_allowed_faults(found, allowed))


def lints(text: str) -> tuple[Fault, ...]:
    """Advice about a URL that is in order."""
    url = parse(text)
    if url.normal in (text, f"{text}/") or url.normal.replace("/?", "?", 1) == text:
        return ()
    return (
        Fault.warning(
            "SY502", "this URL has a plainer spelling", help=f"write {veil(url.normal)}: the vendor may do so"
        ),
    )


def _text_faults(text: str) -> Iterator[Fault]:
    if len(text) > LONGEST:
        yield Fault("SY325", f"a URL of {len(text)} characters", help=f"at most {LONGEST}")
    if not text.strip():
        yield Fault("SY320", "an empty URL", help="write null for `not set`, or leave the field out to not manage it")
    elif not text.isascii():
        odd = next(c for c in text if not c.isascii())
        yield Fault(
            "SY323",
            f"a character that is not ASCII: U+{ord(odd):04X}",
            help="letters of other scripts look like Latin ones and lead to other hosts; percent-encode them in a path",
        )
    elif not text.isprintable() or " " in text:
        yield Fault("SY324", "white space or a control character in a URL", help="percent-encode it, or remove it")
    elif "\\" in text:
        yield Fault("SY324", "a backslash in a URL", help="programs disagree where the host ends; write / or %5C")


def _scheme_faults(field: Field, found: re.Match[str]) -> Iterator[Fault]:
    scheme = found["scheme"]
    if scheme not in schemes(field):
        wanted = " or ".join(schemes(field))
        near = "wss" if scheme.lower() == "ws" and "wss" in wanted else "https"
        yield Fault("SY321", f"scheme `{scheme}` in {field}", label=f"must be {wanted}", help=f"write {near}://…")


def _authority_faults(found: re.Match[str]) -> Iterator[Fault]:
    if found["user"] is not None:
        yield Fault(
            "SY322",
            "user information in a URL",
            help="what stands before @ is not the host, and a password here would be sent to the vendor",
        )
    yield from host_faults(found["host"])
    port = found["port"]
    if port is not None and not (port.isdecimal() and 0 < int(port) < 65536 and str(int(port)) == port):
        yield Fault("SY326", "this is not a port", help="a number from 1 to 65535, or no colon at all")


def host_faults(host: str) -> Iterator[Fault]:
    """What is wrong with a host name on its own; also used for allow-list entries."""
    labels = host.split(".")
    if not host:
        yield Fault("SY326", "a URL without a host", help="write the host after //")
    elif not host.isascii() or any(label.lower().startswith("xn--") for label in labels):
        yield Fault("SY323", f"an internationalised host name: {host}", help="use the service's ASCII name")
    elif _is_ip(host):
        yield Fault(
            "SY327", f"an IP address instead of a host name: {host}", help="name the host: its certificate does"
        )
    elif len(host) > 253 or not all(map(_LABEL.match, labels)):
        yield Fault("SY326", "this is not a host name", help="letters, digits and inner hyphens, separated by dots")


def _is_ip(host: str) -> bool:
    """Any spelling that some resolver takes for an address: 127.1, 0x7f.1, 2130706433, [::1]."""
    return host.startswith("[") or bool(_NUMERIC.match(host.rstrip(".").rpartition(".")[2]))


def _rest_faults(found: re.Match[str]) -> Iterator[Fault]:
    if found["fragment"] is not None:
        yield Fault("SY328", "a fragment in a URL", help="what follows # is never sent; remove it or write %23")
    if not _PLAIN.match((found["path"] or "") + (found["query"] or "")):
        yield Fault("SY324", "a character that a URL may not hold as it is", help="percent-encode it: %7B for {")


def _agreement_faults(text: str, found: re.Match[str]) -> Iterator[Fault]:
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(found["scheme"])
    ours = (found["scheme"], found["host"].lower(), port, found["path"] or "/", found["query"] or "")
    if not ours == _urllib(text) == _yarl(text):
        yield Fault("SY329", "two URL parsers read different parts out of this text", help="write it more plainly")


def _urllib(text: str) -> tuple[str, str | None, int | None, str, str] | None:
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port, parts.path or "/", parts.query


def _yarl(text: str) -> tuple[str, str | None, int | None, str, str] | None:
    try:
        url = URL(text, encoded=True)
        return url.scheme, (url.raw_host or "").lower(), url.port, url.raw_path, url.raw_query_string
    except ValueError:
        return None


def _allowed_faults(found: re.Match[str], allowed: Collection[str] | None) -> Iterator[Fault]:
    if allowed is None:
        return
    host = found["host"].lower()
    default = found["port"] is None or int(found["port"]) == DEFAULT_PORTS.get(found["scheme"])
    wanted = host if default else f"{host}:{found['port']}"
    if wanted in allowed:
        return
    near = difflib.get_close_matches(wanted, sorted(allowed), n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    listed = ", ".join(sorted(allowed)) or "none"
    yield Fault("SY330", f"host `{wanted}` is not allowed here", help=f"{hint}allowed: {listed}")
