"""Look copies: what pages show of each video, made once, kept by its sha256 in the derived folder. All disposable.

What is kept is signed, as are all caches: a project that comes with look copies shows none of them.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.signed import read_cache, write_cache
from cosmosctl.media.versions import LOOK_VERSION

if TYPE_CHECKING:
    from cosmosctl.media.look import Facts

COPY, STILL, SHEET = ".mp4", ".jpg", "-sheet.jpg"
KINDS = (COPY, STILL, SHEET)
DIGITS = 32
"""Of a video's sha256, before the ending of each of its files."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Look:
    """A video's facts, and its files by kind; none where it cannot be decoded, which `problem` tells."""

    frames: int = 0
    fps: str = ""
    width: int = 0
    height: int = 0
    plays: bool = False
    problem: str = ""


class Looks:
    """The look copies of a project. `keep` remembers what was made."""

    def __init__(self, project: ProjectPaths) -> None:
        self._project, self._folder = project, project.looks
        known = read_cache(project.looks_index)
        self._known: dict[str, dict[str, Any]] = known if isinstance(known, dict) else {}
        self._is_new = False

    def file(self, sha256: str, kind: str) -> Path:
        """Where that file of a video lies."""
        return self._folder / f"{sha256[:DIGITS]}{kind}"

    def known(self, sha256: str) -> Look | None:
        """What is kept of the video with that sha256; None when it has to be made."""
        entry = self._known.get(sha256)
        if entry is None or entry.get("version") != LOOK_VERSION or not self._is_whole(sha256, entry):
            return None
        return Look(**entry["look"])

    def made(self, sha256: str, video: Path, progress: Progress) -> Look:
        """The same, made now from the video itself. Raises: FileError when the files cannot be written."""
        from cosmosctl.media.probe import VideoError

        own.make_folders(self._project.looks)
        try:
            look = _look(self._write(sha256, video, progress))
        except VideoError:
            look = Look(problem="it cannot be decoded")
        files = {} if look.problem else {kind: self._marks(self.file(sha256, kind)) for kind in KINDS}
        self._known[sha256] = {"version": LOOK_VERSION, "look": vars(look), "files": files}
        self._is_new = True
        return look

    def keep(self) -> None:
        """Remember what was made, as far as that can be done."""
        if self._is_new:
            with contextlib.suppress(FileError):  # a read-only project, a full disk: made again next time
                write_cache(self._project.looks_index, self._known)
            self._is_new = False

    @contextlib.contextmanager
    def keeping(self) -> Iterator["Looks"]:
        """What is made in the block is remembered, however it ends."""
        try:
            yield self
        finally:
            self.keep()

    def _write(self, sha256: str, video: Path, progress: Progress) -> "Facts":
        from cosmosctl.media.look import Targets, write_look

        targets = [self.file(sha256, kind) for kind in KINDS]
        with contextlib.ExitStack() as stack:
            temps = [stack.enter_context(own.replace_with(target, durable=False)) for target in targets]
            return write_look(video, Targets(*temps), progress)

    def _is_whole(self, sha256: str, entry: dict[str, Any]) -> bool:
        """Whether all its files are those that were made; after a copy of the project their bytes tell."""
        for kind, (key, digest) in entry["files"].items():
            file = self.file(sha256, kind)
            now = _key(file)
            if now != key:
                if not now or _digest(file) != digest:
                    return False
                entry["files"][kind] = [now, digest]
                self._is_new = True
        return True

    def _marks(self, file: Path) -> list[str]:
        return [_key(file), _digest(file)]


def _look(facts: "Facts") -> Look:
    return Look(facts.frames, facts.fps, facts.width, facts.height, facts.plays)


def _key(file: Path) -> str:
    """Without the change time: a second name in a gallery changes that."""
    try:
        status = file.lstat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _digest(file: Path) -> str:
    try:
        with own.opened(file, os.O_RDONLY) as descriptor, open(descriptor, "rb", closefd=False) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, FileError):
        return ""
