"""The home of the environment."""

from __future__ import annotations

import os

from syncer import environment


def test_the_environment_is_that_of_the_process() -> None:
    assert environment.read() is os.environ
