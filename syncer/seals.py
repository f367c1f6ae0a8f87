"""The journal's heads as the settings want them: by which key they are signed, and where they are shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncer import environment
from syncer.audit import anchors, checkpoint, note
from syncer.audit.sealing import Sealing
from syncer.errors import UsageError
from syncer.log import Event
from syncer.model.desired import FileToken

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from syncer.audit.checkpoint import Head
    from syncer.audit.note import Signer
    from syncer.settings.tree import Audit, SecretRef


def sealing(wanted: Audit, log: FilteringBoundLogger) -> Sealing:
    """What the journal needs to make heads; UsageError where the key can't be read or is another journal's."""
    return Sealing(wanted.origin, wanted.rotate, partial(_anchored, wanted, log), _signer(wanted))


def _signer(wanted: Audit) -> Signer | None:
    """The key that signs heads; its name must be the journal's, which is what a verifier expects."""
    if wanted.sign_key is None:
        return None
    key = note.signer(_text_of(wanted.sign_key))
    if key.name != wanted.origin:
        raise UsageError(
            f"the key of audit.sign is that of {key.name}, and audit.origin is {wanted.origin}",
            hint="make a key for this origin with `syncer audit keygen FILE`, or name the key's origin",
        )
    return key


def _text_of(kept: SecretRef) -> str:
    if not isinstance(kept, FileToken):
        text = environment.read().get(kept.name, "")
        if not text:
            raise UsageError(f"${kept.name} is not set", hint="audit.sign.key names it")
        return text
    try:
        return Path(kept.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key of audit.sign can't be read: {error}", hint="see `syncer audit keygen`") from error


def _anchored(wanted: Audit, log: FilteringBoundLogger, head: Head) -> None:
    """Show a head where it is wanted. What fails is told and no more: the next head covers this one, too."""
    if "stdout" in wanted.anchors:
        root = checkpoint.shown(head.root)
        log.info(Event.CHECKPOINT, origin=head.origin, size=head.size, root=root, note=head.note)
    for path in wanted.anchor_files:
        try:
            anchors.append(path, head)
        except OSError as error:
            log.warning(Event.ANCHOR_FAILED, file=str(path), error=str(error))
