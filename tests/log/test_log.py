"""One call is one line, whatever the texts, and no secret is in it."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer import log
from syncer.log import LINE_LIMIT, Event
from syncer.model import url
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary7f3"


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Output:
    """A text stream over bytes, as stdout is."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, encoding="utf-8", write_through=True)

    @property
    def raw(self) -> bytes:
        return self._bytes.getvalue()

    @property
    def lines(self) -> list[bytes]:
        *lines, rest = self.raw.split(b"\n")
        assert rest == b""
        return lines


def logged(*, json_form: bool = True, level: str = "info", **keys: Any) -> bytes:
    """The one line that one call writes."""
    out = Output()
    log.configure(json=json_form, level=level, stream=out.stream).info(Event.APP_STATE, **keys)
    (line,) = out.lines
    return line


class Mute:
    """Something that can't say what it is."""

    def __str__(self) -> str:
        raise ValueError(CANARY)

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Holder:
    token: Secret
    place: url.Url


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.binary()
    | st.builds(Mute)
    | st.builds(Secret, st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
    max_leaves=8,
)
KEYS = st.dictionaries(st.sampled_from(["app", "why", "error", "n", "é", "\ud800"]), VALUES)


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_one_call_is_one_line_of_valid_json(keys: dict[str, Any]) -> None:
    line = logged(**keys)
    assert line.decode("utf-8").isprintable()
    found = json.loads(line)
    assert {"time", "level", "event"} <= set(found)
    assert (found["event"], found["level"]) == ("app.state", "info")


@settings(max_examples=50, deadline=None)
@given(KEYS)
def test_one_call_is_one_line_of_text_without_control_characters(keys: dict[str, Any]) -> None:
    line = logged(json_form=False, **keys).decode("utf-8")
    assert line.isprintable()


def test_values_keep_their_types() -> None:
    found = json.loads(logged(n=3, share=0.5, ok=True, none=None, many=["a"], error="é"))
    assert [found[key] for key in ("n", "share", "ok", "none", "many", "error")] == [3, 0.5, True, None, ["a"], "é"]


def test_a_text_that_json_cannot_hold_is_escaped_and_the_rest_stays_as_it_is() -> None:
    found = json.loads(logged(error="a\ud800b", n=3))
    assert (found["error"], found["n"]) == ("a\\u{d800}b", 3)


def test_a_value_that_cannot_say_what_it_is_does_not_cost_the_line() -> None:
    line = logged(value=Mute(), n=3)
    assert json.loads(line)["value"] == "<Mute>"
    assert CANARY.encode() not in line


def test_a_line_begins_with_time_level_and_event() -> None:
    assert list(json.loads(logged(app="a")))[:3] == ["time", "level", "event"]


@pytest.mark.parametrize("text", ["x", "é", "\x00", "😀", "\ud800", '"'])
@pytest.mark.parametrize("size", [400, 15_800, 16_000, 100_000])
@pytest.mark.parametrize("keys", [1, 40])
def test_a_line_is_never_cut_by_a_container_runtime(text: str, size: int, keys: int) -> None:
    line = logged(**dict[str, Any]({f"key{n}": text * size for n in range(keys)}))
    assert len(line) < LINE_LIMIT
    assert json.loads(line)["event"] == "app.state"


def test_a_line_that_was_shortened_says_so_and_keeps_what_is_short() -> None:
    found = json.loads(logged(error="x" * 20_000, app="acme/desk", many=["y" * 20_000]))
    assert (found["cut"], found["app"], len(found["error"]), len(found["many"])) == (True, "acme/desk", 501, 501)


@pytest.mark.parametrize("json_form", [True, False])
def test_a_secret_never_shows(json_form: bool) -> None:
    secret, place = Secret(CANARY), url.parse(f"https://u:{CANARY}@h.example/?key={CANARY}")
    holder = Holder(secret, place)
    line = logged(json_form=json_form, a=secret, b=[secret], c={"d": place}, e=holder, f=[holder], g=ValueError(secret))
    assert CANARY.encode() not in line


@pytest.mark.parametrize("json_form", [True, False])
def test_a_traceback_is_told_without_local_variables(json_form: bool) -> None:
    def fail() -> None:
        token = CANARY
        raise RuntimeError(len(token))

    out = Output()
    logger = log.configure(json=json_form, level="info", stream=out.stream)
    try:
        fail()
    except RuntimeError:
        logger.exception(Event.PASS_FAILED)
    (line,) = out.lines
    assert b"RuntimeError" in line
    assert b"fail" in line
    assert CANARY.encode() not in line


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_a_threshold(level: str, count: int) -> None:
    out = Output()
    logger = log.configure(json=True, level=level, stream=out.stream)
    for say in (logger.debug, logger.info, logger.warning, logger.error):
        say(Event.APP_STATE)
    assert len(out.lines) == count


def test_the_text_form_is_made_for_reading() -> None:
    line = logged(json_form=False, app="acme/desk", why="two words", n=3).decode()
    assert line[8:] == ' info    app.state app=acme/desk why="two words" n=3'


@pytest.mark.parametrize("json_form", [True, False])
@pytest.mark.parametrize(("level", "told"), [(logging.INFO, 0), (logging.WARNING, 1), (logging.CRITICAL, 1)])
def test_what_libraries_log_comes_out_in_the_same_form(json_form: bool, level: int, told: int) -> None:
    out = Output()
    log.configure(json=json_form, level="info", stream=out.stream)
    logging.getLogger("apscheduler").log(level, "first line\nsecond %s", "line")
    assert len(out.lines) == told
    for line in out.lines:
        assert b"library.message" in line
        assert b"apscheduler" in line


def test_a_librarys_traceback_stays_on_its_line() -> None:
    out = Output()
    log.configure(json=True, level="info", stream=out.stream)
    logging.getLogger("asyncio").error("it broke", exc_info=KeyError(1))
    (line,) = out.lines
    assert json.loads(line)["exception"][0]["exc_type"] == "KeyError"
    assert json.loads(line)["level"] == "error"


def test_a_librarys_broken_call_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    log.configure(json=True, level="info", stream=out.stream)
    logging.getLogger("asyncio").warning("%d", "no number")
    assert out.lines == []
    assert "no number" in capsys.readouterr().err


def test_bound_keys_are_on_every_line() -> None:
    out = Output()
    logger = log.configure(json=True, level="info", stream=out.stream).bind(run_id="r1")
    logger.info(Event.PASS_STARTED)
    logger.info(Event.PASS_FINISHED)
    assert [json.loads(line)["run_id"] for line in out.lines] == ["r1", "r1"]


def test_without_a_stream_it_writes_to_stdout(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.configure(json=True, level="info").info(Event.DAEMON_STARTED)
    assert json.loads(capsysbinary.readouterr().out)["event"] == "daemon.started"


def test_a_silent_logger_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log.silent().error(Event.PASS_FAILED, error="x")
    assert capsys.readouterr() == ("", "")
