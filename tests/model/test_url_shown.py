"""What people and records see of a URL."""

from __future__ import annotations

import pytest

from syncer.model import url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.com/a/b", "https://example.com/a/b"),
        ("https://example.com/a?token=s3cret&x=1", "https://example.com/a?token=***&x=***"),
        ("https://example.com/a?token=s3cret;x=1=2", "https://example.com/a?token=***"),
        ("https://example.com/a?s3cret", "https://example.com/a?***"),
        ("https://example.com/a?x=&&y", "https://example.com/a?x=&&***"),
        ("https://user:s3cret@example.com/@home", "https://***@example.com/@home"),
        ("https://s3cret@example.com", "https://***@example.com"),
        ("https://example.com/#token=s3cret", "https://example.com/#***"),
        ("https://example.com/#", "https://example.com/#"),
        ("user:s3cret@example.com/path", "***@example.com/path"),
        ("no url at all", "no url at all"),
        ("", ""),
        ("http://[::1?key=s3cret", "http://[::1?key=***"),
        ("ht tp://u:s3cret/x@host", "***@host"),
    ],
)
def test_what_may_be_secret_is_masked(text: str, shown: str) -> None:
    assert url.parse(text).shown == shown
