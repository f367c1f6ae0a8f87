"""Pages, twins and forms as HTTP has them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from syncer.errors import HeldError
from syncer.model.desired import Policy
from syncer.model.fields import Field
from syncer.model.text import sanitize
from syncer.serve import html, pages
from syncer.views import fleet
from tests.bench.bench_pages import a_desk
from tests.support.forms import FORM, Browser
from tests.support.paged import Desk
from tests.support.served import JSON_HEADERS, TOKEN, Actions, Pages, Served, served
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

if TYPE_CHECKING:
    from pathlib import Path

ONE = app()
HREF = f"/apps/{ONE.ref.customer_id}/{ONE.ref.app_id}"
TWINS = ("/fleet.json", "/revisions.json", "/drift.json", "/audit.json", "/system.json", f"{HREF}.json")
SHOWN = (*pages.PAGES.values(), HREF, "/sign-in")


@pytest.fixture
def here(tmp_path: Path) -> Served:
    """A server over a fleet of one app, which has drifted."""
    desk = Desk(tmp_path, origins={"mode": ("apply", "built-in"), "serve.listen": ("none", "syncer.yaml:3")})
    desk.publish(view([(ONE, live(ONE, popup_url="https://other.example/"))], [last(ONE)]))
    desk.catch_up()
    return Served(pages=desk.views)


@pytest.mark.parametrize("path", TWINS)
async def test_each_page_has_a_twin(here: Served, path: str) -> None:
    async with served(here):
        answer = await here.ask("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["schema"].startswith("syncer.")


class Outline(HTMLParser):
    """Checks that a page is well nested, and keeps what tests ask for."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", SHOWN)
async def test_each_page_is_sound_html_without_anything_inline(here: Served, path: str) -> None:
    async with served(here):
        answer = await here.ask("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    found = Outline(answer.body.decode())
    assert found.open == []
    assert [tag for tag, _ in found.tags].count("h1") == 1
    assert [attrs for tag, attrs in found.tags if tag in {"style", "base", "iframe", "object"}] == []
    assert [attrs for tag, attrs in found.tags if tag == "script"] == [{"src": "/static/syncer.js", "defer": None}]
    assert not [name for _, attrs in found.tags for name in attrs if name == "style" or name.startswith("on")]
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


async def test_links_stay_on_this_server(here: Served) -> None:
    async with served(here):
        for path in SHOWN:
            tags = Outline((await here.ask("GET", path)).body.decode()).tags
            targets = [attrs[name] or "" for _, attrs in tags for name in ("href", "src", "action") if name in attrs]
            assert [each for each in targets if not re.fullmatch(r"[/#](?!/)[!-~]*", each)] == []


async def test_pages_have_a_policy_of_their_own_and_twins_the_strict_one(here: Served) -> None:
    async with served(here):
        page, twin = await here.ask("GET", "/"), await here.ask("GET", "/fleet.json")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "same-origin"
    assert "script-src" not in twin.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["x-content-type-options"]) == ("no-store", "nosniff")


async def test_an_app_that_nobody_knows_is_404_on_both(here: Served) -> None:
    async with served(here):
        page, twin = await here.ask("GET", "/apps/x/y"), await here.ask("GET", "/apps/x/y.json")
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"No app of that name in the last pass." in page.body
    assert (twin.status, twin.json()["error"]) == (404, "no app of that name in the last pass")


