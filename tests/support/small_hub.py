"""The Hub in small, on loopback: what its own client asks of it to fetch a repository, answered from folders.

Answers, headers and codes are those that huggingface.co gives (huggingface_hub, utils/_http.py: hf_raise_for_status).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

GATED, NOT_FOUND, NO_REVISION = "GatedRepo", "RepoNotFound", "RevisionNotFound"


@dataclass
class SmallHub:
    """`revisions`: (repository, revision) -> its folder. Of those `gated`, one of `members` may read.

    `tokens`: who is known at all. `cut`: the name of a file -> after how many bytes its connection breaks, once.
    `understated`: files that are said to be small. `sent`: the bytes that went out, by the name of the file.
    `refused`: it answers nobody any more.
    """

    revisions: Mapping[tuple[str, str], Path]
    gated: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    understated: set[str] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    address: str = ""
    refused: bool = False

    def commit(self, repository: str, revision: str) -> str:
        """Forty hexadecimal digits, as a commit of git's."""
        return hashlib.sha1(f"{repository}@{revision}".encode()).hexdigest()

    def refusal(self, repository: str, token: str | None) -> tuple[int, str, str] | None:
        """(code, the Hub's word, its sentence) where that one may not read it."""
        if token is not None and token not in self.tokens:
            return 401, "", "Invalid credentials in Authorization header"
        if repository not in {name for name, _ in self.revisions}:
            return (404 if token else 401), NOT_FOUND, "Repository not found"
        if repository in self.gated and token is None:
            return 401, GATED, f"Access to model {repository} is restricted. You must be authenticated to access it."
        if repository in self.gated and token not in self.members:
            return 403, GATED, f"Access to model {repository} is restricted and you are not in the authorized list."
        return None


@contextmanager
def running_hub(hub: SmallHub) -> Iterator[SmallHub]:
    """The same, answering at `address`."""

    class Answers(_Answers):
        pass

    Answers.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    hub: SmallHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        info = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([0-9a-f]{40})", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = tree or info or file
        if found is None or self.hub.refused:
            self._send(404, {}, b"{}")
            return
        given = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        refusal = self.hub.refusal(found[1], given)
        if refusal is not None:
            code, word, sentence = refusal
            self._send(code, {"X-Error-Message": sentence, **({"X-Error-Code": word} if word else {})}, b"{}")
        elif tree is not None:
            self._list(tree[2])
        elif info is not None:
            self._tell(info[1], unquote(info[2] or "main"))
        elif file is not None:
            self._give(file[1], unquote(file[2]), unquote(file[3]))

    def _tell(self, repository: str, revision: str) -> None:
        folder = self.hub.revisions.get((repository, revision))
        if folder is None:
            self._send(404, {"X-Error-Code": NO_REVISION, "X-Error-Message": "Invalid rev id"}, b"{}")
            return
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        facts = {"id": repository, "sha": self.hub.commit(repository, revision), "private": False, "tags": []}
        facts |= {"downloads": 0, "likes": 0, "siblings": [{"rfilename": name} for name in names]}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(facts).encode())

    def _list(self, commit: str) -> None:
        folder, files = self._folder(commit), []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            facts = {"type": "file", "path": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
            files.append({**facts, "oid": hashlib.sha1(path.read_bytes()).hexdigest()})
        self._send(200, {"Content-Type": "application/json"}, json.dumps(files).encode())

    def _folder(self, commit: str) -> Path:
        known = {self.hub.commit(*revision): folder for revision, folder in self.hub.revisions.items()}
        return known[commit]

    def _give(self, repository: str, revision: str, name: str) -> None:
        is_named = (repository, revision) in self.hub.revisions
        commit = self.hub.commit(repository, revision) if is_named else revision
        file = self._folder(commit) / name
        if not file.is_file():
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b"")
            return
        data = file.read_bytes()
        begin = int((re.search(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["", "0"])[1])
        facts = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        size = 1000 if name in self.hub.understated else len(data)
        facts |= {"X-Linked-Size": str(size), "X-Linked-Etag": facts["ETag"]}
        if begin:
            facts["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self._send(206 if begin else 200, facts, data[begin:], name)

    def _send(self, code: int, headers: Mapping[str, str], body: bytes, name: str = "") -> None:
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if name in self.hub.cut:
            body, self.close_connection = body[: self.hub.cut.pop(name)], True
        self.hub.sent[name] = self.hub.sent.get(name, 0) + len(body)
        self.wfile.write(body)
