from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncer.documents import formats

GOOD = {
    "cron": ["0 8 * * mon-fri", "*/5 * * * *", "0 0 1 jan *", "0,30 9-17 * * 0", "0 0 31 7 *", "0 9 * * 7"],
    "duration": ["1s", "30s", "5m", "2h", "31d", "744h"],
    "host": ["hooks.acme.example", "a", "a-b.example:8443", "localhost", "1a.example"],
    "instant": ["2030-01-31T18:00:00Z", "2030-01-31T18:00:00.123456+05:30"],
    "listen": ["127.0.0.1:8080", "[::1]:80", "0.0.0.0:0", "localhost:65535", "none"],
    "network": ["10.0.0.0/8", "192.168.1.7", "fd12:3456::/32", "::1/128"],
    "rate": ["50/s", "1/h", "600/m"],
    "schedule": ["5m", "*/5 * * * *"],
    "share": ["0%", "5%", "12.5%", "100%"],
    "size": ["64MiB", "1KiB", "2GiB"],
    "until": ["2030-01-31", "2030-01-31T18:00:00Z"],
    "variable": ["TOKEN", "_X9", "TOKEN_{labels.team}", "A{app}"],
    "zone": ["UTC", "Asia/Kolkata", "Europe/London"],
}
BAD = {
    "cron": [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 1 * mon",
        "0 0 30 2 *",
        "0 0 L * *",
        "0 0 * * 5L",
        "0 0 * * mon#2",
        "0 0 * * fun",
        "@daily",
        "0 0 * * *\n",
        "0\t0 * * *",
        "0 0 0 * *",
        "*/0 * * * *",
    ],
    "duration": ["", "0s", "5", "m", "5 m", "-5m", "1.5h", "5w", "32d", "99999999s", "5m\n", "\u0665m"],
    "host": [
        "",
        "A.example",
        "1.2.3.4",
        "127.1",
        "a..b",
        ".a",
        "a.",
        "-a.example",
        "a_b.example",
        "[::1]",
        "bücher.example",
        "a:0",
        "a:99999",
        "a:b",
        "u@a",
        "https://a",
        "a/b",
        "a\n",
        f"{'a.' * 127}aa",
    ],
    "instant": ["2030-01-31", "2030-01-31T18:00:00", "2030-02-30T18:00:00Z", "2030-01-31 18:00:00Z", "now"],
    "listen": ["8080", ":8080", "host", "host:99999", "host:-1", "[::1]", "a b:80", "host:80\n"],
    "network": ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "host.example", "10.0.0.0/8\n", "10.0.0.0/8, ::1"],
    "rate": ["50", "0/s", "50/d", "50 /s", "-1/s", "999999/s", "50/s\n"],
    "schedule": ["", "often", "* * * *", " 5m", "5m "],
    "share": ["30", "101%", "-1%", "1.234%", "030%", "%", "30 %", "30%\n"],
    "size": ["64", "64MB", "0MiB", "64 MiB", "64mib", "64MiB\n"],
    "until": ["tomorrow", "2030-02-30", "2030-1-1", "2030-01-31T18:00", "\uff12\uff10\uff13\uff10-01-31"],
    "variable": ["", "token", "1A", "A-B", "A B", "A\n", "AKIA0123456789ABCDEF", "A{"],
    "zone": ["", "Mars/Base", "../etc/passwd", "/etc/localtime", "UTC\n", "a" * 5000, "Asia/\x00"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_a_text_of_the_form_is_accepted(name: str, text: str) -> None:
    assert formats.fault(name, text) == ""


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_any_other_text_is_refused_with_a_sentence(name: str, text: str) -> None:
    assert " " in formats.fault(name, text)


def test_every_format_is_tried_and_has_an_example_of_its_form() -> None:
    assert set(GOOD) == set(BAD) == set(formats.FORMATS)
    assert [name for name, form in formats.FORMATS.items() if formats.fault(name, form.example)] == []


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert formats.read_duration(text) == length


def test_values_of_the_other_forms() -> None:
    assert formats.read_share("12.5%") == 0.125
    assert formats.read_rate("600/m") == 10.0
    assert formats.read_size("64MiB") == 64 * 1024 * 1024
    assert formats.read_listen("[::1]:80") == ("::1", 80)
    assert formats.read_listen("127.0.0.1:8080") == ("127.0.0.1", 8080)


def test_an_end_given_as_a_date_includes_that_day() -> None:
    assert formats.read_until("2030-01-31") == datetime(2030, 2, 1, tzinfo=UTC)
    assert formats.read_until("2030-01-31T18:00:00+05:30") == datetime(2030, 1, 31, 12, 30, tzinfo=UTC)
