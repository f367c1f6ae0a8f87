"""The apps, the ledger and the logs, behind one lock, so that a test in another thread can read them at any time."""

from __future__ import annotations

import secrets
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING

from syncer.emulator.fields import UNSET, Settings, Value
from syncer.emulator.instants import Clock, SystemClock
from syncer.emulator.modes import Modes
from syncer.emulator.puts import Put, changed, digest, wanted
from syncer.emulator.records import AppKey, ChangeEntry, DeliveryEntry, LedgerEntry, RequestEntry, Snapshot
from syncer.emulator.tokens import Entity, Grant, TokenBook

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Seed:
    """An app to start with. Token and secret are made up when empty; settings not named are null or false."""

    customer_id: str
    app_id: str
    name: str = ""
    token: str = ""
    secret: str = ""
    customer_secret: str = ""
    settings: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class App:
    """One app as the vendor keeps it.

    `hidden` is what the next `hidden_reads` reads show instead of the truth (a PUT not visible yet);
    `flap_back` is what somebody writes back once `flap_reads` more reads have seen the truth.
    """

    key: AppKey
    name: str
    secret: str
    created: Snapshot
    current: Snapshot
    previous: Snapshot
    hidden: Snapshot | None = None
    hidden_reads: int = 0
    flap_back: Settings | None = None
    flap_reads: int = 0


