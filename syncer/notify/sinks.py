"""What is sent to each kind of receiver: a notice becomes one request. Pure, but for secrets that were read before."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from syncer.model.outcome import State
from syncer.model.secret import Secret
from syncer.notify import signing
from syncer.notify.commits import Verdict
from syncer.notify.notice import Change, Notice, What, cut, instant, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from syncer.settings.tree import Notify

JSON = dict[str, Any]
SLACK_HEADER: Final = 150
SLACK_TEXT: Final = 2900
DESCRIPTION: Final = {"github": 140, "gitlab": 255, "gitea": 255}
"""Characters of a status's description; a server refuses or cuts longer ones."""
GITLAB_STATES: Final = {Verdict.FAILURE: "failed", Verdict.SUPERSEDED: "canceled"}
_SAME_STATE: Final = re.compile(rb"Cannot transition status")


@dataclass(frozen=True, slots=True)
class Secrets:
    """A receiver's secrets as they are now."""

    url: Secret
    signing: Secret | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. The URL is a secret (Slack's is one), and so may be headers."""

    url: Secret
    body: bytes
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: `source` is the CloudEvents source, `agent` the User-Agent."""

    source: str
    agent: str


def request(receiver: Notify, notice: Notice, secrets: Secrets, sender: Sender, now: datetime) -> Request:
    """The request that tells a receiver; `now` is when this attempt is made."""
    return FORMS[receiver.kind](receiver, notice, secrets, sender, now)


def accepted(receiver: Notify, status: int, body: bytes) -> bool:
    """Whether an answer says that the notice was taken."""
    if 200 <= status < 300:
        return True
    # GitLab refuses a state that the status is in already, which after a lost answer is what we wanted.
    return receiver.server == "gitlab" and status == 400 and _SAME_STATE.search(body) is not None


def _webhook(receiver: Notify, notice: Notice, secrets: Secrets, sender: Sender, now: datetime) -> Request:
    del receiver
    return _signed(notice, notice.document(), "application/json", secrets, (sender, now))


def _cloudevent(receiver: Notify, notice: Notice, secrets: Secrets, sender: Sender, now: datetime) -> Request:
    """Structured mode of the HTTP binding, CloudEvents 1.0.2."""
    del receiver
    document = {
        "specversion": "1.0",
        "id": notice.id,
        "source": sender.source,
        "type": f"syncer.notice.{notice.change}.v1",
        "subject": notice.subject,
        "time": instant(notice.at),
        "datacontenttype": "application/json",
        "data": notice.document(),
    }
    return _signed(notice, document, "application/cloudevents+json; charset=utf-8", secrets, (sender, now))


def _signed(notice: Notice, document: JSON, media: str, secrets: Secrets, attempt: tuple[Sender, datetime]) -> Request:
    sender, now = attempt
    body = orjson.dumps(document)
    found = {"content-type": media, "user-agent": sender.agent}
    return Request(secrets.url, body, {**found, **signing.headers(notice.id, now, body, secrets.signing)})


def _slack(receiver: Notify, notice: Notice, secrets: Secrets, sender: Sender, now: datetime) -> Request:
    """An incoming webhook's message. Foreign text stands in `plain_text`, where nothing is a link or a mention."""
    del receiver
    facts = [f"since {instant(notice.since)} ({told(now - notice.since)})"]
    facts += [", ".join(notice.first) + ("…" if notice.apps > len(notice.first) else "")] if notice.first else []
    facts += [", ".join(f"{key}={value}" for key, value in notice.labels)] if notice.labels else []
    facts += [f"revision {notice.revision.removeprefix('sha256:')[:12]}"] if notice.revision else []
    facts += [notice.link] if notice.link else []
    blocks: list[JSON] = [{"type": "header", "text": _plain(notice.headline, SLACK_HEADER)}]
    blocks += [{"type": "section", "text": _plain(notice.reason, SLACK_TEXT)}] if notice.reason else []
    blocks += [{"type": "section", "text": _plain(f"Next: {notice.todo}", SLACK_TEXT)}] if notice.todo else []
    blocks += [{"type": "context", "elements": [_plain(fact, SLACK_TEXT) for fact in facts]}]
    body = orjson.dumps({"text": _escaped(cut(notice.headline, SLACK_TEXT)), "blocks": blocks})
    return Request(secrets.url, body, {"content-type": "application/json", "user-agent": sender.agent})


def _plain(text: str, longest: int) -> JSON:
    return {"type": "plain_text", "text": cut(text, longest), "emoji": False}


def _escaped(text: str) -> str:
    """The three characters that Slack reads as the begin or end of a mention, link or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _status(receiver: Notify, notice: Notice, secrets: Secrets, sender: Sender, now: datetime) -> Request:
    """The state of a commit, as each server's API has it."""
    del now
    described = {"description": cut(notice.reason, DESCRIPTION[receiver.server])}
    described |= {"target_url": notice.link} if notice.link else {}
    repository = receiver.repository
    token = secrets.token.reveal() if secrets.token else ""
    own: Mapping[str, str]
    match receiver.server:
        case "gitlab":
            path = f"projects/{quote(repository, safe='')}/statuses/{notice.revision}"
            body = {"state": GITLAB_STATES.get(Verdict(notice.state), notice.state), "name": _context(receiver)}
            own = {"private-token": token}
        case "gitea":
            path = f"repos/{repository}/statuses/{notice.revision}"
            body = {"state": notice.state, "context": _context(receiver)}
            own = {"authorization": f"token {token}"}
        case _:
            path = f"repos/{repository}/statuses/{notice.revision}"
            body = {"state": notice.state, "context": _context(receiver)}
            own = {"authorization": f"Bearer {token}", "x-github-api-version": "2022-11-28"}
    media = "application/vnd.github+json" if receiver.server == "github" else "application/json"
    headers = {"content-type": "application/json", "accept": media, "user-agent": sender.agent, **own}
    return Request(Secret(f"{secrets.url.reveal().rstrip('/')}/{path}"), orjson.dumps({**body, **described}), headers)


def _context(receiver: Notify) -> str:
    return f"syncer/{receiver.name}"


FORMS: Final[Mapping[str, Callable[[Notify, Notice, Secrets, Sender, datetime], Request]]] = {
    "webhook": _webhook,
    "cloudevents": _cloudevent,
    "slack": _slack,
    "commit-status": _status,
}
"""The form of each kind of receiver."""


def testable(receiver: Notify) -> bool:
    """Whether a test notice can be sent: a status belongs to a commit."""
    return receiver.kind != "commit-status"


def a_test(now: datetime, new_id: str) -> Notice:
    """A notice that says nothing but that notices arrive."""
    reason = "somebody ran `syncer notify test`; nothing has happened"
    return Notice(now, Change.TEST, What.FLEET, "", State.IN_SYNC, reason, now, id=new_id)
