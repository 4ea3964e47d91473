"""Whether what a host sent is a run's result: names and sizes, the video's header against the row, then decoded.

Nothing is changed here, and nobody holds a lock meanwhile: hashing and decoding take their time.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl import models
from cosmosctl.domain.batch import Batch, BatchRow, stamp_of
from cosmosctl.domain.ids import is_plain_name
from cosmosctl.domain.layout import PRIMARY
from cosmosctl.domain.project import UPSCALE
from cosmosctl.errors import CosmosctlError
from cosmosctl.events.lines import Event
from cosmosctl.io import own
from cosmosctl.results import history

PROMPT_FILE = "prompt.txt"
MOST_OUTPUTS = 64
"""Most files that a host may name for a run: many times what the models write."""
LEAST_RUN_BYTES = 64 << 20
UNPLANNED_BYTES = 4 << 30
"""Most of a file of a run whose plan is not here, as in a clone."""
MOST_PIXELS, MOST_UPSCALED_PIXELS = 1920 * 1088, 4096 * 2304
"""Of one picture: the largest resolution of any family, and what the 4K upscaler makes."""
BYTES_PER_PIXEL = 0.5
"""Of all of a run's videos together: ten times what the programs' encoders take (8 Mbit/s at 1280x704 is 0.05)."""

Stamp = tuple[int, int, int, int]


class DamagedCopy(CosmosctlError):
    """A file here is not what the host has: it was torn on the way, or is gone there."""


@dataclass(frozen=True)
class Judgement:
    """What was found of the outputs of a run: `refusal` is why they are no result, "" when they are.

    `outputs`: name -> bytes, sha256 and time; `stamps`: the very files that were looked at.
    """

    refusal: str
    frames: int
    outputs: Mapping[str, Mapping[str, Any]]
    stamps: Mapping[str, Stamp]

    def is_of(self, folder: Path) -> bool:
        """Whether the files in `folder` are still those."""
        return self.stamps == _stamps(folder, self.outputs)


def judge(folder: Path, batch: Batch, run: str, event: Event) -> Judgement:
    """What the outputs in `folder` are, each read whole. Raises: DamagedCopy when they are not what the host has."""
    named = outputs_of(batch, event)
    stamps = _stamps(folder, dict(named))
    trouble = damage(folder, batch, event)
    if trouble:
        raise DamagedCopy(trouble)
    ended = stamp_of(event["t"])
    outputs = {name: {"bytes": stamps[name][2], "sha256": digest, "time": ended} for name, digest in named}
    return Judgement(*_judged(folder, batch, batch.row(run)), outputs, stamps)


def run_bytes(batch: Batch, row: BatchRow) -> int:
    """Most bytes that all outputs of a run may have together, by what was planned."""
    return max(LEAST_RUN_BYTES, int(row.frames * _most_pixels(row) * BYTES_PER_PIXEL))


def outputs_of(batch: Batch, event: Event) -> list[tuple[str, str]]:
    """(name, sha256) of each output that a run_done event names; what the model does not write is left out."""
    named = [(str(entry.get("path")), str(entry.get("sha256"))) for entry in entries(event)]
    wanted = models.output_names(batch.model)
    return [(name, digest) for name, digest in named if is_plain_name(name) and wanted.fullmatch(name)]


def entries(event: Event) -> list[dict[str, Any]]:
    return [entry for entry in event.get("outputs", ()) if isinstance(entry, dict)]


def sizes(event: Event) -> list[int]:
    """The bytes of the outputs that a run_done event names."""
    return [entry["bytes"] for entry in entries(event) if isinstance(entry.get("bytes"), int)]


def excess(batch: Batch, run: str, event: Event) -> str:
    """Why what a run_done event names is more than a result can be; "" when it is not."""
    count, told, most = len(entries(event)), sum(sizes(event)), run_bytes(batch, batch.row(run))
    if count > MOST_OUTPUTS:
        return f"the host names {count} files, a result has at most {MOST_OUTPUTS}"
    if told > most:
        return f"the host names files of {told} bytes, a result of {batch.row(run).frames} frames has at most {most}"
    return ""


def damage(folder: Path, batch: Batch, event: Event) -> str:
    """What is wrong with the copy of the outputs in `folder`; empty when all are there, to the byte."""
    told = {entry.get("path"): entry.get("bytes") for entry in entries(event)}
    for name, digest in outputs_of(batch, event):
        if (folder / name).is_symlink() or not (folder / name).is_file():
            return f"{name} is missing, or is a link or larger than its event tells"
        has_size = not isinstance(told[name], int) or (folder / name).stat().st_size == told[name]
        if not has_size or not history.is_file_with(folder / name, digest):
            return f"{name} differs from what the host has"
    return ""


def frame_warning(row: BatchRow, frames: int) -> tuple[str, ...]:
    return () if frames == row.frames else (f"the video has {frames} frames, {row.frames} were expected",)


def trimmed(folder: Path, most_bytes: int) -> int:
    """Remove from a folder of files that are no result what is beyond `most_bytes`, the largest first; how many."""
    files = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    left, removed = most_bytes, 0
    for file in sorted(files, key=lambda file: file.lstat().st_size):
        left -= file.lstat().st_size
        if left < 0:
            own.remove(file)
            removed += 1
    return removed


def _stamps(folder: Path, names: Mapping[str, object]) -> dict[str, Stamp]:
    return dict(_stamped(folder, names))


def _stamped(folder: Path, names: Mapping[str, object]) -> Iterator[tuple[str, Stamp]]:
    for name in names:
        try:
            found = (folder / name).lstat()
        except OSError:
            continue
        yield name, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _judged(outputs: Path, batch: Batch, row: BatchRow) -> tuple[str, int]:
    """Why these outputs are not this run's result (empty: they are), and the frames of the video."""
    from cosmosctl.media.probe import Bounds, TooMuch, VideoError, probe

    video, prompt = outputs / PRIMARY, outputs / PROMPT_FILE
    if not video.is_file():
        return f"there is no {PRIMARY}", 0
    if prompt.is_file() and prompt.read_bytes() != row.text.encode():
        return f"{PROMPT_FILE} holds another prompt than the run's", 0
    rounding = models.get(batch.model).FRAMES_AT_ONCE - 1
    least, most = max(1, row.frames - rounding), row.frames + rounding
    try:
        frames = probe(video, Bounds(_most_pixels(row), (least, most))).frames
    except VideoError as e:
        words = e.message.removeprefix(str(video)).lstrip(": ")
        expected = f"; {row.frames} frames were expected"
        return f"{PRIMARY} {words}{expected}" if isinstance(e, TooMuch) else f"{PRIMARY} does not decode: {words}", 0
    if frames < least:
        return f"{PRIMARY} has {frames} frames that decode; {row.frames} frames were expected", 0
    return "", frames


def _most_pixels(row: BatchRow) -> int:
    return MOST_UPSCALED_PIXELS if f"controls.{UPSCALE}.weight" in row.facts else MOST_PIXELS
