"""`syncer` and `python -m syncer`."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself first loads enum: a window for a traceback

WORKING = _signal.getsignal(_signal.SIGINT)
"""What Ctrl-C does while a command works: Python's KeyboardInterrupt, or nothing where our parent ignores it."""
BETWEEN = _signal.SIG_DFL if WORKING is _signal.default_int_handler else WORKING
"""What it does while modules load and at the very end: the process just ends, without a traceback."""
_signal.signal(_signal.SIGINT, BETWEEN)

import os  # noqa: E402 -- behind the line above on purpose, as are the next ones
import sys  # noqa: E402

from syncer.cli.main import run  # noqa: E402 -- loading it is the long part of a start


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    _signal.signal(_signal.SIGINT, WORKING)
    code = _printed(run(sys.argv[1:]))
    _signal.signal(_signal.SIGINT, BETWEEN)
    sys.exit(code)


def _printed(code: int) -> int:
    """The exit code once all is printed. What a full disk takes no more, Python would try again at its end: 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code


if __name__ == "__main__":
    main()
