"""A command line in this process, with what it printed and its exit code."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from syncer.cli import main

if TYPE_CHECKING:
    from tests.cli.running import Syncer


@dataclass(frozen=True)
class Ran:
    """One command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def syncer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Syncer:
    """Runs a command line; `config` names the configuration, further keywords are variables. Checks the exit code."""
    for name in [name for name in os.environ if name.startswith("SYNCER_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str, expect: int | None = 0, config: object = None, **environ: str) -> Ran:
        with monkeypatch.context() as patch:
            for name, value in {**environ, **({"SYNCER_CONFIG": str(config)} if config else {})}.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = main.run(list(arguments))
        out, err = capsys.readouterr()
        assert expect in {code, None}, f"{arguments}: {code}\n{out}\n{err}"
        assert "Traceback" not in err
        return Ran(code, out, err)

    return run
