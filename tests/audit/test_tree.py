"""The tree against the test vectors of RFC 6962's reference log, and against another implementation of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from syncer.audit import tree
from syncer.audit.tree import Tree
from syncer.errors import JournalError

LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def grown(leaves: list[bytes]) -> Tree:
    made = Tree()
    for leaf in leaves:
        made = made.grown(leaf)
    return made


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_the_reference_log(size: int) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in LEAVES[:size]]

    assert grown(leaves).root.hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70))
def test_roots_are_those_of_another_implementation(leaves: list[bytes]) -> None:
    oracle = InmemoryTree(algorithm="sha256")
    made = Tree()
    for number, leaf in enumerate(leaves, start=1):
        oracle.append_entry(leaf)
        made = made.grown(leaf)
        assert (made.size, made.root) == (number, oracle.get_root(number))


@given(st.lists(st.binary(max_size=8), max_size=40), st.lists(st.binary(max_size=8), max_size=40))
def test_a_tree_goes_on_from_its_peaks(before: list[bytes], after: list[bytes]) -> None:
    first = grown(before)
    made = tree.from_peaks(first.size, first.peaks)
    for leaf in after:
        made = made.grown(leaf)

    assert made == grown(before + after)


@pytest.mark.parametrize(
    ("size", "peaks"), [(-1, ()), (1, ()), (0, (b"x" * 32,)), (2, (b"x" * 31,)), (3, (b"x" * 32,))]
)
def test_peaks_that_no_tree_has_are_refused(size: int, peaks: tuple[bytes, ...]) -> None:
    with pytest.raises(JournalError, match="can't stand for"):
        tree.from_peaks(size, peaks)
