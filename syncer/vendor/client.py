"""The vendor's API as the rest of syncer knows it: read an app, and (in another class) write one.

`ReadClient` is what observe and plan are built with: its transport refuses every method but GET and the token POST.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from syncer.errors import TokenError, VendorError, VendorKind
from syncer.model.desired import AppRef
from syncer.model.live import Unreadable
from syncer.vendor import answers, listing, retry, tokens, transport, wire
from syncer.vendor import options as vendor_options
from syncer.vendor.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from syncer.clock import Clock
    from syncer.model.desired import DesiredApp, EnvToken, FileToken
    from syncer.model.fields import AppSettings
    from syncer.model.live import Listed, Live, LiveApp
    from syncer.model.outcome import TokenEnd
    from syncer.model.secret import Secret
    from syncer.vendor.answers import Answer
    from syncer.vendor.options import VendorOptions

USER_AGENT: Final = f"exotel-syncer/{metadata.version('exotel-syncer')}"
_JSON: Final = {"Content-Type": "application/json"}


class Observer(Protocol):
    """Hears of every exchange, for logs and metrics."""

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        """One exchange ended: `status` None where no answer came, `elapsed` in seconds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client takes from the process around it.

    `tenure` is called when a PUT begins; what it returns says why that PUT may not leave, or nothing.
    """

    clock: Clock
    rng: Random
    environ: Mapping[str, str]
    observer: Observer | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    tenure: Callable[[], Callable[[], str]] = lambda: lambda: ""


@dataclass(frozen=True, slots=True)
class PutAnswer:
    """A PUT that the vendor answered as documented: `live` is what the answer says, `elapsed` seconds on the wire."""

    status: int
    body_sha256: str
    live: LiveApp
    elapsed: float


class ReadClient:
    """Reads apps: every failure stays with its app."""

    methods: ClassVar = transport.READ_METHODS

    def __init__(self, options: VendorOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._endpoint = vendor_options.endpoint(options.base_url)
        self._link = transport.Link(options, self._endpoint, self.methods)
        self._pacer = Pacer(options.rate, options.patience, around.clock, around.sleep)
        self._tokens = tokens.Tokens(around.environ, self._mint, around.clock, around.rng)
        self._budget = retry.RetryBudget()
        self._refused: set[AppRef] = set()

    def begin_sweep(self) -> None:
        """Start a pass: a fresh retry budget, and apps whose token was refused are asked about again."""
        self._budget.reset()
        self._refused.clear()
        self._tokens.begin_sweep()

    @property
    def token_ends(self) -> Mapping[AppRef, TokenEnd]:
        """When the tokens used in the last sweep end, as far as that is known."""
        return self._tokens.ends

    @property
    def slowed(self) -> Mapping[str, tuple[float, float]]:
        """Customers that are asked less often than they might be: requests per second now, seconds of pause left."""
        return self._pacer.slowed()

    async def read(self, app: DesiredApp) -> Live:
        """The app's live settings, or why they could not be read after all attempts; never raises VendorError."""
        attempt = 1
        self._budget.earn()
        while True:
            try:
                live = await self.fetch(app)
            except VendorError as error:
                if not await self._again(attempt, error):
                    return Unreadable(app.ref, error.kind, error.message, error.hint)
            else:
                self._budget.earn()
                return live
            attempt += 1

    async def fetch(self, app: DesiredApp) -> LiveApp:
        """The app's live settings by one GET; VendorError otherwise.

        Only a refused token that has been replaced (in its file, or by minting a new one) makes it two.
        """
        token = await self._token(app)
        answer = await self._ask(app, token)
        if answer.status == 401 and await self._renewed(app, token):
            token = await self._token(app)
            answer = await self._ask(app, token)
        return self._live(app, answer, token)

    async def listed(self, customer_id: str, source: FileToken | EnvToken) -> tuple[Listed, ...]:
        """The customer's apps as its own token lists them, by one GET; VendorError or TokenError otherwise."""
        ref = AppRef(customer_id, "")
        token = self._tokens.given(source)
        headers = self._headers(token, self._request_id())
        if self._options.list_bare:
            headers["Authorization"] = token.reveal()
        answer = await self._send(ref, "GET", self._endpoint.list_path, headers)
        if answer.status != 200:
            raise listing.refused(self._failure(ref, answer, token))
        self._pacer.answered(ref)
        return listing.read(answer.body, customer_id)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._link.aclose()

    async def _ask(self, app: DesiredApp, token: Secret) -> Answer:
        return await self._send(app.ref, "GET", self._path(app.ref), self._headers(token, self._request_id()))

    async def _again(self, attempt: int, error: VendorError) -> bool:
        """Wait before another attempt; False at once where there is none to be made."""
        if not error.retryable or attempt >= self._options.attempts:
            return False
        wait = retry.delay(attempt, error, self._options.backoff, self._around.rng)
        if wait > self._options.patience or not self._budget.take():
            return False
        await self._around.sleep(wait)
        return True

    async def _token(self, app: DesiredApp) -> Secret:
        if app.ref in self._refused:
            raise VendorError(
                VendorKind.AUTH,
                "the vendor refused this app's token earlier in this pass",
                hint=f"check the token from {tokens.named(app.token)}",
                sent=False,
            )
        try:
            return await self._tokens.get(app.ref, app.token)
        except TokenError as error:
            raise VendorError(VendorKind.TOKEN, error.message, hint=error.hint, sent=False) from error
        except VendorError as error:
            error.sent = False  # what was sent was the question for a token, not the request that needs it
            raise

    async def _renewed(self, app: DesiredApp, refused: Secret) -> bool:
        try:
            return await self._tokens.renew(app.ref, app.token, refused)
        except (TokenError, VendorError):
            return False

    async def _mint(self, ref: AppRef, secret: Secret) -> Secret:
        headers = {**_JSON, **self._common_headers(self._request_id())}
        content = wire.encode_mint(ref, secret)
        answer = await self._send(ref, "POST", self._endpoint.token_path, headers, content)
        if answer.status not in wire.MINT_STATUSES:
            raise self._failure(ref, answer, secret)
        try:
            return wire.read_minted(answer)
        except VendorError:
            self._refused.add(ref)
            raise

    async def _send(
        self, ref: AppRef, method: str, path: str, headers: dict[str, str], content: bytes | transport.Fenced = b""
    ) -> Answer:
        if method == "PUT":
            self._pacer.claim(ref)
        else:
            await self._pacer.turn(ref)
        started = self._around.clock.monotonic()
        status: int | None = None
        try:
            answer = await self._link.exchange(method, path, headers, content)
            status = answer.status
        finally:
            if self._around.observer is not None:
                self._around.observer.on_request(method, status, self._around.clock.monotonic() - started, ref)
        return answer

    def _live(self, app: DesiredApp, answer: Answer, token: Secret) -> LiveApp:
        """The app in an answer to GET or PUT; VendorError, with its consequences for pace and token, otherwise."""
        if answer.status == 200:
            self._pacer.answered(app.ref)
            return wire.read_app(answer.body, app.ref, self._around.clock.now())
        error = self._failure(app.ref, answer, token)
        if error.kind is VendorKind.AUTH:
            self._refused.add(app.ref)
            error.hint = f"{error.hint} (token from {tokens.named(app.token)})"
        raise error

    def _failure(self, ref: AppRef, answer: Answer, sent_secret: Secret) -> VendorError:
        wait = retry.retry_after(answer.headers.get("retry-after", ""), self._around.clock.now())
        error = answers.failure(answer, wait, sent_secret)
        self._pacer.failed(ref, error)
        return error

    def _path(self, ref: AppRef) -> str:
        try:
            return self._endpoint.settings_path(ref.customer_id, ref.app_id)
        except ValueError as error:
            raise VendorError(VendorKind.BAD_REQUEST, str(error), hint="correct the id in git", sent=False) from error

    def _headers(self, token: Secret, request_id: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token.reveal()}", **self._common_headers(request_id)}

    def _common_headers(self, request_id: str) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            "X-Request-Id": request_id,
        }

    def _request_id(self) -> str:
        return f"{self._around.rng.getrandbits(64):016x}"


