"""Sends one payload to one receiver, once, on purpose; the same guard as for checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.receivers import approach, targets
from syncer.receivers.verdicts import Failure, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model.url import Url
    from syncer.receivers.approach import Means
    from syncer.receivers.wire import Answer

KEPT: Final = 4096
"""Bytes of the answer's body that are kept for people."""


async def send(url: Url, headers: Mapping[str, str], content: bytes, means: Means) -> Answer | Failure:
    """One POST and its answer, or why there is none; nothing is tried again."""
    origin = targets.origin(url)
    if origin is None or url.scheme not in {"http", "https"}:
        return Failure(Verdict.NOT_A_URL, "this is no URL that a webhook can be posted to")
    addresses = await approach.addresses(origin, means)
    if isinstance(addresses, Failure):
        return addresses
    link = means.link(origin, addresses)
    try:
        return await link.exchange("POST", targets.path(url), headers, content, KEPT)
    finally:
        await link.aclose()
