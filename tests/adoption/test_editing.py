"""One value set to another: every other byte stays, and what can't be edited is refused."""

from __future__ import annotations

import pytest

from syncer.adoption import editing
from syncer.errors import SyncerError
from syncer.model.fields import Field

HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\n"
URL = "https://new.example/a"


def replaced(body: str, value: str | bool | None, *where: str) -> str:
    """The body with a value of app `a` replaced."""
    data = editing.replaced("p", (HEAD + body).encode(), where or ("apps", "a", "settings", "popup_url"), value)
    return data.decode().removeprefix(HEAD)


def overridden(body: str, value: str | bool | None = URL) -> str:
    data = editing.overridden("p", (HEAD + body).encode(), "a", Field.POPUP_URL, value)
    return data.decode().removeprefix(HEAD)


def block(line: str) -> str:
    return f"apps:\n  a:   # the app\n    settings:\n      # first\n{line}\n      callback_url: null # last\n"


@pytest.mark.parametrize(
    ("line", "value", "expected"),
    [
        ("      popup_url: https://x.example/", URL, f"      popup_url: {URL}"),
        ("      popup_url: https://x.example/   # why", URL, f"      popup_url: {URL}   # why"),
        ("      popup_url:   'https://x.example/' #", URL, f"      popup_url:   '{URL}' #"),
        ("      popup_url: 'https://x.example/'", "it's", "      popup_url: 'it''s'"),
        ('      popup_url: "https://x.example/\\x2f"', 'a"b', '      popup_url: "a\\"b"'),
        ("      popup_url: https://x.example/", "https://x.example/: #", '      popup_url: "https://x.example/: #"'),
        ("      popup_url: https://x.example/", None, "      popup_url: null"),
        ("      popup_url: 'x'", None, "      popup_url: null"),
        ("      popup_url: 'x'", True, "      popup_url: true"),
        ("      popup_url: ~ # none", URL, f"      popup_url: {URL} # none"),
        ("      popup_url:", URL, f"      popup_url: {URL}"),
        ("      popup_url: # none", URL, f"      popup_url: {URL} # none"),
        ("      popup_url: ü # é", "ö", '      popup_url: "ö" # é'),
        ("      'popup_url' : x", URL, f"      'popup_url' : {URL}"),
        ("      popup_url:\n        x", URL, f"      popup_url:\n        {URL}"),
        ('      popup_url: "x\n        y"', URL, None),
        ("      popup_url: x\n        y", URL, None),
        ("      popup_url: >-\n        x", URL, None),
    ],
)
def test_a_value_in_a_block(line: str, value: str | bool | None, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(SyncerError, match="not written in a way that can be edited here"):
            replaced(block(line), value)
    else:
        assert replaced(block(line), value) == block(expected)


@pytest.mark.parametrize(
    ("flow", "value", "expected"),
    [
        ("{popup_url: x}", URL, f'{{popup_url: "{URL}"}}'),
        ("{popup_url: 'x', callback_url: null}", URL, f"{{popup_url: '{URL}', callback_url: null}}"),
        ("{callback_url: null, popup_url: null}", "x", "{callback_url: null, popup_url: x}"),
        ("{popup_url: , callback_url: null}", "x", "{popup_url: x, callback_url: null}"),
        ("{popup_url: }", "x", "{popup_url: x}"),
        ("{popup_url}", "x", None),
        ("{\n      popup_url: x,\n      }", "z", "{\n      popup_url: z,\n      }"),
    ],
)
def test_a_value_within_braces(flow: str, value: str, expected: str | None) -> None:
    body = "apps:\n  a: {{app_id: b, settings: {}}}\n"
    if expected is None:
        with pytest.raises(SyncerError):
            replaced(body.format(flow), value)
    else:
        assert replaced(body.format(flow), value) == body.format(expected)


def test_a_file_without_a_last_line_break_keeps_none() -> None:
    assert replaced("apps:\n  a:\n    settings:\n      popup_url: x", "z").endswith("popup_url: z")


def test_line_ends_of_windows_stay() -> None:
    body = block("      popup_url: x # y").replace("\n", "\r\n")
    assert replaced(body, "z") == body.replace("popup_url: x", "popup_url: z")


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("{}", f'{{settings: {{popup_url: "{URL}"}}}}'),
        ("{app_id: b}", f'{{settings: {{popup_url: "{URL}"}}, app_id: b}}'),
        ("{settings: {}}", f'{{settings: {{popup_url: "{URL}"}}}}'),
        ("{settings: {callback_url: x}} #", f'{{settings: {{popup_url: "{URL}", callback_url: x}}}} #'),
        ("# app\n    app_id: b", f"# app\n    settings:\n      popup_url: {URL}\n    app_id: b"),
        ("\n      app_id: b", f"\n      settings:\n        popup_url: {URL}\n      app_id: b"),
        (
            "\n    settings: # s\n      # c\n      callback_url: x",
            f"\n    settings: # s\n      popup_url: {URL}\n      # c\n      callback_url: x",
        ),
        ("\n    settings: {callback_url: x}", f'\n    settings: {{popup_url: "{URL}", callback_url: x}}'),
    ],
)
def test_an_app_gets_a_line_of_its_own(app: str, expected: str) -> None:
    assert overridden(f"apps:\n  b: {{}}\n  a: {app}\n") == f"apps:\n  b: {{}}\n  a: {expected}\n"


def test_a_new_line_ends_as_its_neighbours_do() -> None:
    body = "apps:\r\n  a:\r\n    app_id: b\r\n"
    assert overridden(body, None) == "apps:\r\n  a:\r\n    settings:\r\n      popup_url: null\r\n    app_id: b\r\n"


def test_a_defaults_file_is_edited_at_its_top() -> None:
    text = b"apiVersion: syncer/v1\nkind: Defaults\nsettings: {recording_enabled: true}\n"
    edited = editing.replaced("p", text, ("settings", "recording_enabled"), False)
    assert edited == text.replace(b"true", b"false")
