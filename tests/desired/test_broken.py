"""Hand-made broken sources, each with the carets it must give: `broken/NAME/` and `broken/NAME/expected.txt`.

After a wanted change: delete an expected.txt, run the test once (it fails and writes the file), and read the result.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer.desired.loader import Loader
from syncer.desired.rules import RULES
from syncer.documents import render
from syncer.documents.rules import RULES as DOCUMENT_RULES
from tests.support.folder_tree import tree
from tests.support.memory_source import FixedClock, MemorySource

BROKEN = Path(__file__).parent / "broken"
CASES = sorted(folder.name for folder in BROKEN.iterdir() if folder.is_dir())


def drawn(case: str) -> str:
    source = MemorySource(tree(BROKEN / case))
    state = Loader(FixedClock()).load(source, source.fetch())
    lines = [
        f"rejected: {', '.join(state.rejected) or 'nothing'}",
        f"apps: {', '.join(a.name for a in state.apps) or 'none'}",
    ]
    return render.problems(state.problems) + "\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_a_broken_source_is_explained(case: str) -> None:
    expected = BROKEN / case / "expected.txt"
    found = drawn(case)
    if not expected.exists():
        expected.write_text(found)
        pytest.fail(f"{expected} was missing and is written now")
    assert found == expected.read_text()


def test_every_rule_of_this_part_is_seen_in_some_test() -> None:
    texts = "".join((BROKEN / case / "expected.txt").read_text() for case in CASES)
    elsewhere = (Path(__file__).parent / "test_urls.py").read_text() + (
        Path(__file__).parent / "test_loader.py"
    ).read_text()
    assert [rule.id for rule in RULES if rule.id not in texts + elsewhere] == []


def test_rule_ids_are_unique_and_every_rule_that_is_raised_is_in_the_catalogue() -> None:
    known = [rule.id for rule in (*DOCUMENT_RULES, *RULES)]
    assert len(known) == len(set(known))
    raised = {
        word.strip('"')
        for module in Path("syncer/desired").glob("*.py")
        for word in module.read_text().replace("(", " ").replace(",", " ").split()
        if word.startswith('"SY') and word.endswith('"') and module.name not in {"rules.py", "screen.py"}
    }
    assert raised <= set(known)
    assert {rule.id for rule in RULES} <= raised
