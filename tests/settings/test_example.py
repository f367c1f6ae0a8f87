"""config/syncer.yaml: runs as it is, and shows every key there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from syncer import settings
from syncer.documents import schema, schemas
from syncer.documents.loading import parse
from syncer.settings import keys

EXAMPLE = Path(__file__).parents[2] / "config" / "syncer.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")


def everything_set() -> str:
    """The example with every commented setting taken in, but for those that exclude one above them."""
    lines = []
    for line in TEXT.splitlines():
        if re.match(r"\s*#env:|notify: \[\]", line):
            continue
        lines.append(re.sub(r"^(\s*)#(?=[a-z-])", r"\1", line))
    return "\n".join(lines) + "\n"


def test_it_runs_as_it_is_from_a_checkout() -> None:
    found = settings.load({}, {"HOME": "/home/asha"}, EXAMPLE).settings
    assert found.source.path == Path("config/apps")
    assert found.state_dir == Path("/home/asha/.local/state/syncer")
    assert (found.serve.token, found.audit.sign_key, found.source.credentials) == (None, None, None)


def test_every_commented_setting_is_valid_too() -> None:
    assert schema.check(parse("syncer.yaml", everything_set().encode()), "config") == ()


def test_every_key_is_shown() -> None:
    value = parse("syncer.yaml", everything_set().encode()).value
    assert isinstance(value, dict)
    shown: set[str] = set()
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        name, node = stack.pop()
        shown.add(name)
        if isinstance(node, dict):
            stack += [(f"{name}.{key}".lstrip("."), below) for key, below in node.items()]
    names = (
        {key.name for key in keys.known().values()}
        | {"source.url"}
        | set(json.loads(schemas.text("config"))["properties"])
    )
    missing = {name for name in names - shown if not name.endswith(".env")}
    assert missing == set()
    assert all(f"#env: SYNCER_SECRET_{name}" in TEXT for name in ("GIT", "AUDIT", "SERVE", "PUSH"))


def test_every_setting_has_a_word_beside_it_or_above() -> None:
    lines = TEXT.splitlines()
    bare = [line for line in lines if re.match(r"\s*#?[a-z_]+: .*", line) and "  #" not in line]
    assert len(bare) <= 24


def test_every_key_has_one_variable_of_its_own() -> None:
    known = keys.known()
    assert len({key.name for key in known.values()}) == len(known)
    assert all(re.fullmatch(r"SYNCER_[A-Z_]+", variable) for variable in known)
    assert not [variable for variable in known if keys.is_foreign(variable, {})]
    assert {"SYNCER_SOURCE", "SYNCER_VENDOR_URL", "SYNCER_VENDOR_RATE", "SYNCER_STATE_DIR"} <= set(known)
    assert not {"SYNCER_SOURCE_PATH", "SYNCER_SOURCE_URL", "SYNCER_VENDOR_BASE_URL", "SYNCER_KIND"} & set(known)
