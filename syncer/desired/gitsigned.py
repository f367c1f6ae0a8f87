"""Whether a commit is signed by somebody who may: git's own verdict, with nothing but the operator's keys.

The keys are read anew for each verdict and lent to git in a folder of mode 0700 that is removed afterwards. Besides git
only ssh-keygen or gpg runs, whichever the signature needs, found on the PATH before the commit is looked at. Neither
reads configuration or keys of anybody else, starts an agent, or asks a server.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.desired import gitauth, gitwords, signers
from syncer.errors import Refusal, RefusedCommitError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.desired.gitmirror import Mirror, Told
    from syncer.desired.signers import Signers

_LARGEST: Final = 1024 * 1024
_SSH: Final = "ssh"
_OPENPGP: Final = "OpenPGP"
_PROGRAMS: Final = {_SSH: "ssh-keygen", _OPENPGP: "gpg"}
_PACKAGES: Final = {_SSH: "openssh-client", _OPENPGP: "gnupg"}
_HEADERS: Final = (
    (b"gpgsig -----BEGIN SSH SIGNATURE-----", _SSH),
    (b"gpgsig -----BEGIN PGP SIGNATURE-----", _OPENPGP),
    (b"gpgsig -----BEGIN PGP MESSAGE-----", _OPENPGP),
)
_GPG_CONF: Final = "no-autostart\nno-auto-key-retrieve\nno-auto-check-trustdb\ntrust-model always\n"

_GOOD_SSH: Final = re.compile(r'^Good "git" signature for (?P<who>.+) with (?P<key>\S+ key \S+)$', re.MULTILINE)
_ANY_SSH: Final = re.compile(r'^Good "git" signature with (?P<key>\S+ key \S+)$', re.MULTILINE)
_GOOD_PGP: Final = re.compile(r"^\[GNUPG:\] GOODSIG [0-9A-F]+ (?P<who>.+)$", re.MULTILINE)
_VALID_PGP: Final = re.compile(r"^\[GNUPG:\] VALIDSIG .*?(?P<key>[0-9A-F]{40,64})$", re.MULTILINE)
_WRONG_SSH: Final = "Signature verification failed"
_NO_USER: Final = "No user exists for uid"
_BAD_PGP: Final = re.compile(
    r"^\[GNUPG:\] (?P<what>NO_PUBKEY|EXPKEYSIG|REVKEYSIG|EXPSIG|BADSIG) (?P<key>[0-9A-F]+)", re.MULTILINE
)
_MEANINGS: Final = {
    "NO_PUBKEY": "is signed by the OpenPGP key {key}, which {file} does not hold",
    "EXPKEYSIG": "is signed by the OpenPGP key {key}, which has expired",
    "REVKEYSIG": "is signed by the OpenPGP key {key}, which was revoked",
    "EXPSIG": "carries a signature of the OpenPGP key {key} that has expired",
    "BADSIG": "carries a signature of the OpenPGP key {key} that is not of this content",
}


def signer(mirror: Mirror, commit: str, allowed: Path) -> str:
    """Who signed a commit, as `principal (key)`.

    RefusedCommitError when it is nobody in `allowed`; SourceError when that can't be found out.
    """
    keys = _keys(allowed)
    kind = _kind(mirror.ask("cat-file", "commit", commit))
    if not kind:
        raise _refused(commit, "is not signed", allowed)
    if not (keys.ssh if kind == _SSH else keys.openpgp):
        raise _refused(commit, f"is signed with {kind}, and {allowed} holds no key of that kind", allowed)
    program = mirror.find(_PROGRAMS[kind])
    if not program:
        raise SourceError(
            f"commit {commit[:12]} is signed with {kind}, and {_PROGRAMS[kind]} is not there to verify it",
            hint=f"install {_PACKAGES[kind]}, or put it on the PATH of the syncer",
        )
    done = mirror.verify(commit, lambda home: _laid_out(home, keys, kind, program))
    if _NO_USER in done.err:
        raise gitwords.meaning(done.err, "verify a signature")
    who = _who(kind, done.err) if done.code == 0 else ""
    if not who:
        raise _refused(commit, _why_not(kind, done.err, allowed), allowed)
    return who


def _keys(allowed: Path) -> Signers:
    hint = "source.verify.allowed_signers names it; until it is there and right, no commit is taken"
    try:
        with allowed.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise SourceError(f"can't read the allowed signers {allowed}: {error.strerror}", hint=hint) from error
    if len(text) > _LARGEST:
        raise SourceError(f"the allowed signers {allowed} are larger than {_LARGEST} bytes", hint=hint)
    try:
        return signers.parse(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError(
            f"the allowed signers {allowed} are no text", hint="export OpenPGP keys with --armor"
        ) from error
    except signers.UnreadableSignersError as error:
        raise SourceError(f"the file of allowed signers {allowed} {error}", hint=hint) from error


def _kind(raw: bytes) -> str:
    """How a commit is signed, empty if it is not, by its header alone: the message can say anything."""
    header = raw.partition(b"\n\n")[0].split(b"\n")
    line = next((line for line in header if line.startswith(b"gpgsig ")), b"")
    known = next((kind for start, kind in _HEADERS if line.startswith(start)), "")
    return known or ("X.509" if line else "")


@contextmanager
def _laid_out(home: Path, keys: Signers, kind: str, program: str) -> Iterator[Told]:
    """The keys where the one program that is needed can read them: git's configuration and environment."""
    with tempfile.TemporaryDirectory(prefix=gitauth.PREFIX, dir=home, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if kind == _SSH:
            (folder / "allowed_signers").write_text(keys.ssh, encoding="utf-8")
            config = (f"gpg.ssh.program={program}", f"gpg.ssh.allowedSignersFile={folder / 'allowed_signers'}")
            yield config, ()
        else:
            (folder / "gpg.conf").write_text(_GPG_CONF, encoding="utf-8")
            (folder / "pubring.gpg").write_bytes(keys.openpgp)
            yield (f"gpg.program={program}",), (("GNUPGHOME", str(folder)),)


def _who(kind: str, words: str) -> str:
    """The one who signed, by the words of a program that found the signature good."""
    if kind == _SSH:
        good = _GOOD_SSH.search(words)
        return f"{good['who']} ({good['key']})" if good else ""
    good, valid = _GOOD_PGP.search(words), _VALID_PGP.search(words)
    return f"{good['who']} (OpenPGP key {valid['key']})" if good and valid else ""


def _why_not(kind: str, words: str, allowed: Path) -> str:
    """The rest of a sentence that begins with the commit."""
    if kind == _OPENPGP and (bad := _BAD_PGP.search(words)):
        return _MEANINGS[bad["what"]].format(key=bad["key"], file=allowed)
    known = _ANY_SSH.search(words) if kind == _SSH else None
    if known and ("key has expired" in words or "key is not yet valid" in words):
        return f"is signed by the {known['key']}, whose time in {allowed} does not include the commit's date"
    if known:
        return f"is signed by the {known['key']}, which {allowed} does not name for this"
    if _WRONG_SSH in words:
        return "carries an ssh signature that is not of this content"
    return f"carries a signature that {_PROGRAMS[kind]} can't verify: {gitwords.last_line(words)}"


def _refused(commit: str, why: str, allowed: Path) -> RefusedCommitError:
    return RefusedCommitError(
        Refusal.NOT_SIGNED,
        f"commit {commit[:12]} {why}; what was in force stays so",
        commit=commit,
        hint=f"push a commit that is signed by a key in {allowed}",
    )
