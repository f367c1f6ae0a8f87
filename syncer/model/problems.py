"""What is wrong in a document, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized


class Severity(StrEnum):
    """Only errors reject a file; warnings are shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of one line: `line` and `column` count from 1, `length` in characters, `text` the whole line.

    `text` is empty where the line must not be shown (it may hold a secret) or is unknown.
    """

    path: str
    line: int = 1
    column: int = 1
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: a permanent rule id (`SY201`), a sentence, the place, and help.

    Where two places disagree, `at` is the later one and `other` the earlier, each with its label under the caret.
    """

    rule: str
    message: str
    at: Place
    label: str = ""
    other: Place | None = None
    other_label: str = ""
    help: str = ""
    severity: Severity = Severity.ERROR


def counted(problems: Sized) -> str:
    """`a problem`, `2 problems`."""
    return "a problem" if len(problems) == 1 else f"{len(problems)} problems"
