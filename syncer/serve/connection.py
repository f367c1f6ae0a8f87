"""A connection that ends in time, whatever the other side does.

uvicorn waits for ever for a request that trickles in and for a client that does not read its answer. Here both have a
deadline, and when there are too many connections the one that has been waiting longest for its request makes room.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn import Config
    from uvicorn.server import ServerState

RECEIVED: Final = frozenset({h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR})
"""States of the other side in which nothing more of its request is awaited."""

LINGER: Final = 1.0
"""Seconds in which a refused body is still taken, and dropped: a client that is cut at once never sees why."""


@dataclass(slots=True)
class Crowd:
    """The connections of one server: at most `most`. Seconds: `request` for a whole request, `answer` to read one.

    `waiting` are those whose request has not come whole, the longest waiting first.
    """

    request: float = 5.0
    answer: float = 30.0
    most: int = 600
    waiting: dict[TimedProtocol, None] = field(default_factory=dict)


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with deadlines."""

    def __init__(self, config: Config, state: ServerState, loop: asyncio.AbstractEventLoop, crowd: Crowd) -> None:
        super().__init__(config, state, {}, loop)
        self._crowd = crowd
        self._request_ends: asyncio.TimerHandle | None = None
        self._answer_ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The time for the first request runs from here."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > self._crowd.most:
            next(iter(self._crowd.waiting)).cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._request_came()
        self._answer_read()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """After each piece of data: either the request is whole, or its time runs (from its first byte on)."""
        super().handle_events()
        resting = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is not None
        if resting or self.conn.their_state in RECEIVED:
            self._request_came()
        else:
            self._await_request()

    def pause_writing(self) -> None:
        """The client reads slower than we write: from the first time on it has so long for the whole answer."""
        super().pause_writing()
        if self._answer_ends is None:
            self._answer_ends = self.loop.call_later(self._crowd.answer, self.cut)

    def on_response_complete(self) -> None:
        """All is written (what is in the buffers still has its time). A body that nobody wants any more is cut soon."""
        if not self.flow.write_paused:
            self._answer_read()
        super().on_response_complete()
        if self._request_ends is not None and self.conn.their_state is h11.SEND_BODY:
            self._request_ends.cancel()
            self._request_ends = self.loop.call_later(min(LINGER, self._crowd.request), self.cut)

    def resume_writing(self) -> None:
        """The buffers are empty enough; an answer that is complete is as good as read."""
        super().resume_writing()
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]  # None until a request
            self._answer_read()

    def cut(self) -> None:
        """Ends the connection; a handler that still reads from it hears that the client is gone."""
        self._request_came()
        self.transport.abort()

    def _await_request(self) -> None:
        if self._request_ends is None and not self.transport.is_closing():
            self._request_ends = self.loop.call_later(self._crowd.request, self.cut)
            self._crowd.waiting[self] = None

    def _request_came(self) -> None:
        self._crowd.waiting.pop(self, None)
        if self._request_ends is not None:
            self._request_ends.cancel()
            self._request_ends = None

    def _answer_read(self) -> None:
        if self._answer_ends is not None:
            self._answer_ends.cancel()
            self._answer_ends = None
