"""Sessions stand for a token, and only as long as it is one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from syncer.model.desired import EnvToken
from syncer.serve import sessions
from syncer.serve.keys import Keyring
from syncer.serve.sessions import Sessions
from tests.support.served import TOKEN


@dataclass
class Still:
    """A clock that a test moves."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds


def opened(environ: dict[str, str], clock: Still | None = None) -> Sessions:
    numbers = count()
    ring = Keyring(EnvToken("T"), environ, "token")
    return Sessions(ring, clock or Still(), lambda: f"random-{next(numbers)}")  # type: ignore[arg-type]  # no wall time


def test_a_token_opens_a_session_of_its_name() -> None:
    known = opened({"T": f"alice {TOKEN}"})
    found = known.of(known.open(f" {TOKEN}\n"))
    assert found is not None
    assert (found.principal, found.owns("random-1"), found.owns("random-0"), found.owns("\udc80é")) == (
        "api:alice",
        True,
        False,
        False,
    )


def test_what_is_no_token_opens_nothing() -> None:
    known = opened({"T": f"alice {TOKEN}"})
    assert [known.open(given) for given in ("", "wrong", TOKEN[:-1], "\udc80")] == ["", "", "", ""]
    assert known.of("random-0") is None


def test_a_token_that_is_taken_away_ends_its_sessions() -> None:
    environ = {"T": f"alice {TOKEN}\nbob bob-0123456789abcdef"}
    known = opened(environ)
    alice, bob = known.open(TOKEN), known.open("bob-0123456789abcdef")
    environ["T"] = f"alice {TOKEN}"
    assert (known.of(alice) is not None, known.of(bob)) == (True, None)
    environ["T"] = f"alice {TOKEN}\nbob bob-0123456789abcdef"
    assert known.of(bob) is None


def test_a_session_ends_after_a_day_of_work() -> None:
    clock = Still()
    known = opened({"T": TOKEN}, clock)
    cookie = known.open(TOKEN)
    clock.seconds = sessions.LASTS
    assert known.of(cookie) is None


def test_signing_out_ends_a_session() -> None:
    known = opened({"T": TOKEN})
    cookie = known.open(TOKEN)
    known.close(cookie)
    known.close("never there")
    assert known.of(cookie) is None


def test_one_more_than_there_is_room_for_ends_the_oldest() -> None:
    known = opened({"T": TOKEN})
    first, *others = [known.open(TOKEN) for _ in range(sessions.MOST + 1)]
    assert known.of(first) is None
    assert all(known.of(cookie) for cookie in others)
