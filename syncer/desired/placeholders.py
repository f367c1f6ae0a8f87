"""The closed set of placeholders in strings: `{app}` `{app_id}` `{customer_id}` `{labels.KEY}`. Pure.

One pass, and what comes out is never looked at again. (Names, ids and labels can't hold braces: the schema says so.)
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from syncer.desired.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("app", "app_id", "customer_id")
LISTED: Final = "{app}, {app_id}, {customer_id} and {labels.KEY}"
_BRACED: Final = re.compile(r"\{([^{}]*)\}")


def used(text: str) -> bool:
    """Whether there is anything to expand or to complain about."""
    return "{" in text or "}" in text


def expand(text: str, values: Mapping[str, str]) -> tuple[str, tuple[Fault, ...]]:
    """The text with every placeholder replaced, and the faults that stand in the way.

    `values` maps `app`, `app_id`, `customer_id` and `labels.KEY` to texts. With faults the text comes back as it is.
    """
    if not used(text):
        return text, ()
    faults = [_fault(name, values) for name in _BRACED.findall(text) if name not in values]
    if used(_BRACED.sub("", text)):
        faults.append(Fault("SY310", "a brace without its partner", help="a URL holds braces as %7B and %7D"))
    if faults:
        return text, tuple(faults)
    return _BRACED.sub(lambda match: values[match[1]], text), ()


def _fault(name: str, values: Mapping[str, str]) -> Fault:
    kind, dot, key = name.partition(".")
    if kind == "labels" and dot:
        keys = [known.removeprefix("labels.") for known in values if known.startswith("labels.")]
        near = difflib.get_close_matches(key, keys, n=1)
        advice = (
            f"did you mean `{{labels.{near[0]}}}`?" if near else f"set `labels: {{{key}: …}}` on the app or below it"
        )
        return Fault("SY311", f"the app has no label `{key}`", help=advice)
    near = difflib.get_close_matches(name, NAMES, n=1)
    advice = f"did you mean `{{{near[0]}}}`? " if near else ""
    return Fault("SY310", f"unknown placeholder `{{{name}}}`", help=f"{advice}there are {LISTED}")


def unknown(text: str) -> tuple[Fault, ...]:
    """The faults that no app could mend: names outside the closed set, and lone braces."""
    known = {name: name for name in _BRACED.findall(text) if name in NAMES or name.startswith("labels.")}
    return expand(text, known)[1]
