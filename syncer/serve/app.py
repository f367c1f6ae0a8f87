"""The application: its routes behind the guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from syncer.errors import SyncerError
from syncer.serve import answers, openapi
from syncer.serve.actions import ActionPoints
from syncer.serve.answers import Refused, document
from syncer.serve.guard import Guard
from syncer.serve.pages import PagePoints
from syncer.serve.probes import Probes
from syncer.serve.push import Push

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from syncer.serve.ports import JSON, Behind
    from syncer.serve.probes import Heartbeat

HISTORY: Final = 50
MOST_HISTORY: Final = 1000
EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"


def routes(behind: Behind, heartbeat: Heartbeat) -> list[Route]:
    """Every route of the server; `openapi` describes them, and a test holds the two together."""
    probes, shown = Probes(behind.health, heartbeat), Shown(behind)
    found = [
        Route("/livez", probes.live),
        Route("/readyz", probes.ready),
        Route("/startupz", probes.started),
        Route("/openapi.json", shown.openapi),
        Route("/api/v1/status", shown.status),
        Route("/api/v1/apps/{customer}/{app}", shown.app),
        Route("/api/v1/apps/{customer}/{app}/history", shown.history),
        Route("/api/v1/plan", shown.plan),
        *ActionPoints(behind).routes(),
        *Push(behind).routes(),
        *PagePoints(behind).routes(),
    ]
    return [*found, Route("/metrics", shown.metrics)] if behind.exposition else found


def application(behind: Behind, heartbeat: Heartbeat, names: frozenset[str]) -> Guard:
    """The whole server for connections that came; `names` are the hosts under which it answers."""
    handlers: Mapping[Any, Any] = {
        HTTPException: _unrouted,
        Refused: answers.refusal,
        SyncerError: answers.failure,
        Exception: _fault,
    }
    made = Starlette(routes=routes(behind, heartbeat), exception_handlers=handlers)
    made.router.redirect_slashes = False  # a redirect would be made from what the client says its Host is
    return Guard(made, names, behind.clock, behind.log)


class Shown:
    """What can be read."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def openapi(self, _request: Request) -> Response:
        """How to use the server."""
        return document(openapi.DOCUMENT)

    async def status(self, _request: Request) -> Response:
        """The fleet."""
        return _found(self._behind.view.status())

    async def app(self, request: Request) -> Response:
        """One app."""
        return _found(self._behind.view.app(request.path_params["customer"], request.path_params["app"]))

    async def plan(self, _request: Request) -> Response:
        """The last decision."""
        return _found(await self._behind.view.plan())

    async def history(self, request: Request) -> Response:
        """What the journal tells of one app."""
        asked = request.query_params
        limit = asked.get("limit", str(HISTORY))
        if not limit.isascii() or not limit.isdecimal() or not 0 < int(limit[:9]) <= MOST_HISTORY:
            raise Refused(400, f"`limit` is no number from 1 to {MOST_HISTORY}")
        customer, app = request.path_params["customer"], request.path_params["app"]
        return document(await self._behind.past.history(customer, app, asked.get("field", ""), int(limit)))

    async def metrics(self, _request: Request) -> Response:
        """For Prometheus."""
        return Response(self._behind.exposition() if self._behind.exposition else b"", media_type=EXPOSITION)


def _found(shown: JSON | None) -> Response:
    if shown is None:
        raise Refused(404, "nothing is known of that yet", "a pass has to end first; /startupz says when one has")
    return document(shown)


def _unrouted(_request: Request, error: HTTPException) -> Response:
    """404 and 405 as JSON; the router's own headers (Allow) stay."""
    told = "no such path" if error.status_code == 404 else "this path does not take that method"
    return Refused(error.status_code, told, "/openapi.json has all of them", error.headers).response()


def _fault(_request: Request, _error: Exception) -> Response:
    """What a client is told of a fault; Starlette raises it again for the guard, which logs it."""
    return Refused(500, "a fault of syncer; its log has the traceback").response()
