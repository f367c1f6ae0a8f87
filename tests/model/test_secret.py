"""A secret is seen nowhere but where it is asked for."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass

import pytest

from syncer.model.secret import Secret

CANARY = "canary7f3"


@dataclass(frozen=True, slots=True)
class Holder:
    token: Secret


def fail_with(holder: Holder) -> None:
    raise RuntimeError(holder)


def test_a_secret_is_masked_wherever_it_is_shown() -> None:
    secret = Secret(CANARY)
    record = logging.LogRecord("n", logging.INFO, "p", 1, "%s %r", (secret, secret), None)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret:>40}",
        "{:.3}".format(secret),  # noqa: UP032 -- format with a spec is one of the ways out
        "%s" % secret,  # noqa: UP031 -- so is this one
        repr([secret]),
        repr({"token": secret}),
        repr(Holder(secret)),
        str(ValueError(secret)),
        repr(ValueError(secret)),
        record.getMessage(),
    ]
    assert CANARY not in " ".join(shown)


def test_a_secret_does_not_show_in_a_traceback() -> None:
    with pytest.raises(RuntimeError) as caught:
        fail_with(Holder(Secret(CANARY)))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_does_not_pickle(protocol: int) -> None:
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(Secret(CANARY), protocol)


def test_a_secret_is_not_copied_or_serialised_by_the_way() -> None:
    for attempt in (copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            attempt(Secret(CANARY))
    with pytest.raises(TypeError):
        asdict(Holder(Secret(CANARY)))


def test_only_reveal_gives_it_out() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret("")
    assert Secret("a")
