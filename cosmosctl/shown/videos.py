"""The videos that are to be shown: each once, by its sha256, however many runs name it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.given_path import is_file
from cosmosctl.store import hash_files
from cosmosctl.store.videos import path_words

KEY_DIGITS = 16


@dataclass(frozen=True)
class Video:
    """`path` is the project's; `may_go`: the file lies in the project, no link leads out of it. `name`: for people."""

    sha256: str
    file: Path
    path: str
    name: str
    may_go: bool

    @property
    def key(self) -> str:
        return self.sha256[:KEY_DIGITS]


@dataclass
class Wanted:
    """Videos by project path, asked for while facts are gathered and hashed at once after that."""

    root: Path
    names: dict[str, str] = field(default_factory=dict)

    def result(self, path: str, name: str) -> str:
        """`path` itself, asked for, where the tool's own video lies there; else ""."""
        return self._asked(path, name) if path in self.names or own.is_file(self.root / path) else ""

    def input(self, path: str, name: str) -> str:
        """The same of a video of the user's, which a link may lead to."""
        return self._asked(path, name) if path in self.names or is_file(self.root / path) else ""

    def _asked(self, path: str, name: str) -> str:
        self.names.setdefault(path, name)
        return path

    def found(self) -> Mapping[str, Video]:
        """Project path -> video, of all that were asked for and can be read."""
        found: dict[str, Video] = {}
        for path, digest in _hashed(self.root, self.names).items():
            may_go = path_words(self.root, path, allow_outside=False) == ""
            found[path] = Video(digest, self.root / path, path, self.names[path], may_go)
        return found


def _hashed(root: Path, paths: Iterable[str]) -> dict[str, str]:
    wanted = {path: root / path for path in paths}
    try:
        digests = hash_files(root, wanted.values())
    except FileError:  # one of them cannot be read: the others are shown
        return {path: digest for path, file in wanted.items() for digest in _one(root, file)}
    return {path: digests[file] for path, file in wanted.items()}


def _one(root: Path, file: Path) -> list[str]:
    try:
        return [hash_files(root, [file])[file]]
    except FileError:
        return []
