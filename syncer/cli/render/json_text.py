"""Documents as JSON that any terminal may show: characters that move or hide text are written as escapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from syncer.model.text import json_safe

if TYPE_CHECKING:
    from collections.abc import Iterable


def document(value: Any) -> str:
    """One document, indented."""
    return json_safe(json.dumps(value, indent=2, ensure_ascii=False))


def lines(values: Iterable[Any]) -> str:
    """One document on each line."""
    return "\n".join(json_safe(json.dumps(value, ensure_ascii=False)) for value in values)
