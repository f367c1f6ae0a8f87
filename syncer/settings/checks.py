"""What no schema can say: settings that contradict each other, and URLs that decide who receives a token. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from syncer.documents import formats
from syncer.model.problems import Problem
from syncer.settings import notices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from syncer.settings.layers import Layers

HTTP: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?"
)
GIT: Final = re.compile(r"(?P<scheme>https|ssh)://[a-z0-9.-]+(?::[0-9]{1,5})?/[ -~]+")
FILE: Final = re.compile(r"file:///[ -~]+")
USER: Final = re.compile(r"[a-z]+://[^/]*@")


def problems(layers: Layers) -> tuple[Problem, ...]:
    """Every contradiction, each at the place of the key that has to change."""
    return tuple(problem for check in CHECKS for problem in check(layers))


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _source(layers: Layers) -> Iterator[Problem]:
    path, url = layers.entries.get("source.path"), _text(layers, "source.url")
    if not url:
        return
    if path is not None:
        yield Problem(
            "SY291",
            "a folder and a repository exclude each other",
            layers.place("source.url"),
            "either this",
            layers.place("source.path"),
            "or this",
            help="delete one of source.path and source.url",
        )
    allow_file = bool(layers.entries["source.allow_file"].value)
    if not (GIT.fullmatch(url) or (allow_file and FILE.fullmatch(url))):
        yield _bad_url(layers, "source.url", *_git_advice(url))


def _git_advice(url: str, *, local: bool = True) -> tuple[str, str]:
    """A message and help; `local` says whether a repository on this machine could be allowed."""
    if USER.match(url):
        return "a user or password in the repository's URL", "leave it out of the URL; it belongs into credentials"
    if "://" not in url:
        return "this form of a repository's address is not read", "write ssh://host/path, the user as a credential"
    if url.startswith("file:") and local:
        return "a file:// repository", "set source.allow_file: true if it is meant, and write three slashes"
    return "this is not a URL of a git repository", "write https://host/path or ssh://host/path, the host in lower case"


def _credentials(layers: Layers) -> Iterator[Problem]:
    """The parts may come from several layers, so that only the whole can be judged."""
    above = "source.credentials"
    names = {"url": "source.url", "username": f"{above}.username"}
    names |= {part: f"{above}.{part}.file" for part in ("ssh_key", "known_hosts")}
    names["password"] = next((name for name in layers.entries if name.startswith(f"{above}.password.")), "")
    given = {part for part, name in names.items() if name in layers.entries}
    for part, message, advice in _credential_faults(_text(layers, "source.url"), given):
        yield _contradiction(layers, names[part], message, advice)


def _credential_faults(url: str, given: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the parts of credentials that are given: the part, a message, and help."""
    user, password, key, hosts = (part in given for part in ("username", "password", "ssh_key", "known_hosts"))
    scheme = url.partition("://")[0]
    faults = (
        (password and key, "password", "a password and an ssh key exclude each other", "delete one of them"),
        (password and not user, "password", "a password without a user name", "add username: x"),
        (user and not password and not key, "username", "a user name without a password or key", "add password"),
        (key and not hosts, "ssh_key", "an ssh key without known hosts", "add known_hosts: {file: …}"),
        (hosts and not key, "known_hosts", "known hosts without an ssh key", "add ssh_key: {file: …}"),
        (
            scheme == "ssh" and not key,
            "url",
            "a repository over ssh needs a key and known hosts",
            "add credentials with ssh_key and known_hosts",
        ),
        (
            scheme == "https" and key,
            "ssh_key",
            "an ssh key for a repository over https",
            "write username and password",
        ),
    )
    return ((part, message, advice) for wrong, part, message, advice in faults if wrong)


def _http_urls(layers: Layers) -> Iterator[Problem]:
    """Tokens travel to vendor and API server, secrets to receivers of notices: these are spoken to over https."""
    plain = ("source.proxy", "vendor.proxy", "webhooks.proxy", "metrics.push", "serve.public_url")
    for name in ("vendor.base_url", "leader.server", *plain):
        fault = _http_fault(_text(layers, name), plain=name in plain)
        if fault:
            yield _bad_url(layers, name, *fault)


def _notices(layers: Layers) -> Iterator[Problem]:
    """A list is one value, so all of it is told at its place; what has not its shape was told by the schema."""
    written = layers.entries["notify"].value
    found = [each for each in written if isinstance(each, dict)] if isinstance(written, list) else []
    shaped = [each for each in found if isinstance(each.get("kind"), str) and isinstance(each.get("url"), str | dict)]
    for each in shaped:
        for key in ("url", "proxy"):
            url = each.get(key)
            if isinstance(url, str) and (fault := _http_fault(url, plain=key == "proxy")):
                yield _bad_url(layers, "notify", *fault)
        for message, advice in notices.faults(each, _text(layers, "source.url")):
            yield _contradiction(layers, "notify", message, advice)
    for name in notices.repeated(shaped):
        yield _contradiction(layers, "notify", f"two receivers are called {name}", "give each a name of its own")


