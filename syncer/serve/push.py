"""Push triggers: a git server says that something moved, and syncer goes and looks.

What the push says is not read at all: the answer to it is one look at the source that is configured anyway.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from syncer.serve import bodies, signatures
from syncer.serve.answers import Refused, document
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from syncer.serve.ports import Behind

LARGEST: Final = 1024 * 1024
EVERY: Final = 5.0
"""Seconds between two looks at the source, however many pushes come."""
REMEMBERED: Final = 1000
DELIVERIES: Final = ("x-github-delivery", "x-gitlab-event-uuid", "webhook-id", "x-forgejo-delivery", "x-gitea-delivery")
KINDS: Final = {"github": signatures.github, "gitlab": signatures.gitlab, "gitea": signatures.gitea}


class Debounce:
    """Calls at once, and then at most every so many seconds; the last call asked for always comes."""

    def __init__(self, call: Callable[[], None], every: float = EVERY) -> None:
        self._call = call
        self._every = every
        self._closed: asyncio.TimerHandle | None = None
        self._again = False

    def ask(self) -> None:
        """Asks for a call."""
        if self._closed is not None:
            self._again = True
            return
        self._call()
        self._closed = asyncio.get_running_loop().call_later(self._every, self._open)

    def _open(self) -> None:
        self._closed = None
        if self._again:
            self._again = False
            self.ask()


class Seen:
    """The last deliveries by their ids: one that comes again asks for nothing."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def again(self, delivery: str) -> bool:
        """Whether this id was seen before; remembers it. A delivery without an id is always new."""
        if not delivery:
            return False
        known = delivery in self._ids
        self._ids[delivery] = None
        self._ids.move_to_end(delivery)
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return known


class Push:
    """The endpoints of all git servers."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._debounce = Debounce(behind.actions.fetch)
        self._seen = Seen()

    def routes(self) -> list[Route]:
        """One for each kind of git server."""
        return [Route(f"/-/push/{kind}", partial(self._pushed, kind), methods=["POST"]) for kind in KINDS]

    async def _pushed(self, kind: str, request: Request) -> Response:
        keys = await in_thread(self._behind.secrets.all)
        if not keys:
            raise Refused(403, "push triggers are off", "set serve.push_secret to enable them")
        body = await bodies.read(request, LARGEST)
        check, headers, now = KINDS[kind], request.headers, self._behind.clock.now()
        signed = [check(headers, body, key.secret.reveal().encode(), now) for key in keys]
        if True not in signed:
            raise Refused(401, "not signed with the push secret", "compare the secrets at both ends")
        if self._seen.again(_delivery(headers)):
            return document({"accepted": True, "repeated": True}, 202)
        self._debounce.ask()
        return document({"accepted": True, "repeated": False}, 202)


def _delivery(headers: Mapping[str, str]) -> str:
    return next((headers[name][:200] for name in DELIVERIES if headers.get(name)), "")
