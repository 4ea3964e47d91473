"""What was read from many small files, by stat key: .cosmosctl/index.json. It can always be deleted.

Two lines of JSON. The first says by what rules the rest was made and its checksum; the second maps a name to
`[key, link, payload]`, all text, so that ten thousand entries are read at once and only the payloads that somebody
asks for are decoded. Anything unexpected in the file and all of it is forgotten.
"""

import contextlib
import json
import os
import time
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io.atomic import write_text
from cosmosctl.io.stat_key import is_settled, stat_key

_FORMAT = 1


class Entry(NamedTuple):
    """`key`: of the file when it was read. `link`: a name that is looked at without decoding. `payload`: JSON."""

    key: str
    link: str
    payload: str


class Index:
    """Entries by name (the path of the file in the project, or that and a suffix)."""

    def __init__(self, path: Path, rules: str, entries: dict[str, list[str]], *, is_new: bool) -> None:
        self.is_new = is_new
        self._path = path
        self._rules = rules
        self._entries = entries
        self._changed = False
        self._owners: Collection[str] | None = None

    @classmethod
    def open(cls, root: Path) -> "Index":
        """The index of the project, empty when there is none or it was made by other rules."""
        path, rules = ProjectPaths(root).derived / "index.json", _rules()
        entries = _read(path, rules)
        return cls(path, rules, entries or {}, is_new=entries is None)

    def get(self, name: str) -> Entry | None:
        """What was remembered under `name`; compare its key before using it."""
        found = self._entries.get(name)
        return None if found is None else Entry(*found)

    def put(self, name: str, entry: Entry) -> None:
        self._entries[name] = list(entry)
        self._changed = True

    def forget(self, name: str) -> None:
        if self._entries.pop(name, None) is not None:
            self._changed = True

    def forget_others(self, owners: Collection[str]) -> None:
        """Drop, when it is next saved, what belongs to no owner: "runs/ID", "prompts/ID" or a file of the root."""
        self._owners = owners

    def facts(self, name: str, file: str, make: Callable[[], Any]) -> Any:
        """`make()`, a JSON value, remembered under `name` until `file` (an absolute path) changes; null without it."""
        return json.loads(self.text(name, file, make))

    def text(self, name: str, file: str, make: Callable[[], Any]) -> str:
        """The same as JSON text in one line without spaces.

        Names start with "runs/ID/" and go with that folder. Call `save` when all were asked for.
        """
        now_ns = time.time_ns()
        try:
            status = os.stat(file)  # noqa: PTH116  # asked for ten thousand files at a time
        except (FileNotFoundError, NotADirectoryError):
            self.forget(name)
            return "null"
        key, known = stat_key(status), self._entries.get(name)
        if known is not None and known[0] == key:
            return known[2]
        value = to_json(make())
        if is_settled(status, now_ns):
            self.put(name, Entry(key, "", value))
        else:
            self.forget(name)
        return value

    def save(self) -> None:
        """Write it down when anything changed; a project that cannot be written to is no reason to fail."""
        if not self._changed:
            return
        if self._owners is not None:
            self._entries = {name: found for name, found in self._entries.items() if _owner(name) in self._owners}
        body = json.dumps(self._entries, separators=(",", ":"), sort_keys=True)
        header = to_json({"format": _FORMAT, "rules": self._rules, "checksum": zlib.crc32(body.encode())})
        with contextlib.suppress(FileError):
            write_text(self._path, f"{header}\n{body}\n", durable=False)
        self._changed = False


def to_json(value: Any) -> str:
    """JSON in one line of ASCII, without spaces: no tab or line break can be in it."""
    return json.dumps(value, separators=(",", ":"))


def _owner(name: str) -> str:
    return "/".join(name.split("/", 2)[:2]).removesuffix(".yaml")


def _read(path: Path, rules: str) -> dict[str, list[str]] | None:
    try:
        header, _, body = path.read_text(encoding="ascii").partition("\n")
        body = body.rstrip("\n")
        facts = json.loads(header)
        if facts != {"format": _FORMAT, "rules": rules, "checksum": zlib.crc32(body.encode())}:
            return None
        entries: dict[str, list[str]] = json.loads(body)
    except (OSError, ValueError):
        return None
    return entries


def _rules() -> str:
    """Changes whenever the code that reads the files changes: installed anew, or edited."""
    package = Path(__file__).parent.parent
    found = []
    for folder in ("io", "schema", "store", "domain"):
        for source in os.scandir(package / folder):
            if source.name.endswith(".py"):
                status = source.stat()
                found.append(f"{folder}/{source.name} {status.st_size} {status.st_mtime_ns}")
    return f"{zlib.crc32('|'.join(sorted(found)).encode()):08x}"
