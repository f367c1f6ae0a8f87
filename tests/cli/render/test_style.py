from __future__ import annotations

import pytest

from syncer.cli.render.style import Choice, Style, wants_colour


@pytest.mark.parametrize(
    ("choice", "environ", "isatty", "expected"),
    [
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
    ],
)
def test_colour_follows_option_then_variables_then_terminal(
    choice: Choice, environ: dict[str, str], isatty: bool, expected: bool
) -> None:
    assert expected is wants_colour(choice, environ, isatty)


def test_without_colour_text_stays_as_it_is() -> None:
    style = Style()
    paints = (style.added, style.removed, style.warn, style.error, style.dim, style.bold)
    assert [paint("x") for paint in paints] == ["x"] * 6


def test_colour_ends_with_the_text() -> None:
    assert Style(colour=True).added("x") == "\x1b[32mx\x1b[0m"


def test_nothing_is_not_coloured() -> None:
    assert Style(colour=True).added("") == ""
