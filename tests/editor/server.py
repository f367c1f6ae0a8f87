"""A language server on its standard streams, asked as an editor asks it."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "yaml-language-server"


class Editor:
    """One session: documents are opened and asked about; `line` and `column` count from 0."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._ids = count(1)

    def start(self, folder: Path) -> None:
        """The greeting."""
        options = {"yaml": {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}}
        self.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
        self._tell("initialized")
        self._tell("workspace/didChangeConfiguration", settings=options)

    def open(self, path: Path) -> list[dict[str, Any]]:
        """Open a file; what is found wrong with it."""
        self._tell(
            "textDocument/didOpen",
            textDocument={"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")},
        )
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == path.as_uri():
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def completion(self, path: Path, line: int, column: int) -> dict[str, str]:
        """What is offered there, with its documentation."""
        found = self._at("textDocument/completion", path, line, column)
        return {each["label"]: _text(each.get("documentation", "")) for each in found["items"]}

    def hover(self, path: Path, line: int, column: int) -> str:
        """What is shown of the word there."""
        return _text(self._at("textDocument/hover", path, line, column)["contents"])

    def _at(self, method: str, path: Path, line: int, column: int) -> Any:
        where = {"line": line, "character": column}
        return self.ask(method, textDocument={"uri": path.as_uri()}, position=where)

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        """The next message; what the server asks of the editor is answered with nothing."""
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline().strip()) or not length:
            assert line or self._process.poll() is None, "the server ended"
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if "method" in message and "id" in message:
            wanted = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
            self._send({"id": message["id"], "result": [None] * len(wanted) or None})
        return message


def _text(shown: Any) -> str:
    return str(shown.get("value", "") if isinstance(shown, dict) else shown)


@contextmanager
def editor(folder: Path) -> Iterator[Editor]:
    """A session over a folder."""
    program = programs.find(PROGRAM)
    assert program
    with subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            session = Editor(process)
            session.start(folder)
            yield session
        finally:
            process.kill()
