"""What the webhooks commands gather: which URLs, from where, and what is sent."""

from __future__ import annotations

import ipaddress
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from syncer import log, sources, wiring
from syncer.audit.ulid import Ulids
from syncer.cli import against, choosing
from syncer.clock import SystemClock
from syncer.desired import selection, urls
from syncer.errors import DesiredStateError, UsageError
from syncer.model import url as model_url
from syncer.model.fields import URL_FIELDS, Field
from syncer.model.live import LiveApp, Unreadable
from syncer.model.outcome import Trigger
from syncer.model.problems import counted
from syncer.model.url import Url
from syncer.parts import Ask
from syncer.receivers import payloads, sending, targets
from syncer.receivers.addresses import Fence
from syncer.receivers.approach import Means
from syncer.receivers.resolving import SystemResolver
from syncer.receivers.targets import Target, Use
from syncer.receivers.verdicts import Failure
from syncer.receivers.wire import USER_AGENT, Reach, tls_context
from syncer.settings.checks import is_loopback
from syncer.threads import in_thread, interruptible
from syncer.vendor.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncer.desired.snapshot import Source
    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.receivers.wire import Answer
    from syncer.settings import Settings

CLOCK: Final = SystemClock()
DECLARED, LIVE, PLANNED, NEW = "declared", "live", "planned", "new"
"""Which URLs a check is about."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """URLs to check, and apps whose URLs are not known; `scope` says which URLs these are."""

    targets: tuple[Target, ...]
    scope: str
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook to send: the payload as JSON, and where it goes."""

    app: DesiredApp
    event: str
    url: Url
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """A message with its answer."""

    message: Message
    answer: Answer | Failure
    elapsed: float

    @property
    def taken(self) -> bool:
        """Whether the vendor would count it as delivered: 200 and nothing else."""
        return not isinstance(self.answer, Failure) and self.answer.status == 200


def means(settings: Settings, *, private: bool) -> Means:
    """What receivers are reached with, from the settings."""
    told = settings.webhooks
    networks = tuple(ipaddress.ip_network(network) for network in told.allow_networks)
    ca_file = str(told.ca_file) if told.ca_file else None
    reach = Reach(told.deadline.total_seconds(), told.proxy)
    return Means(reach, Fence(private, networks), tls_context(ca_file), SystemResolver())


async def wanted(settings: Settings, given: Mapping[str, Any]) -> Wanted:
    """The URLs that a command line asks about; raises as `plan` does where they can't be had."""
    if given["against"] is not None:
        return await in_thread(_new, settings, given)
    if given["plan"]:
        return await _planned(settings, given)
    if given["live"]:
        return await _live(settings, given)
    return await in_thread(_declared, settings, given)


def _declared(settings: Settings, given: Mapping[str, Any]) -> Wanted:
    source, state = _state(settings)
    chosen = selection.select(state.apps, given["apps"], given["labels"])
    if given["changed_since"] is not None:
        paths = source.changed_since(given["changed_since"], state.revision.id)
        chosen = tuple(app for app in chosen if choosing.touched(app, paths))
    return Wanted(_of_apps(chosen), DECLARED)


def _of_apps(apps: Collection[DesiredApp]) -> tuple[Target, ...]:
    return targets.gather(pair for app in apps for pair in targets.of_settings(app.ref, app.name, app.settings))


def _state(settings: Settings) -> tuple[Source, DesiredState]:
    source = sources.source(settings)
    state = sources.loader(settings.policy).load(source, source.fetch())
    if not state.valid:
        raise DesiredStateError(f"the desired state is invalid: {counted(state.problems)}", state.problems)
    return source, state


def _new(settings: Settings, given: Mapping[str, Any]) -> Wanted:
    values = (
        (Use(change.ref, change.name, Field(change.field)), change.after)
        for change in against.compared(settings, given).changes
        if change.field in URL_FIELDS and isinstance(change.after, Url)
    )
    return Wanted(targets.gather(values), NEW)


async def _planned(settings: Settings, given: Mapping[str, Any]) -> Wanted:
    async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:
        ask = Ask(Trigger.MANUAL, strict=True, select=lambda apps: choosing.choose(here, given, apps))
        plan = (await here.reconciler.run(ask)).decision.plan
    values = (
        (Use(step.ref, step.app.name, change.field), change.desired) for step in plan.steps for change in step.changes
    )
    return Wanted(targets.gather(values), PLANNED, plan.unreadable)


async def _live(settings: Settings, given: Mapping[str, Any]) -> Wanted:
    async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:
        state = await interruptible(here.source.interrupt, here.tracker.refresh)
        chosen = choosing.choose(here, given, state.apps)
        answers = await sweep(here.vendor, chosen, settings.vendor.concurrency)
    names = {app.ref: app.name for app in chosen}
    shown = [live for live in answers if isinstance(live, LiveApp)]
    values = (pair for live in shown for pair in targets.of_settings(live.ref, names[live.ref], live.settings))
    return Wanted(targets.gather(values), LIVE, tuple(live for live in answers if isinstance(live, Unreadable)))


def message(settings: Settings, given: Mapping[str, Any]) -> Message:
    """The webhook that a command line asks for; UsageError when there is no such app, no URL, or it is not allowed."""
    _, state = _state(settings)
    chosen = selection.select(state.apps, (given["app"],))
    if len(chosen) > 1:
        raise UsageError(f"{given['app']!r} names {len(chosen)} apps", hint="write customer/app_id")
    [app] = chosen
    field = Field(given["field"]) if given["field"] else payloads.EVENTS[given["event"]]
    url = _override(app, field, given["to"]) if given["to"] is not None else app.settings.get(field)
    if not isinstance(url, Url):
        raise UsageError(
            f"{app.ref} declares no {field}", hint=f"{given['event']} goes there; name another with --field or --to"
        )
    now = CLOCK.now()
    test_id = Ulids(CLOCK, secrets.token_bytes)().lower()
    content = json.dumps(payloads.payload(given["event"], app.ref, now, test_id)).encode()
    headers = {**payloads.HEADERS, "User-Agent": USER_AGENT}
    return Message(app, given["event"], url, headers, content)


def _override(app: DesiredApp, field: Field, text: str) -> Url:
    """A URL from the command line: on a host that this field may have, else on one that the app declares anyway.

    On this machine http and any port will do, since a receiver that is being written runs there.
    """
    url = model_url.parse(text)
    if url.scheme in {"http", "https"} and is_loopback(url.host):
        return url
    allowed = next((entry.hosts for entry in app.policy.allowed_hosts if entry.field in {field, None}), _hosts(app))
    if faults := urls.faults(field, text, allowed):
        raise UsageError(f"--to: {faults[0].message}", hint=faults[0].help)
    return url


def _hosts(app: DesiredApp) -> tuple[str, ...]:
    declared = (value for _, value in app.settings.declared() if isinstance(value, Url))
    return tuple(dict.fromkeys(url.host if url.port is None else f"{url.host}:{url.port}" for url in declared))


async def sent(settings: Settings, wanted: Message, *, private: bool) -> Sent:
    """Sends it, once."""
    reached_with = means(settings, private=private)
    begun = CLOCK.monotonic()
    answer = await sending.send(wanted.url, wanted.headers, wanted.content, reached_with)
    return Sent(wanted, answer, CLOCK.monotonic() - begun)
