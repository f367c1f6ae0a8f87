"""The error tree. Every error says what the loop should do with it, in fields rather than in its text.

    SyncerError                    exit 1
    ├── UsageError                 exit 64   the command line or the daemon configuration is wrong
    │   └── ConfigError            exit 64   … with problems that carry positions
    ├── DesiredStateError          exit 65   files in the source are wrong: problems with positions
    ├── SourceError                exit 1    git or the folder can't be read; the last good state stays in force
    │   ├── EmptySourceError       exit 65   … it can be read and holds no document: never "no apps"
    │   └── RefusedCommitError     exit 4    … its newest commit is not signed as asked, or rewrites history
    ├── VendorError                exit 1    one request to the vendor failed: kind, status, retryable
    ├── TokenError                 exit 1    no usable token for one app
    ├── JournalError               exit 1    the journal can't be written or is damaged: no PUT
    ├── ClusterError               exit 1    the Kubernetes API could not be asked: who leads is not known
    │   └── ConflictError          exit 1    … somebody changed the object first
    ├── StoppedError               exit 0    asked to stop; nothing was written
    └── HeldError                  exit 4    a guard or a stale plan id stands in the way
        └── LockedError            exit 4    another writer holds the state folder or the lease

Third-party exceptions end at the edge where they arise and travel on as the `__cause__` of one of these.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from syncer.model.problems import Problem


class SyncerError(Exception):
    """A failure with a message for a person and a hint that says how to mend it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = retryable


class UsageError(SyncerError):
    """The command line or the environment asks for something that can't be."""

    exit_code = 64


class ProblemsError(SyncerError):
    """One or more problems in documents, all of them at once."""

    def __init__(self, message: str, problems: tuple[Problem, ...], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class ConfigError(ProblemsError, UsageError):
    """The daemon's own configuration is wrong."""

    exit_code = 64


class DesiredStateError(ProblemsError):
    """Files in the source are wrong, so there is no desired state to act on."""

    exit_code = 65


class SourceError(SyncerError):
    """The source (git or a folder) could not be read; nothing is concluded from its absence."""


class EmptySourceError(SourceError):
    """The source was read and there is not one document where they should be; never the same as "no apps"."""

    exit_code = 65


class Refusal(StrEnum):
    """Why a commit is not taken."""

    NOT_SIGNED = "not-signed"  # by nobody, or by nobody who may
    REWRITTEN = "rewritten-history"  # it does not follow the commit in force


class RefusedCommitError(SourceError):
    """The source's newest commit is not taken, and what was in force stays so.

    `was` is the commit in force that a rewritten history left behind, empty for the other refusals.
    """

    exit_code = 4

    def __init__(self, rule: Refusal, message: str, *, commit: str, was: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rule = rule
        self.commit = commit
        self.was = was


class VendorKind(StrEnum):
    """What went wrong at the vendor, by what the loop should do about it."""

    BAD_REQUEST = "bad-request"  # 400: permanent for this desired value
    AUTH = "auth"  # 401, 403: the token; that app alone
    NOT_FOUND = "not-found"  # 404: no such app
    RATE_LIMITED = "rate-limited"  # 429: later
    SERVER = "server"  # 408, 5xx: later
    CONNECT = "connect"  # no connection, or it broke
    TIMEOUT = "timeout"  # the total deadline passed
    REDIRECT = "redirect"  # 3xx: never followed
    GARBLED = "garbled"  # 200 with something that is not the documented answer
    WRONG_APP = "wrong-app"  # an answer about another app than the one asked for
    TOO_LARGE = "too-large"  # body or headers over the cap
    UNEXPECTED = "unexpected"  # any other status
    TOKEN = "token"  # noqa: S105 -- the kind of a failure, not a secret: no token to ask with


class VendorError(SyncerError):
    """One exchange with the vendor failed. `status` is the HTTP status, or None when none was received.

    `sent` is False only when it is certain that the vendor never received the request.
    """

    def __init__(  # noqa: PLR0913 -- fields of one error, all by keyword
        self,
        kind: VendorKind,
        message: str,
        *,
        status: int | None = None,
        hint: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.sent = sent


class TokenError(SyncerError):
    """There is no usable token for one app (missing file, empty, unset variable, mint refused)."""


class JournalError(SyncerError):
    """The journal can't be written or does not verify; nothing may be written to the vendor."""


class ClusterError(SyncerError):
    """A request to the Kubernetes API failed: `status` is its HTTP status, None where no answer came.

    `retry_after` are the seconds that the server asks to be left alone for.
    """

    def __init__(
        self, message: str, *, hint: str = "", status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after


class ConflictError(ClusterError):
    """The object is not as it was read, or is there already: read it again."""


class HeldError(SyncerError):
    """A guard, an approval or a stale plan id stands in the way."""

    exit_code = 4


class StoppedError(SyncerError):
    """Asked to stop before anything was decided; nothing was written."""

    exit_code = 0


class LockedError(HeldError):
    """Another process holds the state folder, or the lease."""
