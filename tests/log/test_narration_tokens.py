"""Which tokens the log tells of, and when again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from syncer.model.outcome import TokenEnd
from syncer.narration import Narrator
from tests.support.builders import NOW, a_ref

DUE = TokenEnd(NOW + timedelta(days=3), NOW - timedelta(days=4))
FINE = TokenEnd(NOW + timedelta(days=90), NOW + timedelta(days=83))


def test_a_due_token_is_told_once_for_each_end() -> None:
    told: list[dict[str, Any]] = []

    def keep(_logger: object, _name: str, event: Any) -> str:
        told.append(dict(event))
        raise structlog.DropEvent

    log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[keep])
    narrator, desk, shop = Narrator(), a_ref("desk"), a_ref("shop")
    narrator.tokens({desk: DUE, shop: FINE}, NOW, log)
    assert told == [{"event": "token.expiring", "app": str(desk), "ends": "2026-03-05T10:00:00Z"}]
    narrator.tokens({desk: DUE}, NOW, log)
    narrator.tokens({shop: FINE}, NOW, log)  # a pass over some apps
    narrator.tokens({desk: DUE}, NOW, log)
    assert len(told) == 1
    narrator.tokens({desk: replace(DUE, at=DUE.at + timedelta(days=1))}, NOW, log)
    assert len(told) == 2
    narrator.tokens({desk: FINE}, NOW, log)
    narrator.tokens({desk: DUE}, NOW, log)
    assert len(told) == 3
