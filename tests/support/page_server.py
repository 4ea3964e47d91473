"""A running `cosmosctl ui`, and a browser as it sees one."""

import http.client
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.browser import Seen
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S

pytest.importorskip("starlette", reason="cosmosctl[ui] is not installed")
pytest.importorskip("uvicorn", reason="cosmosctl[ui] is not installed")


@dataclass
class Client:
    """A browser as the server sees it: `headers` go along with each request."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.putrequest(method, path, skip_host="host" in sent)
            for name, value in {**sent, **({"content-length": str(len(body))} if body is not None else {})}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/data.json")[2])
        return found

    def do(self, *argv: str) -> dict[str, Any]:
        body = json.dumps({"argv": argv}).encode()
        status, _, said = self.ask("/do", "POST", body, content_type="application/json")
        assert status == 200, said
        found: dict[str, Any] = json.loads(said)
        return found


@contextmanager
def served(tree: Tree, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str, int]]:
    """The process, its address and port."""
    process = tree.start("ui", *options)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    try:
        yield process, address, int(address.split(":")[2].split("/")[0])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def eight_tabs(seen: Seen, address: str, port: int) -> list[Seen]:
    """As many as a browser has not connections for; each shows the page."""
    seen.page.goto(address)
    tabs = [seen, *(Seen(seen.page.context.new_page()) for _ in range(7))]
    for tab in tabs[1:]:
        tab.page.goto(f"http://127.0.0.1:{port}/")
    for tab in tabs:
        tab.ready()
    return tabs


def known(address: str, port: int) -> Client:
    """A client that opened the address."""
    status, headers, _ = Client(port).ask(f"/{address.rpartition('/')[2]}")
    assert (status, headers["location"]) == (303, "/")
    return Client(port, {"cookie": headers["set-cookie"].partition(";")[0]})
