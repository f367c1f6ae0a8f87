"""Builders of what the command line shows: a small fleet in every situation that a plan can tell of."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncer.cli.render.view import PlanView
from syncer.model import url
from syncer.model.desired import AppRef, Commit, DesiredApp, Layer, Origin, Policy, Revision
from syncer.model.fields import FLAG_FIELDS, AppSettings, Field
from syncer.model.live import LiveApp
from syncer.model.outcome import SyncReport, Trigger
from syncer.model.planned import LastApplied
from syncer.plan import build, gate, states

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.fields import Setting, Value
    from syncer.model.live import Live
    from syncer.model.outcome import Outcome

NOW = datetime(2026, 5, 4, 10, 7, 30, tzinfo=UTC)
SEEN = datetime(2026, 5, 4, 9, 52, tzinfo=UTC)
SOURCE = "https://git.example/acme/settings.git"
COMMIT = Commit("1a2b3c4" + "d" * 33, "Asha Rao <asha@acme.example>", SEEN, "Move popups to the new host")
REVISION = Revision(COMMIT.sha, SOURCE, COMMIT)
FILE = "apps/acme.yaml"
POPUP = "https://hooks.acme.example/support/popup"
RECORDING = "https://hooks.acme.example/recording"


def setting(value: str | bool | None) -> Value:
    """A value as files and vendor give it."""
    return url.parse(value) if isinstance(value, str) else value


def settings(**values: str | bool | None) -> AppSettings:
    """Settings with the given fields; the rest undeclared."""
    return AppSettings(**{name: setting(value) for name, value in values.items()})


def live_settings(**values: str | bool | None) -> AppSettings:
    """All seven fields: flags off and URLs null unless given."""
    empty = {field.value: (False if field in FLAG_FIELDS else None) for field in Field}
    return settings(**(empty | values))


def app(name: str = "support-desk", declared: AppSettings | None = None, *, line: int = 12) -> DesiredApp:
    """An app of the sample file; its fields are declared on the lines below it."""
    given = settings(popup_url=POPUP, recording_enabled=True, recording_url=RECORDING) if declared is None else declared
    origins = tuple(
        (field, Origin(FILE, line + number, 7, Layer.APP)) for number, (field, _) in enumerate(given.declared(), 3)
    )
    ref = AppRef("cust_acme", f"app_{name.replace('-', '_')}")
    return DesiredApp(ref, name, given, None, Origin(FILE, line, 3, Layer.APP), REVISION, origins)


def with_policy(subject: DesiredApp, policy: Policy) -> DesiredApp:
    """The same app under another policy."""
    return replace(subject, policy=policy)


def live(of: DesiredApp, **moved: str | bool | None) -> LiveApp:
    """What the vendor shows: as declared, but for what was moved."""
    base = of.settings.over(live_settings())
    for name, value in moved.items():
        base = base.with_setting(Field(name), setting(value))
    return LiveApp(of.ref, base, NOW)


def digest(field: Field, value: Setting) -> str:
    """A digest as the audit index keeps it, with no key."""
    return hashlib.sha256(f"{field} {getattr(value, 'normal', value)}".encode()).hexdigest()


def last(of: DesiredApp, **other: str | bool | None) -> LastApplied:
    """A record that the app was as declared at 09:52, but for the fields given."""
    then = of.settings
    for name, value in other.items():
        then = then.with_setting(Field(name), setting(value))
    digests = tuple((field, digest(field, value)) for field, value in then.declared())
    return LastApplied(of.ref, digests, REVISION.id, SEEN - timedelta(days=1), SEEN)


def view(
    pairs: Iterable[tuple[DesiredApp, Live]], records: Iterable[LastApplied] = (), facts: gate.Facts | None = None
) -> PlanView:
    """A plan of these apps, decided and ready to be shown."""
    together = tuple(pairs)
    apps = tuple(desired for desired, _ in together)
    plan = build.build(REVISION, together, {record.ref: record for record in records}, digest)
    decision = gate.decide(plan, facts or gate.Facts(NOW))
    blame = {origin: COMMIT for desired in apps for _, origin in desired.origins}
    statuses = states.after(apps, states.Observed(decision, NOW))
    return PlanView(apps, decision, statuses, NOW, blame, SOURCE)


def report(shown: PlanView, outcomes: Iterable[Outcome] = ()) -> SyncReport:
    """The pass that carried this plan out, with these outcomes."""
    done = tuple(outcomes)
    observed = states.Observed(shown.decision, NOW, {outcome.ref: outcome for outcome in done})
    statuses = states.after(shown.apps, observed)
    return SyncReport(
        "run-7", Trigger.MANUAL, REVISION, shown.decision, NOW, 1.23, writes=True, outcomes=done, apps=statuses
    )
