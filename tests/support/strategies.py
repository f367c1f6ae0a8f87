"""Hypothesis strategies for the core's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from syncer.model import url
from syncer.model.fields import FLAG_FIELDS, UNDECLARED, AppSettings, Field
from tests.support.builders import a_live, an_app

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp
    from syncer.model.live import LiveApp

URLS = st.sampled_from(
    ["https://a.example/x", "https://a.example/y?token=1", "HTTPS://A.example/x", "https://b.example/x", "not a url"]
).map(url.parse)
VALUES = {field: st.booleans() if field in FLAG_FIELDS else st.none() | URLS for field in Field}
LIVE_SETTINGS = st.fixed_dictionaries({field.value: VALUES[field] for field in Field}).map(
    lambda values: AppSettings(**values)
)
DECLARED_SETTINGS = st.fixed_dictionaries({field.value: st.just(UNDECLARED) | VALUES[field] for field in Field}).map(
    lambda values: AppSettings(**values)
)
NAMES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True, min_size=1)


@st.composite
def pairs(draw: st.DrawFn, /, **policy: Any) -> list[tuple[DesiredApp, LiveApp]]:
    """Desired apps with what is live of each."""
    return [
        (an_app(name, draw(DECLARED_SETTINGS), **policy), a_live(name, draw(LIVE_SETTINGS))) for name in draw(NAMES)
    ]
