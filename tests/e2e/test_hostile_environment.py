"""Nothing in the environment of a process but SYNCER_ variables changes what it does (hazards A2, C2)."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import git_https
from tests.support.site import site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A proxy that nobody is to use: its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline(200).decode("latin-1"))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hostile(home: Path, proxy: str) -> dict[str, Any]:
    """Variables that other programs obey; `home / "touched"` exists once one of them was."""
    touched = home / "touched"
    trap = home / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {touched}\nexit 1\n")
    trap.chmod(0o755)
    (home / ".netrc").write_text(
        "machine 127.0.0.1 login evil password evil\nmachine localhost login evil password evil\n"
    )
    (home / ".netrc").chmod(0o600)
    (home / ".gitconfig").write_text(
        f"[core]\n\tsshCommand = {trap}\n\thooksPath = {home}\n\tfsmonitor = {trap}\n\taskPass = {trap}\n"
        f"[credential]\n\thelper = !{trap}\n[http]\n\tproxy = {proxy}\n\tsslVerify = false\n"
        f'[url "file://{home}/other/"]\n\tinsteadOf = https://\n[alias]\n\tcat-file = !{trap}\n'
    )
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/config").write_text(f"[core]\n\tgitProxy = {trap}\n")
    programs = (
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF"),
        *("GIT_EDITOR", "GIT_PAGER", "PAGER", "EDITOR", "VISUAL", "BROWSER", "GIT_SEQUENCE_EDITOR"),
    )
    places = (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        *(
            "GIT_CONFIG",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_SYSTEM",
            "GIT_EXEC_PATH",
            "GIT_TEMPLATE_DIR",
            "GIT_COMMON_DIR",
        ),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
        *("NETRC", "AIOHTTP_NO_EXTENSIONS_FILE", "OPENSSL_CONF", "GNUPGHOME", "PYTHONSTARTUP"),
    )
    written = ("GIT_TRACE", "GIT_TRACE2", "GIT_TRACE_CURL", "GIT_TRACE_PACKET")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "FTP_PROXY")
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "SSLKEYLOGFILE": str(home / "keys"),
        **dict.fromkeys(programs, str(trap)),
        **dict.fromkeys(places, str(home / "nowhere")),
        **dict.fromkeys(written, str(touched)),
        **dict.fromkeys(proxies, proxy),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.sshCommand",
        "GIT_CONFIG_VALUE_0": str(trap),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trap}'",
        "GIT_SSL_NO_VERIFY": "1",
        "GIT_NAMESPACE": "evil",
        "GIT_ALLOW_PROTOCOL": "ext:file:http",
        "GIT_CURL_VERBOSE": "1",
        "GIT_TERMINAL_PROMPT": "1",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "xx_YY",
        "LANGUAGE": "de",
        "TZ": "Mars/Olympus",
        "COLUMNS": "3",
        "LINES": "-1",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONHASHSEED": "7",
        "PYTHONOPTIMIZE": "2",
        "TERM": "\x1b[2J",
        "CI": "true",
        "_SYNCER_COMPLETE": "",
        "IFS": "/",
        "BASH_ENV": str(trap),
        "ENV": str(trap),
    }


def keys_told(path: Path) -> list[str]:
    """TLS keys in a file of OpenSSL's; a library that we never ask for TLS makes it, with a title and no keys."""
    return [line for line in path.read_text().splitlines() if line[:1] != "#"] if path.exists() else []


@pytest.mark.needs("git-http-backend")
def test_a_hostile_environment_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "password").write_text("right\n")
    with (
        versioned(tmp_path, 2, popup_url=POPUP) as here,
        git_https.serving(tmp_path, tmp_path, username="robot", password="right") as server,
        listener() as (proxy, asked),
    ):
        here.site.config.write_text(
            "apiVersion: syncer/v1\nkind: Config\n"
            f"source:\n  url: {server.url('settings.git')}\n  ref: main\n  ca_file: {server.ca_file}\n"
            f"  credentials: {{username: robot, password: {{file: {tmp_path}/password}}}}\n"
            f"vendor: {{base_url: {here.site.emulator.base_url}}}\nstate_dir: {here.site.state}\n"
        )
        around = hostile(home, proxy)
        told = here.site.run("sync", **around)
        assert "2 applied" in told
        told.encode("ascii", "backslashreplace")
        assert here.site.run("plan", "--exit-code", **around)
        assert [here.site.live(number)["popup_url"] for number in (1, 2)] == [POPUP, POPUP]
        sent = {call.partition(" ")[0] for _, _, call in server.behaviour.requests if call}
    assert sent == {"Basic"}
    assert asked == []
    assert not (home / "touched").exists()
    assert keys_told(home / "keys") == []
    assert not (home / "nowhere").exists()


def test_no_variable_of_others_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        plain = here.site.run("config", "show", "--origin")
        around = hostile(tmp_path / "home", "http://127.0.0.1:9")
        assert here.site.run("config", "show", "--origin", **around) == plain


@pytest.mark.needs("git-http-backend")
def test_no_client_of_ours_tells_the_keys_of_its_sessions(tmp_path: Path) -> None:
    """Neither of one that asks a daemon with `--server`, and then sends it a token."""
    keys = tmp_path / "keys"
    with site(tmp_path, 1) as here, git_https.serving(tmp_path, tmp_path) as server:
        url = server.url("").rstrip("/")
        told = here.ended("status", "--server", url, SSLKEYLOGFILE=str(keys))
    assert "certificate verify failed" in told.stderr
    assert keys_told(keys) == []