class WriteClient(ReadClient):
    """Reads and writes; the only object in the process that can PUT."""

    methods: ClassVar = transport.WRITE_METHODS

    async def put(self, app: DesiredApp, body: AppSettings, request_id: str) -> PutAnswer:
        """Write all seven settings by exactly one PUT; VendorError otherwise.

        `sent` False in the error means that nothing was written for certain. `retryable` means that the same PUT may
        be tried once the app has been read again: after a failure of the vendor, or a refused token that has been
        replaced since.
        """
        path = self._path(app.ref)
        content = _encoded(body)
        fenced = transport.Fenced(content, self._around.tenure())  # before the token: minting one may take a while
        token = await self._token(app)
        headers = {**_JSON, **self._headers(token, request_id)}
        started = self._around.clock.monotonic()
        answer = await self._send(app.ref, "PUT", path, headers, fenced)
        elapsed = self._around.clock.monotonic() - started
        if answer.status == 401 and await self._renewed(app, token):
            error = answers.failure(answer, None, token)
            error.retryable = True
            raise error
        return PutAnswer(answer.status, wire.sha256(content), self._live(app, answer, token), elapsed)

    async def backoff(self, attempt: int, error: VendorError) -> bool:
        """Whether a PUT that failed as attempt number `attempt` (from 1) may be made again after a re-read.

        Returns after the wait (full jitter, on top of Retry-After); False at once when the error is permanent, the
        attempts or the pass's retry budget are used up, or the vendor asked for a longer pause than patience.
        """
        return await self._again(attempt, error)


def _encoded(body: AppSettings) -> bytes:
    try:
        return wire.encode(body)
    except ValueError as error:
        raise VendorError(VendorKind.UNEXPECTED, f"nothing was sent: {error}", sent=False) from error


def open_reader(options: VendorOptions, around: Surroundings) -> ReadClient:
    """A client that can't write; UsageError when the options can't be met."""
    return ReadClient(options, around)


def open_writer(options: VendorOptions, around: Surroundings) -> WriteClient:
    """A client that can; UsageError when the options can't be met."""
    return WriteClient(options, around)
