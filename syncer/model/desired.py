"""Desired state: what git (or a folder) says every app should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from syncer.model.fields import AppSettings, Field
    from syncer.model.orders import Lift, Pin, Suspension
    from syncer.model.problems import Problem


@dataclass(frozen=True, slots=True, order=True)
class AppRef:
    """The identity of an app at the vendor, and the only key on both sides; names are labels."""

    customer_id: str
    app_id: str

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.app_id}"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: full hash, author as `Name <address>`, committer time with its zone, first line of the message.

    `signer` is who signed it, with the key's fingerprint, where that was asked for and verified; empty otherwise.
    """

    sha: str
    author: str
    at: datetime
    subject: str
    signer: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """What desired state was read from: a commit hash, or `sha256:…` of a plain folder's contents.

    `source` names the repository or folder without credentials; `commit` is None for a plain folder.
    """

    id: str
    source: str
    commit: Commit | None = None

    @property
    def short(self) -> str:
        """Twelve characters of the hash, for people."""
        return self.id.removeprefix("sha256:")[:12]


class Layer(StrEnum):
    """Who declared a value, weakest first."""

    POLICY = "operator policy"
    FOLDER = "folder defaults"
    FILE = "file defaults"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was declared."""

    path: str
    line: int
    column: int
    layer: Layer

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class FileToken:
    """A token in a file that is read again at every use."""

    path: str


@dataclass(frozen=True, slots=True)
class EnvToken:
    """A token in an environment variable."""

    name: str


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token asked for at the vendor with the app's id and this secret."""

    secret: FileToken | EnvToken


TokenRef: TypeAlias = FileToken | EnvToken | MintedToken


class OnCommit(StrEnum):
    """What happens when git moved."""

    APPLY = "apply"
    HOLD = "hold"


class OnDrift(StrEnum):
    """What happens when somebody changed a setting at the vendor."""

    CORRECT = "correct"
    REPORT = "report"
    IGNORE = "ignore"


class WindowKind(StrEnum):
    """Whether writes may happen inside a window or must not."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring stretch of time: it opens at each instant of `cron` in `zone` and lasts `duration`."""

    kind: WindowKind
    cron: str
    duration: timedelta
    zone: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """A pause with a reason and an end (aware; None means until removed)."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Exact hosts for one field, or for every URL field when `field` is None."""

    field: Field | None
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """How an app's changes are handled, all layers merged."""

    on_commit: OnCommit = OnCommit.APPLY
    on_drift: OnDrift = OnDrift.CORRECT
    protected: tuple[Field, ...] = ()
    allowed_hosts: tuple[AllowedHosts, ...] = ()
    windows: tuple[Window, ...] = ()
    suspend: Suspend | None = None


@dataclass(frozen=True, slots=True)
class DesiredApp:
    """One app as desired: `settings` with UNDECLARED for what nobody declares, an Origin for each declared field.

    `at` is where the app itself stands. `revision` is where this desired state was read from; it differs from the
    state's own revision when `invalid` is set: the file is broken now and this is its last good reading.
    `more_origins` says the same of labels, token and policy, by dotted key: `labels.env`, `token`, `policy.on_drift`.
    `suspensions` and `pin` are people's orders in force. A pinned app has settings, their origins and `revision` of its
    pin, and all else as it is declared now; where the pin can't be followed `unpinnable` says why, and nothing may be
    written.
    """

    ref: AppRef
    name: str
    settings: AppSettings
    token: TokenRef | None
    at: Origin
    revision: Revision
    origins: tuple[tuple[Field, Origin], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    policy: Policy = field(default_factory=Policy)
    invalid: str = ""
    more_origins: tuple[tuple[str, Origin], ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    pin: Pin | None = None
    unpinnable: str = ""

    def origin(self, wanted: Field) -> Origin:
        """Where a field was declared; where the app stands when nobody declares it."""
        return next((origin for field, origin in self.origins if field == wanted), self.at)


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All apps of one revision, sorted by ref, with every problem found.

    `rejected` are the paths whose own problems (or whose Defaults' problems) keep their apps out of this reading.
    `lifted` are people's orders that ended by themselves and are not yet recorded as over.
    """

    revision: Revision
    apps: tuple[DesiredApp, ...]
    problems: tuple[Problem, ...] = ()
    rejected: tuple[str, ...] = ()
    lifted: tuple[Lift, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether no file was rejected."""
        return not self.rejected
