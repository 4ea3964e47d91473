"""yaml-language-server over stdio, as an editor talks to it: completion, hover and diagnostics of a text."""

import itertools
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

_FEATURES: dict[str, Any] = {
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
    },
    "workspace": {"configuration": True},
}
SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}


class LanguageServer:
    """One server on one folder; the cursor in a text is the mark `|`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._server = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._folder, self._ids, self._versions = folder, itertools.count(1), itertools.count(1)
        uri = folder.as_uri()
        folders = [{"uri": uri, "name": "project"}]
        self._ask("initialize", processId=None, rootUri=uri, workspaceFolders=folders, capabilities=_FEATURES)
        self._tell("initialized")

    def __enter__(self) -> "LanguageServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ask("shutdown")
        self._tell("exit")
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def offered(self, name: str, text: str) -> dict[str, str]:
        """What completion offers at the mark: label -> the text that is put in."""
        line, column = self._open(name, text)
        found = self._ask("textDocument/completion", **self._at(name, line, column))
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"]: item.get("textEdit", {}).get("newText", item.get("insertText", "")) for item in items}

    def told(self, name: str, text: str) -> str:
        """What a tooltip says at the mark."""
        line, column = self._open(name, text)
        found = self._ask("textDocument/hover", **self._at(name, line, column))
        contents = (found or {}).get("contents", "")
        return str(contents.get("value", "") if isinstance(contents, dict) else contents)

    def complaints(self, text: str, *, head: str) -> list[str]:
        """What is wrong with a text, below a line that names its schema."""
        return self.complaints_of(f"runs/{next(self._versions)}/run.yaml", text, head=head)

    def complaints_of(self, name: str, text: str, *, head: str) -> list[str]:
        """The same of a file by its place."""
        self._open_text(name, head + text)
        while True:
            message = self._heard()
            is_of_text = message.get("params", {}).get("uri") == (self._folder / name).as_uri()
            if message.get("method") == "textDocument/publishDiagnostics" and is_of_text:
                return [one["message"] for one in message["params"]["diagnostics"]]

    def _open(self, name: str, text: str) -> tuple[int, int]:
        before, _, after = text.partition("|")
        self._open_text(name, before + after)
        lines = before.split("\n")
        return len(lines) - 1, len(lines[-1])

    def _open_text(self, name: str, text: str) -> None:
        uri = (self._folder / name).as_uri()
        self._tell("textDocument/didClose", textDocument={"uri": uri})
        document = {"uri": uri, "languageId": "yaml", "version": next(self._versions), "text": text}
        self._tell("textDocument/didOpen", textDocument=document)

    def _at(self, name: str, line: int, column: int) -> dict[str, Any]:
        place = {"line": line, "character": column}
        return {"textDocument": {"uri": (self._folder / name).as_uri()}, "position": place}

    def _tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._heard()
            if message.get("id") == number and "method" not in message:
                return message.get("result")

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _heard(self) -> dict[str, Any]:
        """The next message; a question of the server's is answered."""
        assert self._server.stdout is not None
        length = 0
        while line := self._server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise EOFError("the language server has ended")
        message: dict[str, Any] = json.loads(self._server.stdout.read(length))
        if "method" in message and "id" in message:
            asked = message["method"] == "workspace/configuration"
            wanted = (
                [SETTINGS.get(item.get("section", ""), {}) for item in message["params"]["items"]] if asked else None
            )
            self._send({"id": message["id"], "result": wanted})
        return message
