"""The journal: append-only, hash-linked, recovered at start; the index is a projection of it that may be deleted."""
