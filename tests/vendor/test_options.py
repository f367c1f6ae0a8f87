"""Where requests may go: the operator's base URL, and ids that can't leave their place in the path."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from syncer.errors import UsageError, VendorError, VendorKind
from syncer.model.live import Unreadable
from syncer.vendor import options as vendor_options
from syncer.vendor.options import BASE_URL, Endpoint, endpoint, proxy_url
from tests.vendor.stage import desired, fine, raw_server, reading

IDS = st.one_of(st.text(max_size=20), st.text("abz09._~-/%\\?#@:; \n", max_size=12))


def test_the_documented_base_url_is_the_default() -> None:
    assert vendor_options.VendorOptions().base_url == BASE_URL
    assert endpoint(BASE_URL) == Endpoint("https://integrationscore.mum1.exotel.com", "/v2/integrations")


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://vendor.example", "https://vendor.example", ""),
        ("https://Vendor.Example:8443/a/", "https://vendor.example:8443", "/a"),
        ("http://127.0.0.1:8080/v2", "http://127.0.0.1:8080", "/v2"),
        ("http://127.8.9.1", "http://127.8.9.1", ""),
        ("http://[::1]:80/v2", "http://[::1]:80", "/v2"),
        ("http://localhost:1/v2", "http://localhost:1", "/v2"),
    ],
)
def test_a_base_url_is_taken_apart(url: str, origin: str, path: str) -> None:
    assert endpoint(url) == Endpoint(origin, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vendor.example",
        "ftp://vendor.example",
        "https://",
        "https://user:secret@vendor.example",
        "https://vendor.example?x=1",
        "https://vendor.example/#x",
        "https://vendor.example/a b",
        "https://vendor.example/%2e%2e/x",
        "https://vendor.example/../x",
        "https://vendor.example/./x",
        "https://vendor.example//x",
        "https://vendor.example\\@evil.example",
        "https://vendor.exämple",
        "https://vendor.example:port",
        "https://vendor.example:99999",
        "https://[::1",
        "http://vendor.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
    ],
)
def test_a_base_url_that_is_anything_else_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match=r"vendor\.base_url") as caught:
        endpoint(url)
    assert "secret" not in caught.value.message


def test_a_proxy_has_an_address_and_no_more() -> None:
    assert proxy_url("http://proxy.corp.example:3128") == "http://proxy.corp.example:3128"
    for wrong in ("proxy:3128", "http://user:secret@proxy:3128", "http://proxy:3128/path", "socks5://proxy:1080"):
        with pytest.raises(UsageError, match=r"vendor\.proxy"):
            proxy_url(wrong)


def _refused_or_exact(customer_id: str, app_id: str) -> None:
    target = Endpoint("https://vendor.example", "/v2")
    try:
        path = target.settings_path(customer_id, app_id)
    except ValueError:
        return
    assert URL(target.origin + path).raw_parts == ("/", "v2", customer_id, "apps", app_id, "settings")
    assert path.isascii()
    assert path.isprintable()


@given(customer_id=st.text(max_size=20), app_id=st.text(max_size=20))
@example(customer_id="c", app_id="..")
@example(customer_id=".", app_id="a")
@example(customer_id="c", app_id="a/../../b")
@example(customer_id="c", app_id="a%2fb")
@example(customer_id="c", app_id="a\n")
@example(customer_id="c", app_id="a?x=1#y")
@example(customer_id="c", app_id="app_abc-1.2~3")
def test_an_id_is_refused_or_stands_in_the_path_exactly(customer_id: str, app_id: str) -> None:
    _refused_or_exact(customer_id, app_id)


@pytest.mark.soak
@pytest.mark.timeout(0)
@settings(max_examples=20_000, deadline=None)
@given(ids=st.tuples(IDS, IDS))
def test_an_id_is_refused_or_stands_in_the_path_exactly_at_length(ids: tuple[str, str]) -> None:
    _refused_or_exact(*ids)


@pytest.mark.parametrize("app_id", ["..", ".", "", "a/b", "a%2f", "a b", "a\r\nX: y", "ä", "a" * 129])
async def test_an_id_that_could_change_the_path_sends_nothing(app_id: str) -> None:
    async with raw_server(fine) as server, reading(server.url) as client:
        live = await client.read(desired(app_id))
        assert isinstance(live, Unreadable)
        assert live.kind is VendorKind.BAD_REQUEST
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired(app_id))
    assert (caught.value.sent, server.connections) == (False, 0)
