"""The forms of text that schemas name in `format`, each checked in code over the whole text.

`read_duration`, `read_share` and their like turn a checked text into a value; they raise ValueError with a sentence
for a text that has not the form.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from syncer.documents.veil import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST: Final = timedelta(days=31)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_SHARE: Final = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,2}))?%")
_RATE: Final = re.compile(r"([1-9][0-9]{0,4})/([smh])")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,5})(KiB|MiB|GiB)")
_CRON: Final = re.compile(r"[0-9A-Za-z*,/-]+(?: +[0-9A-Za-z*,/-]+){4}")
_STEPS: Final = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Z_](?:[A-Z0-9_]|\{[A-Za-z_][A-Za-z0-9_.-]{0,70}\})*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_LISTEN: Final = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([0-9]{1,5})")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_duration(text: str) -> timedelta:
    """`30s`, `5m`, `2h`, `7d`: one number and one unit, at most 31 days."""
    found = _DURATION.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * SECONDS[found[2]]) if found else None
    if length is None or length > LONGEST:
        raise ValueError("a duration is a number and s, m, h or d, and at most 31d")
    return length


def read_share(text: str) -> float:
    """`30%` as 0.3; from 0% to 100%."""
    found = _SHARE.fullmatch(text)
    share = float(text[:-1]) / 100 if found else None
    if share is None or share > 1:
        raise ValueError("a share is a number from 0 to 100 and a percent sign")
    return share


def read_rate(text: str) -> float:
    """`50/s`, `600/m` as requests per second."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError("a rate is a number, a slash, and s, m or h")
    return int(found[1]) / SECONDS[found[2]]


def read_size(text: str) -> int:
    """`64MiB` as bytes."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("a size is a number and KiB, MiB or GiB")
    return int(found[1]) * _STEPS[found[2]]


def read_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080` as host and port; `none` as no host."""
    if text == "none":
        return "", 0
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[3]) > 65535:
        raise ValueError("an address is a host, a colon and a port up to 65535")
    return found[1] or found[2], int(found[3])


def read_instant(text: str) -> datetime:
    """An RFC 3339 time with its zone, as aware UTC."""
    if not _INSTANT.fullmatch(text):
        raise ValueError("a time looks like 2030-01-31T18:00:00+05:30")
    return datetime.fromisoformat(text).astimezone(UTC)


def read_until(text: str) -> datetime:
    """An end: a time with its zone, or a date, which means the end of that day in UTC."""
    if not _DATE.fullmatch(text):
        return read_instant(text)
    return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)


def check_cron(text: str) -> str:
    """A cron expression of five plain fields that comes at some time.

    Days of the month and weekdays at once are refused: cron programs disagree whether one or both must match.
    """
    if not _CRON.fullmatch(text):
        raise ValueError("a cron expression has five fields: minute hour day month weekday")
    fields = text.split()
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError("days of the month and weekdays can't both be given; write * for one of them")
    if any(not field.isdigit() and "l" in field.lower().replace("jul", "") for field in fields[2:5:2]):
        raise ValueError("`L` is not read here")
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"the expression can't be read: {str(error).lower()}") from error
    return text


@lru_cache(maxsize=1024)
def check_zone(text: str) -> str:
    """A name of the IANA time zone database."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("no time zone has this name") from error
    return text


def check_schedule(text: str) -> str:
    """A cron expression or a duration."""
    if " " in text.strip():
        return check_cron(text)
    read_duration(text)
    return text


def check_host(text: str) -> str:
    """An ASCII host name in lower case, with a port where it is not the default one; no address of numbers."""
    name, colon, port = text.partition(":")
    labels = name.split(".")
    if len(name) > 253 or name != name.lower() or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError("a host is a lower-case ASCII name such as hooks.acme.example")
    if colon and (not _PORT.fullmatch(port) or int(port) > 65535):
        raise ValueError("a port is a number up to 65535")
    return text


def check_network(text: str) -> str:
    """A network such as `10.0.0.0/8`, written as the network and not as an address in it."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("a network is its first address, a slash and a number of bits, such as 10.0.0.0/8") from error
    return text


def check_variable(text: str) -> str:
    """The name of an environment variable, placeholders allowed; a text in the shape of a token is none."""
    if not _VARIABLE.fullmatch(text) or looks_secret(text):
        raise ValueError("a variable has capital letters, digits and underscores")
    return text


@dataclass(frozen=True, slots=True)
class Form:
    """One format: its check (ValueError says what is wrong) and an example for help lines."""

    check: Callable[[str], object]
    example: str


FORMATS: Final[dict[str, Form]] = {
    "cron": Form(check_cron, "0 8 * * mon-fri"),
    "duration": Form(read_duration, "5m"),
    "host": Form(check_host, "hooks.acme.example"),
    "instant": Form(read_instant, "2030-01-31T18:00:00+05:30"),
    "listen": Form(read_listen, "127.0.0.1:8080"),
    "network": Form(check_network, "10.0.0.0/8"),
    "rate": Form(read_rate, "50/s"),
    "schedule": Form(check_schedule, "*/5 * * * *"),
    "share": Form(read_share, "30%"),
    "size": Form(read_size, "64MiB"),
    "until": Form(read_until, "2030-01-31"),
    "variable": Form(check_variable, "SUPPORT_DESK_TOKEN"),
    "zone": Form(check_zone, "Asia/Kolkata"),
}


def fault(name: str, text: str) -> str:
    """What is wrong with a text under a format, as a sentence; empty when it is in order."""
    try:
        FORMATS[name].check(text)
    except ValueError as error:
        return str(error)
    return ""
