"""YAML by the million, mutated from real files, read in a process of its own: a value or problems, and soon."""

from __future__ import annotations

import multiprocessing
import random
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.filing import KINDS
from syncer.desired.loader import Loader
from syncer.documents import render, schema
from syncer.documents.loading import parse
from syncer.errors import DesiredStateError, EmptySourceError
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.figures import Recorder

ROOT = Path(__file__).parents[2]
SEEDS = tuple(path.read_bytes() for path in sorted((ROOT / "config").rglob("*.yaml")))
BATCH = 20_000
SLOWEST = 0.5
GROWTH = 64 * 1024
"""KiB that a process may grow by while it reads a batch."""
MARKS = (
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x00",
        b"\x85",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
    ),
    *(
        b"\t",
        b"\r\n",
        b"\r",
        b"\n",
        b"\n\n",
        b"  ",
        b": ",
        b":",
        b"? ",
        b"- ",
        b"---\n",
        b"...\n",
        b"|",
        b">-",
        b">+2",
        b"|9",
    ),
    *(b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system ", b"!t ", b"!!str ", b"! ", b"%YAML 1.1\n", b"%TAG ! x\n"),
    *(b"#", b"'", b'"', b"\\", b"\\x41", b"\\u202e", b"\\N", b"{", b"}", b"[", b"]", b",", b"=", b"@", b"`"),
    *(b"[" * 14, b"{" * 14, b"- " * 14, b"? " * 14, b"{a: " * 20),
)
WORDS = tuple(
    b"no NO on off yes ~ null true 0o14 012 0x1f 1_000 12:30 1e3 .nan .inf 2026-08-01 apps settings defaults policy"
    b" token customer_id app_id popup_url https://hooks.acme.example/ {app} {labels.x}".split()
)
TOKENS = (*MARKS, *WORDS)


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _insert(data: bytearray, rng: random.Random) -> None:
    position = rng.randint(0, len(data))
    data[position:position] = rng.choice(TOKENS)


def _delete(data: bytearray, rng: random.Random) -> None:
    position = rng.randint(0, len(data))
    del data[position : position + rng.randint(1, 20)]


def _repeat(data: bytearray, rng: random.Random) -> None:
    position, length = rng.randint(0, len(data)), rng.randint(1, 60)
    data[position:position] = data[position : position + length] * rng.randint(1, 30)


def _splice(data: bytearray, rng: random.Random) -> None:
    other = rng.choice(SEEDS)
    start = rng.randrange(len(other))
    position = rng.randint(0, len(data))
    data[position : position + rng.randint(0, 80)] = other[start : start + rng.randint(1, 80)]


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randint(0, len(data)) :]


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _insert, _insert, _insert, _delete, _repeat, _splice, _truncate),
)


def mutated(rng: random.Random) -> bytes:
    """A part of a real file, or bytes from nowhere, with a few changes."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randint(0, 200))
    seed = rng.choice(SEEDS)
    start = rng.randrange(len(seed)) if rng.random() < 0.6 else 0
    data = bytearray(seed[start : start + rng.randint(1, 300 if start else 1_500)])
    for _ in range(rng.randint(1, 6)):
        rng.choice(MUTATIONS)(data, rng)
    return bytes(data[:4_000])


def judged(data: bytes) -> None:
    """Reads a file as far as it goes: YAML, schema, its apps, and what a person is shown of its problems."""
    parsed = parse("fuzz.yaml", data)
    assert parsed.whole or parsed.problems, "neither a value nor a problem"
    problems = schema.check_kind(parsed, KINDS)
    lines = data.count(b"\n") + 1
    for problem in problems:
        assert 1 <= problem.at.line <= lines + 1, "a place outside of the file"
        assert problem.at.column >= 1
        assert render.problem(problem).replace("\n", "").isprintable()
    if not problems:
        source = MemorySource({"fuzz.yaml": data})
        with suppress(DesiredStateError, EmptySourceError):
            Loader(FixedClock()).load(source, source.fetch())


def read_batch(seed: int, count: int, told: str) -> None:
    """Reads `count` inputs; the last one stands in the file `told`, in case that it ends the process."""
    rng = random.Random(seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        data = mutated(rng)
        begun = time.process_time()
        try:
            judged(data)
            assert time.process_time() - begun < SLOWEST, "too slow"
        except BaseException:
            Path(told).write_text(f"seed {seed}, input {number}: {data!r}", encoding="utf-8")
            raise
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < GROWTH, f"grew by {grown} KiB"


@pytest.mark.parametrize("total", [6_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_no_input_ends_the_process_or_takes_long(tmp_path: Path, figure: Recorder, total: int) -> None:
    forking = multiprocessing.get_context("spawn")
    batches = -(-total // BATCH)
    for seed in range(batches):
        told = tmp_path / f"batch-{seed}"
        child = forking.Process(target=read_batch, args=(seed, min(BATCH, total), str(told)))
        child.start()
        child.join()
        assert child.exitcode == 0, told.read_text(encoding="utf-8") if told.exists() else f"died: {child.exitcode}"
    figure("yaml-fuzz", batches * min(BATCH, total), seeds=f"0 to {batches - 1}", result="0 crashes, none over 0.5 s")
