"""A webhook receiver in the standard library alone: 200 for what the schemas allow, 400 for anything else.

    python receiver.py PORT FOLDER

FOLDER has one `EVENT.json` for each event, as `syncer schema webhooks/EVENT` prints it.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TYPES = {"string": str, "integer": int, "object": dict}
LARGEST = 64 * 1024


def faults(payload: Any, schemas: dict[str, Any]) -> list[str]:
    """What is wrong with a payload. A field that its schema does not know is fine: the vendor may add some."""
    schema = schemas.get(str(payload.get("event"))) if isinstance(payload, dict) else None
    if schema is None:
        return ["not a webhook that is known here"]
    missing = [f"{key} is missing" for key in schema["required"] if key not in payload]
    rules = {key: schema["properties"][key] for key in payload if key in schema["properties"]}
    wrong = [
        f"{key} is no {rule['type']}"
        for key, rule in rules.items()
        if "type" in rule and (isinstance(payload[key], bool) or not isinstance(payload[key], TYPES[rule["type"]]))
    ]
    return missing + wrong


class Receiver(BaseHTTPRequestHandler):
    """Answers every path; what the payload is about stands in its `event`."""

    schemas: dict[str, Any] = {}  # noqa: RUF012 -- set once, before the server runs

    def do_HEAD(self) -> None:
        """What `syncer webhooks check` asks: no call, nothing to do."""
        self.answer(200, "")

    def do_POST(self) -> None:
        """One webhook. Answer at once and work later: the vendor sends again what was not answered with 200."""
        try:
            payload = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST)))
        except ValueError:
            return self.answer(400, "not JSON")
        if wrong := faults(payload, self.schemas):
            return self.answer(400, "; ".join(wrong))
        if self.headers.get("X-Syncer-Test") == "true":
            return self.answer(200, "test seen, nothing done")
        self.log_message("%s of call %s", payload["event"], payload["call_sid"])
        return self.answer(200, "ok")

    def answer(self, status: int, text: str) -> None:
        """A short text with its length."""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    Receiver.schemas = {path.stem: json.loads(path.read_text("utf-8")) for path in Path(sys.argv[2]).glob("*.json")}
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
