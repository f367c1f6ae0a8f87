"""A fault before it has a place: what a pure rule returns about a value it was handed."""

from __future__ import annotations

from dataclasses import dataclass

from syncer.model.problems import Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule id, a sentence that repeats no text which may hold a password, a label for the caret, and help."""

    rule: str
    message: str
    label: str = ""
    help: str = ""
    severity: Severity = Severity.ERROR

    @classmethod
    def warning(cls, rule: str, message: str, *, help: str = "") -> Fault:  # noqa: A002 -- the field's own name
        """Advice that rejects nothing."""
        return cls(rule, message, help=help, severity=Severity.WARNING)
