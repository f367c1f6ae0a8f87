"""The pages over a fleet of 5,000 apps: how long each takes to make, and how large it is.

.venv/bin/python tests/bench/bench_pages.py [APPS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from syncer.model.desired import Policy
from syncer.model.fields import Field
from syncer.serve import html, pages
from tests.support.paged import Desk
from tests.support.recording import open_journal, put
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp

ROUNDS = 20


def one(number: int) -> DesiredApp:
    """An app with labels as fleets have them; one in ten is guarded."""
    labels = (("env", "prod" if number % 5 else "test"), ("team", f"team-{number % 40}"))
    made = replace(app(f"support-desk-{number:05d}"), labels=labels)
    return with_policy(made, Policy(protected=(Field.POPUP_URL,))) if number % 10 == 0 else made


def a_desk(folder: Path, count: int) -> Desk:
    """Nine in ten in sync, the others drifted or held, and a journal of 500 writes."""
    apps = [one(number) for number in range(count)]
    moved = "https://other.example/popup"
    pairs = [(each, live(each, popup_url=moved) if number % 10 < 2 else live(each)) for number, each in enumerate(apps)]
    desk = Desk(folder)
    desk.publish(view(pairs, [last(each) for each in apps]))
    journal = open_journal(folder)
    for each in apps[:500]:
        put(journal, each.ref)
    journal.close()
    desk.catch_up()
    return desk


async def measured(desk: Desk, path: str, name: str, **asked: str) -> None:
    """One line: the median time of document and HTML, and the size."""
    asker = pages.Asker(None, possible=True)
    took, size = [], 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = await desk.views.page(name, asked)
        assert found is not None
        text = html.page(name, found, NOW, asker=asker, told="", origin="http://localhost")
        took.append(time.perf_counter() - begun)
        size = len(text.encode())
    sys.stdout.write(f"{path:44} median {sorted(took)[ROUNDS // 2] * 1000:6.1f} ms, {size / 1000:5.1f} kB\n")


async def main(count: int) -> None:
    """All pages."""
    with tempfile.TemporaryDirectory() as folder:
        desk = a_desk(Path(folder), count)
        begun = time.perf_counter()
        await desk.views.page("fleet", {})
        took = (time.perf_counter() - begun) * 1000
        sys.stdout.write(f"{count:,} apps; rows of a new pass, made before anybody asks: {took:.0f} ms\n")
        ref = one(0).ref
        await measured(desk, "/", "fleet")
        await measured(
            desk, "/?q=desk-0004&label=env%3Dprod&page=2", "fleet", q="desk-0004", label="env=prod", page="2"
        )
        await measured(desk, "/?state=Held", "fleet", state="Held")
        await measured(desk, "/apps/…", "app", customer=ref.customer_id, app=ref.app_id)
        for name in ("revisions", "drift", "audit", "system"):
            await measured(desk, f"/{name}", name)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