@pytest.mark.parametrize(("name", "kind"), pages.STATIC.items())
async def test_what_pages_need_is_served(here: Served, name: str, kind: str) -> None:
    async with served(here):
        answer = await here.ask("GET", f"/static/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, kind)


@pytest.mark.parametrize("name", ["../guard.py", "..%2fguard.py", "x.css", ""])
async def test_nothing_else_is(here: Served, name: str) -> None:
    async with served(here):
        assert (await here.ask("GET", f"/static/{name}")).status == 404


async def test_a_search_is_exported() -> None:
    here = Served(pages=(known := Pages()))
    async with served(here):
        answer = await here.ask("GET", "/audit.csv?app=one&who=asha")
        wrong = await here.ask("GET", "/audit.jsonl?since=never")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert known.asked[0] == {"app": "one", "who": "asha"}
    assert (wrong.status, wrong.json()["error"]) == (400, "`since` is no day or time")


async def test_commands_are_those_that_ask_this_server(tmp_path: Path) -> None:
    held = with_policy(ONE, Policy(protected=(Field.POPUP_URL,)))
    desk = Desk(tmp_path)
    desk.publish(view([(held, live(held, popup_url="https://other.example/"))], [last(held)]))
    here = Served(pages=desk.views)
    async with served(here):
        far = {"Host": "syncer.corp.example", "X-Forwarded-Proto": "https"}
        fleet_page, app_page = await here.ask("GET", "/", far), await here.ask("GET", HREF, far)
    tail = b"--reason &#39;\xe2\x80\xa6&#39; --server https://syncer.corp.example --server-token-file FILE</code>"
    assert tail in fleet_page.body
    assert f"{ONE.ref} ".encode() + tail in app_page.body
    assert f"syncer suspend {ONE.ref} --until 4h ".encode() + tail in app_page.body
    assert html.asked_here("syncer plan", "http://x") == "syncer plan"


async def test_without_a_token_at_the_server_pages_are_read_only(here: Served) -> None:
    here.environ["T"] = ""
    async with served(here):
        page = await here.ask("GET", "/")
        sign_in = await here.ask("GET", "/sign-in")
    assert b"Read-only" in page.body
    assert b'<form method="post"' not in page.body + sign_in.body


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(here: Served) -> None:
    async with served(here):
        answer = await Browser(here).sign_in()
        behind = await Browser(here).post("/-/session", {"X-Forwarded-Proto": "https"}, token=TOKEN)
    cookie = answer.headers["set-cookie"]
    assert (answer.status, answer.headers["location"]) == (303, "/?told=in")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert ("Secure" in cookie, "Secure" in behind.headers["set-cookie"]) == (False, True)


async def test_a_wrong_token_signs_nobody_in(here: Served) -> None:
    async with served(here):
        answer = await Browser(here).sign_in("wrong-0123456789abcdef")
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)
    assert b"That is no token of this server." in answer.body


async def test_the_sign_in_page_warns_where_the_token_could_be_read_on_the_way(here: Served) -> None:
    async with served(here):
        far = {"Host": "syncer.corp.example"}
        assert b"not encrypted" in (await here.ask("GET", "/sign-in", far)).body
        assert b"not encrypted" not in (await here.ask("GET", "/sign-in", {**far, "X-Forwarded-Proto": "https"})).body
        assert b"not encrypted" not in (await here.ask("GET", "/sign-in")).body


async def test_a_signed_in_person_asks_for_a_pass(here: Served) -> None:
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        answer = await browser.post("/-/page/reconcile", form=await browser.form())
        after = await browser.get(answer.headers["location"])
    assert (answer.status, here.actions.passes) == (303, 1)
    assert b"A pass has been asked for." in after.body
    assert [(line["action"], line["principal"]) for line in here.log] == [("reconcile", "api:alice")]


async def test_an_approval_is_given_under_the_name_of_the_token(here: Served) -> None:
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        answer = await browser.post(
            "/-/page/approve",
            form=await browser.form(),
            plan="3f2a9c1b7d20",
            customer="c",
            app="a/b",
            reason="CHG-1",
        )
    [wanted] = here.actions.approvals
    assert (wanted.by, wanted.plan, wanted.apps, wanted.reason) == ("api:alice", "3f2a9c1b7d20", ("c/a/b",), "CHG-1")
    assert (answer.status, answer.headers["location"]) == (303, "/apps/c/a%2Fb?told=nothing")


async def test_an_approval_that_comes_too_late_is_told_on_a_page(here: Served) -> None:
    here.actions = Actions(fails_with=HeldError("the plan is another one now", hint="look again"))
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        answer = await browser.post("/-/page/approve", form=await browser.form(), plan="3f2a9c1b7d20", reason="CHG-1")
    assert answer.status == 409
    assert b"The plan is another one now." in answer.body


async def test_an_approval_without_a_reason_is_refused(here: Served) -> None:
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        answer = await browser.post("/-/page/approve", form=await browser.form(), plan="3f2a9c1b7d20", reason=" ")
    assert (answer.status, here.actions.approvals) == (400, [])


