"""What was read from many small files, by stat key: .cosmosctl/index. It can always be deleted.

Lines of text. The first, JSON, says by what rules the rest was made and has this user's signature of it; each other
line is an entry: its name and, between tabs, its key, link and payload, and for a run all else that is remembered about
it (`run_line`). So ten thousand are read at once and only what somebody asks for is decoded. Anything unexpected in the
file, or a signature of somebody else, and all of it is forgotten.
"""

import contextlib
import json
import os
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.checked import parse_json
from cosmosctl.io.signed import is_signed, signature
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.store.run_line import Notes, RunLine
from cosmosctl.store.user_config import config_file

_FORMAT = 6
MOST_BYTES = 256 << 20
"""Twice the index of a hundred thousand runs."""
_HEADER_BYTES = 1024

BATCHES = "batches/"
"""No run's id: under it stands what is remembered of the files of batches."""


class Entry(NamedTuple):
    """`key`: of the file when it was read. `link`: a name that is looked at without decoding. `payload`: JSON."""

    key: str
    link: str
    payload: str


class Index:
    """Entries by the path of a file in the project, notes by the id of a run."""

    def __init__(self, path: Path, rules: str, entries: dict[str, str]) -> None:
        self._path = path
        self._rules = rules
        self._entries = entries
        self._runs: dict[str, RunLine] = {}
        self._changed = False
        self._is_held = False
        self._owners: Mapping[str, Collection[str]] | None = None

    @property
    def rules(self) -> str:
        """Changes whenever what reads the files does."""
        return self._rules

    @classmethod
    def open(cls, root: Path) -> "Index":
        """The index of the project, empty when there is none or it was made by other rules."""
        path, rules = ProjectPaths(root).derived / "index", _rules()
        return cls(path, rules, _read(path, rules) or {})

    def get(self, name: str) -> Entry | None:
        """What was remembered under `name`; compare its key before using it."""
        found = self._entries.get(name)
        return None if found is None else Entry._make(found.split("\t"))

    def known(self, name: str, key: str) -> Entry | None:
        """What was remembered under `name` while its key is still this one."""
        found = self._entries.get(name)
        if found is None or not found.startswith(f"{key}\t"):
            return None
        return Entry._make(found.split("\t"))

    def key(self, name: str) -> str:
        """The key of what was remembered under `name`; "" when nothing is."""
        return self._entries.get(name, "").partition("\t")[0]

    def put(self, name: str, entry: Entry) -> None:
        """Remember it; one whose words hold a tab or a line break is not remembered."""
        if _fits(name, *entry):
            self._entries[name] = "\t".join(entry)
            self._changed = True
        else:
            self.forget(name)

    def forget(self, name: str) -> None:
        if self._entries.pop(name, None) is not None:
            self._changed = True

    def run(self, run: str) -> RunLine:
        """All that is remembered about a run. After a change of it call `changed`, then `save`."""
        found = self._runs.get(run)
        if found is None:
            found = self._runs[run] = RunLine(self._entries.get(_run_name(run)))
        return found

    def put_run(self, run: str, entry: Entry, *, keep: bool) -> None:
        """What run.yaml says, remembered when `keep` and it fits in a line."""
        line = self.run(run)
        line.key, line.link, line.payload = entry if keep and _fits(*entry) else ("", "", "")
        line.forget_spec()
        self.changed()

    def changed(self) -> None:
        self._changed = True

    def forget_others(self, *, prompts: Collection[str], runs: Collection[str], sweeps: Collection[str] = ()) -> None:
        """Drop, when it is next saved, what belongs to other prompts, runs and sweeps than these ids."""
        self._owners = {"prompts": prompts, "runs": runs, "sweeps": sweeps, "looks": prompts}

    def _set(self, name: str, words: str) -> None:
        if words.strip("\t"):
            self._entries[name] = words
        else:
            self._entries.pop(name, None)

    def notes(self, run: str) -> Notes:
        """What is remembered about a run. Change it by `fact` and `note`, then call `save`."""
        return self.run(run).notes

    def note(self, notes: Notes, name: str, value: list[Any] | None) -> None:
        """Remember `value` (what JSON can hold), or nothing, under `name` of a run's notes."""
        if value is not None:
            notes[name] = value
            self._changed = True
        elif notes.pop(name, None) is not None:
            self._changed = True

    def fact(self, notes: Notes, name: str, file: str, make: Callable[[str], Any]) -> Any:
        """`make(file)`, a value of JSON, remembered among `notes` until `file` (absolute) changes; None without it.

        What `make` raises is not remembered.
        """
        try:
            status = os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):
            self.note(notes, name, None)
            return None
        except PermissionError:
            self.note(notes, name, None)
            return make(file)  # which says that it cannot be read
        key, known = stat_key(status), notes.get(name)
        if known is not None and known[0] == key:
            return known[1]
        now_ns = time.time_ns()
        value = make(file)
        self.note(notes, name, [key, value] if is_settled(status, now_ns) else None)
        return value

    @contextlib.contextmanager
    def saved_once(self) -> Iterator[None]:
        """What is asked to be saved within is written at the end: of ten thousand runs each time costs a third of
        a second.
        """
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.save()

    def save(self) -> None:
        """Write it down when anything changed; a project that cannot be written to is no reason to fail."""
        if self._is_held or not self._changed:
            return
        for run, line in self._runs.items():
            self._set(_run_name(run), line.text())
        for name in self._others():
            del self._entries[name]
        data = "\n".join(f"{name}\t{words}" for name, words in sorted(self._entries.items())).encode()
        self._changed = False
        signed = signature(f"index {self._rules}", data)
        if not signed:  # nobody could tell that it was made here
            return
        header = {"format": _FORMAT, "rules": self._rules, "signature": signed}
        with contextlib.suppress(FileError):
            own.write_bytes(self._path, to_json(header).encode() + b"\n" + data, durable=False)

    def _others(self) -> list[str]:
        """The names of what belongs to nobody any more."""
        if self._owners is None:
            return []
        plain = {f"prompts/{prompt}.yaml" for prompt in self._owners["prompts"]}
        plain |= {_run_name(run) for run in self._owners["runs"]}
        return [name for name in self._entries.keys() - plain if not _is_owned(name, self._owners)]


