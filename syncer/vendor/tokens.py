"""Each app's own token: from a file, from the environment, or minted; never another app's."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from syncer.errors import TokenError
from syncer.model.desired import EnvToken, FileToken, MintedToken
from syncer.model.outcome import TokenEnd
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from syncer.clock import Clock
    from syncer.model.desired import AppRef, TokenRef

LIFETIME: Final = 90 * 24 * 3600.0  # seconds, as the vendor documents it for tokens that do not say
SHORTEST_KEPT: Final = 60.0  # seconds: a clock that is wrong must not turn every read into two requests
LARGEST: Final = 16 * 1024
NOTICE: Final = timedelta(days=7)
"""How long before its end a token that people hand out is due to be replaced; a quarter of its life if that is less."""
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()  # what says that it ends later says nothing of use
_UNREADABLE: Final = "make it a small file that the user of this process may read"
_PRINTABLE: Final = re.compile(r"[!-~]+")


class Mint(Protocol):
    """Asks the vendor for an app's token."""

    async def __call__(self, ref: AppRef, secret: Secret) -> Secret:
        """A fresh token; VendorError when there is none to be had."""


def named(ref: TokenRef | None) -> str:
    """Where a token comes from, for people: a path or a variable's name."""
    match ref:
        case FileToken(path):
            return f"file {path}"
        case EnvToken(name):
            return f"variable {name}"
        case MintedToken(secret):
            return f"minted with the secret in {named(secret)}"
        case None:
            return "nowhere: the app declares no token"
        case _:
            assert_never(ref)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file's token with what `stat` said about the file."""

    seen: tuple[int, int, int, int]
    token: Secret


@dataclass(frozen=True, slots=True)
class _Minted:
    """A minted token, the monotonic instant from which a new one is asked for, and its end in POSIX seconds."""

    token: Secret
    renew_at: float
    ends: float


class Tokens:
    """Hands out tokens; a file is read again when it changed, a minted token is kept until shortly before its end."""

    def __init__(self, environ: Mapping[str, str], mint: Mint, clock: Clock, rng: Random) -> None:
        self._environ = environ
        self._mint = mint
        self._clock = clock
        self._rng = rng
        self._files: dict[str, _Read] = {}
        self._minted: dict[AppRef, _Minted] = {}
        self._minting: dict[AppRef, asyncio.Lock] = {}
        self._ends: dict[AppRef, TokenEnd] = {}
        self._judged: dict[AppRef, tuple[Secret, TokenEnd | None]] = {}

    def begin_sweep(self) -> None:
        """Forget when tokens end; what is still in use is asked for again."""
        self._ends.clear()

    @property
    def ends(self) -> Mapping[AppRef, TokenEnd]:
        """When the tokens handed out in this sweep end, as far as that is known."""
        return dict(self._ends)

    async def get(self, ref: AppRef, source: TokenRef | None) -> Secret:
        """The token of one app; TokenError or (minting) VendorError when there is none."""
        token = await self._found(ref, source)
        if (end := self._end(ref, token)) is not None:
            self._ends[ref] = end
        return token

    def _end(self, ref: AppRef, token: Secret) -> TokenEnd | None:
        minted, judged = self._minted.get(ref), self._judged.get(ref)
        if minted is not None and minted.token == token:
            at = datetime.fromtimestamp(minted.ends, UTC)
            return TokenEnd(at, at)
        if judged is None or judged[0] != token:
            judged = self._judged[ref] = (token, end(token))
        return judged[1]

    async def _found(self, ref: AppRef, source: TokenRef | None) -> Secret:
        match source:
            case FileToken() | EnvToken():
                return self.given(source)
            case MintedToken(secret):
                return await self._kept_or_minted(ref, secret)
            case None:
                raise TokenError("the app declares no token", hint="add `token:` to the app or to its defaults")
            case _:
                assert_never(source)

    async def renew(self, ref: AppRef, source: TokenRef | None, refused: Secret) -> bool:
        """Whether `get` now gives another token than the one that the vendor refused."""
        match source:
            case FileToken(path):
                self._files.pop(path, None)  # a change within the clock tick of the last one would go unseen
            case MintedToken() if (kept := self._minted.get(ref)) is not None and kept.token == refused:
                del self._minted[ref]
        return await self.get(ref, source) != refused

    def given(self, source: FileToken | EnvToken) -> Secret:
        """A token that no app has, from where it is kept; TokenError when there is none."""
        if isinstance(source, FileToken):
            return self._from_file(source.path)
        return checked(self._environ.get(source.name, ""), f"variable {source.name}")

    def _from_file(self, path: str) -> Secret:
        try:
            kept = self._files.get(path)
            if kept is not None and kept.seen == _fingerprint(Path(path).stat()):
                return kept.token
            seen, text = _read(path)
        except OSError as error:
            self._files.pop(path, None)
            reason = error.strerror or type(error).__name__
            hint = "mount or create it" if isinstance(error, FileNotFoundError) else _UNREADABLE
            raise TokenError(f"the token file {path} can't be read: {reason}", hint=hint) from error
        token = checked(text, f"file {path}")
        self._files[path] = _Read(seen, token)
        return token

    async def _kept_or_minted(self, ref: AppRef, source: FileToken | EnvToken) -> Secret:
        async with self._minting.setdefault(ref, asyncio.Lock()):
            kept = self._minted.get(ref)
            if kept is not None and self._clock.monotonic() < kept.renew_at:
                return kept.token
            token = await self._mint(ref, self.given(source))
            now = self._clock.now().timestamp()
            life = lifetime(token, now)
            early = self._rng.uniform(0.05, 0.10)  # apps minted together do not all come back together
            kept_for = max(SHORTEST_KEPT, life * (1 - early))
            self._minted[ref] = _Minted(token, self._clock.monotonic() + kept_for, now + life)
            return token


