"""HTTP statuses of the vendor as errors that say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from syncer.errors import VendorError, VendorKind
from syncer.model.fields import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model.secret import Secret

LATER: Final = "nothing to do: it is tried again in the next pass"
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,100}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole: header names in lower case; the body of an error may have been dropped."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: VendorKind
    message: str
    hint: str
    retryable: bool = False


_AUTH: Final = "check that the token is this app's and has not expired; tokens live 90 days"
_MEANINGS: Final = {
    400: _Meaning(
        VendorKind.BAD_REQUEST,
        "the vendor refused the request as invalid",
        "correct in git what the vendor refuses; what was refused is not sent again unchanged",
    ),
    401: _Meaning(VendorKind.AUTH, "the vendor does not accept this app's token", _AUTH),
    403: _Meaning(VendorKind.AUTH, "the vendor does not let this app's token do that", _AUTH),
    404: _Meaning(VendorKind.NOT_FOUND, "the vendor knows no such app", "check customer_id and app_id"),
    408: _Meaning(VendorKind.SERVER, "the vendor gave up waiting for the request", LATER, retryable=True),
    429: _Meaning(VendorKind.RATE_LIMITED, "the vendor asks for fewer requests", "lower vendor.rate", retryable=True),
}


def failure(answer: Answer, retry_after: float | None, token: Secret) -> VendorError:
    """The error that an answer other than 200 is.

    No text of the vendor's gets into it but names of the seven fields and a host, and the host only where it does
    not repeat the token that was sent.
    """
    meaning = _meaning(answer, token)
    return VendorError(
        meaning.kind,
        f"{meaning.message} ({answer.status}){_named_fields(answer)}",
        status=answer.status,
        hint=meaning.hint,
        retryable=meaning.retryable,
        retry_after=retry_after if meaning.retryable else None,
    )


def _meaning(answer: Answer, token: Secret) -> _Meaning:
    known = _MEANINGS.get(answer.status)
    if known is not None:
        return known
    if 300 <= answer.status < 400:
        return _Meaning(
            VendorKind.REDIRECT,
            f"vendor redirected to {_redirect_host(answer, token)}",
            "redirects are never followed: a redirected PUT would become a GET; check vendor.base_url",
        )
    if 500 <= answer.status < 600:
        return _Meaning(VendorKind.SERVER, "the vendor failed", LATER, retryable=True)
    return _Meaning(
        VendorKind.UNEXPECTED, "the vendor answered what its contract does not know", "check vendor.base_url"
    )


def _redirect_host(answer: Answer, token: Secret) -> str:
    """The host in Location when it looks like one: the rest of the header is the vendor's text and stays out."""
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname or ""
    except ValueError:
        host = ""
    shown = _HOST.fullmatch(host) and token.reveal().lower() not in host
    return host if shown else "an address it does not name properly"


def _named_fields(answer: Answer) -> str:
    """Which of the seven fields a 400 speaks of: the names only, since the text around them may repeat values."""
    if answer.status != 400:
        return ""
    text = answer.body.decode("utf-8", "replace")
    named = [field.value for field in Field if re.search(rf"(?<![A-Za-z0-9_]){field.value}(?![A-Za-z0-9_])", text)]
    return f": it names {', '.join(named)}" if named else ""
