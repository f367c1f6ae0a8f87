"""The pages, their JSON twins, and what can be asked for with their forms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.routing import Route

from syncer.errors import SyncerError
from syncer.log import Event
from syncer.serve import actions, bodies, html
from syncer.serve.answers import Refused, document, status_of
from syncer.serve.guard import LOOPBACK, name_of
from syncer.serve.sessions import COOKIE, LASTS, Sessions
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from syncer.serve.ports import JSON, Behind
    from syncer.serve.sessions import Session

PAGES: Final = {"fleet": "/", "revisions": "/revisions", "drift": "/drift", "audit": "/audit", "system": "/system"}
"""Pages by name; the twin of the first is `/fleet.json`, of the others their path and `.json`."""
APP: Final = "/apps/{customer}/{app}"
EXPORTS: Final = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
STATIC: Final = {"syncer.css": "text/css; charset=utf-8", "syncer.js": "text/javascript; charset=utf-8",
                 "syncer.svg": "image/svg+xml"}  # fmt: skip
LARGEST_FORM: Final = 16 * 1024
MOST_FIELDS: Final = 16
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser says that forms come from nowhere (`Origin: null`)
}
TOLD: Final = {
    "reconcile": "A pass has been asked for. It follows the one under way.",
    "approved": "Approved and recorded. The next pass writes it.",
    "nothing": "Nothing of it waits for an approval any more.",
    "in": "Signed in.",
    "out": "Signed out.",
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever asks: the session, if signed in, and whether this server has tokens at all."""

    session: Session | None
    possible: bool


