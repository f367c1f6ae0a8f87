"""Debian's Chromium on loopback: every request that leaves the server under test, and every dialog, is remembered."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

PROGRAM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@dataclass
class Visit:
    """A browser's window at one server, and what happened in it that must not."""

    url: str
    context: BrowserContext
    page: Page
    dialogs: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Opens a page of the server."""
        self.page.goto(self.url + path)

    def clean(self) -> None:
        """AssertionError if anything ran that should not, or left this server."""
        assert (self.dialogs, self.strayed, self.complaints) == ([], [], [])


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """A window of its own: no cookies, no history."""
    context = browser.new_context(**options)
    page = context.new_page()
    made = Visit(url, context, page)

    def asked(dialog: Any) -> None:
        made.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", asked)
    page.on("request", lambda request: None if request.url.startswith(url) else made.strayed.append(request.url))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("console", lambda said: made.complaints.append(said.text) if said.type == "error" else None)
    try:
        yield made
    finally:
        context.close()
