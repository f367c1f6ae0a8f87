"""Commands that fail in every way there is, by the thousand: no secret in what they print or leave behind (I7)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.store import Seed
from tests.support.nursery import Nursery, nursery
from tests.support.site import CONFIG, CUSTOMER, Site, app_id, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 3
CANARY = "canary-5e1f"
POPUP = f"https://hooks.acme.example/popup?key={CANARY}-query"
COMMANDS = (
    ("plan",), ("plan", "-o", "json"), ("plan", "-o", "markdown"), ("explain", "app_0001"), ("sync",), ("validate",),
    ("sync", "-o", "json"), ("run", "--once", "--log-format", "json"), ("run", "--once", "--log-format", "text"),
    ("status",), ("doctor",), ("config", "show", "--origin"), ("audit", "tail"), ("audit", "export"),
    ("approve", "0123456789ab", "--reason", "x"), ("plan", "--changed-since", "HEAD"),
    ("sync", "nobody"), ("audit", "verify"),
)  # fmt: skip
FAULTS = (
    "400", "401_all", "403", "404_all", "429(0)", "500_storm", "redirect_302_cross_host", "truncated_json", "html_200",
    "dup_key_json", "empty_200", "wrong_app_id", "missing_field", "wrong_type", "cut_off", "header_bomb(65536)",
    "error_in_200", "reset_before_commit", "reset_after_commit", "gzip_bomb(1000000)", "huge_body(300000)",
)  # fmt: skip


def no_token(here: Site) -> None:
    (here.home / "tokens" / app_id(1)).unlink()


def token_of_bytes(here: Site) -> None:
    (here.home / "tokens" / app_id(1)).write_bytes(f"{CANARY}-token\xff\x00\n".encode("latin-1"))


def token_of_lines(here: Site) -> None:
    (here.home / "tokens" / app_id(2)).write_text(f"{CANARY}-token\n{CANARY}-token\n" * 40)


def token_folder(here: Site) -> None:
    no_token(here)
    (here.home / "tokens" / app_id(1)).mkdir()


def broken_yaml(here: Site) -> None:
    path = here.source / "apps.yaml"
    path.write_text(path.read_text() + f"  x: {{settings: {{popup_url: 'https://u:{CANARY}-url@h.example/'}}\n")


def user_in_url(here: Site) -> None:
    here.declare(APPS, popup_url=f"https://robot:{CANARY}-url@hooks.acme.example/")


def inline_token(here: Site) -> None:
    path = here.source / "apps.yaml"
    path.write_text(path.read_text() + f"  app_0009: {{token: {CANARY}-inline-eyJhbGciOiJIUzI1NiJ9}}\n")


def broken_config(here: Site) -> None:
    here.configure(CONFIG + "serve: {{token: " + CANARY + "-serve}}\n")


def password_in_source(here: Site) -> None:
    here.configure(CONFIG.replace("path: {source}", f"url: 'https://robot:{CANARY}-git@git.example/x.git'"))


def locked_state(here: Site) -> None:
    (here.state / "journal").rename(here.home / "gone")
    (here.state / "journal").write_text("not a folder")


BREAKAGES: tuple[Callable[[Site], None], ...] = (
    *(no_token, token_of_bytes, token_of_lines, token_folder, broken_yaml, user_in_url, inline_token),
    *(broken_config, password_in_source, locked_state),
)


def prepared(here: Site) -> None:
    """Everything in order, with canaries wherever a secret may stand."""
    here.emulator.clear_faults()
    for number in range(1, APPS + 1):
        path = here.home / "tokens" / app_id(number)
        if path.is_dir():
            path.rmdir()
        path.write_text(f"{CANARY}-token-{number}\n")
    here.declare(APPS, popup_url=POPUP)
    here.configure()
    if (here.home / "gone").exists():
        (here.state / "journal").unlink()
        (here.home / "gone").rename(here.state / "journal")


def leaks(here: Site, told: str) -> Iterator[str]:
    if CANARY in told:
        yield told[max(0, told.index(CANARY) - 200) :][:400]
    for path in here.state.rglob("*"):
        if path.is_file() and CANARY.encode() in path.read_bytes():
            yield path.name


def runs(start: Nursery, here: Site, count: int, rng: random.Random) -> int:
    """That many runs, each with something wrong; how many ended with an error."""
    failed = 0
    for _ in range(count):
        prepared(here)
        command = rng.choice(COMMANDS)
        if rng.random() < 0.5:
            here.emulator.fault(rng.choice(("", "GET:", "PUT:")) + rng.choice(FAULTS), times=rng.choice((1, None)))
        else:
            rng.choice(BREAKAGES)(here)
        here.change(rng.randint(1, APPS), popup_url=f"https://hooks.acme.example/by-hand?key={CANARY}-live")
        child = start.start(here, *command)
        code = child.wait()
        assert "Traceback" not in child.told(), child.told()
        assert list(leaks(here, child.told())) == [], command
        failed += code != 0
    return failed


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_no_failing_run_tells_a_secret(tmp_path: Path, figure: Recorder, count: int) -> None:
    (tmp_path / "site").mkdir()
    with nursery(tmp_path) as start, site(tmp_path / "site", APPS, popup_url=POPUP) as here:
        for number in range(1, APPS + 1):
            here.emulator.seed(Seed(CUSTOMER, app_id(number), app_id(number), f"{CANARY}-token-{number}", "secret"))
        prepared(here)
        start.run(here, "sync", expect=0)
        failed = runs(start, here, count, random.Random(9))
    assert failed > count // 3
    figure("canaries", failed, seeds="9", result="0 found")