class PagePoints:
    """Everything for people with a browser."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._sessions = Sessions(behind.tokens, behind.clock)

    def routes(self) -> list[Route]:
        """Pages, twins, exports, what they need, and forms."""
        return [
            Route("/fleet.json", partial(self._twin, "fleet")),
            *(Route(f"{path}.json", partial(self._twin, name)) for name, path in PAGES.items() if name != "fleet"),
            Route(f"{APP}.json", partial(self._twin, "app")),
            *(Route(path, partial(self._page, name)) for name, path in PAGES.items()),
            Route(APP, partial(self._page, "app")),
            *(Route(f"/audit.{form}", partial(self._export, form)) for form in EXPORTS),
            Route("/static/{name}", self._static),
            Route("/sign-in", self._sign_in),
            Route("/-/session", self._form(self._open), methods=["POST"]),
            Route("/-/session/end", self._form(self._close), methods=["POST"]),
            Route("/-/page/reconcile", self._form(self._reconcile), methods=["POST"]),
            Route("/-/page/approve", self._form(self._approve), methods=["POST"]),
        ]

    async def _twin(self, name: str, request: Request) -> Response:
        return document(await self._document(name, request))

    async def _page(self, name: str, request: Request) -> Response:
        try:
            found = await self._document(name, request)
        except Refused as error:
            return await self._refused(request, error)
        return await self._html(request, name, found)

    async def _document(self, name: str, request: Request) -> JSON:
        asked = {**request.query_params, **request.path_params}
        found = await self._behind.pages.page(name, asked)
        if found is None:
            raise Refused(404, "no app of that name in the last pass", "see the fleet for all of them")
        return found

    async def _export(self, form: str, request: Request) -> Response:
        body = await self._behind.pages.export(dict(request.query_params), form)
        name = f'attachment; filename="audit.{form}"'
        return Response(body, media_type=EXPORTS[form], headers={"Content-Disposition": name})

    async def _static(self, request: Request) -> Response:
        kind = STATIC.get(name := request.path_params["name"])
        if kind is None:
            raise Refused(404, "no such file")
        folder = resources.files("syncer.serve") / "static"
        return Response(await in_thread((folder / name).read_bytes), media_type=kind)

    async def _sign_in(self, request: Request) -> Response:
        secure = _encrypted(request) or name_of(request.headers.get("host", "").lower()) in LOOPBACK
        return await self._html(request, "sign_in", {}, secure=secure, wrong=False)

    async def _html(
        self, request: Request, name: str, found: Mapping[str, Any], status: int = 200, **more: Any
    ) -> Response:
        asker = await self._asker(request)
        told = TOLD.get(request.query_params.get("told", ""), "")
        shown = {"asker": asker, "told": told, "origin": _origin(request), **more}
        now = datetime.fromisoformat(found["at"]) if "at" in found else self._behind.clock.now()
        text = await in_thread(partial(html.page, name, found, now, **shown))
        return Response(text.encode("utf-8", "replace"), status, media_type="text/html", headers=HEADERS)

    async def _asker(self, request: Request) -> Asker:
        cookie = request.cookies.get(COOKIE, "")
        session = await in_thread(self._sessions.of, cookie) if cookie else None
        return Asker(session, bool(await in_thread(self._behind.tokens.all)))

    async def _refused(self, request: Request, error: Refused) -> Response:
        return await self._html(request, "refused", {"error": error.error, "hint": error.hint}, error.status)

    def _form(
        self, work: Callable[[Request, Mapping[str, str]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A handler of a form; what goes wrong is told on a page."""

        async def handle(request: Request) -> Response:
            try:
                return await work(request, await _fields(request))
            except Refused as error:
                return await self._refused(request, error)
            except SyncerError as error:
                return await self._refused(request, Refused(status_of(error), error.message, error.hint))

        return handle

    async def _open(self, request: Request, fields: Mapping[str, str]) -> Response:
        cookie = await in_thread(self._sessions.open, fields.get("token", ""))
        if not cookie:
            return await self._html(request, "sign_in", {}, 401, secure=True, wrong=True)
        answer = _go("/?told=in")
        answer.set_cookie(COOKIE, cookie, int(LASTS), secure=_encrypted(request), httponly=True, samesite="strict")
        return answer

    async def _close(self, request: Request, fields: Mapping[str, str]) -> Response:
        await self._session(request, fields)
        self._sessions.close(request.cookies[COOKIE])
        answer = _go("/?told=out")
        answer.delete_cookie(COOKIE)
        return answer

    async def _reconcile(self, request: Request, fields: Mapping[str, str]) -> Response:
        session = await self._session(request, fields)
        self._behind.actions.reconcile()
        self._behind.log.info(Event.SERVE_ACTION, action="reconcile", principal=session.principal)
        return _go("/?told=reconcile")

    async def _approve(self, request: Request, fields: Mapping[str, str]) -> Response:
        session = await self._session(request, fields)
        customer, app = fields.get("customer", ""), fields.get("app", "")
        asked = {"plan": fields.get("plan", ""), "reason": fields.get("reason", ""), "apps": [f"{customer}/{app}"]}
        approved = await self._behind.actions.approve(actions.approval(asked, session.principal))
        self._behind.log.info(Event.SERVE_ACTION, action="approve", principal=session.principal)
        told = "approved" if approved["approved"] else "nothing"
        return _go(f"/apps/{html.part(customer)}/{html.part(app)}?told={told}")

    async def _session(self, request: Request, fields: Mapping[str, str]) -> Session:
        """The session of a form that a page of this session made."""
        session = (await self._asker(request)).session
        if session is None:
            raise Refused(401, "you are not signed in, or not any more", "sign in with a token of this server")
        if not session.owns(fields.get("form", "")):
            raise Refused(403, "this form is not of your session", "go back, load the page again, and repeat it")
        return session


async def _fields(request: Request) -> Mapping[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refused(415, "not a form", "programs use /-/reconcile and /-/approve")
    body = await bodies.read(request, LARGEST_FORM)
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:  # not ASCII, not UTF-8 behind the percent signs, or too many fields
        raise Refused(400, "a form that no browser sends") from error
    return {name: values[0] for name, values in found.items()}


def _origin(request: Request) -> str:
    """The address under which this server was asked; the guard has looked at the name."""
    scheme = "https" if _encrypted(request) else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"


def _encrypted(request: Request) -> bool:
    """Whether a proxy before us says that it speaks https."""
    return request.headers.get("x-forwarded-proto") == "https"


def _go(path: str) -> Response:
    """The answer to a form that was carried out: look there now."""
    return Response(status_code=303, headers={"Location": path, **HEADERS})
