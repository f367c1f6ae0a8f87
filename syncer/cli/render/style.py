"""Colour, or none: the only place where a terminal's control codes are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Choice = Literal["auto", "always", "never"]

RESET: Final = "\x1b[0m"
ADDED: Final = "\x1b[32m"
REMOVED: Final = "\x1b[31m"
WARN: Final = "\x1b[33m"
ERROR: Final = "\x1b[1;31m"
DIM: Final = "\x1b[2m"
BOLD: Final = "\x1b[1m"


@dataclass(frozen=True, slots=True)
class Style:
    """What a text means, shown as colour where colour is wanted; the words alone always suffice."""

    colour: bool = False

    def added(self, text: str) -> str:
        """A value or an app that is new or went well."""
        return self._in(ADDED, text)

    def removed(self, text: str) -> str:
        """A value that goes."""
        return self._in(REMOVED, text)

    def warn(self, text: str) -> str:
        """What deserves a second look."""
        return self._in(WARN, text)

    def error(self, text: str) -> str:
        """What failed."""
        return self._in(ERROR, text)

    def dim(self, text: str) -> str:
        """What most readers skip."""
        return self._in(DIM, text)

    def bold(self, text: str) -> str:
        """What the eye should find first."""
        return self._in(BOLD, text)

    def _in(self, code: str, text: str) -> str:
        return f"{code}{text}{RESET}" if self.colour and text else text


def wants_colour(choice: Choice, environ: Mapping[str, str], isatty: bool) -> bool:
    """Whether to colour: the option first, then NO_COLOR (no-color.org), FORCE_COLOR, and whether a person looks on."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR", ""):
        return forced != "0"
    return isatty and environ.get("TERM") != "dumb"
