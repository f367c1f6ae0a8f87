"""Where a secret is kept, as it is written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model.desired import EnvToken, FileToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.settings.tree import SecretRef


def secret(written: Mapping[str, str]) -> SecretRef | None:
    """A secret's place from `{file: PATH}` or `{env: NAME}`; None for neither."""
    if written.get("file"):
        return FileToken(written["file"])
    return EnvToken(written["env"]) if written.get("env") else None
