"""One Lease over HTTP: every answer that a server gives, or fails to give."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from syncer.cluster import lease
from syncer.cluster.account import Reach
from syncer.cluster.kubernetes import Leases
from syncer.cluster.lease import Claim
from syncer.errors import ClusterError, ConflictError, UsageError
from syncer.model.secret import Secret
from tests.cluster.test_lease import NOW
from tests.support.kube_api import NAMESPACE, TOKEN, Fault, kube_api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.kube_api import KubeApi

CLAIM = Claim("a", 0, 60, NOW)
BEGUN = lease.begun(NAMESPACE, "syncer", CLAIM)


def reach(server: str, ca_file: str | None = None, namespace: str = NAMESPACE, token: str = TOKEN) -> Reach:
    return Reach(server, namespace, "syncer", ca_file, lambda: Secret(token))


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        yield running


@pytest.fixture
async def leases(api: KubeApi) -> AsyncIterator[Leases]:
    made = Leases(reach(api.url), 2.0)
    yield made
    await made.aclose()


async def test_a_lease_is_made_read_and_renewed(leases: Leases) -> None:
    assert await leases.read() is None
    made = await leases.create(BEGUN)
    assert await leases.read() == made
    again = await leases.replace(lease.taken(made, Claim("b", 1, 60, NOW)))
    assert (again.spec.holder, again.spec.transitions) == ("b", 1)


async def test_whoever_is_late_meets_a_conflict(leases: Leases) -> None:
    made = await leases.create(BEGUN)
    await leases.replace(lease.taken(made, Claim("b", 1, 60, NOW)))
    with pytest.raises(ConflictError, match="has been modified"):
        await leases.replace(lease.taken(made, Claim("c", 1, 60, NOW)))
    with pytest.raises(ConflictError, match="already exists"):
        await leases.create(BEGUN)


async def test_a_deleted_lease_does_not_come_back_by_a_renewal(leases: Leases, api: KubeApi) -> None:
    made = await leases.create(BEGUN)
    api.delete()
    with pytest.raises(ConflictError):
        await leases.replace(lease.renewed(made, CLAIM))


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "token"), (403, "service account needs"), (410, "tried again"), (422, "leader.name"), (302, "tried again")],
)
async def test_a_refusal_says_what_to_do(leases: Leases, api: KubeApi, status: int, hint: str) -> None:
    api.fault, api.status = Fault.STATUS, status
    with pytest.raises(ClusterError, match=f"answers {status}: trouble") as caught:
        await leases.read()
    assert hint in caught.value.hint
    assert caught.value.status == status


@pytest.mark.parametrize(("status", "header", "wait"), [(429, "3", 3.0), (500, "", None), (503, "soon", None)])
async def test_a_busy_server_may_ask_for_time(
    leases: Leases, api: KubeApi, status: int, header: str, wait: float | None
) -> None:
    api.fault, api.status, api.retry_after = Fault.STATUS, status, header
    with pytest.raises(ClusterError) as caught:
        await leases.create(BEGUN)
    assert (caught.value.status, caught.value.retry_after) == (status, wait)


async def test_a_missing_right_is_told_in_the_servers_words(leases: Leases, api: KubeApi) -> None:
    api.allowed.clear()
    with pytest.raises(ClusterError, match="cannot get resource"):
        await leases.read()


async def test_a_missing_namespace_is_no_missing_lease(api: KubeApi) -> None:
    at = Leases(reach(api.url, namespace="none"), 2.0)
    assert await at.read() is None
    with pytest.raises(ClusterError, match='namespaces "none" not found'):
        await at.create(BEGUN)
    await at.aclose()


async def test_a_server_that_knows_no_leases_is_no_missing_lease(api: KubeApi) -> None:
    at = Leases(reach(f"{api.url}/elsewhere"), 2.0)
    with pytest.raises(ClusterError, match="answers 404"):
        await at.read()
    await at.aclose()


async def test_an_answer_that_does_not_come_ends_with_its_deadline(api: KubeApi) -> None:
    at = Leases(reach(api.url), 0.2)
    api.fault = Fault.HUNG
    with pytest.raises(ClusterError, match=r"no answer from the API server within 0\.2 s"):
        await at.read()
    await at.aclose()


async def test_a_connection_that_breaks_is_an_error(leases: Leases, api: KubeApi) -> None:
    api.fault = Fault.LOST
    with pytest.raises(ClusterError, match="can't be reached"):
        await leases.create(BEGUN)
    api.fault = Fault.NONE
    assert await leases.read() is not None


async def test_an_answer_that_is_no_json_is_an_error(leases: Leases, api: KubeApi) -> None:
    await leases.create(BEGUN)
    api.fault = Fault.GARBLED
    with pytest.raises(ClusterError, match="can't be used"):
        await leases.read()


async def test_an_answer_without_end_is_cut_off(leases: Leases, api: KubeApi) -> None:
    await leases.create(BEGUN)
    api.edit(annotations={"x": "y" * (1024 * 1024)})
    with pytest.raises(ClusterError, match="larger than 1024 KiB"):
        await leases.read()


async def test_nobody_there_is_told(leases: Leases) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = Leases(reach(f"http://127.0.0.1:{free.getsockname()[1]}"), 2.0)
    with pytest.raises(ClusterError, match="can't be reached: Connect"):
        await at.read()
    await at.aclose()


async def test_a_token_that_can_not_be_read_sends_nothing(api: KubeApi) -> None:
    def no_token() -> Secret:
        raise ClusterError("no token")

    at = Leases(Reach(api.url, NAMESPACE, "syncer", None, no_token), 2.0)
    with pytest.raises(ClusterError, match="no token"):
        await at.read()
    await at.aclose()
    assert api.requests == []


async def test_only_the_clusters_own_authority_is_trusted(tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(tls)
    for name, authority in (("ours", ours), ("other", other)):
        authority.cert_pem.write_to_path(str(tmp_path / name))
    with kube_api(tls) as api:
        good, bad = (Leases(reach(api.url, str(tmp_path / name)), 2.0) for name in ("ours", "other"))
        assert await good.read() is None
        with pytest.raises(ClusterError, match="certificate is not trusted"):
            await bad.read()
        await asyncio.gather(good.aclose(), bad.aclose())


async def test_a_missing_authority_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PEM"):
        Leases(reach("https://127.0.0.1:1", str(tmp_path / "none")), 2.0)