def _http_fault(url: str, *, plain: bool) -> tuple[str, str] | None:
    """A message and help; `plain` allows http to other machines."""
    found = HTTP.fullmatch(url)
    if not url:
        return None
    if USER.match(url):
        return "a user or password in a URL", "leave it out: a URL is shown in logs"
    if found is None or int(found["port"] or 0) > 65535:
        return "this is not a URL of the form that is read here", "write https://host/path, without ? and #"
    if found["scheme"] == "http" and not plain and not is_loopback(found["host"]):
        return "http to another machine would show tokens on the way", "write https://; http is for this machine only"
    return None


def _waves(layers: Layers) -> Iterator[Problem]:
    waves = layers.entries["rollout.waves"].value
    named = [wave for wave in waves if isinstance(wave, dict)] if isinstance(waves, list) else []
    texts = [wave.get("share", "0%") for wave in named]
    read = [formats.read_share(text) for text in texts if isinstance(text, str) and not formats.fault("share", text)]
    if len(read) < len(texts):
        return
    shares = [share for share, wave in zip(read, named, strict=True) if "share" in wave]
    if any(not wave.keys() & {"share", "labels"} for wave in named):
        yield _contradiction(layers, "rollout.waves", "a wave is a share or labels", "write share: 5% or labels: {…}")
    elif shares != sorted(set(shares)) or (shares and shares[0] == 0):
        yield _contradiction(layers, "rollout.waves", "shares of waves must grow", "for example 5%, 30%, 100%")
    elif read and read[-1] != 1:
        yield _contradiction(layers, "rollout.waves", "the last wave must be the whole fleet", "end with share: 100%")


def _anchors(layers: Layers) -> Iterator[Problem]:
    anchors = layers.entries["audit.anchors"].value
    if isinstance(anchors, list) and "stdout" in anchors and _text(layers, "log.level") in {"warning", "error"}:
        message = "the anchor stdout is a line of level info, which this level leaves out"
        yield _contradiction(layers, "log.level", message, "write level: info, or take stdout out of audit.anchors")


def _anchor_repositories(layers: Layers) -> Iterator[Problem]:
    """A list is one value, so all of it is told at the place of the list."""
    anchors = layers.entries["audit.anchors"].value
    for anchor in anchors if isinstance(anchors, list) else ():
        git = anchor.get("git") if isinstance(anchor, dict) else None
        if not isinstance(git, dict) or not isinstance(url := git.get("url"), str):
            continue
        if not GIT.fullmatch(url):
            yield _bad_url(layers, "audit.anchors", *_git_advice(url, local=False))
        if url == _text(layers, "source.url"):
            message = "an anchor in the repository of the apps: whoever may write there could change both"
            yield _contradiction(layers, "audit.anchors", message, "name a repository of its own")
        proxy, credentials = git.get("proxy"), git.get("credentials", {})
        if isinstance(proxy, str) and (fault := _http_fault(proxy, plain=True)):
            yield _bad_url(layers, "audit.anchors", *fault)
        for _, message, advice in _credential_faults(url, credentials if isinstance(credentials, dict) else {}):
            yield _contradiction(layers, "audit.anchors", message, advice)


def _leader(layers: Layers) -> Iterator[Problem]:
    elected = _text(layers, "leader.kind") == "lease"
    anchors = layers.entries["audit.anchors"].value
    if isinstance(anchors, list) and "lease" in anchors and not elected:
        message = "the anchor lease is an annotation of the lease, and there is none"
        yield _contradiction(layers, "audit.anchors", message, "write leader.kind: lease, or name another anchor")
    if not elected:
        return
    if _text(layers, "leader.server") and not {"leader.token.file", "leader.token.env"} & layers.entries.keys():
        message = "an API server without a token for it: that of a Pod is for its own cluster"
        yield _contradiction(layers, "leader.server", message, "name leader.token, or leave leader.server out in a Pod")
    names = ("leader.lease_duration", "leader.renew_deadline", "leader.retry_period", "vendor.deadline")
    texts = [_text(layers, name) for name in names]
    if not any(formats.fault("duration", text) for text in texts):
        lease, renew, retry, put = (formats.read_duration(text).total_seconds() for text in texts)
        if renew >= lease:
            message = "a leader would believe in its lease when others no longer do"
            yield _contradiction(layers, names[1], message, "write it shorter than leader.lease_duration")
        elif renew - put - (lease - renew) / 4 <= retry:
            message = "between two renewals there is no time in which a whole PUT fits: nothing would ever be written"
            advice = "retry_period < renew_deadline - vendor.deadline - (lease_duration - renew_deadline)/4"
            said = (name for name in (names[1], names[3], *names) if layers.entries[name].at is not None)
            yield _contradiction(layers, next(said, names[1]), message, advice)


CHECKS: Final = (_source, _credentials, _http_urls, _notices, _waves, _anchors, _anchor_repositories, _leader)


def _text(layers: Layers, name: str) -> str:
    """A key's text; empty where there is none or it is not a text (the schema has said so)."""
    entry = layers.entries.get(name)
    return entry.value if entry is not None and isinstance(entry.value, str) else ""


def _contradiction(layers: Layers, name: str, message: str, advice: str) -> Problem:
    return Problem("SY291", message, layers.place(name), help=advice)


def _bad_url(layers: Layers, name: str, message: str, advice: str) -> Problem:
    at = layers.place(name)
    if "password" in message:
        at = replace(at, text="")
    return Problem("SY292", message, at, help=advice)
