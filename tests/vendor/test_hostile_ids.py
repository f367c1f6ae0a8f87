"""An id is refused, or stands in the request's path as written: none leads a request elsewhere (hazard C3)."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING

import pytest

from syncer.desired.loader import Loader
from syncer.errors import DesiredStateError
from syncer.model.live import LiveApp
from tests.support.memory_source import FixedClock, MemorySource
from tests.vendor.stage import Seen, desired, envelope, http, raw_server, reading

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
HARMLESS = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.~-]{1,128}")
"""What cannot change a path, whatever else one may think of it as an id."""
BASE = "/v2/integrations"
PIECES = (
    *(
        "..",
        ".",
        "/",
        "//",
        "\\",
        "%2e%2e",
        "%2f",
        "%00",
        "?",
        "#",
        ";",
        "@",
        ":",
        "&",
        "=",
        "+",
        " ",
        "\t",
        "\r\n",
        "\n",
    ),
    *(
        "\x00",
        "\x7f",
        "\u202e",
        "\u200b",
        "\uff0e\uff0e",
        "\uff0f",
        "\u2024",
        "\u212a",
        "\u0130",
        "\U0001f600",
        "é",
        "{app}",
    ),
    *(
        "app",
        "app_1",
        "customers",
        "settings",
        "a",
        "A",
        "0",
        "_",
        "-",
        "token",
        "x" * 130,
        "$",
        "`",
        "'",
        '"',
        "*",
        "~",
    ),
)


def ids(count: int, seed: int) -> list[str]:
    """Texts of a few pieces each; some of them are plain ids, so that acceptance is tried as well."""
    rng = random.Random(seed)
    return ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4))) for _ in range(count)]


def accepted(text: str, key: str) -> bool:
    """Whether a file that names an app (a customer) by this text loads."""
    app, customer = (text, "cust") if key == "app_id" else ("app", text)
    file = (
        f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: {json.dumps(customer)}\n"
        f"defaults: {{token: {{env: T}}, settings: {{recording_enabled: false}}}}\n"
        f"apps: {{desk: {{app_id: {json.dumps(app)}}}}}\n"
    )
    source = MemorySource({"a.yaml": file})
    try:
        state = Loader(FixedClock(), None, ()).load(source, source.fetch())
    except DesiredStateError:
        return False
    return bool(state.apps) and not state.problems


lengths = pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.soak)])


@lengths
@pytest.mark.parametrize("key", ["app_id", "customer_id"])
def test_a_file_takes_only_plain_ids(figure: Recorder, key: str, count: int) -> None:
    taken = 0
    for text in ids(count, 5):
        good = accepted(text, key)
        assert not good or PLAIN.fullmatch(text), text
        taken += good
    assert taken > count // 100
    figure("hostile-ids", count, seeds="5", result="0 accepted wrongly")


@lengths
async def test_what_gets_past_the_files_still_leads_nowhere_else(figure: Recorder, count: int) -> None:
    async with raw_server(lambda seen: http(200, body_of(seen))) as server, reading(server.url) as client:
        for text in ids(count, 6):
            before = len(server.seen)
            live = await client.read(desired(text))
            asked = [seen.path for seen in server.seen[before:]]
            assert not asked or (HARMLESS.fullmatch(text) and asked == [f"{BASE}/cust_acme/apps/{text}/settings"]), text
            assert bool(asked) is isinstance(live, LiveApp)
    figure("hostile-ids", count, seeds="6", result="0 led elsewhere")


def body_of(seen: Seen) -> bytes:
    return json.dumps(envelope(seen.path.split("/")[-2])).encode()
