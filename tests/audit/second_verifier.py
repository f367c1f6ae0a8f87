"""A second verifier of the journal, after docs/audit.md: nothing of syncer, only the standard library and cryptography.

python second_verifier.py STATE_DIR VERIFIER-KEY ANCHOR-FILE…
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import sys
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TEXTS = ("id", "source", "type", "time", "bootid", "boottimens")


class BadLogError(Exception):
    """The log is not what was written."""


def need(truth: object, why: str) -> None:
    if not truth:
        raise BadLogError(why)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_of(stack: list[tuple[int, bytes]]) -> str:
    """RFC 6962: the stack holds (leaves, hash) of the complete subtrees, widest first."""
    found = stack[-1][1] if stack else sha(b"")
    for _, left in stack[-2::-1]:
        found = sha(b"\x01" + left + found)
    return base64.b64encode(found).decode()


def push(stack: list[tuple[int, bytes]], line: bytes) -> None:
    stack.append((1, sha(b"\x00" + line)))
    while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
        width, right = stack.pop()
        _, left = stack.pop()
        stack.append((2 * width, sha(b"\x01" + left + right)))


def head_of(note: str) -> tuple[str, int, str, list[list[str]]]:
    """Origin, size, root and signature lines of a checkpoint."""
    text, gap, signatures = note.rpartition("\n\n")
    need(gap and note.endswith("\n"), "no note")
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    need(origin and re.fullmatch(r"0|[1-9][0-9]{0,18}", size), "no checkpoint")
    need(re.fullmatch(r"[A-Za-z0-9+/]{43}=", root), "no root")
    need(base64.b64encode(base64.b64decode(root)).decode() == root, "a root in two spellings")
    lines = [line.split(" ") for line in signatures.splitlines()]
    need(all(len(line) == 3 and line[0] == "—" and line[2] for line in lines), "no signature")
    return origin, int(size), root, lines


def signed(note: str, key: str) -> bool:
    """Whether the note bears the signature of NAME+HASH+BASE64; BadLogError where it bears a wrong one."""
    name, key_hash, data = re.fullmatch(r"(.+)\+([0-9a-f]{8})\+(.{44})", key).groups()  # type: ignore[union-attr]
    public = base64.b64decode(data)
    need(sha(name.encode() + b"\n" + public)[:4].hex() == key_hash, "no key")
    found = False
    for _, signer, encoded in head_of(note)[3]:
        try:
            raw = base64.b64decode(encoded, validate=True)
            if signer == name and raw[:4].hex() == key_hash:
                text = note.rpartition("\n\n")[0] + "\n"
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], text.encode())
                found = True
        except (binascii.Error, InvalidSignature) as error:
            raise BadLogError("a wrong signature") from error
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len({name for name, _ in pairs}) == len(pairs), "a key twice")
    return dict(pairs)


class Log:
    """Everything known after so many records."""

    def __init__(self, key: str | None, anchors: list[str]) -> None:
        self.key, self.anchors = key, anchors
        self.stack: list[tuple[int, bytes]] = []
        self.records, self.link, self.logid = 0, "0" * 64, ""
        self.boots: dict[str, int] = {}
        self.open: dict[str, str | None] = {}
        self.last_note: str | None = None
        self.trusted, self.origins, self.closed = False, {head_of(note)[0] for note in anchors[1:]}, False
        self.origin = ""

    def record(self, line: bytes, segment: int, offset: int) -> None:
        event = self.envelope(line)
        kind, data = event["type"], event["data"]
        need((kind == "syncer.log.genesis.v1") or self.records, "no beginning")
        need((kind == "syncer.segment.opened.v1") == (segment > 1 and offset == 0), "a segment opened elsewhere")
        need(not self.closed or offset == 0, "a record after the close")
        try:
            if kind == "syncer.put.intent.v1":
                need(data["reqid"] not in self.open, "twice")
                re.fullmatch("customers/([^/]+)/apps/([^/]+)", event["subject"]).groups()  # type: ignore[union-attr]
                need(
                    data["before"]["hmac"] and data["after"]["hmac"] and data["git"]["commit"] and data["name"], "thin"
                )
                self.open[data["reqid"]] = event["subject"]
            elif kind in ("syncer.put.result.v1", "syncer.put.recovered.v1"):
                need(data["reqid"] in self.open and self.open.pop(data["reqid"]) == event.get("subject"), "no intent")
            elif kind in ("syncer.checkpoint.v1", "syncer.segment.closed.v1", "syncer.segment.opened.v1"):
                need((data["size"], data["root"]) == (self.records, root_of(self.stack)), "another tree")
                self.about_itself(kind, data, segment)
        except (KeyError, TypeError, AttributeError) as error:
            raise BadLogError(f"{kind} is not one") from error
        self.closed = kind == "syncer.segment.closed.v1"
        push(self.stack, line)
        self.records, self.link = self.records + 1, sha(line).hex()

    def about_itself(self, kind: str, data: dict[str, Any], segment: int) -> None:
        if kind == "syncer.checkpoint.v1":
            self.origin, size, root, _ = head_of(data["note"])
            need((size, root) == (data["size"], data["root"]), "another head")
            self.last_note, self.trusted = data["note"], self.key is not None and signed(data["note"], self.key)
            return
        need(data["segment"] == f"{segment:08}.jsonl", "another segment")
        if kind == "syncer.segment.opened.v1":
            need(data["previous"] == f"{segment - 1:08}.jsonl" and data["note"] == self.last_note, "another segment")
            need(data["peaks"] == [peak.hex() for _, peak in self.stack], "other peaks")

    def envelope(self, line: bytes) -> dict[str, Any]:
        end = re.fullmatch(rb'(.*),"linecrc":"([0-9a-f]{8})"\}\n', line, re.DOTALL)
        need(end and len(line) <= 16000 and int(end[2], 16) == zlib.crc32(end[1]), "checksum")
        try:
            event: dict[str, Any] = json.loads(line.decode(), object_pairs_hook=unique)
        except ValueError as error:
            raise BadLogError("no JSON") from error
        need(event.get("seq") == str(self.records) and event.get("prevhash") == self.link, "no link")
        need(
            event.get("specversion") == "1.0" and all(isinstance(event.get(name), str) for name in TEXTS), "attributes"
        )
        need(isinstance(event.get("data"), dict) and re.fullmatch("[0-9]{1,20}", event["boottimens"]), "form")
        self.logid = self.logid or event["logid"]
        need(event["logid"] == self.logid, "another log")
        try:
            need(event["time"].endswith("Z") and datetime.fromisoformat(event["time"]), "time")
        except ValueError as error:
            raise BadLogError("time") from error
        up = int(event["boottimens"])
        need(up >= self.boots.get(event["bootid"], 0), "time runs backwards")
        self.boots[event["bootid"]] = up
        return event


def verdict(state_dir: Path, key: str | None = None, *anchors: str) -> str:
    """The same words as `syncer audit verify -o json` has under `finding`."""
    here = state_dir / "checkpoint"
    kept = here.read_text(encoding="utf-8") if here.exists() else "-\n0\n" + root_of([]) + "\n\n"
    log = Log(key, [kept, *anchors])
    heads = {(size, root) for _, size, root, _ in map(head_of, log.anchors) if size}
    torn = False
    names = sorted(path for path in (state_dir / "journal").glob("*.jsonl") if path.stat().st_size)
    try:
        for number, path in enumerate(names, start=1):
            need(path.name == f"{number:08}.jsonl" and (number == 1 or log.closed) and not torn, "a segment is missing")
            offset = 0
            for line in path.read_bytes().split(b"\n")[:-1]:
                log.record(line + b"\n", number, offset)
                offset += len(line) + 1
                need({root for size, root in heads if size == log.records} <= {root_of(log.stack)}, "not the anchor's")
            torn = offset < path.stat().st_size
    except BadLogError:
        return "altered"
    if max((size for size, _ in heads), default=0) > log.records:
        return "shorter-than-anchor"
    if key is not None and (log.origins | {log.origin}) - {"", key.split("+")[0]}:
        return "wrong-origin"
    try:
        vouched = key is None or (log.trusted and all(not head_of(n)[3] or signed(n, key) for n in anchors))
    except BadLogError:
        vouched = False
    if not vouched:
        return "wrong-key"
    return "torn-tail" if torn else "open-intents" if log.open else "good"


if __name__ == "__main__":
    _, where, pinned, *elsewhere = sys.argv
    sys.stdout.write(
        verdict(Path(where), pinned, *(Path(each).read_text(encoding="utf-8") for each in elsewhere)) + "\n"
    )
