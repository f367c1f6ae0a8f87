from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.documents.veil import looks_secret, veil

SECRETS = [
    "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln",
    "ghp_0123456789abcdefghij",
    "github_pat_11ABCDEFG0123456789",
    "glpat-0123456789abcdefghij",
    "xoxb-123456789012-abcdef",
    "sk_live_0123456789abcdef",
    "AKIA0123456789ABCDEF",
    "Bearer abcdefgh1234",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "3f2a9c0b8d7e6f5a4b3c2d1e0f9a8b7c",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_known_shapes_are_seen_and_covered_in_place(secret: str) -> None:
    line = f"  token: {secret} # end"
    covered = veil(line)
    assert looks_secret(line)
    assert secret not in covered
    assert (len(covered), covered.endswith("# end"), covered.startswith("  token: ")) == (len(line), True, True)


@pytest.mark.parametrize(
    "text",
    [
        "https://hooks.acme.example/{app}/recording",
        "/var/run/secrets/syncer/{app}",
        "cust_acme",
        "support-desk",
        "0 8 * * mon-fri",
        "a-long-word-of-hyphens-that-has-no-digits-in-it",
        "apps/team/telephony.yaml:14:7",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert not looks_secret(text)
    assert veil(text) == text


@pytest.mark.parametrize(
    ("line", "covered"),
    [
        ("url: https://u:pw@git.example/x", "url: https://****@git.example/x"),
        ("url: ssh://git@git.example/x", "url: ssh://***@git.example/x"),
        ("u: https://h.example/p?key=abc&x=1#f", "u: https://h.example/p?key=***&x=*#f"),
        ("u: https://h.example/p?abc", "u: https://h.example/p?***"),
        ("a=b no url", "a=b no url"),
    ],
)
def test_urls_lose_user_info_and_the_values_of_their_query(line: str, covered: str) -> None:
    assert veil(line) == covered


@given(st.text())
def test_covering_moves_nothing(line: str) -> None:
    assert len(veil(line)) == len(line)
