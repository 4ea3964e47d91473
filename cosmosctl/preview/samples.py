"""What the programs that take samples by name have in common: the fields of a sample, chunks, the bar of steps."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.preview.drawing.row_picture import Studio, Video
from cosmosctl.preview.stage import Stage

CHUNK_FRAMES = 93
"""Frames generated at once, by both; chunks overlap by one."""

MAX_FRAMES = 5000
"""Frames read of any video, by both."""

Sample = dict[str, Any]
Check = Callable[[Any], bool]

LINES_OF_BAR = 5
"""How often the bar of steps moves within a chunk: the program's moves at every step."""


@dataclass(frozen=True)
class Session:
    """What holds for all samples of a start."""

    out: Path
    stage: Stage
    studio: Studio
    count: int


def text(value: Any) -> bool:
    """Any string."""
    return isinstance(value, str)


def flag(value: Any) -> bool:
    """true or false."""
    return isinstance(value, bool)


def video_file(value: Any) -> bool:
    """The absolute path of a file that is there."""
    return isinstance(value, str) and Path(value).is_file()


def one_of(*choices: str) -> Check:
    """One of these texts."""
    return lambda value: isinstance(value, str) and value in choices


def whole(low: int, high: int) -> Check:
    """A whole number in that range."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def number(low: float, high: float) -> Check:
    """A number in that range."""
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def mistakes(fields: Mapping[str, Check], given: Mapping[str, Any], *, where: str) -> list[str]:
    """Unknown fields and values that a parser refuses."""
    unknown = [f"{where}{name}: Extra inputs are not permitted" for name in given if name not in fields]
    known = {name: value for name, value in given.items() if name in fields}
    return unknown + [
        f"{where}{name}: invalid value {value!r}" for name, value in known.items() if not fields[name](value)
    ]


def read_lines(path: Path) -> list[Sample]:
    """The samples of a JSONL file. Raises: json.JSONDecodeError, for a blank line too."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def studio(out: Path, stack: ExitStack, put_on: Stage) -> Studio:
    """What does the work on rows: pictures, unless tests put something else in their place."""
    other = put_on.studio()
    if other is not None:
        return other
    from cosmosctl.preview.drawing.studio import open_studio  # the heavy libraries: a third of a second

    return stack.enter_context(open_studio(out, blur_strength="medium"))


def chunk_lengths(frames: int) -> list[int]:
    """New frames of each chunk that a video of `frames` is made of."""
    new = CHUNK_FRAMES - 1
    return [min(CHUNK_FRAMES, frames), *(min(new, frames - done) for done in range(CHUNK_FRAMES, frames, new))]


def draw_chunk(video: Video, frames: int, *, title: str, steps: int) -> None:
    """Draw a chunk while a bar of `steps` moves on stderr, as tqdm's does."""
    parts = _parts(frames, min(LINES_OF_BAR, steps))
    _bar(title, 0, steps)
    for done, part in enumerate(parts, start=1):
        video.sample(part)
        _bar(title, steps * done // len(parts), steps)
    print(file=sys.stderr, flush=True)


def normalised(weights: Sequence[float]) -> list[float]:
    """Weights divided by their sum."""
    total = sum(weights)
    return [weight / total for weight in weights]


def _parts(count: int, parts: int) -> list[int]:
    return [count * (part + 1) // parts - count * part // parts for part in range(parts)]


def _bar(title: str, done: int, steps: int) -> None:
    share = done * 10 // steps
    bar = f"{title}: {100 * done // steps:3d}%|{'#' * share:<10}| {done}/{steps} [00:00<00:00]"
    print(f"\r{bar}", end="", file=sys.stderr, flush=True)
