"""Answers as JSON; a refusal says what is wrong, and how to do it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from syncer.errors import DesiredStateError, HeldError, JournalError, StoppedError, SyncerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

STATUSES = (
    (UsageError, 400),
    (HeldError, 409),
    (DesiredStateError, 422),
    (JournalError, 503),
    (StoppedError, 503),
)
"""The status of an error of ours; anything else is 502: the source or the vendor."""


def document(content: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON document."""
    return Response(orjson.dumps(content), status, media_type="application/json")


class Refused(Exception):  # noqa: N818 -- no fault of ours: an answer on its way out
    """A request that is not granted."""

    def __init__(self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.headers = dict(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers outside of the application, too."""
        await self.response()(scope, receive, send)

    def response(self) -> Response:
        """The answer."""
        answer = document({"error": self.error, "hint": self.hint}, self.status)
        answer.headers.update(self.headers)
        return answer


def refusal(_request: Request, error: Refused) -> Response:
    """Refused as an answer."""
    return error.response()


def failure(_request: Request, error: SyncerError) -> Response:
    """An error of ours as an answer, with the exit code that the command would have ended with."""
    return document({"error": error.message, "hint": error.hint, "exit_code": error.exit_code}, status_of(error))


def status_of(error: SyncerError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 502)
