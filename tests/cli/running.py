"""Types of the fixtures of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.cli.conftest import Ran


class Syncer(Protocol):
    """The `syncer` fixture."""

    def __call__(self, *arguments: str, expect: int | None = 0, config: object = None, **environ: str) -> Ran: ...
