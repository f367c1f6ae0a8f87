"""The daemon's settings as one frozen tree. Durations are timedeltas, shares fractions of 1, rates per second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from syncer.model.desired import EnvToken, FileToken, Policy

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.outcome import State
    from syncer.plan.limits import Limits
    from syncer.plan.rollout import Rollout

SecretRef: TypeAlias = FileToken | EnvToken
"""Where a secret is kept; never the secret."""


class Mode(StrEnum):
    """Whether this process may write at all."""

    APPLY = "apply"
    OBSERVE = "observe"


class History(StrEnum):
    """What a rewritten branch means."""

    FAST_FORWARD_ONLY = "fast-forward-only"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Password:
    """Credentials for git over https."""

    username: str
    password: SecretRef


@dataclass(frozen=True, slots=True)
class SshKey:
    """Credentials for git over ssh; `known_hosts` are the only host keys accepted."""

    ssh_key: Path
    known_hosts: Path
    username: str = "git"


@dataclass(frozen=True, slots=True)
class Source:
    """Where desired state comes from: the repository `url` or the folder `path`, never both."""

    path: Path | None
    url: str | None
    ref: str
    subpath: str
    poll: timedelta
    history: History
    allow_file: bool
    credentials: Password | SshKey | None = None
    allowed_signers: Path | None = None
    proxy: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """How the vendor's API is reached; `rate` in requests per second and customer, `deadline` for a whole request.

    `customer_tokens` by customer id list apps and open none; `list_bare` sends them without the word Bearer.
    """

    base_url: str
    concurrency: int
    rate: float
    deadline: timedelta
    proxy: str = ""
    ca_file: Path | None = None
    customer_tokens: tuple[tuple[str, SecretRef], ...] = ()
    list_bare: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to look (`detect`) and when to write (`apply`: an interval, or a checked cron expression of five fields).

    `jitter` is a share of the interval.
    """

    detect: timedelta
    apply: timedelta | str
    zone: str
    jitter: float


@dataclass(frozen=True, slots=True)
class OperatorPolicy:
    """The weakest `layer`, what stronger layers may not change (`locked`), and the limits of a pass."""

    layer: Policy
    locked: tuple[str, ...]
    limits: Limits

    @property
    def restricts_hosts(self) -> bool:
        """Whether the operator says which hosts calls may go to."""
        return bool(self.layer.allowed_hosts)


@dataclass(frozen=True, slots=True)
class AnchorRepository:
    """A branch (`ref`) of a repository to which the journal's heads are pushed."""

    url: str
    ref: str
    credentials: Password | SshKey | None = None
    proxy: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """The journal: `rotate` in bytes; `sign_key` None leaves its heads unsigned; `anchors` are stdout and lease.

    `may_vanish` is the operator's word that a journal may go with its Pod.
    """

    origin: str
    rotate: int
    sign_key: SecretRef | None = None
    anchors: tuple[str, ...] = ()
    anchor_files: tuple[Path, ...] = ()
    anchor_repositories: tuple[AnchorRepository, ...] = ()
    may_vanish: bool = False


@dataclass(frozen=True, slots=True)
class Serve:
    """Health, metrics and actions; an empty host is no server, and without a token everything is read-only.

    `public_url` is where people reach it, for links; without a slash at its end.
    """

    host: str
    port: int
    token: SecretRef | None = None
    push_secret: SecretRef | None = None
    allowed_hosts: tuple[str, ...] = ()
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class MetricsOut:
    """What is told beside the server: a series for each app, a text file, a Pushgateway (empty: none) and its job."""

    apps: bool
    file: Path | None
    push: str
    job: str


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How receivers are reached: `deadline` for an exchange, networks that are allowed besides public addresses."""

    deadline: timedelta
    allow_networks: tuple[str, ...] = ()
    proxy: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """One receiver of notices. `url` is written in the file, or a place where it is kept because it is a secret itself.

    It is told of an app that was in one of the states `on` for `after` passes, or for as long as `after` says; of more
    than `digest` apps at once in one notice. `labels` narrow it to apps that have all of them. `server`, `repository`
    and `token` are those of a commit's status.
    """

    kind: str
    name: str
    url: str | SecretRef
    on: tuple[State, ...] = ()
    after: int | timedelta = 1
    secret: SecretRef | None = None
    digest: int = 5
    labels: tuple[tuple[str, str], ...] = ()
    server: str = ""
    repository: str = ""
    token: SecretRef | None = None
    proxy: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Leader:
    """Who may write when several run: `kind` is none or lease; empty parts of the rest are those of the Pod."""

    kind: str
    name: str = ""
    namespace: str = ""
    lease_duration: timedelta = timedelta(seconds=60)
    renew_deadline: timedelta = timedelta(seconds=40)
    retry_period: timedelta = timedelta(seconds=5)
    server: str = ""
    token: SecretRef | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """`format` is json or text; empty: text on a terminal, JSON otherwise."""

    format: str
    level: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the daemon is told, checked."""

    mode: Mode
    source: Source
    vendor: Vendor
    schedule: Schedule
    policy: OperatorPolicy
    rollout: Rollout
    state_dir: Path
    audit: Audit
    serve: Serve
    metrics: MetricsOut
    webhooks: Webhooks
    notify: tuple[Notify, ...]
    leader: Leader
    log: Log
