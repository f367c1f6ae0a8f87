"""Start the emulator: inside a running loop, in a thread of its own, or alone until a signal."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn import Config
from uvicorn.server import ServerState

from syncer.emulator.control import Control
from syncer.emulator.delivery import Deliverer
from syncer.emulator.exchange import Route
from syncer.emulator.faults.board import FaultBoard
from syncer.emulator.records import AppKey
from syncer.emulator.store import Seed, Store
from syncer.emulator.vendor_api import VendorApi
from syncer.emulator.wire import WireProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from syncer.emulator.instants import Clock

BASE_PATH = "/v2/integrations"
CONTROL_PATH = "/_emulator"
GRACE = 2.0
HANDOVER = 4
"""Turns of the loop until an accepted connection is its protocol's; a server that is closed before then leaks it."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Emulator:
    """A running emulator. Its store and fault board may be used from any thread."""

    def __init__(self, origin: str, base_path: str, store: Store, faults: FaultBoard) -> None:
        self.origin = origin
        self.base_url = f"{origin}{base_path}"
        self.control_url = f"{origin}{CONTROL_PATH}"
        self.store = store
        self.faults = faults

    def settings_url(self, customer_id: str, app_id: str) -> str:
        """Where an app's settings are."""
        return f"{self.base_url}/{customer_id}/apps/{app_id}/settings"

    def seed(self, *seeds: Seed) -> tuple[str, ...]:
        """Create apps; returns a token for each."""
        return tuple(self.store.seed(seed)[0] for seed in seeds)

    def fault(
        self,
        text: str,
        *,
        app: tuple[str, str] | None = None,
        route: Route = Route.SETTINGS,
        after: int = 0,
        times: int | None = None,
    ) -> tuple[int, ...]:
        """Switch faults on; returns their numbers. Raises FaultError (a ValueError)."""
        return self.faults.set(text, app=AppKey(*app) if app else None, route=route, after=after, times=times)

    def clear_faults(self) -> None:
        """Switch every fault off."""
        self.faults.clear()

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        base_path: str = BASE_PATH,
        tls: tuple[Path, Path] | None = None,
        clock: Clock | None = None,
    ) -> AsyncIterator[Emulator]:
        """Serve in the running loop; `tls` is a certificate and a key. Port 0 takes a free one."""
        store, faults, stopping = Store(clock), FaultBoard(), asyncio.Event()
        deliverer = Deliverer(store)
        routes = [
            Mount(CONTROL_PATH, routes=Control(store, faults, deliverer).routes()),
            Mount("", app=VendorApi(store, faults, base_path, stopping)),
        ]
        async with _listen(Starlette(routes=routes), host, port, tls) as address:
            try:
                yield cls(f"{'https' if tls else 'http'}://{address}", base_path, store, faults)
            finally:
                stopping.set()
                await deliverer.close()

    @classmethod
    @contextmanager
    def in_thread(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        base_path: str = BASE_PATH,
        tls: tuple[Path, Path] | None = None,
        clock: Clock | None = None,
    ) -> Iterator[Emulator]:
        """Serve in a thread with a loop of its own, for callers that have none or block theirs."""
        started: SimpleQueue[tuple[Emulator, Callable[[], object]] | BaseException] = SimpleQueue()

        async def main() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            async with cls.start(host=host, port=port, base_path=base_path, tls=tls, clock=clock) as emulator:
                started.put((emulator, lambda: loop.call_soon_threadsafe(stop.set)))
                await stop.wait()

        thread = threading.Thread(target=_run, args=(main, started), name="emulator", daemon=True)
        thread.start()
        outcome = started.get()
        if isinstance(outcome, BaseException):
            raise outcome
        emulator, stop = outcome
        try:
            yield emulator
        finally:
            stop()
            thread.join()


def _run(main: Callable[[], Awaitable[None]], started: SimpleQueue[object]) -> None:
    try:
        asyncio.run(main())  # type: ignore[arg-type]  # every async function gives a coroutine
    except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits for the start
        started.put(error)


async def serve(
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    base_path: str = BASE_PATH,
    ready: Callable[[Emulator], object] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once, when connections are accepted. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with Emulator.start(host=host, port=port, base_path=base_path) as emulator:
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop.set)
        try:
            ready(emulator)
            await stop.wait()
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


@asynccontextmanager
async def _listen(app: Starlette, host: str, port: int, tls: tuple[Path, Path] | None) -> AsyncIterator[str]:
    """Accept connections with uvicorn's protocol, without its server: that one owns signals, logging and 200 ms."""
    config = Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: WireProtocol(config, state, {}, loop), host, port, ssl=config.ssl, backlog=2048
    )
    try:
        yield _address(server.sockets[0], host)
    finally:
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
        for _ in range(HANDOVER):
            await asyncio.sleep(0)
        server.close()
        await _drain(state)


def _address(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _drain(state: ServerState) -> None:
    """Drop every connection and let the handlers end."""
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        await asyncio.wait(list(state.tasks), timeout=GRACE)
