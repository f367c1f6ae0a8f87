"""Makes the pictures of the pages in docs/images: `python -m tests.docs.screenshots`, or `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.support.chromium import chromium, visit
from tests.support.showcase import showcase

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
APP: Final = "/apps/cust_globex/app_ghi789"
PICTURES: Final = (
    ("fleet", "/", "light", 960, 760),
    ("app", APP, "light", 960, 760),
    ("app-dark", APP, "dark", 960, 760),
)
"""Name, path, colours, width and height."""


def make(folder: Path) -> None:
    """Plays the fleet and takes the pictures, a few tens of kilobytes each."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="syncer-screenshots-") as home,
        showcase(Path(home) / "demo") as shown,
        chromium() as browser,
    ):
        for name, path, colours, width, height in PICTURES:
            size = {"width": width, "height": height}
            with visit(browser, shown.url, color_scheme=colours, viewport=size) as window:
                window.go(path)
                window.page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
