"""The Merkle tree hash of RFC 6962 (section 2.1) over the exact bytes of lines, grown one leaf at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from syncer.errors import JournalError

EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of `size` leaves, kept as the roots of its complete subtrees (`peaks`), widest first.

    The peaks fix every later root: a tree can go on from them without its leaves.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def grown(self, leaf: bytes) -> Tree:
        """The tree with one more leaf."""
        top, peaks, size = leaf_hash(leaf), self.peaks, self.size
        merged = 0
        while size & 1:
            merged += 1
            top = node_hash(peaks[-merged], top)
            size >>= 1
        return Tree(self.size + 1, (*peaks[: len(peaks) - merged], top))

    @property
    def root(self) -> bytes:
        """The hash over all leaves, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        *wider, top = self.peaks
        for peak in reversed(wider):
            top = node_hash(peak, top)
        return top


def from_peaks(size: int, peaks: tuple[bytes, ...]) -> Tree:
    """A tree to go on from; JournalError where so many leaves do not have so many complete subtrees of 32 bytes."""
    if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != hashlib.sha256().digest_size for peak in peaks):
        raise JournalError(f"{len(peaks)} subtree hashes can't stand for {size} records")
    return Tree(size, peaks)


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf; the byte before it keeps leaves and nodes apart."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()
