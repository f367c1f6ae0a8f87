"""Rules across files: one identity, one place. And across time: what has run out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.desired.faults import Fault
from syncer.desired.layers import located

REJECT_BOTH: Final = frozenset({"SY303", "SY304", "SY308"})
"""Rules after which neither of two files can be trusted."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from syncer.desired.resolving import Naming
    from syncer.model.desired import DesiredApp, Origin
    from syncer.model.problems import Place, Problem


def duplicates(names: Iterable[Naming]) -> Iterator[Problem]:
    """Apps that claim one identity, and names of one customer that mean two apps; each stands at the later place.

    Ids that differ only in case count as one: nobody can tell whether the vendor tells them apart.
    """
    ids: dict[tuple[str, str], Naming] = {}
    called: dict[tuple[str, str], Naming] = {}
    for naming in names:
        customer = naming.ref.customer_id.casefold()
        first = ids.setdefault((customer, naming.ref.app_id.casefold()), naming)
        if first is not naming:
            yield _same_id(naming, first)
            continue
        named = called.setdefault((customer, naming.name), naming)
        if named is not naming:
            yield _same_name(naming, named)


def _same_id(later: Naming, first: Naming) -> Problem:
    if later.ref == first.ref:
        fault = Fault("SY303", f"the app `{later.ref}` is declared twice", "again", "delete one of the two")
    else:
        message = f"the ids `{later.ref}` and `{first.ref}` differ only in case"
        fault = Fault("SY303", message, "again", "write each id as the vendor shows it")
    return located(fault, later.place, first.place, "first here")


def _same_name(later: Naming, first: Naming) -> Problem:
    advice = "call one of them differently: names are what people type in commands"
    fault = Fault("SY304", f"two apps of `{later.ref.customer_id}` are called `{later.name}`", "again", advice)
    return located(fault, later.place, first.place, "first here")


def expired(apps: Iterable[DesiredApp], now: datetime, find: Callable[[Origin], Place]) -> Iterator[Problem]:
    """A warning for each suspension whose end is past; `find` gives the place of an origin."""
    seen: set[Origin] = set()
    for app in apps:
        suspend = app.policy.suspend
        if suspend is None or suspend.until is None or suspend.until > now:
            continue
        origin = dict(app.more_origins)["policy.suspend"]
        if origin not in seen:
            seen.add(origin)
            message = f"this suspension ended at {suspend.until:%Y-%m-%d %H:%M} UTC"
            yield located(Fault.warning("SY504", message, help="remove it, or give it a new end"), find(origin))
