"""What may be asked of the daemon by whoever holds a token: a pass, an approval, an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.routing import Route

from syncer.log import Event
from syncer.serve import bodies
from syncer.serve.answers import Refused, document
from syncer.serve.ports import Approval, Order
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from syncer.serve.ports import JSON, Behind

LARGEST: Final = 64 * 1024
LONGEST_REASON: Final = 2000
MOST_NAMES: Final = 1000
APPROVE_KEYS: Final = frozenset({"plan", "apps", "labels", "commit", "reason"})
RESUME_KEYS: Final = frozenset({"apps", "labels", "all", "reason"})
SUSPEND_KEYS: Final = RESUME_KEYS | {"until"}
ROLLBACK_KEYS: Final = SUSPEND_KEYS | {"to", "undo"}


class ActionPoints:
    """The endpoints that change something."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/-/reconcile", self._reconcile, methods=["POST"]),
            Route("/-/approve", self._approve, methods=["POST"]),
            Route("/-/suspend", self._suspend, methods=["POST"]),
            Route("/-/resume", self._resume, methods=["POST"]),
            Route("/-/rollback", self._rollback, methods=["POST"]),
        ]

    async def _reconcile(self, request: Request) -> Response:
        principal = await self._principal(request)
        _fields(await _json(request), frozenset())
        at = self._behind.clock.now()
        self._behind.actions.reconcile()
        self._behind.log.info(Event.SERVE_ACTION, action="reconcile", principal=principal)
        return document({"asked": True, "at": at.isoformat().replace("+00:00", "Z")}, 202)

    async def _approve(self, request: Request) -> Response:
        principal = await self._principal(request)
        wanted = approval(_fields(await _json(request), APPROVE_KEYS), principal)
        approved = await self._behind.actions.approve(wanted)
        self._behind.log.info(Event.SERVE_ACTION, action="approve", principal=principal)
        return document(approved)

    async def _suspend(self, request: Request) -> Response:
        return await self._ordered(request, "suspend", SUSPEND_KEYS, self._behind.actions.suspend)

    async def _resume(self, request: Request) -> Response:
        return await self._ordered(request, "resume", RESUME_KEYS, self._behind.actions.resume)

    async def _rollback(self, request: Request) -> Response:
        return await self._ordered(request, "rollback", ROLLBACK_KEYS, self._behind.actions.rollback, "to", "undo")

    async def _ordered(
        self,
        request: Request,
        name: str,
        keys: frozenset[str],
        give: Callable[[Order], Awaitable[JSON]],
        *either: str,
    ) -> Response:
        principal = await self._principal(request)
        fields = _fields(await _json(request), keys)
        if either and not any(fields.get(key) for key in either):
            raise Refused(400, f"give {' or '.join(f'`{key}`' for key in either)}")
        given = await give(order(fields, principal))
        self._behind.log.info(Event.SERVE_ACTION, action=name, principal=principal)
        return document(given)

    async def _principal(self, request: Request) -> str:
        """Who asks: the name beside the token that was given. What a request says of itself is nobody's word."""
        if not await in_thread(self._behind.tokens.all):
            raise Refused(
                403,
                "actions are off: there is no token",
                "set serve.token to a file with a token of 16 characters or more",
            )
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        name = ""
        if scheme.lower() == "bearer":
            name = await in_thread(self._behind.tokens.whose, given.strip().encode("latin-1", "replace"))
        if not name:
            raise Refused(401, "no token, or not a right one", headers={"WWW-Authenticate": "Bearer"})
        return f"api:{name}"


async def _json(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "the body must be JSON", "send Content-Type: application/json")
    try:
        return orjson.loads(await bodies.read(request, LARGEST))
    except orjson.JSONDecodeError as error:
        raise Refused(400, "the body is not JSON", "send an object, {} at least") from error


def _fields(document: Any, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise Refused(400, "the body is no object")
    if unknown := sorted(set(document) - known):
        raise Refused(400, f"unknown key {unknown[0][:40]!r}", f"known keys: {', '.join(sorted(known)) or 'none'}")
    return document


def approval(fields: Mapping[str, Any], principal: str) -> Approval:
    """What a body asks to approve; Refused where that is not clear. Pure."""
    plan, commit, reason = (_text(fields, name) for name in ("plan", "commit", "reason"))
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Refused(400, f"a reason of 1 to {LONGEST_REASON} characters is needed", "it is what an auditor reads")
    if bool(plan) == bool(commit):
        raise Refused(400, "give `plan` or `commit`, and not both")
    apps, labels = _texts(fields, "apps"), _texts(fields, "labels")
    if commit and (apps or labels):
        raise Refused(400, "a commit is approved for all apps")
    return Approval(principal, reason, plan, apps, labels, commit)


def order(fields: Mapping[str, Any], principal: str) -> Order:
    """What a body orders; Refused where that is not clear. Whom it is for and until when is checked behind it. Pure."""
    undo = fields.get("undo", False)
    everybody = fields.get("all", False)
    if not isinstance(undo, bool) or not isinstance(everybody, bool):
        raise Refused(400, "`all` and `undo` are true or false")
    to, until = _text(fields, "to"), _text(fields, "until")
    if undo and (to or until):
        raise Refused(400, "`undo` goes without `to` and `until`")
    if "to" in fields and not to:
        raise Refused(400, "`to` is empty", "name a commit")
    return Order(
        principal, _text(fields, "reason"), _texts(fields, "apps"), _texts(fields, "labels"), everybody, until, to
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Refused(400, f"`{name}` is no text")
    return value


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > MOST_NAMES or not all(isinstance(each, str) for each in value):
        raise Refused(400, f"`{name}` is no list of at most {MOST_NAMES} texts")
    return tuple(value)