@pytest.mark.parametrize("path", ["/-/page/reconcile", "/-/page/approve", "/-/session/end"])
async def test_a_form_needs_a_session_and_its_own_text(here: Served, path: str) -> None:
    async with served(here):
        stranger = await Browser(here).post(path, form="x")
        browser = Browser(here)
        await browser.sign_in()
        forged = [await browser.post(path, form=given) for given in ("", "x", "é")]
    assert stranger.status == 401
    assert [answer.status for answer in forged] == [403, 403, 403]
    assert (here.actions.passes, here.actions.approvals) == (0, [])


async def test_a_form_of_another_site_is_refused(here: Served) -> None:
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        form = await browser.form()
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await browser.post("/-/page/reconcile", headers, form=form)).status == 403
        own = {"Origin": f"http://127.0.0.1:{here.port}"}
        assert (await browser.post("/-/page/reconcile", own, form=form)).status == 303
    assert here.actions.passes == 1


async def test_signing_out_ends_the_session(here: Served) -> None:
    async with served(here):
        browser = Browser(here)
        await browser.sign_in()
        form = await browser.form()
        assert (await browser.post("/-/session/end", form=form)).status == 303
        assert (await browser.post("/-/page/reconcile", form=form)).status == 401


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON_HEADERS, b"{}", 415),
        (FORM, b"form=%ff", 400),
        (FORM, "form=é".encode(), 400),
        (FORM, b"a=1&" * 20, 400),
        (FORM, b"a" * (pages.LARGEST_FORM + 1), 413),
        (FORM, b"", 401),
    ],
)
async def test_what_no_browser_sends_is_refused(
    here: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    async with served(here):
        assert (await here.ask("POST", "/-/page/reconcile", headers, body)).status == status


async def test_outside_text_is_shown_as_everywhere_else() -> None:
    odd = "a\u202eb<script>alert(1)</script>\x1b"
    document = {"error": odd, "hint": ""}
    asker = pages.Asker(None, possible=False)
    text = html.page("refused", document, NOW, asker=asker, told="", origin="http://localhost")
    assert "<script>alert" not in text
    assert sanitize("\u202e") in text
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_times_read_as_they_are_near_or_far() -> None:
    assert html.ago("2026-05-04T10:00:30Z", NOW) == "7 min ago"
    assert html.ago("2026-05-04T10:09:30Z", NOW) == "in 2 min"
    assert html.at("2026-05-04T15:30:00+05:30", NOW) == "10:00 UTC"


def test_revisions_read_as_commits_or_folders() -> None:
    assert html.short("5f2b6c0d9e17aaaa") == "5f2b6c0d9e17"
    assert html.short("sha256:5f2b6c0d9e17aaaa") == "folder 5f2b6c0d9e17"


def test_a_hold_that_policy_chose_is_quiet_in_a_time_line() -> None:
    entry = {"rule": "window", "verdict": None, "type": "hold"}
    assert [html.kind(entry), html.kind({**entry, "rule": "budget"})] == ["quiet", "hold"]


async def test_a_full_page_of_a_large_fleet_is_small(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, 300)
    here = Served(pages=desk.views)
    async with served(here):
        answer = await here.ask("GET", "/")
    assert answer.body.count(b"<tr>") == fleet.PAGE + 1
    assert len(answer.body) < 60_000


def test_a_query_keeps_what_is_asked_for_and_turns_to_the_first_page() -> None:
    assert html.query({"state": "Held", "q": "a b", "page": 3}) == "?state=Held&q=a+b"
    assert html.query({"state": "Held", "page": 3}, page=4, state="") == "?page=4"
    assert html.query({"page": 1}) == "?"


@pytest.mark.parametrize(("kind", "told"), [("drift.seen", ["in-git", "live"]), ("put.intent", ["live", "in-git"])])
def test_a_change_is_told_in_the_direction_in_which_it_was_made(kind: str, told: list[str]) -> None:
    move = {"field": "popup_url", "live": "live", "git": "in-git", "danger": None}
    macros = html.templates().get_template("parts.html").make_module()
    text = str(getattr(macros, "moves")({"type": kind, "moves": [move]}))  # noqa: B009 -- a macro has no type
    assert re.findall(r"<code[^>]*>(live|in-git)</code>", text) == told
