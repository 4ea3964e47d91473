"""The videos that are to be shown: each once, by its sha256, however many runs name it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.given_path import is_file
from cosmosctl.plan.inputs import kept_control
from cosmosctl.store import hash_file, hash_files
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


Asked = Sequence[Any]
"""How a video was asked for, by what name, with what, and the path that came of it."""


@dataclass
class Wanted:
    """Videos by project path, asked for while facts are gathered and hashed at once after that."""

    root: Path
    names: dict[str, str] = field(default_factory=dict)
    _answers: dict[tuple[str, ...], str] = field(default_factory=dict)
    _noted: list[Asked] = field(default_factory=list)

    def result(self, path: str, name: str) -> str:
        """`path` itself, asked for, where the tool's own video lies there; else ""."""
        return self._ask("result", name, path)

    def input(self, path: str, name: str) -> str:
        """The same of a video of the user's, which a link may lead to."""
        return self._ask("input", name, path)

    def computed(self, video: str, control: str, preset: str, name: str) -> str:
        """The same of a control that was computed here at a preset, where it is kept."""
        return self._ask("computed", name, video, control, preset)

    @contextmanager
    def noting(self) -> Iterator[list[Asked]]:
        """What is asked for in the block."""
        noted: list[Asked] = []
        self._noted = noted
        yield noted

    def is_as_asked(self, noted: Iterable[Asked]) -> bool:
        """Whether all that is answered as it was; then all is asked for again."""
        known = list(noted)
        if any(self._answer(kind, *words) != found for kind, _, found, *words in known):
            return False
        for kind, name, _, *words in known:
            self._ask(kind, name, *words)
        return True

    def _ask(self, kind: str, name: str, *words: str) -> str:
        path = self._answer(kind, *words)
        self._noted.append([kind, name, path, *words])
        if path:
            self.names.setdefault(path, name)
        return path

    def _answer(self, *asked: str) -> str:
        if asked not in self._answers:
            self._answers[asked] = self._found(*asked)
        return self._answers[asked]

    def _found(self, kind: str, path: str, *recipe: str) -> str:
        file = self.root / path
        if kind == "result":
            return path if own.is_file(file) else ""
        if not is_file(file):
            return ""
        return path if kind == "input" else self._kept(file, *recipe)

    def _kept(self, color: Path, control: str, preset: str) -> str:
        kept = kept_control(ProjectPaths(self.root), hash_file(self.root, color), control, preset)
        path = kept.relative_to(self.root).as_posix()
        return path if own.is_file(kept) else ""

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
