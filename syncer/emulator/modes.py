"""How the emulated vendor behaves where the documentation leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from syncer.emulator.tokens import TokenStyle


class PutSemantics(StrEnum):
    """What a PUT does to the settings that its body does not name."""

    MERGE = "merge"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Modes:
    """Switches for the whole emulator, changed through `PATCH /_emulator/modes`.

    put_semantics: merge keeps what the body does not name, replace sets it to null or false.
    token_style, token_days: what `POST /token` issues and for how long.
    retry_scale: factor on the webhook delays of 5 s, 30 s and 5 min; 0.001 in tests.
    webhook_timeout: seconds for one delivery.
    webhook_sink: when set, every webhook goes to this origin; the intended URL travels in `X-Emulator-Target`.
    redirect_target: the origin that the cross-host redirects point at.
    """

    put_semantics: PutSemantics = PutSemantics.MERGE
    token_style: TokenStyle = TokenStyle.OPAQUE
    token_days: float = 90.0
    retry_scale: float = 1.0
    webhook_timeout: float = 5.0
    webhook_sink: str = ""
    redirect_target: str = "https://elsewhere.invalid"
