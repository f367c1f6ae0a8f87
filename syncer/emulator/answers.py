"""What the control endpoints answer: JSON, with the vendor's form of times, and errors that name what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response

from syncer.emulator.faults.fault import FaultError
from syncer.emulator.fields import InvalidError
from syncer.emulator.instants import rfc3339

if TYPE_CHECKING:
    from syncer.emulator.faults.board import Standing
    from syncer.emulator.store import App


class UnknownAppError(Exception):
    """A control request about an app that was never seeded."""


Handler = Callable[[Request], Awaitable[object]]


def answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """JSON out; what is wrong with a control request is 400 or 404 with a message, never a traceback."""

    async def endpoint(request: Request) -> Response:
        try:
            return _json(200, await handler(request))
        except (InvalidError, FaultError) as error:
            return _json(400, {"error": str(error)})
        except UnknownAppError as error:
            return _json(404, {"error": str(error)})

    return endpoint


def _json(status: int, document: object) -> Response:
    body = orjson.dumps(document, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return Response(body, status, media_type="application/json")


def _plain(value: datetime | tuple[object, ...]) -> object:
    return rfc3339(value) if isinstance(value, datetime) else list(value)


def describe_app(app: App) -> dict[str, object]:
    """An app without its token and secret."""
    return {
        "customer_id": app.key.customer_id,
        "app_id": app.key.app_id,
        "name": app.name,
        "settings": app.current.settings,
        "created_at": app.created.updated_at,
        "updated_at": app.current.updated_at,
    }


def describe_fault(one: Standing) -> dict[str, object]:
    """A fault that is on, and how many requests it has met."""
    return {
        "number": one.number,
        "fault": one.picked.text,
        "app": one.app,
        "route": one.route,
        "after": one.after,
        "times": one.times,
        "met": one.met,
    }
