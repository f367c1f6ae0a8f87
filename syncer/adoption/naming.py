"""What imported apps are called: a name that people can type, made of what the vendor calls them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncer.model.desired import AppRef
    from syncer.model.live import Listed

LONGEST: Final = 64
_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def names(apps: Iterable[Listed], used: Collection[tuple[str, str]] = ()) -> Mapping[AppRef, str]:
    """A name for each app, unique within its customer: the vendor's name in plain letters, else the app id.

    `used` are customers with names (in lower case) that others have already.
    """
    known = tuple(apps)
    wanted = {app.ref: _plain(app.name) for app in known}
    ids = {(app.ref.customer_id, app.ref.app_id.lower()) for app in known}
    often = Counter((ref.customer_id, name) for ref, name in wanted.items())

    def taken(customer_id: str, name: str) -> bool:
        return not name or often[customer_id, name] > 1 or (customer_id, name) in ids or (customer_id, name) in used

    return {ref: ref.app_id if taken(ref.customer_id, name) else name for ref, name in wanted.items()}


def _plain(name: str) -> str:
    """Lower-case ASCII letters, digits and single hyphens; empty where nothing is left of it.

    What is a plain name already stays as it is.
    """
    if _PLAIN.fullmatch(name):
        return name
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", folded).strip("-")[:LONGEST].strip("-")
