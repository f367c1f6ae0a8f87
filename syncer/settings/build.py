"""Turns checked values into the frozen tree. Pure; everything it reads has passed the schema and the checks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from syncer.documents import formats
from syncer.model.desired import (
    AllowedHosts,
    OnCommit,
    OnDrift,
    Policy,
    Suspend,
    Window,
    WindowKind,
)
from syncer.model.fields import Field
from syncer.model.planned import Danger
from syncer.plan.limits import Limits, Transition
from syncer.plan.rollout import Rollout, Wave
from syncer.settings import notices, tree
from syncer.settings.reader import Reader, secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.settings.layers import Entry
    from syncer.settings.tree import SecretRef

TRANSITIONS: Final = {
    "blank_url": Danger.BLANKS_URL,
    "recording_off": Danger.RECORDING_OFF,
    "streaming_off": Danger.STREAMING_OFF,
}
"""The keys of policy.transitions, each with the danger that it limits."""


def settings(entries: Mapping[str, Entry]) -> tree.Settings:
    """The whole tree."""
    read = Reader(entries)
    return tree.Settings(
        mode=tree.Mode(read.text("mode")),
        source=_source(read),
        vendor=_vendor(read),
        schedule=_schedule(read),
        policy=_operator(read),
        rollout=_rollout(read),
        state_dir=Path(read.text("state_dir")),
        audit=_audit(read),
        serve=_serve(read),
        metrics=tree.MetricsOut(
            read.flag("metrics.apps"),
            read.path("metrics.file"),
            read.text("metrics.push").rstrip("/"),
            read.text("metrics.job"),
        ),
        webhooks=_webhooks(read),
        notify=notices.receivers(read.maps("notify")),
        leader=_leader(read),
        log=tree.Log(read.text("log.format").replace("auto", ""), read.text("log.level")),
    )


def _source(read: Reader) -> tree.Source:
    return tree.Source(
        path=read.path("source.path"),
        url=read.text("source.url") or None,
        ref=read.text("source.ref"),
        subpath=read.text("source.subpath"),
        poll=read.duration("source.poll"),
        history=tree.History(read.text("source.history")),
        allow_file=read.flag("source.allow_file"),
        credentials=_credentials(read),
        allowed_signers=read.path("source.verify.allowed_signers.file"),
        proxy=read.text("source.proxy"),
        ca_file=read.path("source.ca_file"),
    )


def _credentials(read: Reader) -> tree.Password | tree.SshKey | None:
    above = "source.credentials"
    key, hosts = read.path(f"{above}.ssh_key.file"), read.path(f"{above}.known_hosts.file")
    user = read.text(f"{above}.username")
    if key is not None and hosts is not None:
        return tree.SshKey(key, hosts, user or "git")
    password = read.secret(f"{above}.password")
    return None if password is None else tree.Password(user, password)


def _vendor(read: Reader) -> tree.Vendor:
    return tree.Vendor(
        base_url=read.text("vendor.base_url").rstrip("/"),
        concurrency=read.number("vendor.concurrency"),
        rate=formats.read_rate(read.text("vendor.rate")),
        deadline=read.duration("vendor.deadline"),
        proxy=read.text("vendor.proxy"),
        ca_file=read.path("vendor.ca_file"),
        customer_tokens=_customer_tokens(read),
        list_bare=read.text("vendor.list_authorization") == "bare",
    )


def _customer_tokens(read: Reader) -> tuple[tuple[str, SecretRef], ...]:
    written = cast("Mapping[str, Mapping[str, str]]", read.mapping("vendor.customer_tokens"))
    found = ((customer, secret(where)) for customer, where in sorted(written.items()))
    return tuple((customer, where) for customer, where in found if where is not None)


def _schedule(read: Reader) -> tree.Schedule:
    when = read.text("schedule.apply")
    return tree.Schedule(
        detect=read.duration("schedule.detect"),
        apply=when if " " in when else formats.read_duration(when),
        zone=read.text("schedule.zone"),
        jitter=read.share("schedule.jitter"),
    )


def _operator(read: Reader) -> tree.OperatorPolicy:
    return tree.OperatorPolicy(layer=_policy(read), locked=read.texts("policy.locked"), limits=_limits(read))


def _limits(read: Reader) -> Limits:
    budget, drift, transitions = "policy.budget", "policy.mass_drift", "policy.transitions"
    return Limits(
        apps=read.number(f"{budget}.apps"),
        share=read.share(f"{budget}.share"),
        at_least=read.number(f"{budget}.at_least"),
        per=read.duration(f"{budget}.per"),
        drift_apps=read.number(f"{drift}.apps"),
        drift_share=read.share(f"{drift}.share"),
        unreadable=read.share("policy.max_unreadable"),
        transitions=tuple(
            Transition(danger, read.number(f"{transitions}.{key}.apps"), read.share(f"{transitions}.{key}.share"))
            for key, danger in TRANSITIONS.items()
        ),
    )


def _policy(read: Reader) -> Policy:
    hosts = cast("Mapping[str, list[str]]", read.mapping("policy.allowed_hosts"))
    return Policy(
        on_commit=OnCommit(read.text("policy.on_commit")),
        on_drift=OnDrift(read.text("policy.on_drift")),
        protected=tuple(Field(name) for name in read.texts("policy.protected")),
        allowed_hosts=tuple(
            AllowedHosts(None if name == "all" else Field(name), tuple(allowed)) for name, allowed in hosts.items()
        ),
        windows=tuple(_window(window) for window in read.maps("policy.windows")),
        suspend=_suspend(cast("Mapping[str, str]", read.mapping("policy.suspend"))),
    )


def _window(written: Mapping[str, str]) -> Window:
    kind = WindowKind.ALLOW if "allow" in written else WindowKind.DENY
    return Window(kind, written[kind.value], formats.read_duration(written["for"]), written.get("zone", "UTC"))


def _suspend(written: Mapping[str, str]) -> Suspend | None:
    if not written:
        return None
    until = written.get("until")
    return Suspend(written["reason"], None if until is None else formats.read_until(until))


def _rollout(read: Reader) -> Rollout:
    waves = tuple(_wave(written) for written in read.maps("rollout.waves"))
    return Rollout(waves, read.number("rollout.stop_after_failures"))


def _wave(written: Mapping[str, Any]) -> Wave:
    return Wave(
        share=formats.read_share(written.get("share", "0%")),
        labels=tuple(sorted(written.get("labels", {}).items())),
        soak=formats.read_duration(written["soak"]) if "soak" in written else timedelta(0),
    )


def _audit(read: Reader) -> tree.Audit:
    anchors = read.choices("audit.anchors")
    written = [anchor for anchor in anchors if not isinstance(anchor, str)]
    return tree.Audit(
        origin=read.text("audit.origin"),
        rotate=formats.read_size(read.text("audit.rotate")),
        sign_key=read.secret("audit.sign.key"),
        anchors=tuple(anchor for anchor in anchors if isinstance(anchor, str)),
        may_vanish=read.flag("audit.may_vanish"),
        anchor_files=tuple(Path(cast("str", anchor["file"])) for anchor in written if "file" in anchor),
        anchor_repositories=tuple(
            _anchor_repository(cast("Mapping[str, object]", anchor["git"])) for anchor in written if "git" in anchor
        ),
    )


def _anchor_repository(written: Mapping[str, object]) -> tree.AnchorRepository:
    texts = cast("Mapping[str, str]", written)
    return tree.AnchorRepository(
        url=texts["url"],
        ref=texts["ref"],
        credentials=_written_credentials(cast("Mapping[str, object]", written.get("credentials", {}))),
        proxy=texts.get("proxy", ""),
        ca_file=Path(texts["ca_file"]) if "ca_file" in written else None,
    )


def _written_credentials(written: Mapping[str, object]) -> tree.Password | tree.SshKey | None:
    user = cast("str", written.get("username", ""))
    places = cast("Mapping[str, Mapping[str, str]]", written)
    if "ssh_key" in written:
        return tree.SshKey(Path(places["ssh_key"]["file"]), Path(places["known_hosts"]["file"]), user or "git")
    password = secret(places.get("password", {}))
    return None if password is None else tree.Password(user, password)


def _serve(read: Reader) -> tree.Serve:
    host, port = formats.read_listen(read.text("serve.listen"))
    return tree.Serve(
        host,
        port,
        read.secret("serve.token"),
        read.secret("serve.push_secret"),
        read.texts("serve.allowed_hosts"),
        read.text("serve.public_url").rstrip("/"),
    )


def _leader(read: Reader) -> tree.Leader:
    return tree.Leader(
        kind=read.text("leader.kind"),
        name=read.text("leader.name"),
        lease_duration=read.duration("leader.lease_duration"),
        renew_deadline=read.duration("leader.renew_deadline"),
        retry_period=read.duration("leader.retry_period"),
        namespace=read.text("leader.namespace"),
        server=read.text("leader.server"),
        token=read.secret("leader.token"),
        ca_file=read.path("leader.ca_file"),
    )


def _webhooks(read: Reader) -> tree.Webhooks:
    return tree.Webhooks(
        deadline=read.duration("webhooks.deadline"),
        allow_networks=read.texts("webhooks.allow_networks"),
        proxy=read.text("webhooks.proxy"),
        ca_file=read.path("webhooks.ca_file"),
    )