def to_json(value: Any) -> str:
    """JSON in one line of ASCII, without spaces: no tab or line break can be in it."""
    return json.dumps(value, separators=(",", ":"))


def _run_name(run: str) -> str:
    return run if run == BATCHES else f"runs/{run}/run.yaml"


def _fits(*words: str) -> bool:
    """Whether they can stand in a line."""
    return not any("\t" in word or "\n" in word for word in words)


def _is_owned(name: str, owners: Mapping[str, Collection[str]]) -> bool:
    """Whether an entry is of a file of the root, or of one of these; looks/ belongs to prompts."""
    folder, _, rest = name.partition("/")
    return not rest or rest.split("/", 1)[0].removesuffix(".yaml") in owners[folder]


def _read(path: Path, rules: str) -> dict[str, str] | None:
    try:
        given = _signature_in(own.read_start(path, _HEADER_BYTES), rules)
        data = own.read_bytes(path, most=MOST_BYTES) if given else b""
        body = memoryview(data)[data.find(b"\n") + 1 :]  # of megabytes no copy is made
        if not is_signed(f"index {rules}", body, given):
            return None
        return dict([line.split("\t", 1) for line in str(body, "utf-8").split("\n")])
    except (OSError, ValueError, FileError):
        return None


def _signature_in(start: bytes, rules: str) -> str:
    """The signature that the header names, "" where the rest was not made by these rules."""
    header = parse_json(start.partition(b"\n")[0])
    given = header.pop("signature", "") if isinstance(header, dict) else ""
    return given if header == {"format": _FORMAT, "rules": rules} and isinstance(given, str) else ""


def _rules() -> str:
    """Changes whenever what reads the files changes: the code, installed anew or edited, or the user's config.yaml,
    which says what links may lead to.
    """
    package, own_config = Path(__file__).parent.parent, config_file()
    found = []
    with contextlib.suppress(OSError):
        found += [] if own_config is None else [f"{own_config} {stat_key(own_config.stat())}"]
    for folder in ("io", "yaml", "models", "schema", "store", "domain", "plan", "results", "state", "shown"):
        for source in os.scandir(package / folder):
            if source.name.endswith(".py"):
                status = source.stat()
                found.append(f"{folder}/{source.name} {status.st_size} {status.st_mtime_ns}")
    return f"{zlib.crc32('|'.join(sorted(found)).encode()):08x}"