def lifetime(token: Secret, now: float) -> float:
    """Seconds that a token has left: to its `exp` if it is a JWT, else the documented 90 days.

    The signature is not checked: the time decides only when to ask for a new one, and a wrong one ends in a 401.
    """
    expires = _instant(token, "exp")
    if expires is None:
        return LIFETIME
    left = expires - now
    return min(left, LIFETIME) if left > 0 else 0.0  # NaN is not more than 0 either


def end(token: Secret) -> TokenEnd | None:
    """When a token that people hand out ends, if it is a JWT that says so. It is due a week before that.

    One that lives shorter than four weeks (and says since when, in `iat`) is due in the last quarter of its life:
    whatever rotates it must not raise an alarm each time.
    """
    expires, issued = _instant(token, "exp"), _instant(token, "iat")
    if expires is None or not 0 < expires < FAR:  # NaN is not between them either
        return None
    at = datetime.fromtimestamp(expires, UTC)
    quarter = timedelta(seconds=(expires - issued) / 4) if issued is not None and 0 < issued < expires else NOTICE
    return TokenEnd(at, at - min(NOTICE, quarter))


def _instant(token: Secret, claim: str) -> float | None:
    """A claim of a JWT in POSIX seconds, None where there is none; the signature is not checked."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    said = claims.get(claim) if isinstance(claims, dict) else None
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    try:
        return float(said)
    except OverflowError:
        return None


def checked(text: str, where: str) -> Secret:
    """A token as a header may carry it; TokenError says what is wrong without any of it."""
    token = text.removesuffix("\n").removesuffix("\r")
    if not token:
        raise TokenError(f"the token in {where} is empty or not set", hint="put the bare token there")
    if not _PRINTABLE.fullmatch(token):
        raise TokenError(
            f"the token in {where} has a space, a line break or a character outside of printable ASCII",
            hint="it must hold the bare token and nothing else",
        )
    return Secret(token)


def _read(path: str) -> tuple[tuple[int, int, int, int], str]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold up the sweep
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- the descriptor is already open
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "it is not a regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(None, f"it is larger than {LARGEST // 1024} KiB")
    return _fingerprint(status), content.decode("ascii", "replace")


def _fingerprint(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size
