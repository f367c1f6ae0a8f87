"""Keys and notes: the forms of Go's sumdb/note, and whose signature is taken."""

from __future__ import annotations

import base64

import pytest

from syncer.audit import checkpoint, note
from syncer.audit.tree import Tree
from syncer.errors import JournalError, UsageError

KEY = note.Signer("acme/prod", bytes(range(32)))
OTHER = note.Signer("acme/prod", bytes(32))
TEXT = "acme/prod\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_that_go_signed_is_taken() -> None:
    assert note.verifier(GO_VERIFIER).signed(GO_NOTE)


def test_a_key_that_go_made_signs_as_go_does() -> None:
    key = note.signer(GO_SIGNER)

    assert (str(key.verifier), key.text) == (GO_VERIFIER, GO_SIGNER)
    assert key.sign(note.parts(GO_NOTE)[0]) == GO_NOTE


def test_keys_are_read_as_they_are_written() -> None:
    made = note.generate("acme/prod", lambda count: b"7" * count)

    assert note.signer(f"{made.text}\n") == made
    assert note.verifier(f" {made.verifier}\n") == made.verifier


def test_a_seed_is_not_shown() -> None:
    assert "x01" not in repr(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme/prod",
        GO_VERIFIER,
        GO_SIGNER[:-1],
        GO_SIGNER.replace("c74f", "c74e"),
        GO_SIGNER.replace("AYEK", "BYEK"),
    ],
)
def test_what_is_no_signing_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(UsageError, match="signing key is not one") as refused:
        note.signer(text)
    assert "AYEK" not in f"{refused.value.message}{refused.value.hint}"


@pytest.mark.parametrize(
    "text", ["", "acme", GO_VERIFIER.replace("c74f", "c74e"), GO_VERIFIER.replace("Peter", "Petra")]
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="verifier key is not one"):
        note.verifier(text)


def test_a_signing_key_is_no_verifier_key() -> None:
    with pytest.raises(UsageError, match="belongs to the daemon alone"):
        note.verifier(GO_SIGNER)


def test_another_key_of_the_same_name_has_not_signed() -> None:
    assert not OTHER.verifier.signed(KEY.sign(TEXT))
    assert KEY.verifier.signed(KEY.sign(TEXT) + OTHER.sign(TEXT).split("\n\n")[1])


@pytest.mark.parametrize("position", range(0, 140, 3))
def test_a_changed_note_is_not_signed(position: int) -> None:
    signed = KEY.sign(TEXT)
    changed = signed[:position] + chr(ord(signed[position]) ^ 1) + signed[position + 1 :]
    try:
        assert not KEY.verifier.signed(changed)
    except JournalError:
        return


@pytest.mark.parametrize("text", ["", "a", "a\n\n— b c", "a\n\nb\n", "a\n\n— b\n", "a\n\n— b =\n", "a\n\n— b abc\n"])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(JournalError):
        note.parts(text)


def test_a_head_is_read_as_it_was_made() -> None:
    tree = Tree().grown(b"one\n").grown(b"two\n")
    for key in (KEY, None):
        head = checkpoint.made("acme/prod", tree, key)
        assert checkpoint.parse(head.note) == head
        assert head.signed == (key is not None)
        assert head.note.splitlines()[:3] == ["acme/prod", "2", base64.b64encode(tree.root).decode()]


def test_later_lines_of_a_checkpoint_are_passed_over() -> None:
    assert checkpoint.parse(KEY.sign(f"{TEXT}more\n")).size == 0


@pytest.mark.parametrize(
    "text",
    [
        "acme\n\n",
        "acme\n1\n\n",
        TEXT.replace("\n0\n", "\n-1\n") + "\n",
        TEXT.replace("\n0\n", "\n01\n") + "\n",
        TEXT.replace("FU=", "FV=") + "\n",
        TEXT.replace("FU=", "F==") + "\n",
        TEXT.replace("FU=", "FUé") + "\n",
        TEXT.replace("47DE", "") + "\n",
        TEXT.replace("acme/prod", "") + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(JournalError, match="that is no"):
        checkpoint.parse(text)


def test_a_file_of_heads_holds_signed_and_unsigned_ones() -> None:
    trees = [Tree().grown(b"1"), Tree().grown(b"1").grown(b"2"), Tree().grown(b"1").grown(b"2").grown(b"3")]
    made = [checkpoint.made("a", tree, key) for tree, key in zip(trees, (None, KEY, None), strict=True)]

    assert checkpoint.anchors("".join(f"{head.note.rstrip()}\n\n" for head in made)) == tuple(made)
    assert checkpoint.anchors(made[1].note) == (made[1],)


@pytest.mark.parametrize("text", ["", "\n", "{}\n", "{", "one\ntwo\n", '{"note": "none"}'])
def test_a_file_without_heads_is_no_anchor(text: str) -> None:
    with pytest.raises(JournalError):
        checkpoint.anchors(text)
