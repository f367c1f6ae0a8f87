"""The pages in a real browser: seen, filtered, used with a token and without, and under attack."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.browser.payloads import PAYLOADS
from tests.support.chromium import visit
from tests.support.fleet_of_everything import everything, hostile
from tests.support.served import TOKEN, Served
from tests.support.served_apart import served_apart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.soak.figures import Recorder
    from tests.support.chromium import Visit

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

APP: Final = "/apps/cust_acme/app_guarded"
SHOWN: Final = ("/", APP, "/revisions", "/drift", "/audit?kind=all", "/system", "/sign-in", "/apps/x/y")
AXE: Final[dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
"""The dark scheme is the same page in other colours."""
INJECTED: Final = """() => {
  const strange = [...document.querySelectorAll(
    "script:not([src='/static/syncer.js']), img, iframe, video, object, embed, math, style, base, template, noscript," +
    "svg script, meta[http-equiv], link:not([href^='/static/']), [autofocus]")].map((each) => each.outerHTML);
  for (const each of document.querySelectorAll("*"))
    for (const { name, value } of each.attributes) {
      if (name.startsWith("on") || name === "style" || name === "srcdoc") strange.push(each.outerHTML);
      if (["href", "src", "action", "formaction", "xlink:href"].includes(name) && !/^[/#](?![/\\\\])/.test(value))
        strange.push(each.outerHTML);
    }
  return strange;
}"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Served]]:
    """A server over a fleet with something of everything."""
    desk = everything(tmp_path_factory.mktemp("everything"))
    desk.catch_up()
    here = Served(pages=desk.views)
    with served_apart(here) as url:
        yield url, here


@pytest.fixture
def window(browser: Browser, fleet: tuple[str, Served]) -> Iterator[Visit]:
    with visit(browser, fleet[0]) as opened:
        yield opened


@pytest.mark.parametrize("path", SHOWN)
def test_each_page_loads_without_a_complaint(window: Visit, path: str) -> None:
    window.go(path)
    assert window.page.locator("h1").count() == 1
    if path != "/apps/x/y":  # of which Chromium says that it is a 404
        window.clean()


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [("state", "Drifted", 2), ("turn", "you", 3), ("cause", "git", 1), ("label", "team=care", 4), ("q", "GUARDED", 1)],
)
def test_each_filter_narrows_the_table(window: Visit, field: str, value: str, found: int) -> None:
    window.go("/")
    control = window.page.locator(f"#apps [name={field}]")
    if field in {"state", "turn", "cause"}:
        control.select_option(value)
    else:
        control.fill(value)
    window.page.get_by_role("button", name="Show").click()
    window.page.wait_for_url(f"**/?*{field}=*")
    assert window.page.locator("#apps tbody tr").count() == found
    assert window.page.locator("#apps h2 .number").inner_text() == f"{found} of 8"
    window.clean()


def test_a_chip_is_a_filter_that_can_be_taken_off(window: Visit) -> None:
    window.go("/")
    window.page.get_by_role("link", name="Suspended").click()
    assert window.page.locator("#apps tbody tr").count() == 1
    window.page.get_by_role("link", name="Suspended").click()
    assert window.page.locator("#apps tbody tr").count() == 8


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [("app", "guarded", 3), ("field", "recording_enabled", 1), ("who", "asha@example.com", 4), ("commit", "1a2b3c4", 6),
     ("since", "2030-01-01", 0), ("until", "2020-01-01", 0)],
)  # fmt: skip
def test_each_search_of_the_audit_finds(window: Visit, field: str, value: str, found: int) -> None:
    window.go("/audit")
    window.page.locator(f"form [name={field}]").fill(value)
    window.page.get_by_role("button", name="Search").click()
    window.page.wait_for_url(f"**/audit?*{field}=*")
    assert window.page.locator(".timeline > li").count() == found
    window.clean()


def test_without_a_token_there_is_no_action_and_the_command_is_shown(window: Visit) -> None:
    window.go(APP)
    assert window.page.locator("form[method=post]").count() == 0
    assert window.page.locator(".commands code").first.inner_text().startswith("syncer approve ")


def signed_in(window: Visit) -> None:
    window.go("/sign-in")
    window.page.get_by_label("Token").fill(TOKEN)
    window.page.get_by_role("button", name="Sign in").click()
    window.page.get_by_text("Signed in.").wait_for()


def test_a_pass_is_asked_for_with_a_token(window: Visit, fleet: tuple[str, Served]) -> None:
    before = fleet[1].actions.passes
    signed_in(window)
    window.page.get_by_role("button", name="Reconcile now").click()
    window.page.get_by_text("A pass has been asked for.").wait_for()
    assert fleet[1].actions.passes == before + 1
    window.clean()


def test_an_app_is_approved_with_a_reason(window: Visit, fleet: tuple[str, Served]) -> None:
    signed_in(window)
    window.go(APP)
    window.page.get_by_role("button", name="Approve this app's changes").click()
    assert fleet[1].actions.approvals == []  # the browser wants a reason first
    window.page.get_by_label("Reason").fill("CHG-1042: right")
    window.page.get_by_role("button", name="Approve this app's changes").click()
    window.page.get_by_text("Nothing of it waits").wait_for()
    [wanted] = fleet[1].actions.approvals
    assert (wanted.by, wanted.reason, wanted.apps) == ("api:alice", "CHG-1042: right", ("cust_acme/app_guarded",))
    window.clean()