class Store:
    """The truth of the emulated vendor. Every method takes the lock; what it returns is safe to keep."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.lock = RLock()
        self.modes = Modes()
        self.reset()

    def reset(self) -> None:
        """Forget every app, token, entry and mode."""
        with self.lock:
            self.modes = Modes()
            self.apps: dict[AppKey, App] = {}
            self.customers: dict[str, str] = {}
            self.tokens = TokenBook()
            self._ledger: list[LedgerEntry] = []
            self._changes: list[ChangeEntry] = []
            self._requests: deque[RequestEntry] = deque(maxlen=LOG_LENGTH)
            self._deliveries: deque[DeliveryEntry] = deque(maxlen=LOG_LENGTH)
            self._counts: Counter[tuple[str, str, str, int | None]] = Counter()
            self._arrived = 0
            self._request_sequence = 0
            self._delivery_sequence = 0

    def seed(self, seed: Seed) -> tuple[str, str]:
        """Create or overwrite an app; returns its token and secret."""
        with self.lock:
            now = self.clock.now()
            key = AppKey(seed.customer_id, seed.app_id)
            snapshot = Snapshot({**UNSET, **seed.settings}, now)
            secret = seed.secret or secrets.token_hex(16)
            self.apps[key] = App(key, seed.name or seed.app_id, secret, snapshot, snapshot, snapshot)
            if seed.customer_secret or seed.customer_id not in self.customers:
                self.customers[seed.customer_id] = seed.customer_secret or secrets.token_hex(16)
            grant = self._grant(Entity.APP, key)
            if not seed.token:
                return self.tokens.issue(grant, self.modes.token_style, now), secret
            self.tokens.add(seed.token, grant)
            return seed.token, secret

    def _grant(self, entity: Entity, key: AppKey) -> Grant:
        return Grant(entity, key.customer_id, key.app_id, self.clock.now() + timedelta(days=self.modes.token_days))

    def issue(self, entity: Entity, identity: str, secret: str) -> str | None:
        """A new token for the app or customer with that id and secret, or None."""
        with self.lock:
            if entity is Entity.CUSTOMER:
                keys = [AppKey(identity, "")] if self.customers.get(identity) == secret else []
            else:
                keys = [app.key for app in self.apps.values() if (app.key.app_id, app.secret) == (identity, secret)]
            if not keys:
                return None
            return self.tokens.issue(self._grant(entity, keys[0]), self.modes.token_style, self.clock.now())

    def expire_tokens(self, key: AppKey) -> int:
        """End every token of an app; how many there were."""
        with self.lock:
            return self.tokens.expire(key.customer_id, key.app_id, self.clock.now())

    def rotate_token(self, key: AppKey) -> str:
        """End every token of an app and issue another."""
        with self.lock:
            self.expire_tokens(key)
            return self.tokens.issue(self._grant(Entity.APP, key), self.modes.token_style, self.clock.now())

    def settings(self, key: AppKey) -> Settings:
        """What is stored now, whatever reads show. Raises KeyError for an unknown app."""
        with self.lock:
            return dict(self.apps[key].current.settings)

    def observe(self, key: AppKey) -> Snapshot:
        """What one read of an app shows; counts as a read for `eventual` and `flapper`."""
        with self.lock:
            app = self.apps[key]
            if app.hidden is not None and app.hidden_reads > 0:
                app.hidden_reads -= 1
                return app.hidden
            shown = app.current
            if app.flap_back is not None:
                app.flap_reads -= 1
                if app.flap_reads <= 0:
                    self._flap(app)
            return shown

    def hide(self, key: AppKey, behind: Snapshot, reads: int) -> None:
        """Let the next reads show an older state."""
        with self.lock:
            app = self.apps.get(key)
            if app is None:
                return
            if app.hidden_reads <= 0:  # a second PUT must not uncover the first
                app.hidden = behind
            app.hidden_reads = reads

    def write_back(self, key: AppKey, settings: Settings, reads: int) -> None:
        """Let somebody restore settings once so many reads have seen the present ones; at once for 0."""
        with self.lock:
            app = self.apps.get(key)
            if app is None:
                return
            app.flap_back, app.flap_reads = dict(settings), reads
            if reads <= 0:
                self._flap(app)

    def _flap(self, app: App) -> None:
        settings, app.flap_back = app.flap_back, None
        self.change(app.key, settings or {}, "flapper")

    def commit(self, put: Put) -> LedgerEntry:
        """Store a PUT and write it to the ledger, in one step. Raises KeyError for an unknown app."""
        with self.lock:
            app = self.apps[put.key]
            before, now = app.current.settings, self.clock.now()
            after = wanted(before, put)
            entry = LedgerEntry(
                sequence=len(self._ledger) + 1,
                customer_id=put.key.customer_id,
                app_id=put.key.app_id,
                request_id=put.request_id,
                authorization_sha256=digest(put.authorization),
                body_sha256=digest(put.raw),
                body=put.body,
                before=before,
                after=after,
                changed=changed(before, after),
                at=now,
                started_ns=put.started_ns,
            )
            _move(app, Snapshot(after, now))
            app.flap_back = None
            self._ledger.append(entry)
            return entry

    def finish(self, sequence: int) -> None:
        """Note when the handling of a committed PUT ended."""
        with self.lock:
            if 0 < sequence <= len(self._ledger):
                entry = self._ledger[sequence - 1]
                self._ledger[sequence - 1] = replace(entry, ended_ns=self.clock.monotonic_ns())

    def change(self, key: AppKey, values: Mapping[str, Value], by: str) -> ChangeEntry:
        """Change settings as somebody at the vendor; not in the ledger. Raises KeyError for an unknown app."""
        with self.lock:
            app = self.apps[key]
            before, now = app.current.settings, self.clock.now()
            after = {**before, **values}
            _move(app, Snapshot(after, now))
            entry = ChangeEntry(
                sequence=len(self._changes) + 1,
                customer_id=key.customer_id,
                app_id=key.app_id,
                by=by,
                before=before,
                after=after,
                changed=changed(before, after),
                at=now,
                monotonic_ns=self.clock.monotonic_ns(),
            )
            self._changes.append(entry)
            return entry

    def note_arrival(self) -> None:
        """Count a request whose handling begins; `log_request` follows when it ends."""
        with self.lock:
            self._arrived += 1

    def arrived(self) -> int:
        """How many requests have come in, those under way or hanging included."""
        with self.lock:
            return self._arrived

    def log_request(self, entry: RequestEntry) -> None:
        """Add to the bounded request log; the counts are never cut."""
        with self.lock:
            self._request_sequence += 1
            self._requests.append(replace(entry, sequence=self._request_sequence))
            key = AppKey(entry.customer_id, entry.app_id)
            known = key if key in self.apps else AppKey("", "")
            self._counts[(entry.method, *known, entry.status)] += 1

    def log_delivery(self, entry: DeliveryEntry) -> None:
        """Add to the bounded delivery log."""
        with self.lock:
            self._delivery_sequence += 1
            self._deliveries.append(replace(entry, sequence=self._delivery_sequence))

    def ledger(self, since: int = 0) -> tuple[LedgerEntry, ...]:
        """Every committed PUT with a sequence above `since`."""
        with self.lock:
            return tuple(self._ledger[since:])

    def changes(self) -> tuple[ChangeEntry, ...]:
        """Every change by somebody at the vendor."""
        with self.lock:
            return tuple(self._changes)

    def requests(self) -> tuple[RequestEntry, ...]:
        """The newest requests, oldest first."""
        with self.lock:
            return tuple(self._requests)

    def counts(self) -> dict[tuple[str, str, str, int | None], int]:
        """How many requests: (method, customer id, app id, status) → number; unknown apps under empty ids."""
        with self.lock:
            return dict(self._counts)

    def deliveries(self) -> tuple[DeliveryEntry, ...]:
        """The newest webhook attempts, oldest first."""
        with self.lock:
            return tuple(self._deliveries)

    def neighbour(self, key: AppKey) -> App | None:
        """Another app than this one: the next in the order of seeding."""
        with self.lock:
            keys = list(self.apps)
            if len(keys) < 2 or key not in self.apps:
                return None
            return self.apps[keys[(keys.index(key) + 1) % len(keys)]]


def _move(app: App, snapshot: Snapshot) -> None:
    app.previous, app.current = app.current, snapshot
