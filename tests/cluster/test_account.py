"""Where the API server is and who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.cluster import account
from syncer.cluster.account import Named
from syncer.errors import ClusterError, UsageError
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """What the kubelet mounts."""
    (tmp_path / "namespace").write_text("telephony")
    (tmp_path / "token").write_text("one\n")
    return tmp_path


def test_a_pod_has_all_that_is_needed(mount: Path) -> None:
    found = account.reach(Named("syncer"), POD, mount)
    assert (found.server, found.namespace, found.ca_file) == ("https://10.0.0.1:6443", "telephony", f"{mount}/ca.crt")


def test_a_token_is_read_again_each_time(mount: Path) -> None:
    found = account.reach(Named("syncer"), POD, mount)
    assert found.token() == Secret("one")
    (mount / "token").write_text("two")
    assert found.token() == Secret("two")


def test_an_address_of_ipv6_is_written_in_brackets(mount: Path) -> None:
    found = account.reach(Named("syncer"), {"KUBERNETES_SERVICE_HOST": "fd00::1"}, mount)
    assert found.server == "https://[fd00::1]:443"


def test_the_operators_word_wins(mount: Path) -> None:
    named = Named("syncer", "other", "https://api.corp.example:6443/", "/ca.pem", lambda: Secret("mine"))
    found = account.reach(named, POD, mount)
    assert (found.server, found.namespace, found.ca_file) == ("https://api.corp.example:6443", "other", "/ca.pem")
    assert found.token() == Secret("mine")


def test_outside_of_a_pod_a_server_must_be_named(mount: Path) -> None:
    with pytest.raises(UsageError, match="no API server"):
        account.reach(Named("syncer"), {}, mount)


def test_without_a_namespace_there_is_no_lease(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"leader\.namespace is not set"):
        account.reach(Named("syncer"), POD, tmp_path)


def test_a_token_that_is_missing_or_empty_is_an_error_of_the_cluster(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="can't be read"):
        account.file_token(tmp_path / "none")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ClusterError, match="no token in"):
        account.file_token(tmp_path / "empty")


@pytest.mark.parametrize("text", ["tök-en", "two words", "two\nlines", "\x00", "\x1b[0m"])
def test_what_can_not_stand_in_a_header_is_no_token_and_is_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(ClusterError, match="is no token") as caught:
        account.file_token(tmp_path / "token")
    assert text not in caught.value.message
