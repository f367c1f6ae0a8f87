"""Records and the verdict on them, for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from syncer.cli.render import columns
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.audit.verify import Verification
    from syncer.cli.render.style import Style

LINE: Final = 240
"""Columns: enough for a change of one long URL; `-o jsonl` has everything."""

TOLD = ("verdict", "message", "rule", "detail", "reason", "by", "name", "file")
"""Parts of a record's data that are worth a place on its one line, in this order."""


def line(event: Mapping[str, Any]) -> str:
    """One record on one line: number, time, type, app, and the gist of it."""
    kind = str(event["type"]).removeprefix("syncer.").removesuffix(".v1")
    app = str(event.get("subject", "")).removeprefix("customers/").replace("/apps/", "/")
    data = event.get("data", {})
    changes = ", ".join(
        f"{name} {_value(change['live'])} -> {_value(change['git'])}" for name, change in _changes(data)
    )
    gist = [changes, *(_text(data[key]) for key in TOLD if data.get(key))]
    words = [
        f"{event['seq']:>6}",
        str(event["time"])[:23],
        f"{kind:<14}",
        app,
        "; ".join(part for part in gist if part),
    ]
    return columns.shortened(sanitize(" ".join(word for word in words if word).rstrip()), LINE)


def raw(event: Mapping[str, Any]) -> str:
    """One record as JSON."""
    return json.dumps(event, ensure_ascii=True)


def verdict(found: Verification, style: Style) -> str:
    """The verdict first, then what it rests on."""
    mark = style.added("good") if found.good else style.error("NOT GOOD")
    rows = [
        f"{mark}: {sanitize(found.sentence.removeprefix('good: '))}",
        f"  log      {sanitize(found.logid)}",
        f"  records  {found.records} from {sanitize(found.first)} to {sanitize(found.last)}",
        f"  writes   {found.intents} intents, {found.results} results, {len(found.open)} open",
        f"  line     {found.head}",
        f"  head     {found.root} over {found.records} records",
        f"  sealed   {found.sealed} records by {found.heads} heads{_origin(found)}, signatures {found.signatures}",
    ]
    rows += [f"  open     {intent.ref} {intent.request_id}" for intent in found.open]
    if not found.anchors:
        rows.append("  A cut-off tail can't be seen from inside: keep heads elsewhere and name them with --anchor.")
    return "\n".join(rows)


def verdict_document(found: Verification) -> dict[str, Any]:
    """The verdict for machines."""
    return {
        "schema": "syncer.verification/v1",
        "finding": found.finding.value,
        "good": found.good,
        "sentence": found.sentence,
        "logid": found.logid,
        "records": found.records,
        "intents": found.intents,
        "results": found.results,
        "open": [{"app": str(intent.ref), "reqid": intent.request_id} for intent in found.open],
        "first": found.first,
        "last": found.last,
        "damage": _damage(found),
        "why": found.why,
        "head": found.head,
        "root": found.root,
        "heads": found.heads,
        "sealed": found.sealed,
        "origin": found.origin,
        "signatures": found.signatures.value,
        "anchors": found.anchors,
        "segment": found.segment,
        "end": found.end,
        "torn": found.torn,
    }


def _damage(found: Verification) -> dict[str, Any] | None:
    where = found.damage
    if where is None:
        return None
    return {"seq": where.seq, "segment": where.spot.segment, "offset": where.spot.offset, "why": where.why}


def _origin(found: Verification) -> str:
    return f" of {sanitize(found.origin)}" if found.origin else ""


def _changes(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    changes = data.get("changes")
    return list(changes.items()) if isinstance(changes, dict) else []


def _value(setting: object) -> str:
    """As YAML spells it."""
    return setting if isinstance(setting, str) else json.dumps(setting)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={part if isinstance(part, str) else ','.join(part)}" for key, part in value.items())
    return str(value)
