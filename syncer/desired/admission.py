"""Which commits may come in force: those signed as the operator asks, that follow the one in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from syncer.errors import Refusal, RefusedCommitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.desired.snapshot import Snapshot


class Commits(Protocol):
    """What a repository knows of its commits."""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` only adds to `old`."""

    def signer(self, commit: str, allowed: Path) -> str:
        """Who of those in the file `allowed` signed a commit; RefusedCommitError if none of them did."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The operator's conditions for one repository.

    `allowed_signers` None asks for no signature. `approved` says whether a person let a commit (the second) take the
    place of one that it does not follow (the first).
    """

    commits: Commits
    approved: Callable[[str, str], bool]
    allowed_signers: Path | None = None
    fast_forward_only: bool = True

    def signed(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the one who signed its commit; RefusedCommitError.

        Only the commit itself has to be signed: it stands for everything that it builds on.
        """
        revision = snapshot.revision
        if self.allowed_signers is None or revision.commit is None:
            return snapshot
        commit = replace(revision.commit, signer=self.commits.signer(revision.id, self.allowed_signers))
        return replace(snapshot, revision=replace(revision, commit=commit))

    def admitted(self, snapshot: Snapshot, in_force: str) -> Snapshot:
        """As `signed`, and the commit must follow the one in force (empty: there was none); RefusedCommitError."""
        snapshot = self.signed(snapshot)
        now = snapshot.revision.id
        if not self.fast_forward_only or in_force in {"", now} or self.commits.is_ancestor(in_force, now):
            return snapshot
        if self.approved(in_force, now):
            return snapshot
        raise RefusedCommitError(
            Refusal.REWRITTEN,
            f"history was rewritten: {now} does not follow {in_force}, which stays in force",
            commit=now,
            was=in_force,
            hint=(
                f"see `syncer plan --against {in_force[:12]}`; if it is meant, `syncer approve --non-fast-forward {now}"
                " --reason '…'` (beside a running daemon with `--server URL`)"
            ),
        )
