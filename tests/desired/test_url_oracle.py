"""URLs made by hand against the parser of browsers (WHATWG): what passes here leads it to the same host, or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import can_ada
import pytest

from syncer.desired import urls
from syncer.model.fields import Field
from syncer.model.url import DEFAULT_PORTS, parse
from tests.desired.hostile_urls import GOOD, HARMLESS, REFUSED

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

ALLOWED = (GOOD, f"{GOOD}:8443")


def read_elsewhere(text: str) -> tuple[str, str, int | None, str, str]:
    """Scheme, host, port and user information by the oracle; ValueError where it is no URL to it."""
    url = can_ada.parse(text)
    scheme = url.protocol.removesuffix(":")
    port = int(url.port) if url.port else DEFAULT_PORTS.get(scheme)
    return scheme, url.hostname, port, url.username, url.password


def check(field: Field, text: str, allowed: tuple[str, ...] | None) -> bool:
    """Whether a URL passes; if so, the oracle has to read what we read."""
    if urls.faults(field, text, allowed):
        return False
    ours = parse(text)
    port = ours.port or DEFAULT_PORTS.get(ours.scheme)
    assert read_elsewhere(text) == (ours.scheme, ours.host, port, "", "")
    return True


def test_no_hostile_url_comes_in_force(figure: Recorder) -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 300
    for field in (Field.POPUP_URL, Field.STREAMING_URL):
        assert [text for text in REFUSED if check(field, text, ALLOWED)] == []
    figure("hostile-urls-made", len(REFUSED), seeds="none", result=f"all refused, {len(HARMLESS)} harmless ones pass")


@pytest.mark.parametrize("field", [Field.POPUP_URL, Field.STREAMING_URL])
def test_without_an_allow_list_what_passes_is_read_alike_everywhere(field: Field) -> None:
    passed = {text for text in (*REFUSED, *HARMLESS) if check(field, text, None)}
    assert passed >= set(HARMLESS)


def test_what_only_looks_hostile_passes_and_leads_to_the_right_host() -> None:
    assert [text for text in HARMLESS if not check(Field.POPUP_URL, text, ALLOWED)] == []
    assert {read_elsewhere(text)[1] for text in HARMLESS} == {GOOD}
