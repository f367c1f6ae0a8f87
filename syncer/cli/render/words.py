"""How single values read: identities, settings, times, places. Each returns sanitized text on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from syncer.model.fields import UNDECLARED
from syncer.model.planned import Danger
from syncer.model.text import sanitize
from syncer.model.url import Url
from syncer.phrasing import count, lasted, moved, when

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.model.desired import AppRef, Commit, Origin, Revision
    from syncer.model.fields import Field
    from syncer.plan.against import Side

__all__ = [
    "app", "author", "count", "danger", "lasted", "masked_alike", "moved", "names", "revision", "value", "when",
    "where",
]  # fmt: skip


def app(ref: AppRef, name: str) -> str:
    """`customer/app (name)`, the name left out where it says nothing more."""
    named = "" if name in {"", ref.app_id} else f" ({sanitize(name)})"
    return f"{sanitize(str(ref))}{named}"


def value(setting: Side) -> str:
    """URLs bare and masked, text that should be a URL and is none in quotes, the rest as YAML spells it."""
    if isinstance(setting, Url):
        text = sanitize(setting.shown)
        return text if setting.scheme else '"' + text.replace('"', '\\"') + '"'
    if isinstance(setting, str):
        return sanitize(setting)
    if setting is UNDECLARED:
        return "not declared"
    return "null" if setting is None else str(setting).lower()


def masked_alike(before: Side, after: Side) -> bool:
    """Whether two different settings read the same because what differs is masked."""
    return before != after and value(before) == value(after)


def danger(kind: Danger, before: Side, after: Side) -> str:
    """A dangerous change with what it means."""
    match kind:
        case Danger.HOST_CHANGE:
            return f"{kind}: {' -> '.join(_hosts(before, after))}"
        case Danger.BLANKS_URL:
            return f"{kind}: nothing is sent there any more"
        case Danger.RECORDING_OFF:
            return f"{kind}: calls are no longer recorded"
        case Danger.STREAMING_OFF:
            return f"{kind}: audio is no longer streamed"
        case _:
            assert_never(kind)


def _hosts(before: Side, after: Side) -> tuple[str, str]:
    """The two hosts, or with scheme and port where the hosts are the same."""
    old, new = (setting if isinstance(setting, Url) else Url("", "") for setting in (before, after))
    if old.host != new.host:
        return sanitize(old.host) or "no host", sanitize(new.host) or "no host"
    return _origin(old), _origin(new)


def _origin(url: Url) -> str:
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{sanitize(url.host)}{port}"


def author(commit: Commit) -> str:
    """The author's name alone; the address where there is no name."""
    return sanitize(commit.author.partition(" <")[0].strip() or commit.author)


def where(origin: Origin, blame: Mapping[Origin, Commit]) -> str:
    """`file:line` with commit and author where they are known."""
    commit = blame.get(origin)
    place = sanitize(str(origin))
    return f"{place}  {sanitize(commit.sha[:7])} {author(commit)}" if commit else place


def revision(found: Revision) -> str:
    """`commit 1a2b3c4`, or `folder` and its digest where there is no commit."""
    if found.commit is not None or not found.id.startswith("sha256:"):
        return f"commit {sanitize(found.id[:7])}"
    return f"folder {sanitize(found.short)}"


def names(fields: Iterable[Field]) -> str:
    """Field names, comma between."""
    return ", ".join(field.value for field in fields)
