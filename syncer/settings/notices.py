"""The list `notify`: as the tree has it, and what is wrong with it that no schema can say. Pure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from syncer.documents import formats
from syncer.model.outcome import State
from syncer.settings import tree
from syncer.settings.reader import secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COMMIT_STATUS: Final = "commit-status"
STATUS_ONLY: Final = ("server", "repository", "token")
STATES_ONLY: Final = ("on", "after", "digest", "labels", "secret")


def receivers(written: list[Mapping[str, str]]) -> tuple[tree.Notify, ...]:
    """The receivers of a list that was checked."""
    return tuple(_receiver(cast("Mapping[str, Any]", each)) for each in written)


def faults(written: Mapping[str, Any], source_url: str) -> Iterator[tuple[str, str]]:
    """What is wrong with one receiver whose shape is in order, apart from its URLs: a message and help for each."""
    kind, url = written["kind"], written["url"]
    if kind == "slack" and isinstance(url, str):
        yield "the URL of a Slack webhook is a secret", "keep it in a file: url: {file: /etc/syncer/slack.url}"
    if kind == COMMIT_STATUS:
        if missing := [key for key in STATUS_ONLY if key not in written]:
            yield f"a commit-status without {' and '.join(missing)}", "write server, repository and token"
        if idle := [key for key in STATES_ONLY if key in written]:
            yield f"a commit-status knows no {' and no '.join(idle)}", "take it out"
        if not source_url:
            yield "a commit-status where the source is a folder", "set source.url: a folder has no commits"
        return
    if "on" not in written:
        yield "a receiver of notices that wants to hear of no state", "write on: [Drifted, Held, Failing], say"
    if idle := [key for key in STATUS_ONLY if key in written]:
        yield f"{' and '.join(idle)} without kind: commit-status", "take it out"


def repeated(written: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names that more than one receiver has."""
    counts = Counter(str(each.get("name", each["kind"])) for each in written)
    return sorted(name for name, count in counts.items() if count > 1)


def _receiver(written: Mapping[str, Any]) -> tree.Notify:
    url, after = written["url"], written.get("after", 1)
    place = None if isinstance(url, str) else secret(url)
    return tree.Notify(
        kind=written["kind"],
        name=written.get("name", written["kind"]),
        url=place or url,
        on=tuple(State(name) for name in written.get("on", ())),
        after=formats.read_duration(after) if isinstance(after, str) else after,
        secret=secret(written.get("secret", {})),
        digest=written.get("digest", 5),
        labels=tuple(sorted(written.get("labels", {}).items())),
        server=written.get("server", ""),
        repository=written.get("repository", ""),
        token=secret(written.get("token", {})),
        proxy=written.get("proxy", ""),
        ca_file=Path(written["ca_file"]) if "ca_file" in written else None,
    )
