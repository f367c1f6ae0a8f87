"""Real git servers through the whole program: https with its own authority and password, ssh with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import git_https, sshd
from tests.support.daemon import running
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.versioned import Versioned

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"


def over_https(here: Versioned, server: git_https.GitHttps, password: Path) -> None:
    here.site.config.write_text(
        "apiVersion: syncer/v1\nkind: Config\n"
        f"source:\n  url: {server.url('settings.git')}\n  ref: main\n  poll: 1s\n  ca_file: {server.ca_file}\n"
        f"  credentials: {{username: robot, password: {{file: {password}}}}}\n"
        f"vendor: {{base_url: {here.site.emulator.base_url}}}\nschedule: {{detect: 1h, apply: 1h}}\n"
        f"state_dir: {here.site.state}\n"
    )


def over_ssh(here: Versioned, server: sshd.Sshd, known_hosts: Path) -> None:
    here.site.config.write_text(
        "apiVersion: syncer/v1\nkind: Config\n"
        f"source:\n  url: {server.url(here.repository.path)}\n  ref: main\n  credentials:\n"
        f"    username: {server.user}\n    ssh_key: {{file: {server.key}}}\n    known_hosts: {{file: {known_hosts}}}\n"
        f"vendor: {{base_url: {here.site.emulator.base_url}}}\nstate_dir: {here.site.state}\n"
    )


@pytest.mark.needs("git-http-backend")
def test_https_with_a_password_that_rotates_and_a_server_that_goes_down(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first-Pa55word\n")
    with (
        versioned(tmp_path, 1, popup_url=POPUP) as here,
        git_https.serving(tmp_path, tmp_path, username="robot", password="first-Pa55word") as server,
    ):
        over_https(here, server, password)
        here.site.run("plan", "--exit-code", expect=2)
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            server.behaviour.password = "second-Pa55word"
            daemon.wait_for("source.failed")
            password.write_text("second-Pa55word\n")
            commit = here.commit(range(1, 2), popup_url=OTHER)
            assert commit.startswith(daemon.wait_for("pass.finished", trigger="commit")["revision"])
            since = daemon.mark()
            server.behaviour.fault = git_https.Fault.STATUS
            daemon.wait_for("source.failed", since)
            here.site.change(1, popup_url=None)
            assert daemon.pass_now()["applied"] == 1
            assert here.site.live(1)["popup_url"] == OTHER
            assert daemon.stop() == 0


@pytest.mark.needs("git-http-backend")
def test_an_https_server_whose_authority_is_not_named_is_refused(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first-Pa55word\n")
    with (
        versioned(tmp_path, 1, popup_url=POPUP) as here,
        git_https.serving(tmp_path, tmp_path, username="robot", password="first-Pa55word") as server,
    ):
        over_https(here, server, password)
        lines = here.site.config.read_text().splitlines(keepends=True)
        here.site.config.write_text("".join(line for line in lines if "ca_file" not in line))
        here.site.run("plan", expect=1)
        assert server.behaviour.requests == []


@pytest.mark.needs("sshd", "ssh", "ssh-keygen")
def test_ssh_with_a_key_and_a_wrong_host_key_is_refused(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, sshd.serving(tmp_path / "sshd") as server:
        over_ssh(here, server, server.known_hosts)
        here.site.run("sync")
        assert here.site.live(1)["popup_url"] == POPUP
        here.commit(range(1, 2), popup_url=OTHER)
        over_ssh(here, server, server.other_known_hosts)
        found = here.site.run("doctor", "-o", "json", expect=1)
        assert "host key" in found
        here.site.run("sync", expect=1)
        here.site.run("run", "--once", expect=1)
        assert here.site.live(1)["popup_url"] == POPUP
