"""Configuration made to break the reader: files and variables of any bytes end in settings, or in 64 with a place."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer import settings
from syncer.cli import main
from syncer.documents import loading, render
from syncer.errors import ConfigError
from syncer.model.problems import Place, Problem
from syncer.settings import keys
from tests.documents import test_fuzz as fuzz

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

ROOT = Path(__file__).parents[2]
FILE = (ROOT / "config/syncer.yaml").read_bytes()
TWINS = tuple(sorted(keys.known()))
OWN_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
BYTES = (
    *(b"", b" ", b"\n", b"\t", b"\xff\xfe", b"\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\x1b]52;c;eA==\x07", b"\x1b[2J"),
    *(
        b"\xc2\x9b31m",
        b"\xe2\x80\xae",
        b"\xe2\x80\x8b",
        b"\xef\xbb\xbf",
        b"\\0",
        b"%00",
        b"\xf0\x9f\x98\x80",
        b"e\xcc\x81",
    ),
    *(
        b"true",
        b"null",
        b"~",
        b"0",
        b"-1",
        b"1e9",
        b"9" * 400,
        b"0x10",
        b"10m",
        b"-5s",
        b"30%",
        b"400%",
        b"50/s",
        b"1/0s",
    ),
    *(
        b"https://",
        b"https://u:p@h.example/",
        b"http://evil.example",
        b"//x",
        b"ssh://",
        b"file:///etc/passwd",
        b"ext::sh",
    ),
    *(
        b"/",
        b"..",
        b"/dev/null",
        b"/proc/self/environ",
        b"~root",
        b"$HOME",
        b"`id`",
        b"{}",
        b"[",
        b"[::1]:1",
        b":0",
        b"!t",
    ),
    *(b"* * * * *", b"61 * * * *", b"UTC", b"../../etc/passwd", b"Mars/Olympus", b"--upload-pack=x", b"a" * 100_000),
)


def value(rng: random.Random) -> str:
    """What a process sees of a variable with such bytes."""
    return os.fsdecode(b"".join(rng.choice(BYTES) for _ in range(rng.choice((1, 1, 1, 2, 3)))))


def judged(environ: dict[str, str], file: Path | None) -> bool:
    """Whether these settings are refused, each problem with a place and a text that a terminal can show."""
    problems: tuple[Problem, ...] = ()
    try:
        settings.load({}, environ, file)
    except ConfigError as error:
        problems = error.problems or (Problem("", "", Place("")),)
    for problem in problems:
        assert problem.at.path
        assert problem.at.line >= 1
        assert render.problem(problem).replace("\n", "").isprintable()
    return bool(problems)


@pytest.mark.parametrize("rounds", [12, pytest.param(400, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_no_variable_breaks_the_reader(figure: Recorder, rounds: int) -> None:
    rng = random.Random(21)
    refused = sum(judged({"HOME": value(rng), name: value(rng)}, None) for _ in range(rounds) for name in TWINS)
    assert rounds * len(TWINS) // 4 < refused < rounds * len(TWINS)
    figure("hostile-settings", rounds * len(TWINS), seeds="21", result="settings, or problems with places")


@pytest.mark.parametrize("count", [600, pytest.param(30_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_no_file_breaks_the_reader(tmp_path: Path, figure: Recorder, count: int) -> None:
    rng = random.Random(22)
    refused = 0
    for _ in range(count):
        data = bytearray(FILE)
        for _ in range(rng.choice((1, 1, 2, 5))):
            rng.choice(fuzz.MUTATIONS)(data, rng)
        (tmp_path / "syncer.yaml").write_bytes(data)
        refused += judged({}, tmp_path / "syncer.yaml")
    assert count // 4 < refused < count
    figure("hostile-settings", count, seeds="22", result="settings, or problems with places")


@pytest.mark.parametrize("name", [*TWINS, "SYNCER_CONFIG", "SYNCER_COLOR", "SYNCER_OUTPUT", "SYNCER_\udcff\x1b[2J"])
def test_a_command_says_what_is_wrong_with_a_variable(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(ascii(name))
    for other in [other for other in os.environ if other.startswith("SYNCER_")]:
        monkeypatch.delenv(other)
    for _ in range(4):
        monkeypatch.setenv(name, value(rng))
        code = main.run(["config", "show", "--origin"])
        out, err = capsys.readouterr()
        shown = OWN_COLOURS.sub("", out + err).encode("utf-8", "backslashreplace").decode()
        assert shown.replace("\n", "").isprintable()
        assert "Traceback" not in err
        assert code in {0, 64}
        assert code == 0 or name == "SYNCER_CONFIG" or name.replace("\udcff\x1b[2J", "") in err


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/", "/proc/self/mem", "/nowhere/x", "x" * 5_000])
def test_a_configuration_that_is_no_file_is_told_with_its_path(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load({}, {"SYNCER_CONFIG": name}, None)
    assert caught.value.problems[0].at.path == name


def test_a_configuration_may_come_through_a_pipe() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"apiVersion: syncer/v1\nkind: Config\nmode: observe\n")
    os.close(writing)
    try:
        assert settings.load({}, {}, Path(f"/dev/fd/{reading}")).settings.mode is settings.Mode.OBSERVE
    finally:
        os.close(reading)


def test_a_configuration_is_as_long_as_any_document(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"#" * (loading.MAX_BYTES + 1))
    with pytest.raises(ConfigError) as caught:
        settings.load({}, {}, tmp_path / "c.yaml")
    assert caught.value.problems[0].rule == "SY102"


@pytest.mark.parametrize(
    "arguments", [["--\x1b[2J"], ["\x1b[2J"], ["plan", "--\u202e"], ["schema", "\x9b2J"], ["-\x07"]]
)
def test_what_a_command_line_repeats_is_fit_for_a_terminal(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert err.replace("\n", "").isprintable()
