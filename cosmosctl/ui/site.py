"""What the page is told now, read anew when files of the project change; look copies are made beside it."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.shown.folder import look_facts
from cosmosctl.shown.memory import Memory
from cosmosctl.shown.project import Shown, shown
from cosmosctl.shown.videos import Video
from cosmosctl.store.looks import COPY, SHEET, STILL, Looks
from cosmosctl.yaml.reader import MAX_BYTES

WAITING: Mapping[str, Any] = {
    "problem": "its look copy is to be made",
    "width": 16,
    "height": 9,
    "frames": 1,
    "fps": [24, 1],
    "plays": False,
}
_PAUSE_S = 10.0
"""Before the next look copy after one that could not be written."""
_TOLD = ("run.yaml", "result.yaml", "result.local.yaml", "ratings.yaml", "logs/failure.yaml", "preview/result.yaml")
_OF_BATCHES = ("batch.yaml", "events.jsonl", "end.yaml", "launch.yaml")


class Site:
    """A project as a page sees it. Safe to be asked by several threads."""

    def __init__(self, project: ProjectPaths, *, read_only: bool) -> None:
        self.project, self.read_only = project, read_only
        self._looks, self._lock, self._wake = Looks(project), threading.Lock(), threading.Event()
        self._memory = Memory(project, with_logs=True)
        self._seen: tuple[str, Shown] | None = None
        self._made, self._making, self._closed = 0, "", False
        self._maker = threading.Thread(target=self._make, name="look copies", daemon=True)
        self._maker.start()

    def close(self) -> None:
        """No more look copies; what was made is remembered."""
        self._closed = True
        self._wake.set()
        self._looks.keep()

    def version(self) -> str:
        """A word that changes when anything that is shown may have changed."""
        digest = hashlib.sha256()
        for path in self._files():
            with suppress(OSError):
                status = os.stat(path)  # noqa: PTH116  # asked for ten thousand files at a time
                digest.update(f"{path} {status.st_mtime_ns} {status.st_size}\n".encode(errors="replace"))
        return f"{digest.hexdigest()[:16]}-{self._made}"

    def told(self) -> str:
        """The same; while a look copy is made also how many were made before it, of how many, its key and per cent."""
        return f"{self.version()} {self._making}".rstrip()

    def _files(self) -> Iterator[str]:
        paths = self.project
        yield str(paths.config)
        for folder, names in ((paths.runs, _TOLD), (paths.batches, _OF_BATCHES), (paths.prompts, ("",))):
            with suppress(OSError):
                for name in sorted(os.listdir(folder)):  # noqa: PTH208  # the same
                    yield from (f"{folder}/{name}/{one}".rstrip("/") for one in names)

    def facts(self) -> dict[str, Any]:
        """What data.js says. Raises: FileError."""
        version = self.version()
        found = self._shown(version)
        media = {key: self._media(key, video) for key, video in found.videos.items()}
        runs = [self._with_log(run, "log", found.run_logs) for run in found.facts["runs"]]
        batches = [self._with_log(batch, "batchlog", found.batch_logs) for batch in found.facts["batches"]]
        live = {"version": version, "readOnly": self.read_only, "folder": str(self.project.root)}
        return {**found.facts, "runs": runs, "batches": batches, "media": media, "live": live}

    def file(self, key: str, kind: str) -> Path | None:
        """A file of a look copy, or with kind "" the video itself; None when there is none."""
        video = self._video(key)
        if video is None:
            return None
        if not kind:
            return video.file
        return self._looks.file(video.sha256, kind) if kind in (COPY, STILL, SHEET) else None

    def yaml(self, kind: str, name: str) -> bytes | None:
        """The file of a prompt or run that is shown; None when it cannot be read."""
        kinds = {"prompt": ("prompts", self.project.prompt), "run": ("runs", lambda run: self.project.run(run).spec)}
        if kind not in kinds:
            return None
        shown_as, file = kinds[kind]
        if name not in {one["id"] for one in self._shown(self.version()).facts[shown_as]}:
            return None
        try:
            return read_bounded(file(name), MAX_BYTES)
        except (FileNotFoundError, Unreadable):
            return None

    def log(self, name: str, *, of_batch: bool) -> Path | None:
        """The log of a run or batch."""
        found = self._shown(self.version())
        return (found.batch_logs if of_batch else found.run_logs).get(name)

    def is_running(self) -> bool:
        """Whether a batch of this machine has not ended."""
        return any(batch["state"] == "unfinished" for batch in self._shown(self.version()).facts["batches"])

    def _video(self, key: str) -> Video | None:
        seen = self._seen[1].videos if self._seen else {}
        return seen.get(key) or self._shown(self.version()).videos.get(key)

    def _shown(self, version: str) -> Shown:
        tree = version.partition("-")[0]
        with self._lock:
            if self._seen is None or self._seen[0] != tree:
                self._seen = tree, shown(self.project, (), self._memory, with_logs=True)
                self._wake.set()
            return self._seen[1]

    def _media(self, key: str, video: Video) -> dict[str, Any]:
        look = self._looks.known(video.sha256)
        found = {**WAITING, "waits": key} if look is None else look_facts(key, look)
        return found | {"original": f"video/{key}"}

    def _with_log(self, one: Mapping[str, Any], kind: str, logs: Mapping[str, Path]) -> dict[str, Any]:
        return {**one, "logFile": f"{kind}/{one['id']}"} if one["id"] in logs else dict(one)

    def _make(self) -> None:
        """Make what is missing, one after the other, as long as the page is served."""
        done = 0
        while not self._closed:
            missing = self._missing()
            if not missing:
                done, self._making = 0, ""
                self._wake.wait()
                self._wake.clear()
                continue
            try:
                tell = partial(self._tell, missing[0].key, done, done + len(missing))
                self._looks.made(missing[0].sha256, missing[0].file, tell)
                self._looks.keep()
                self._made += 1
                done += 1
            except FileError:  # a full disk, a video that has just gone: what is there then tells
                self._making = ""
                self._wake.wait(_PAUSE_S)
                self._wake.clear()

    def _tell(self, key: str, done: int, total: int, frames: int, of: int) -> None:
        self._making = f"{done} {total} {key} {frames * 100 // of}"

    def _missing(self) -> list[Video]:
        videos = self._seen[1].videos.values() if self._seen else ()
        return [one for one in videos if self._looks.known(one.sha256) is None]
