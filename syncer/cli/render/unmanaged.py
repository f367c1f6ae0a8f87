"""Apps that the vendor lists and no valid file declares, as plan, sync, status and doctor tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cli.render import columns, thinning, words
from syncer.model.desired import AppRef
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from syncer.report import JSON


def lines(document: JSON | None) -> list[str]:
    """A heading with the names below it, and each customer of which nobody knows; nothing where there is nothing.

    `document` is the part of a report.
    """
    if not document:
        return []
    told = []
    if found := document["apps"]:
        told.append(sentence(len(found)))
        told += [f"  {named(app)}" for app in found[: thinning.NAMED]]
        if len(found) > thinning.NAMED:
            told.append(f"  {thinning.more(len(found) - thinning.NAMED)}")
    for one in document["unlisted"]:
        told += columns.hanging("", unlisted(one), 0)
    return told


def sentence(number: int) -> str:
    """The count."""
    return f"Listed by the vendor, declared in no valid file, never touched: {words.count(number, 'app')}"


def summed(document: JSON | None) -> list[str]:
    """The same in a line or two, without names."""
    if not document:
        return []
    apps = [sentence(len(document["apps"]))] if document["apps"] else []
    return [*apps, *(unlisted(one) for one in document["unlisted"])]


def named(app: JSON) -> str:
    """One of them, with the vendor's name for it."""
    name = words.app(AppRef(app["customer_id"], app["app_id"]), app["name"])
    return name if app["active"] else f"{name} (inactive)"


def unlisted(one: JSON) -> str:
    """A customer of which nobody knows, and why."""
    return f"Apps of {sanitize(one['customer_id'])} could not be listed: {sanitize(one['message'])}"
