from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from syncer.cli.render import words
from syncer.model.desired import AppRef, Revision
from syncer.model.fields import UNDECLARED, Setting
from syncer.model.planned import Danger
from tests.support.shown_plans import COMMIT, FILE, NOW, REVISION, SEEN, app, setting


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (UNDECLARED, "not declared"),
        (setting("https://u:p@a.example/x?token=abc"), "https://***@a.example/x?token=***"),
        (setting('say "hi"'), '"say \\"hi\\""'),
        (setting("null"), '"null"'),
        (setting("a\x1b]52;c;aGk=\x07\u202e"), '"a\\u{1b}]52;c;aGk=\\u{7}\\u{202e}"'),
    ],
)
def test_values_are_told_apart_masked_and_harmless(value: Setting, expected: str) -> None:
    assert expected == words.value(value)


def test_a_difference_in_a_masked_part_is_noticed() -> None:
    assert words.masked_alike(setting("https://a.example/?k=1"), setting("https://a.example/?k=2"))
    assert not words.masked_alike(setting("https://a.example/?k=1"), setting("https://a.example/?k=1"))


def test_the_name_is_left_out_where_it_is_the_id() -> None:
    assert words.app(AppRef("c", "x"), "x") == "c/x"
    assert words.app(AppRef("c", "x"), "sales") == "c/x (sales)"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("https://a.example/", "https://b.example/", "host-change: a.example -> b.example"),
        ("http://a.example/", "https://a.example:8443/", "host-change: http://a.example -> https://a.example:8443"),
        ("nonsense", "https://b.example/", "host-change: no host -> b.example"),
    ],
)
def test_a_host_change_names_what_changes(before: str, after: str, expected: str) -> None:
    assert expected == words.danger(Danger.HOST_CHANGE, setting(before), setting(after))


@pytest.mark.parametrize("kind", [Danger.BLANKS_URL, Danger.RECORDING_OFF, Danger.STREAMING_OFF])
def test_other_dangers_say_what_they_mean(kind: Danger) -> None:
    assert words.danger(kind, None, None).startswith(f"{kind}: ")


def test_times_name_the_day_only_when_it_is_another() -> None:
    assert words.when(SEEN, NOW) == "09:52 UTC"
    assert words.when(SEEN - timedelta(days=1), NOW) == "2026-05-03 09:52 UTC"


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (SEEN, NOW, "moved between 09:52 and 10:07 UTC"),
        (None, NOW, "moved before 10:07 UTC"),
        (NOW - timedelta(seconds=20), NOW, "moved between 10:07:10 and 10:07:30 UTC"),
        (SEEN - timedelta(days=1), NOW, "moved between 2026-05-03 09:52 and 2026-05-04 10:07 UTC"),
    ],
)
def test_the_window_of_a_drift_is_as_exact_as_it_needs_to_be(
    after: datetime | None, before: datetime, expected: str
) -> None:
    assert expected == words.moved(after, before, NOW)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (1.23, "1.2 s"), (59.9, "60 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_lengths_of_time_use_two_units(seconds: float, expected: str) -> None:
    assert expected == words.lasted(seconds)


def test_days_and_hours() -> None:
    assert words.lasted(4 * 86400 + 3 * 3600) == "4 d 3 h"


def test_an_author_without_a_name_is_shown_by_address() -> None:
    assert words.author(COMMIT) == "Asha Rao"
    assert words.author(replace(COMMIT, author="<asha@acme.example>")) == "<asha@acme.example>"


def test_a_place_has_commit_and_author_where_they_are_known() -> None:
    origin = app().at
    assert words.where(origin, {origin: COMMIT}) == f"{FILE}:12  1a2b3c4 Asha Rao"
    assert words.where(origin, {}) == f"{FILE}:12"


def test_a_folder_is_not_called_a_commit() -> None:
    assert words.revision(REVISION) == "commit 1a2b3c4"
    assert words.revision(Revision("sha256:" + "ab" * 32, "config")) == "folder abababababab"


def test_counts_are_in_the_right_number() -> None:
    assert [words.count(1, "app"), words.count(1200, "app")] == ["1 app", "1,200 apps"]
