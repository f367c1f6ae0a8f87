"""Whatever outside text holds: only printable characters, newlines and our own colours reach the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from syncer import report as documents
from syncer.cli.render import against, columns, explain, plan, report, status
from syncer.cli.render.explain import ExplainView, HistoryRow
from syncer.cli.render.style import Style
from syncer.errors import VendorKind
from syncer.model.desired import AppRef, Commit, DesiredState, EnvToken, Origin, Policy, Suspend
from syncer.model.fields import Field
from syncer.model.live import Unreadable
from syncer.model.outcome import Outcome, Status
from syncer.plan.against import compare
from tests.support import shown_plans
from tests.support.shown_plans import NOW, POPUP, REVISION, SEEN, app, last, live, view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.model.desired import DesiredApp

ATTACKS = st.sampled_from(
    [
        "\x1b]52;c;ZWNobw==\x07",
        "\x1b[2J",
        "\x9b31m",
        "\u202e",
        "\u200b",
        "\r",
        "\n",
        "\t",
        "\x00",
        "日本",
        " ",
        "e\u0301",
    ]
)
TEXT = st.lists(ATTACKS | st.text(max_size=30), max_size=12).map("".join)
OWN_COLOURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|1;31)m")
URL = re.compile(r"(?:^| )[a-z]+://\S+$")
COLOURED = Style(colour=True)


def hostile(text: str, number: int) -> DesiredApp:
    """An app in which every string is the given one."""
    place = Origin(f"{text}.yaml", 3, 1, app().at.layer)
    return replace(
        app(),
        ref=AppRef(text, f"{text}{number}"),
        name=text,
        at=place,
        labels=((text, text),),
        token=EnvToken(text),
        origins=tuple((field, place) for field in Field),
        policy=Policy(suspend=Suspend(text) if number == 2 else None),
        invalid=text if number == 3 else "",
        revision=replace(REVISION, id=text, commit=None),
    )


def fleet(text: str) -> plan.PlanView:
    apps = [hostile(text, number) for number in range(4)]
    unread = Unreadable(apps[1].ref, VendorKind.SERVER, text, text)
    moved = [(one, live(one, popup_url=f"{text}{POPUP}", recording_url=text)) for one in apps]
    shown = view([moved[0], (apps[1], unread), moved[2], moved[3]], [last(apps[0])])
    commit = Commit(text, text, SEEN, text)
    return replace(shown, source=text, blame={origin: commit for one in apps for _, origin in one.origins})


def terminal_texts(text: str) -> Iterator[str]:
    shown = fleet(text)
    one = shown.apps[0]
    step = next(step for step in shown.decision.plan.steps if step.ref == one.ref)
    yield plan.text(shown, COLOURED)
    yield plan.brief(shown)
    done = shown_plans.report(shown, [Outcome(one.ref, text, Status.FAILED, failure=text, hint=text)])
    yield report.text(done, COLOURED)
    yield report.brief(done)
    yield status.text(documents.of_report(done), frozenset({one.ref}), NOW, COLOURED)
    past = (HistoryRow(SEEN, text, text, (text, Field.POPUP_URL), text),)
    known = shown.statuses[0]
    yield explain.text(
        ExplainView(one, NOW, shown.blame, known, step.live, last(one), step.changes, shown.decision.holds, past),
        COLOURED,
    )
    yield explain.text(ExplainView(shown.apps[3], NOW, {}, live=shown.decision.plan.unreadable[0]), COLOURED)
    yield against.text(difference(text), COLOURED)


def difference(text: str) -> against.AgainstView:
    plain = hostile("", 0)
    before = DesiredState(REVISION, (plain, hostile(text, 1)))
    after = DesiredState(REVISION, (replace(hostile(text, 2), ref=plain.ref), hostile(text, 3)))
    return against.AgainstView(REVISION, REVISION, compare(before, after), 2, {})


@settings(max_examples=50, deadline=None)
@given(TEXT)
def test_a_terminal_gets_printable_text_and_our_colours(text: str) -> None:
    for shown in terminal_texts(text):
        assert all(line.isprintable() for line in OWN_COLOURS.sub("", shown).split("\n"))


@settings(max_examples=50, deadline=None)
@given(TEXT)
def test_lines_fit_but_for_urls_that_must_stay_whole(text: str) -> None:
    for shown in terminal_texts(text):
        lines = OWN_COLOURS.sub("", shown).split("\n")
        assert [line for line in lines if columns.width(line) > columns.LINE and not URL.search(line)] == []


@settings(max_examples=50, deadline=None)
@given(TEXT)
def test_markdown_is_printable_and_deterministic(text: str) -> None:
    shown = fleet(text)
    done = shown_plans.report(shown)
    for written in (
        plan.markdown(shown),
        report.markdown(done),
        status.markdown(documents.of_report(done), frozenset(), NOW),
        against.markdown(difference(text)),
    ):
        assert all(line.isprintable() for line in written.split("\n"))
    assert plan.markdown(shown) == plan.markdown(fleet(text))


def test_a_url_too_long_for_a_line_stays_whole() -> None:
    one = app()
    url = "https://a.example/" + "x" * 300
    text = plan.text(view([(one, live(one, popup_url=url))]), Style())
    assert f"    popup_url          {url}\n                    -> {POPUP}\n" in text