def test_signing_out_takes_the_actions_away(window: Visit) -> None:
    signed_in(window)
    window.page.get_by_role("button", name="Sign out").click()
    window.page.get_by_text("Signed out.").wait_for()
    assert window.page.locator("form[method=post]").count() == 0


def test_the_page_refreshes_itself_and_keeps_what_is_open(window: Visit) -> None:
    window.page.clock.install()
    window.go("/audit")
    window.page.locator("summary").first.click()
    window.page.locator("main").focus()
    window.page.evaluate("document.querySelector('h1').textContent = 'old'")
    window.page.clock.run_for(16_000)
    window.page.get_by_role("heading", name="Verified to entry").wait_for()
    assert window.page.locator("details[open]").count() == 1
    window.clean()


def test_a_page_in_use_is_left_alone_and_a_server_that_is_gone_is_told(window: Visit) -> None:
    window.page.clock.install()
    window.go("/")
    window.page.locator("[name=q]").fill("half a wo")
    window.page.clock.run_for(16_000)
    assert window.page.locator("[name=q]").input_value() == "half a wo"
    window.page.locator("main").focus()
    window.page.route("**/*", lambda route: route.abort())
    window.page.clock.run_for(16_000)
    window.page.locator("body.stale").wait_for()


def test_everything_is_reached_with_the_keyboard(window: Visit) -> None:
    window.go("/")
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("path", SHOWN)
def test_no_page_is_wider_than_360_pixels(browser: Browser, fleet: tuple[str, Served], path: str) -> None:
    with visit(browser, fleet[0], viewport={"width": 360, "height": 640}) as window:
        window.go(path)
        assert window.page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, fleet: tuple[str, Served], scheme: Any) -> None:
    script = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
    with visit(browser, fleet[0], color_scheme=scheme) as window:
        for path in SHOWN:
            window.go(path)
            window.page.evaluate(script)
            found = window.page.evaluate("(rules) => axe.run(rules)", AXE[scheme])["violations"]
            told = [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]
            assert told == [], path


def test_pages_work_without_javascript(browser: Browser, fleet: tuple[str, Served]) -> None:
    with visit(browser, fleet[0], java_script_enabled=False) as window:
        signed_in(window)
        window.page.get_by_role("link", name="guarded").first.click()
        window.page.get_by_label("Reason").fill("CHG-1")
        window.page.get_by_role("button", name="Approve this app's changes").click()
        window.page.get_by_text("Nothing of it waits").wait_for()
        window.page.get_by_role("link", name="Audit", exact=True).click()
        window.page.locator("summary").first.click()
        assert window.page.locator("details[open] pre").is_visible()
        window.clean()


def attacked(browser: Browser, state_dir: Path, every: int) -> int:
    """Looks at pages over apps, commits and records that hold payloads; how many pages.

    Every payload stands in lists. Of the pages of single apps, and of lists that are like others, one in `every`.
    """
    desk = hostile(state_dir, PAYLOADS)
    desk.catch_up()
    lists = [f"/audit?kind={kind}&page={page}" for page in range(2, 9) for kind in ("hold", "source.changed")]
    lists += [f"/audit?kind={kind}&page={page}" for page in (1, 2) for kind in ("put.intent", "put.result", "approve")]
    pages = [f"/?page={number}" for number in range(1, 6)]
    pages += [f"/audit?kind=drift.seen&page={number}" for number in range(1, 9)]
    pages += ["/revisions", "/drift", "/system", *lists[::every]]
    pages += [f"/apps/c{number}/a{number}" for number in range(0, len(PAYLOADS), every)]
    with served_apart(Served(pages=desk.views)) as url, visit(browser, url) as window:
        for path in pages:
            window.go(path)
            assert window.page.evaluate(INJECTED) == [], path
        window.clean()
    return len(pages)


def test_200_payloads_in_fields_stay_text(browser: Browser, tmp_path: Path) -> None:
    assert attacked(browser, tmp_path, 13) > 30


@pytest.mark.soak
def test_200_payloads_in_every_field_stay_text(browser: Browser, tmp_path: Path, figure: Recorder) -> None:
    looked = attacked(browser, tmp_path, 1)
    figure(
        "pages-xss", len(PAYLOADS), seeds="all", result=f"{looked} pages: 0 dialogs, 0 requests elsewhere, 0 elements"
    )


def test_what_is_searched_for_stays_text(window: Visit) -> None:
    window.go("/")
    for payload in PAYLOADS[::33]:
        for path, name in (("/", "q"), ("/", "label"), ("/", "state"), ("/audit", "app"), ("/audit", "since")):
            window.page.evaluate(
                "([path, name, text]) => location.href = `${path}?${new URLSearchParams([[name, text]])}`",
                [path, name, payload],
            )
            window.page.wait_for_url(f"**{path}?{name}=*")
            assert window.page.evaluate(INJECTED) == [], payload
    window.clean()
