"""`/_emulator/`: seed apps, change them as somebody at the vendor, break things, simulate calls, read it all back."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from starlette.routing import Route as Path

from syncer.emulator.answers import Handler, UnknownAppError, answering, describe_app, describe_fault
from syncer.emulator.calls import Call, CallKind, events
from syncer.emulator.exchange import Route
from syncer.emulator.faults.board import HEADER
from syncer.emulator.faults.table import FAULTS
from syncer.emulator.fields import InvalidError
from syncer.emulator.modes import PutSemantics
from syncer.emulator.records import AppKey
from syncer.emulator.store import Seed
from syncer.emulator.tokens import TokenStyle
from syncer.emulator.wishes import Wish

if TYPE_CHECKING:
    from starlette.requests import Request

    from syncer.emulator.delivery import Deliverer
    from syncer.emulator.faults.board import FaultBoard
    from syncer.emulator.store import Store

SEED = ("customer_id", "app_id", "name", "token", "secret", "customer_secret", "settings")
FAULT = ("fault", "customer_id", "app_id", "route", "after", "times")
CALL = (
    "kind",
    "customer_id",
    "app_id",
    "call_sid",
    "from",
    "to",
    "exophone",
    "user_id",
    "duration",
    "ring_duration",
    "details",
    "wait",
)
MODES = (
    "put_semantics",
    "token_style",
    "token_days",
    "retry_scale",
    "webhook_timeout",
    "webhook_sink",
    "redirect_target",
)


class Control:
    """The endpoints, each one small method: request → what to answer as JSON."""

    def __init__(self, store: Store, faults: FaultBoard, deliverer: Deliverer) -> None:
        self._store = store
        self._faults = faults
        self._deliverer = deliverer

    def routes(self) -> list[Path]:
        """For a Mount at the control path; the summaries are the index."""
        return [
            Path(path, answering(handler), methods=[method])
            for (method, path), (handler, _) in self.endpoints().items()
        ]

    def endpoints(self) -> dict[tuple[str, str], tuple[Handler, str]]:
        """(method, path) → what it does, in code and in words."""
        app = "/apps/{customer_id}/{app_id}"
        return {
            ("GET", "/"): (self.index, "this list, and every fault"),
            ("GET", "/apps"): (self.apps, "every app with its settings as stored"),
            ("POST", "/apps"): (self.seed, "create an app or a list of `apps`; answers tokens and secrets"),
            ("GET", app): (self.app, "one app"),
            ("POST", f"{app}/change"): (self.change, "change `settings` as somebody (`by`) at the vendor"),
            ("POST", f"{app}/token"): (self.token, "`action`: expire ends every token of the app, rotate adds another"),
            ("GET", "/ledger"): (self.ledger, "every committed PUT; `?since=N` those after sequence N"),
            ("GET", "/changes"): (self.changes, "every change by somebody at the vendor"),
            ("GET", "/requests"): (self.requests, "the newest requests, and counts of all"),
            ("GET", "/deliveries"): (self.deliveries, "every attempt to deliver a webhook"),
            ("GET", "/faults"): (self.standing, "the faults that are on"),
            ("POST", "/faults"): (self.set_fault, "switch a `fault` on: for all, one app, a number of `times`"),
            ("DELETE", "/faults"): (self.clear_faults, "switch off all, or `?number=N`, or those of one app"),
            ("GET", "/modes"): (self.modes, "the switches of the whole emulator"),
            ("PATCH", "/modes"): (self.set_modes, "change some of them"),
            ("POST", "/calls"): (self.call, "simulate a call of a `kind`, deliver its webhooks"),
            ("POST", "/reset"): (self.reset, "forget apps, tokens, logs, faults and modes"),
        }

    async def index(self, _request: Request) -> object:
        """What there is."""
        endpoints = {f"{method} {path}": words for (method, path), (_, words) in self.endpoints().items()}
        faults = {name: {"summary": fault.summary, "arguments": fault.arguments} for name, fault in FAULTS.items()}
        return {"endpoints": endpoints, "fault_header": HEADER, "faults": faults}

    async def apps(self, _request: Request) -> object:
        """Every app."""
        with self._store.lock:
            return {"apps": [describe_app(app) for app in self._store.apps.values()]}

    async def app(self, request: Request) -> object:
        """One app."""
        with self._store.lock:
            return describe_app(self._store.apps[self._key(request.path_params)])

    async def seed(self, request: Request) -> object:
        """One app, or several under `apps`."""
        raw = await request.body()
        if b'"apps"' not in raw:
            return self._seed(Wish(raw, SEED))
        return {"apps": [self._seed(Wish(item, SEED)) for item in Wish(raw, ("apps",)).items("apps")]}

    def _seed(self, wish: Wish) -> dict[str, str]:
        texts = {name: wish.text(name, "") for name in SEED[2:6]}
        seed = Seed(wish.text("customer_id"), wish.text("app_id"), **texts, settings=wish.settings("settings"))
        token, secret = self._store.seed(seed)
        return {
            "customer_id": seed.customer_id,
            "app_id": seed.app_id,
            "token": token,
            "secret": secret,
            "customer_secret": self._store.customers[seed.customer_id],
        }

    async def change(self, request: Request) -> object:
        """A change that is not a PUT."""
        wish = Wish(await request.body(), ("settings", "by"))
        return self._store.change(
            self._key(request.path_params), wish.settings("settings"), wish.text("by", "somebody")
        )

    async def token(self, request: Request) -> object:
        """Expire or rotate."""
        wish, key = Wish(await request.body(), ("action",)), self._key(request.path_params)
        if wish.word("action", ("expire", "rotate")) == "rotate":
            return {"token": self._store.rotate_token(key)}
        return {"expired": self._store.expire_tokens(key)}

    async def ledger(self, request: Request) -> object:
        """Committed PUTs."""
        return {"ledger": self._store.ledger(_whole(request.query_params.get("since", "0"), "since"))}

    async def changes(self, _request: Request) -> object:
        """Changes at the vendor."""
        return {"changes": self._store.changes()}

    async def requests(self, _request: Request) -> object:
        """Request log and counts."""
        names = ("method", "customer_id", "app_id", "status", "count")
        counts = [dict(zip(names, (*key, count), strict=True)) for key, count in self._store.counts().items()]
        return {"counts": counts, "requests": self._store.requests()}

    async def deliveries(self, _request: Request) -> object:
        """Delivery log."""
        return {"deliveries": self._store.deliveries()}

    async def standing(self, _request: Request) -> object:
        """Faults that are on."""
        return {"faults": [describe_fault(one) for one in self._faults.standing()]}

    async def set_fault(self, request: Request) -> object:
        """Switch on; times and after count the requests concerned."""
        wish = Wish(await request.body(), FAULT)
        names = {name: wish.text(name, "") for name in ("customer_id", "app_id")}
        numbers = self._faults.set(
            wish.text("fault"),
            app=self._key(names) if any(names.values()) else None,
            route=Route(wish.word("route", tuple(Route), Route.SETTINGS)),
            after=wish.count("after") or 0,
            times=wish.count("times"),
        )
        return {"numbers": numbers}

    async def clear_faults(self, request: Request) -> object:
        """Switch off."""
        query = request.query_params
        app = (
            self._key({name: query.get(name, "") for name in ("customer_id", "app_id")}) if "app_id" in query else None
        )
        number = _whole(query["number"], "number") if "number" in query else None
        return {"cleared": self._faults.clear(number=number, app=app)}

    async def modes(self, _request: Request) -> object:
        """The switches."""
        return asdict(self._store.modes)

    async def set_modes(self, request: Request) -> object:
        """Change the switches named, keep the others."""
        wish, old = Wish(await request.body(), MODES), self._store.modes
        self._store.modes = replace(
            old,
            put_semantics=PutSemantics(wish.word("put_semantics", tuple(PutSemantics), old.put_semantics)),
            token_style=TokenStyle(wish.word("token_style", tuple(TokenStyle), old.token_style)),
            token_days=wish.number("token_days", old.token_days),
            retry_scale=wish.number("retry_scale", old.retry_scale),
            webhook_timeout=wish.number("webhook_timeout", old.webhook_timeout),
            webhook_sink=wish.text("webhook_sink", old.webhook_sink),
            redirect_target=wish.text("redirect_target", old.redirect_target),
        )
        return asdict(self._store.modes)

    async def call(self, request: Request) -> object:
        """Start a call; with `wait` answer once the last delivery is over."""
        wish = Wish(await request.body(), CALL)
        call = self._call(wish)
        task = self._deliverer.start(call, events(call))
        if wish.flag("wait"):
            await asyncio.wait([task])  # also returns when the emulator stops and gives the deliveries up
        deliveries = [entry for entry in self._store.deliveries() if entry.call_sid == call.call_sid]
        return {"call_sid": call.call_sid, "deliveries": deliveries}

    def _call(self, wish: Wish) -> Call:
        key = self._key({name: wish.text(name) for name in ("customer_id", "app_id")})
        kind = CallKind(wish.word("kind", tuple(CallKind)))
        plain = Call(kind, key, wish.text("call_sid", f"call_{secrets.token_hex(8)}"), self._store.clock.now())
        return replace(
            plain,
            caller=wish.text("from", plain.caller),
            callee=wish.text("to", plain.callee),
            exophone=wish.text("exophone", plain.exophone),
            user_id=wish.text("user_id", plain.user_id),
            duration=wish.count("duration") or plain.duration,
            ring_duration=wish.count("ring_duration") or plain.ring_duration,
            details=wish.flag("details"),
        )

    async def reset(self, _request: Request) -> object:
        """Start over."""
        self._store.reset()
        self._faults.clear()
        return {"reset": True}

    def _key(self, names: dict[str, str]) -> AppKey:
        key = AppKey(names["customer_id"], names["app_id"])
        if key not in self._store.apps:
            raise UnknownAppError(f"no app {key.app_id!r} of customer {key.customer_id!r} was seeded")
        return key


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise InvalidError(f"{name}: must be a whole number", name)
    return int(text)
