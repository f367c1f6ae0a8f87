"""The vendor's list of a customer's apps: the older envelope, parsed in this one place."""

from __future__ import annotations

from typing import Any, Final

from syncer.errors import VendorError, VendorKind
from syncer.model.desired import AppRef
from syncer.model.live import Listed
from syncer.vendor import options, wire

LONGEST_NAME: Final = 256
_HINT: Final = "nothing is concluded from it; check vendor.customer_tokens and vendor.list_authorization"


def read(body: bytes, customer_id: str) -> tuple[Listed, ...]:
    """The apps in a 200 answer, by ref; VendorError (garbled, wrong-app) where it is anything else.

    One row that can't be read makes the whole list worthless: an app missing from it would count as declared in git.
    """
    try:
        envelope = wire.load(body)
    except wire.StrictError as error:
        raise _garbled(str(error)) from error
    if not isinstance(envelope, dict) or envelope.get("Status") != "Success":
        raise _garbled("it does not say Success")
    rows = envelope.get("Data")
    if not isinstance(rows, list):
        raise _garbled("Data is not a list")
    found = {app.ref: app for app in (_app(row, customer_id) for row in rows)}
    if len(found) != len(rows):
        raise _garbled("an app stands in it twice")
    return tuple(sorted(found.values()))


def refused(error: VendorError) -> VendorError:
    """The error of a list that was not given, in words about the customer's token where that is to blame."""
    if error.kind is not VendorKind.AUTH:
        return error
    message = f"the vendor does not accept the customer's token ({error.status})"
    hint = "check the token in vendor.customer_tokens, and vendor.list_authorization"
    return VendorError(error.kind, message, status=error.status, hint=hint)


def _app(row: Any, customer_id: str) -> Listed:
    app_id, customer = (row.get("AppID"), row.get("CustomerID")) if isinstance(row, dict) else (None, None)
    if not isinstance(app_id, str) or not options.is_id(app_id):
        raise _garbled("a row has no AppID of the usual form")
    if customer != customer_id:
        raise VendorError(
            VendorKind.WRONG_APP,
            "the vendor listed apps of another customer than the one asked for",
            status=200,
            hint="check that the token in vendor.customer_tokens belongs to this customer",
        )
    return Listed(AppRef(customer_id, app_id), _name(row.get("AppName")), row.get("IsActive") is not False)


def _name(written: Any) -> str:
    """The vendor's name for people: bounded, and without half characters, which nothing can encode."""
    return written[:LONGEST_NAME].encode("utf-8", "replace").decode() if isinstance(written, str) else ""


def _garbled(why: str) -> VendorError:
    return VendorError(
        VendorKind.GARBLED, f"the vendor's list of apps is not the documented one: {why}", status=200, hint=_HINT
    )
