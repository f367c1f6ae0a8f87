"""Ctrl-C while a command loads: it ends, and shows no traceback.

`-X importtime` says on stderr which module has just been loaded, so that the signal comes at a known moment. What the
interpreter does before it reads the first line of syncer is its own.
"""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.site import ROOT

LOADED = ("syncer.cli", "click.core", "syncer.cli.options", "syncer.cli.main", "asyncio", "syncer.settings", "httpx")


@pytest.mark.parametrize("module", LOADED)
def test_an_interrupted_start_shows_no_traceback(module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "syncer", "plan", "-C", str(ROOT / "config/apps")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        else:
            pytest.fail(f"{module} is not loaded by this command")
        out, err = process.communicate()
    assert "Traceback" not in err
    assert out == ""
    assert process.returncode in {-signal.SIGINT, 130}


def test_where_the_parent_ignores_ctrl_c_so_does_a_starting_command() -> None:
    script = (
        "import signal, subprocess, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-X', 'importtime', '-m', 'syncer', 'version'],"
        " stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True);"
        "next(line for line in child.stderr if 'click.core' in line);"
        "child.send_signal(signal.SIGINT); print(child.communicate()[0], child.returncode)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.split()[-1] == "0"
