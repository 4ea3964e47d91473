"""What was read from many small files, by stat key: .cosmosctl/index.jsonl. It can always be deleted.

JSON Lines. The first line says by what rules the rest was made and its checksum; each other line is
`["name",<tab>"key",<tab>"link",<tab>PAYLOAD]`, so that ten thousand lines are split in a few milliseconds and only the
payloads that somebody asks for are decoded. Anything unexpected in the file and all of it is forgotten.
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

    def __init__(self, path: Path, rules: str, entries: dict[str, Entry], *, is_new: bool) -> None:
        self.is_new = is_new
        self._path = path
        self._rules = rules
        self._entries = entries
        self._changed = False

    @classmethod
    def open(cls, root: Path) -> "Index":
        """The index of the project, empty when there is none or it was made by other rules."""
        path, rules = ProjectPaths(root).derived / "index.jsonl", _rules()
        entries = _read(path, rules)
        return cls(path, rules, entries or {}, is_new=entries is None)

    def get(self, name: str) -> Entry | None:
        """What was remembered under `name`; compare its key before using it."""
        return self._entries.get(name)

    def put(self, name: str, entry: Entry) -> None:
        self._entries[name] = entry
        self._changed = True

    def forget(self, name: str) -> None:
        if self._entries.pop(name, None) is not None:
            self._changed = True

    def forget_others(self, owners: Collection[str]) -> None:
        """Drop what belongs to no owner: "runs/ID", "prompts/ID" or the name of a file in the project's root."""
        gone = [name for name in self._entries if _owner(name) not in owners]
        for name in gone:
            self.forget(name)

    def facts(self, name: str, file: str, make: Callable[[], Any]) -> Any:
        """`make()`, a JSON value, remembered under `name` until `file` (an absolute path) changes; null without it.

        Names start with "runs/ID/" and go with that folder. Call `save` when all were asked for.
        """
        now_ns = time.time_ns()
        try:
            status = os.stat(file)  # noqa: PTH116  # asked for ten thousand files at a time
        except (FileNotFoundError, NotADirectoryError):
            self.forget(name)
            return None
        key, entry = stat_key(status), self._entries.get(name)
        if entry is not None and entry.key == key:
            return json.loads(entry.payload)
        value = make()
        if is_settled(status, now_ns):
            self.put(name, Entry(key, "", to_json(value)))
        else:
            self.forget(name)
        return value

    def save(self) -> None:
        """Write it down when anything changed; a project that cannot be written to is no reason to fail."""
        if not self._changed:
            return
        body = "".join(_line(name, entry) for name, entry in sorted(self._entries.items()))
        header = to_json({"format": _FORMAT, "rules": self._rules, "checksum": zlib.crc32(body.encode())})
        with contextlib.suppress(FileError):
            write_text(self._path, f"{header}\n{body}", durable=False)
        self._changed = False


def to_json(value: Any) -> str:
    """JSON in one line of ASCII, without spaces: no tab or line break can be in it."""
    return json.dumps(value, separators=(",", ":"))


def _owner(name: str) -> str:
    return "/".join(name.split("/", 2)[:2]).removesuffix(".yaml")


def _line(name: str, entry: Entry) -> str:
    return f"[{json.dumps(name)},\t{json.dumps(entry.key)},\t{json.dumps(entry.link)},\t{entry.payload}]\n"


def _read(path: Path, rules: str) -> dict[str, Entry] | None:
    try:
        header, _, body = path.read_text(encoding="ascii").partition("\n")
        facts = json.loads(header)
        if facts != {"format": _FORMAT, "rules": rules, "checksum": zlib.crc32(body.encode())}:
            return None
        return dict(_entry(line) for line in body.split("\n") if line)
    except (OSError, ValueError):
        return None


def _entry(line: str) -> tuple[str, Entry]:
    name, key, link, payload = line.split(",\t", 3)
    if "\\" in name or "\\" in link:
        return json.loads(name[1:]), Entry(json.loads(key), json.loads(link), payload[:-1])
    return name[2:-1], Entry(key[1:-1], link[1:-1], payload[:-1])


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
