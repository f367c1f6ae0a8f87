"""Who signed a commit: real signatures, and every way in which one can be missing or wrong."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from syncer.clock import SystemClock
from syncer.desired import gitaddress
from syncer.desired.git import GitSource
from syncer.desired.gitmirror import Access
from syncer.errors import Refusal, RefusedCommitError, SourceError
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository
from tests.support.signing import PgpSigner, SshSigner, run, sign, tampered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("ssh-keygen")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path / "origin.git")
    made.commit({"apps.yaml": APPS})
    return made


@pytest.fixture
def ann(tmp_path: Path) -> SshSigner:
    return SshSigner.create(tmp_path, "ann")


@pytest.fixture
def asha(tmp_path: Path) -> Iterator[PgpSigner]:
    made = PgpSigner.create(tmp_path, "asha")
    with closing(made):
        yield made


def allowed(folder: Path, *texts: str) -> Path:
    path = folder / "allowed"
    path.write_text("".join(f"{text.rstrip()}\n" for text in texts))
    return path


def asked(repository: Repository, folder: Path, signers: Path, path: str = "") -> str:
    """Who signed the tip, after a fetch into a new mirror."""
    address = gitaddress.parse(repository.url, "main", allow_file=True)
    environ = {"PATH": path or os.environ["PATH"]}
    here = GitSource(address, folder / "git", Access(), environ, SystemClock())
    who = here.signer(here.fetch().revision.id, signers)
    assert sorted(left.name for left in next((folder / "git").iterdir()).iterdir()) == ["lock", "mirror.git"]
    return who


def refused(repository: Repository, folder: Path, signers: Path) -> str:
    with pytest.raises(RefusedCommitError) as caught:
        asked(repository, folder, signers)
    error = caught.value
    assert (error.rule, error.exit_code) == (Refusal.NOT_SIGNED, 4)
    assert error.commit == repository.git("rev-parse", "main")
    assert error.commit[:12] in error.message
    assert str(signers) in error.hint
    return error.message


def test_an_ssh_signature_names_principal_and_key(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    sign(repository, ann)
    fingerprint = run("ssh-keygen", "-lf", str(ann.key)).split()[1]
    signers = allowed(tmp_path, "# who may", ann.line("ann@acme.example", 'namespaces="git"'))
    assert asked(repository, tmp_path, signers) == f"ann@acme.example (ED25519 key {fingerprint})"


@pytest.mark.needs("gpg")
def test_an_openpgp_signature_names_user_and_key(tmp_path: Path, repository: Repository, asha: PgpSigner) -> None:
    sign(repository, asha)
    who = f"asha <asha@acme.example> (OpenPGP key {asha.fingerprint})"
    assert asked(repository, tmp_path, allowed(tmp_path, asha.armored())) == who


@pytest.mark.needs("gpg")
def test_one_file_holds_keys_of_both_kinds(
    tmp_path: Path, repository: Repository, ann: SshSigner, asha: PgpSigner
) -> None:
    other = PgpSigner.create(tmp_path, "other")
    with closing(other):
        signers = allowed(tmp_path, other.armored(), ann.line("ann"), asha.armored())
        sign(repository, asha)
        assert "asha@acme.example" in asked(repository, tmp_path, signers)
        sign(repository, ann)
        assert asked(repository, tmp_path, signers).startswith("ann (")


def test_an_unsigned_commit_is_refused(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    assert "is not signed" in refused(repository, tmp_path, allowed(tmp_path, ann.line("ann")))


def test_a_signature_in_the_message_is_none(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    repository.commit({"b.yaml": APPS}, subject="x\n\ngpgsig -----BEGIN SSH SIGNATURE-----\nGood")
    assert "is not signed" in refused(repository, tmp_path, allowed(tmp_path, ann.line("ann")))


def test_the_key_of_somebody_else_is_refused(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    sign(repository, SshSigner.create(tmp_path, "eve"))
    signers = allowed(tmp_path, ann.line("ann"))
    message = refused(repository, tmp_path, signers)
    assert f"which {signers} does not name" in message
    assert "SHA256:" in message


def test_a_commit_changed_after_it_was_signed_is_refused(
    tmp_path: Path, repository: Repository, ann: SshSigner
) -> None:
    tampered(repository, sign(repository, ann), b"\n\nSigned", b"\n\nSigmed")
    assert "not of this content" in refused(repository, tmp_path, allowed(tmp_path, ann.line("ann")))


def test_a_key_whose_time_is_over_is_refused(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    sign(repository, ann)
    expired = allowed(tmp_path, ann.line("ann", 'valid-before="20200101"'))
    assert "does not include the commit's date" in refused(repository, tmp_path, expired)


def test_a_key_for_another_purpose_is_refused(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    sign(repository, ann)
    signers = allowed(tmp_path, ann.line("ann", 'namespaces="file"'))
    with pytest.raises(RefusedCommitError):
        asked(repository, tmp_path, signers)


@pytest.mark.needs("gpg")
def test_an_unknown_openpgp_key_is_refused(tmp_path: Path, repository: Repository, asha: PgpSigner) -> None:
    eve = PgpSigner.create(tmp_path, "eve")
    with closing(eve):
        sign(repository, eve)
    message = refused(repository, tmp_path, allowed(tmp_path, asha.armored()))
    assert f"OpenPGP key {eve.fingerprint[-16:]}, which" in message


@pytest.mark.needs("gpg")
def test_an_openpgp_signature_of_other_content_is_refused(
    tmp_path: Path, repository: Repository, asha: PgpSigner
) -> None:
    tampered(repository, sign(repository, asha), b"\n\nSigned", b"\n\nSigmed")
    assert "not of this content" in refused(repository, tmp_path, allowed(tmp_path, asha.armored()))


@pytest.mark.needs("gpg")
def test_an_expired_openpgp_key_is_refused(tmp_path: Path, repository: Repository) -> None:
    old = PgpSigner.create(tmp_path, "old", expires="seconds=3600", faked="20200101T000000")
    with closing(old):
        (old.home / "gpg.conf").write_text("faked-system-time 20200101T000100\n")
        sign(repository, old)
        (old.home / "gpg.conf").unlink()
        assert "has expired" in refused(repository, tmp_path, allowed(tmp_path, old.armored()))


@pytest.mark.needs("gpg")
def test_a_garbled_openpgp_signature_is_refused(tmp_path: Path, repository: Repository, asha: PgpSigner) -> None:
    tampered(
        repository,
        sign(repository, asha),
        b"-----BEGIN PGP SIGNATURE-----\n \n ",
        b"-----BEGIN PGP SIGNATURE-----\n \n !",
    )
    with pytest.raises(RefusedCommitError):
        asked(repository, tmp_path, allowed(tmp_path, asha.armored()))


@pytest.mark.needs("gpg")
def test_a_kind_that_the_file_has_no_key_for_is_refused(
    tmp_path: Path, repository: Repository, ann: SshSigner, asha: PgpSigner
) -> None:
    sign(repository, asha)
    assert "no key of that kind" in refused(repository, tmp_path, allowed(tmp_path, ann.line("ann")))


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    tampered(repository, sign(repository, ann), b"BEGIN SSH SIGNATURE", b"BEGIN SIGNED MESSAGE")
    assert "signed with X.509" in refused(repository, tmp_path, allowed(tmp_path, ann.line("ann")))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("", "names no key"),
        ("# nobody\n", "names no key"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd\n", "without an end"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n?\n-----END PGP PUBLIC KEY BLOCK-----\n", "damaged"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabcd\n-----END PGP PRIVATE KEY BLOCK-----\n", "no public key"),
        (b"\x99\xff", "no text"),
        (b"a" * 2_000_000, "larger than"),
    ],
)
def test_a_file_of_signers_that_is_none_is_told(
    tmp_path: Path, repository: Repository, content: str | bytes | None, told: str
) -> None:
    path = tmp_path / "allowed"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=told) as caught:
        asked(repository, tmp_path, path)
    assert not isinstance(caught.value, RefusedCommitError)
    assert str(path) in caught.value.message


def test_a_program_that_is_missing_is_named(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    sign(repository, ann)
    only_git = tmp_path / "bin"
    only_git.mkdir()
    (only_git / "git").symlink_to(str(shutil.which("git")))
    with pytest.raises(SourceError, match="ssh-keygen is not there") as caught:
        asked(repository, tmp_path, allowed(tmp_path, ann.line("ann")), str(only_git))
    assert "openssh-client" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("No user exists for uid 4711", "without an entry"),
        ("{0} of no use", r"commit \w+ carries a signature that ssh-keygen can't verify: \{0\} of no use"),
    ],
)
def test_a_program_that_fails_is_quoted(
    tmp_path: Path, repository: Repository, ann: SshSigner, words: str, told: str
) -> None:
    sign(repository, ann)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh-keygen").write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 255\n")
    (folder / "ssh-keygen").chmod(0o755)
    with pytest.raises(SourceError, match=told):
        asked(repository, tmp_path, allowed(tmp_path, ann.line("ann")), f"{folder}:{os.environ['PATH']}")


def test_the_keys_are_read_anew_each_time(tmp_path: Path, repository: Repository, ann: SshSigner) -> None:
    tip = sign(repository, ann)
    signers = allowed(tmp_path, ann.line("ann"))
    here = source(repository.url, tmp_path / "git")
    here.fetch()
    assert here.signer(tip, signers)
    allowed(tmp_path, SshSigner.create(tmp_path, "eve").line("eve"))
    with pytest.raises(RefusedCommitError):
        here.signer(tip, signers)
