"""The documented JSON shapes, parsed and written in this one place."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from syncer.documents import schema
from syncer.errors import TokenError, VendorError, VendorKind
from syncer.model import url
from syncer.model.fields import AppSettings, Field, plain
from syncer.model.live import LiveApp
from syncer.model.text import sanitize
from syncer.vendor import tokens

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.documents.findings import Finding
    from syncer.model.desired import AppRef
    from syncer.model.fields import Setting
    from syncer.model.secret import Secret
    from syncer.vendor.answers import Answer

RESPONSE_SCHEMA: Final = "vendor/settings-response"
MINT_STATUSES: Final = frozenset({200, 400, 401, 403, 404})  # the token is there, or refused for good
_TIMES: Final = frozenset({"created_at", "updated_at"})
_KNOWN: Final = frozenset(Field) | _TIMES
_HALF: Final = re.compile("[\ud800-\udfff]")  # JSON can write a lone surrogate, and nothing can encode it
_MOST_EXTRA: Final = 20


def encode(settings: AppSettings) -> bytes:
    """The PUT body: all seven fields in the vendor's order; ValueError when one is undeclared."""
    if not settings.complete:
        raise ValueError("a PUT body needs all seven fields")
    return json.dumps({field.value: plain(settings.get(field)) for field in Field}, separators=(",", ":")).encode()


def encode_mint(ref: AppRef, secret: Secret) -> bytes:
    """The body that asks for an app's token."""
    return json.dumps({"Id": ref.app_id, "Secret": secret.reveal(), "Entity": "app"}).encode()


def sha256(body: bytes) -> str:
    """Lower-case hex digest of a body, for the journal."""
    return hashlib.sha256(body).hexdigest()


class StrictError(ValueError):
    """What strict JSON refuses, in words of our own."""


def load(body: bytes) -> Any:
    """Strict JSON: UTF-8, no equal keys, no NaN or Infinity; StrictError otherwise, without any of the text."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        fault = _fault(error, body)
    raise StrictError(fault)  # outside of the handler: the errors above hold the vendor's text, and would travel along


def _fault(error: ValueError | RecursionError, body: bytes) -> str:
    match error:
        case StrictError():
            return str(error)
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return f"it is not UTF-8 at byte {error.start}"
        case json.JSONDecodeError() if not body.strip():
            return "it is empty"
        case json.JSONDecodeError():
            return f"it is not JSON at line {error.lineno}, column {error.colno}"
    return "it holds a number out of all proportion"


def read_app(body: bytes, ref: AppRef, read_at: datetime) -> LiveApp:
    """The app that a 200 answer to GET or PUT describes; VendorError (garbled, wrong-app) where it is anything else."""
    try:
        answer = load(body)
    except StrictError as error:
        raise _garbled(str(error)) from error
    findings = schema.validate(answer, RESPONSE_SCHEMA)
    if findings:
        raise _garbled(_shown(findings[0]))
    data = answer["data"]
    if data["app_id"] != ref.app_id:
        raise VendorError(
            VendorKind.WRONG_APP,
            "the vendor answered about another app than the one asked for",
            status=200,
            hint="check app_id and that the token belongs to this app",
        )
    settings = data["settings"]
    return LiveApp(
        ref=ref,
        settings=AppSettings(**{field.value: _setting(settings[field.value]) for field in Field}),
        read_at=read_at,
        updated_at=settings.get("updated_at") or "",
        extra=_extra(settings),
    )


def read_minted(answer: Answer) -> Secret:
    """The token in an answer (one of MINT_STATUSES) to a token request; VendorError of kind `token` without one."""
    if answer.status != 200:
        raise _not_minted(f"the vendor refused to mint a token ({answer.status})")
    try:
        envelope = load(answer.body)
        if not isinstance(envelope, dict) or envelope.get("Status") != "Success":
            raise _not_minted("the vendor did not mint a token, though it answered 200")
        return tokens.checked(str(envelope.get("Data") or ""), "the vendor's answer")
    except TokenError as error:
        raise _not_minted(error.message) from error
    except StrictError as error:
        raise _not_minted(f"the vendor's answer to the question for a token is garbled: {error}") from error


def _not_minted(message: str) -> VendorError:
    return VendorError(VendorKind.TOKEN, message, hint="check app_id and the secret that the token is minted with")


def _setting(value: str | bool | None) -> Setting:
    if not isinstance(value, str):
        return value
    if _HALF.search(value):
        raise _garbled("a URL holds half a character")
    return url.parse(value)


def _extra(settings: dict[str, Any]) -> tuple[str, ...]:
    """Names that the contract does not know, sorted, made fit to show and bounded in number."""
    unknown = sorted(settings.keys() - _KNOWN)
    return tuple(sanitize(name)[:64] for name in unknown[:_MOST_EXTRA])


def _shown(finding: Finding) -> str:
    """Where an answer departs from the schema, in words that can't repeat a value."""
    where = sanitize(".".join(map(str, finding.path)))[:100] or "the whole"
    if finding.rule == "SY202":
        return f"{where}: {finding.message}"
    return f"{where} has {'another type than' if finding.rule == 'SY203' else 'a value other than'} documented"


def _garbled(why: str) -> VendorError:
    return VendorError(
        VendorKind.GARBLED,
        f"the vendor's answer is not the documented one: {why}",
        status=200,
        hint="nothing is concluded from it; if it lasts, ask the vendor what changed",
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictError("a key stands in it twice")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise StrictError("it holds a number that JSON does not know")
