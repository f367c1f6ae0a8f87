"""The invariants, each a function that names what breaks it; the emulator's ledger is the other side's word."""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from syncer.audit import read, verify
from syncer.audit.events import EventType
from syncer.emulator.puts import digest
from syncer.model import url
from syncer.model.desired import AppRef
from tests.faults.fleet import CANARY, HOST, MANAGED, seeded, token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from syncer.emulator.records import ChangeEntry, LedgerEntry
    from tests.faults.fleet import Fleet

PUTS_PER_PASS = 3
PUTS_PER_APP = 9
ENDS = frozenset({EventType.PUT_RESULT, EventType.PUT_RECOVERED})


def records(fleet: Fleet, *types: EventType) -> list[dict[str, Any]]:
    return list(read.records(fleet.state, read.Filter(types=frozenset(types))))


def written(fleet: Fleet, ref: AppRef) -> list[LedgerEntry]:
    """What the vendor stored of one app, in order."""
    return [entry for entry in fleet.emulator.store.ledger() if AppRef(entry.customer_id, entry.app_id) == ref]


def i1_intent_before_put(fleet: Fleet) -> None:
    """Every PUT that the vendor stored has one intent with its request id, recorded before the PUT arrived."""
    shift = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    intents = {event["data"]["reqid"]: event for event in records(fleet, EventType.PUT_INTENT)}
    for entry in fleet.emulator.store.ledger():
        intent = intents.get(entry.request_id)
        assert intent is not None, f"PUT {entry.sequence} has no intent"
        assert intent["subject"] == f"customers/{entry.customer_id}/apps/{entry.app_id}"
        assert int(intent["boottimens"]) <= entry.started_ns + shift, f"PUT {entry.sequence} is older than its intent"
    assert all(count == 1 for count in Counter(e.request_id for e in fleet.emulator.store.ledger()).values())


def i2_one_end_each(fleet: Fleet, *, still_open: Collection[AppRef] = ()) -> None:
    """Every intent has one terminal record, but for apps that can't be read; and the journal verifies."""
    begun = {event["data"]["reqid"]: event["subject"] for event in records(fleet, EventType.PUT_INTENT)}
    ended = Counter(event["data"]["reqid"] for event in records(fleet, *ENDS))
    assert all(count == 1 for count in ended.values())
    assert set(ended) <= set(begun)
    allowed = {f"customers/{ref.customer_id}/apps/{ref.app_id}" for ref in still_open}
    assert {begun[request] for request in set(begun) - set(ended)} <= allowed
    found = verify.verify(fleet.state)
    assert found.good or (still_open and found.finding is verify.Finding.OPEN_INTENTS), found


def i3_only_known_urls(fleet: Fleet) -> None:
    """A body holds what git declared (on an allowed host), or what the vendor had in that field of that app."""
    declared = {(ref, name, str(value)) for ref, name, value in _ever_declared(fleet)}
    had = {(ref, name, str(value)) for ref, name, value in _ever_live(fleet)}
    for entry in fleet.emulator.store.ledger():
        ref = AppRef(entry.customer_id, entry.app_id)
        assert len(entry.body) == 7, "a PUT names all seven fields"
        for name, value in entry.body.items():
            if name in MANAGED and (ref, name, str(value)) in declared:
                assert not isinstance(value, str) or urlsplit(value).hostname == HOST
            else:
                assert (ref, name, str(value)) in had, f"{ref} {name}: {value} comes from nowhere"


def i5_own_token_only(fleet: Fleet) -> None:
    """Every request for an app carried that app's token."""
    own = {ref: digest(f"Bearer {token(ref)}".encode()) for ref in fleet.refs}
    for entry in fleet.emulator.store.ledger():
        assert entry.authorization_sha256 == own[AppRef(entry.customer_id, entry.app_id)]
    for request in fleet.emulator.store.requests():
        assert request.authorization_sha256 == own[AppRef(request.customer_id, request.app_id)]


def i6_unmanaged_untouched(fleet: Fleet) -> None:
    """No PUT changed a field that git does not declare."""
    for entry in fleet.emulator.store.ledger():
        for name in entry.before.keys() - set(MANAGED):
            assert _same(entry.before[name], entry.after[name]), f"PUT {entry.sequence} changed {name}"


def i7_no_secret_told(fleet: Fleet) -> None:
    """Neither state folder nor log nor report holds a token or a URL's query."""
    needle = CANARY.encode()
    for path in fleet.state.rglob("*"):
        if path.is_file():
            assert needle not in path.read_bytes(), path.name
    assert CANARY not in fleet.log.getvalue()
    assert CANARY not in repr(fleet.reports)


def i8_bounded(fleet: Fleet, per_run: int = PUTS_PER_APP) -> None:
    """Three PUTs per app and pass, `per_run` in all, whether stored or not; none without an intent, none twice."""
    intents = records(fleet, EventType.PUT_INTENT)
    per_pass = Counter((event["subject"], event["data"]["runid"]) for event in intents)
    assert max(per_pass.values(), default=0) <= PUTS_PER_PASS, per_pass
    per_app = Counter(event["subject"] for event in intents)
    assert max(per_app.values(), default=0) <= per_run, per_app
    sent = Counter(entry.request_id for entry in fleet.emulator.store.requests() if entry.method == "PUT")
    assert set(sent) <= {event["data"]["reqid"] for event in intents}
    assert max(sent.values(), default=0) <= 1, "one intent, two PUTs"


def i9_converged(fleet: Fleet, *, except_for: Collection[AppRef] = ()) -> None:
    """Every app but the named ones is what git declares."""
    for ref, wanted in fleet.wishes.items():
        if ref not in except_for:
            live = fleet.live(ref)
            assert all(_same(live[name], value) for name, value in wanted.items()), f"{ref} did not converge"


def i10_no_overlap(fleet: Fleet) -> None:
    """Two PUTs of one app are never under way at once."""
    spans: dict[AppRef, list[tuple[int, float]]] = defaultdict(list)
    for entry in fleet.emulator.store.ledger():
        end = float("inf") if entry.ended_ns is None else entry.ended_ns
        spans[AppRef(entry.customer_id, entry.app_id)].append((entry.started_ns, end))
    for ref, several in spans.items():
        several.sort()
        for (_, end), (start, _) in itertools.pairwise(several):
            assert end <= start, f"{ref}: two PUTs at once"


def no_put_because_of(fleet: Fleet, refs: Iterable[AppRef]) -> None:
    """No intent and no PUT for apps whose reads can't be trusted."""
    for ref in refs:
        assert not written(fleet, ref)
    subjects = {event["subject"] for event in records(fleet, EventType.PUT_INTENT)}
    assert not subjects & {f"customers/{ref.customer_id}/apps/{ref.app_id}" for ref in refs}


def _ever_declared(fleet: Fleet) -> Iterable[tuple[AppRef, str, Any]]:
    return [(ref, name, value) for ref, wanted in fleet.declared for name, value in wanted.items()]


def _ever_live(fleet: Fleet) -> Iterable[tuple[AppRef, str, Any]]:
    for ref in fleet.refs:
        for name, value in seeded(ref).items():
            yield ref, name, value
        yield ref, "missed_call_url", None
    moves: list[LedgerEntry | ChangeEntry] = [*fleet.emulator.store.ledger(), *fleet.emulator.store.changes()]
    for entry in moves:
        for name, value in entry.after.items():
            yield AppRef(entry.customer_id, entry.app_id), name, value


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return url.parse(one) == url.parse(other)
    return one == other
