"""Structured logs: constant event names, one JSON object per line, text on a terminal.

The names are a closed set, listed for people in docs/events.md; a test holds the two together.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson
import structlog

from syncer.model.text import json_safe, sanitize

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import FilteringBoundLogger

LINE_LIMIT: Final = 16_000
"""Bytes: container runtimes cut longer lines in two, which then are no JSON."""


class Event(StrEnum):
    """Every event syncer logs."""

    DAEMON_STARTED = "daemon.started"
    DAEMON_STOPPING = "daemon.stopping"
    DAEMON_STOPPED = "daemon.stopped"
    PASS_STARTED = "pass.started"  # noqa: S105 -- an event name
    PASS_FINISHED = "pass.finished"  # noqa: S105 -- an event name
    PASS_FAILED = "pass.failed"  # noqa: S105 -- an event name
    SOURCE_CHANGED = "source.changed"
    SOURCE_FAILED = "source.failed"
    SOURCE_INVALID = "source.invalid"
    SOURCE_NEVER_UPDATES = "source.never-updates"
    HOSTS_UNRESTRICTED = "policy.hosts-unrestricted"
    APP_STATE = "app.state"
    APP_APPLIED = "app.applied"
    APP_FAILED = "app.failed"
    APP_FLAPPING = "app.flapping"
    APP_MOVED = "app.moved"
    APP_STOPPED = "app.stopped"
    ORDER_ENDED = "order.ended"
    ACCESS_EXPIRING = "token.expiring"
    VENDOR_UNKNOWN_FIELD = "vendor.unknown-field"
    INTENT_RECOVERED = "intent.recovered"
    INTENT_OPEN = "intent.open"
    JOURNAL_REPAIRED = "journal.repaired"
    JOURNAL_POISONED = "journal.poisoned"
    CHECKPOINT = "audit.checkpoint"
    ANCHORED = "audit.anchored"
    ANCHOR_FAILED = "audit.anchor-failed"
    ANCHOR_REFUSED = "audit.anchor-refused"
    ORDERS_CARRIED = "orders.carried"
    ORDERS_REFUSED = "orders.refused"
    LEADER_ACQUIRED = "leader.acquired"
    LEADER_OTHER = "leader.other"
    LEADER_LOST = "leader.lost"
    LEADER_RELEASED = "leader.released"
    LEADER_UNINFORMED = "leader.uninformed"
    LEADER_FAILED = "leader.failed"
    SERVING = "serve.listening"
    SERVE_ACTION = "serve.action"
    SERVE_FAILED = "serve.failed"
    NOTICE_SENT = "notice.sent"
    NOTICE_FAILED = "notice.failed"
    NOTICE_DROPPED = "notice.dropped"
    METRICS_FAILED = "metrics.failed"
    LIBRARY = "library.message"


def configure(*, json: bool, level: str, stream: TextIO | None = None) -> FilteringBoundLogger:
    """Sets structlog up for the process and returns its logger; only `cli` calls this.

    `level` is debug, info, warning or error. Libraries that log through the standard library are kept at WARNING and
    come out in the same form.
    """
    out = stream or sys.stdout
    threshold = getattr(logging, level.upper())
    factory = structlog.BytesLoggerFactory(out.buffer) if json else structlog.WriteLoggerFactory(out)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
            ),
            _as_json if json else _as_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge(logger)], force=True)
    for noisy in ("httpx", "httpcore", "apscheduler", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of every request that is no HTTP: a stranger's text
    return logger


class _Bridge(logging.Handler):
    """Hands on what libraries log, so that no line of theirs breaks the one form of the output."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            say = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
            say(Event.LIBRARY, logger=record.name, text=record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 -- what logging's own handlers do with a record that can't be written
            self.handleError(record)


def silent() -> FilteringBoundLogger:
    """A logger that drops everything, for commands whose result says it all."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[_drop], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO)
    )
    return logger


def _drop(_logger: Any, _name: str, _event: MutableMapping[str, Any]) -> str:
    raise structlog.DropEvent


def _as_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> bytes:
    """One line of valid JSON whatever the texts; a line over the limit keeps its event and names what was cut."""
    ordered = {"time": event.pop("timestamp"), "level": event.pop("level"), "event": event.pop("event"), **event}
    line = _dumps(ordered)
    if len(line) < LINE_LIMIT:
        return line
    cut = {key: _shortened(value) for key, value in ordered.items()}
    line = _dumps({**cut, "cut": True})
    return line if len(line) < LINE_LIMIT else _dumps({k: cut[k] for k in ("time", "level", "event")} | {"cut": True})


def _dumps(event: dict[str, object]) -> bytes:
    """An event as JSON that a terminal may show; what JSON can't hold (a lone surrogate, say) as escaped text."""
    try:
        return json_safe(_encoded(event).decode()).encode()
    except orjson.JSONEncodeError:
        fitting = {sanitize(key): each if _fits(each) else sanitize(_text(each)) for key, each in event.items()}
        return json_safe(_encoded(fitting).decode()).encode()


def _encoded(value: object) -> bytes:
    """Dataclasses go through their repr: their fields may hold what only the repr knows to mask."""
    return orjson.dumps(value, default=_text, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)


def _fits(value: object) -> bool:
    try:
        _encoded(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 -- a value that can't say what it is must not cost the line
        return f"<{type(value).__name__}>"


def _shortened(value: object) -> object:
    text = value if isinstance(value, str) else _dumps({"v": value})[5:-1].decode()
    return value if len(text) <= 500 else f"{text[:500]}…"


def _as_text(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    time, level, what = event.pop("timestamp"), event.pop("level"), event.pop("event")
    rest = " ".join(f"{sanitize(key)}={sanitize(_plain(value))}" for key, value in event.items())
    return f"{time[11:19]} {level:<7} {what} {rest}".rstrip()


def _plain(value: object) -> str:
    text = _text(value)
    return f'"{text}"' if " " in text else text
