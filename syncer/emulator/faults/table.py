"""Name → fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.emulator.faults.bodies import BODIES
from syncer.emulator.faults.redirects import REDIRECTS
from syncer.emulator.faults.semantics import SEMANTICS
from syncer.emulator.faults.statuses import STATUSES
from syncer.emulator.faults.transport import TRANSPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.emulator.faults.fault import Fault

FAULTS: Mapping[str, Fault] = {**STATUSES, **REDIRECTS, **BODIES, **TRANSPORT, **SEMANTICS}
