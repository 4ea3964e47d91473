"""Several videos as one picture or video: side by side, wiped, in a grid, their difference, or stills of each in a row.

Videos are paired by time, never by number of frame: one of 24 and one of 30 frames a second show the same moment. One
that has ended holds its last frame, dimmed, and says so.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from cosmosctl.media import frames
from cosmosctl.media.encode import Quality, writing
from cosmosctl.media.frames import Pixels
from cosmosctl.media.lettering import Text, legible, strip, wrapped
from cosmosctl.media.probe import VideoError
from cosmosctl.media.still import png

SIDE, WIPE, GRID, DIFF, SHEET = "side", "wipe", "grid", "diff", "sheet"
LAYOUTS = (SIDE, WIPE, GRID, DIFF, SHEET)
MOST_SIDES = 9
MOST_WIDTH, LEAST_CELL = 1920, 320
AMPLIFIED = 8
"""A difference of one in eight bits is not seen; this often that is."""
STILLS = 5
"""Of each video in a sheet."""
_QUALITY = Quality(crf=18, preset="veryfast", threads=frames.THREADS)
_DARK, _WHITE = (18, 18, 18), (232, 232, 232)
_LETTERS, _LINE, _LINES = 16, 24, 2
_EPSILON = 1e-6
"""Of a frame: 24 frames a second at 1 s is frame 24, whatever floats make of it."""


@dataclass(frozen=True)
class Side:
    """A video and the words that stand below it: its name, then what tells it from the others."""

    path: Path
    name: str
    differs: str = ""


@dataclass(frozen=True)
class _Clip:
    side: Side
    width: int
    height: int
    fps: Fraction
    count: int

    @property
    def seconds(self) -> float:
        return float(self.count / self.fps)

    def index(self, moment: float) -> int:
        """The frame that is shown at a time; beyond the end the last one."""
        return min(self.count - 1, math.floor(moment * float(self.fps) + _EPSILON))

    def has_ended(self, moment: float) -> bool:
        return math.floor(moment * float(self.fps) + _EPSILON) >= self.count


@dataclass(frozen=True)
class _Shown:
    """What is shown of one video at a time."""

    picture: Pixels
    has_ended: bool


Compose = Callable[[Sequence[_Shown], float], Pixels]
"""The pictures of one moment and its share of the whole time, 0 to 1, as one picture."""


@contextmanager
def _decoding(target: Path) -> Iterator[None]:
    """Raises: VideoError for a video that does not decode."""
    try:
        yield
    except av.error.FFmpegError as e:
        raise VideoError(f"{target}: a video cannot be decoded: {e.strerror}") from e


def write_picture(target: Path, sides: Sequence[Side], layout: str, at_s: float | None) -> None:
    """`target` (.png) shows the videos at that time, by default in the middle; a sheet is several times of each."""
    with _decoding(target):
        picture = _picture(sides, layout, at_s)
    target.write_bytes(png(picture))


def _picture(sides: Sequence[Side], layout: str, at_s: float | None) -> Pixels:
    clips = [_looked(side) for side in sides]
    longest = max(clip.seconds for clip in clips)
    if layout == SHEET:
        return _sheet(clips)
    moment = longest / 2 if at_s is None else min(at_s, longest)
    return _composer(clips, layout)([_at(clip, moment) for clip in clips], 0.5)


def write_video(target: Path, sides: Sequence[Side], layout: str) -> None:
    """`target` (.mp4) shows the videos beside each other from their beginning to the end of the longest."""
    with _decoding(target):
        _write_video(target, sides, layout)


def _write_video(target: Path, sides: Sequence[Side], layout: str) -> None:
    clips = [_looked(side) for side in sides]
    fps = max(clip.fps for clip in clips)
    count = max(1, math.ceil(max(clip.seconds for clip in clips) * float(fps) - _EPSILON))
    compose = _composer(clips, layout)
    readers = [_moments(clip, fps, count) for clip in clips]
    pictures = (compose(shown, number / count) for number, shown in enumerate(zip(*readers, strict=True)))
    first = next(pictures)
    height, width = (length // 2 * 2 for length in first.shape[:2])
    with writing(target, width=width, height=height, fps=fps, quality=_QUALITY) as video:
        for picture in _chain(first, pictures):
            video.write(frames.i420(np.ascontiguousarray(picture[:height, :width])))


def _chain(first: Pixels, rest: Iterator[Pixels]) -> Iterator[Pixels]:
    yield first
    yield from rest


def _looked(side: Side) -> _Clip:
    width, height = frames.size(side.path)
    return _Clip(side, width, height, frames.rate(side.path), max(1, frames.announced(side.path)))


def _moments(clip: _Clip, fps: Fraction, count: int) -> Iterator[_Shown]:
    """The frame of a clip at each frame of the whole; read once, one after the other."""
    source, at, picture = frames.decoded(clip.side.path), -1, np.zeros((clip.height, clip.width, 3), np.uint8)
    for number in range(count):
        moment = float(number / fps)
        while at < clip.index(moment):
            frame = next(source, None)
            at += 1
            picture = picture if frame is None else frames.rgb(frame)
        yield _Shown(picture, clip.has_ended(moment))


def _at(clip: _Clip, moment: float) -> _Shown:
    wanted, picture = clip.index(moment), np.zeros((clip.height, clip.width, 3), np.uint8)
    for number, frame in enumerate(frames.decoded(clip.side.path)):
        if number == wanted:
            picture = frames.rgb(frame)
            break
    return _Shown(picture, clip.has_ended(moment))


def _composer(clips: Sequence[_Clip], layout: str) -> Compose:
    made: Mapping[str, Callable[[Sequence[_Clip]], Compose]] = {
        SIDE: lambda several: _tiles(several, len(several)),
        GRID: lambda several: _tiles(several, math.ceil(math.sqrt(len(several)))),
        WIPE: _wipe,
        DIFF: _difference,
    }
    return made[layout](clips)


def _tiles(clips: Sequence[_Clip], columns: int) -> Compose:
    width, height = _cell(clips, columns)
    labels = [_label(clip.side, width) for clip in clips]
    gaps = -len(clips) % columns
    blank = np.zeros((height + labels[0].shape[0], width, 3), np.uint8)

    def compose(shown: Sequence[_Shown], share: float) -> Pixels:
        cells = [np.vstack([_fitted(one, width, height), label]) for one, label in zip(shown, labels, strict=True)]
        cells += [blank] * gaps
        rows = [np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)]
        return np.vstack(rows)

    return compose


def _wipe(clips: Sequence[_Clip]) -> Compose:
    """The first left of a line, the second right of it; the line goes once to the right, to the left and back."""
    width, height = _cell(clips, 1)
    half = width // 2 // 2 * 2
    left, right = (_label(clip.side, half if at == 0 else width - half) for at, clip in enumerate(clips))
    label = np.hstack([left, right])

    def compose(shown: Sequence[_Shown], share: float) -> Pixels:
        one, other = (_fitted(each, width, height) for each in shown)
        line = min(width - 2, max(2, round(width * (0.5 + 0.4 * math.sin(2 * math.pi * share)))))
        picture = np.hstack([one[:, :line], other[:, line:]])
        picture[:, line - 1 : line + 1] = 255
        return np.vstack([picture, label])

    return compose


def _difference(clips: Sequence[_Clip]) -> Compose:
    """Both, and how far each colour of them differs, amplified."""
    width, height = _cell(clips, 3)
    names = f"{clips[0].side.name} - {clips[1].side.name}"
    third = _label(Side(Path(), f"difference x{AMPLIFIED}", names), width)
    label = np.hstack([*(_label(clip.side, width) for clip in clips), third])

    def compose(shown: Sequence[_Shown], share: float) -> Pixels:
        one, other = (_fitted(each, width, height) for each in shown)
        apart = np.minimum(cv2.absdiff(one, other).astype(np.uint16) * AMPLIFIED, 255).astype(np.uint8)
        return np.vstack([np.hstack([one, other, apart]), label])

    return compose


def _sheet(clips: Sequence[_Clip]) -> Pixels:
    """A row a video: its words, then stills at the same shares of its own time."""
    width, height = _cell(clips, STILLS)
    rows = []
    for clip in clips:
        wanted = [min(clip.count - 1, int(clip.count * (still + 0.5) / STILLS)) for still in range(STILLS)]
        found = {at: frames.rgb(one) for at, one in enumerate(frames.decoded(clip.side.path)) if at in wanted}
        last = found[max(found)]
        stills = [_fitted(_Shown(found.get(at, last), False), width, height) for at in wanted]
        rows.append(np.vstack([_label(clip.side, width * STILLS), np.hstack(stills)]))
    return np.vstack(rows)


def _cell(clips: Sequence[_Clip], columns: int) -> tuple[int, int]:
    """Width and height of one picture, even: that of the widest clip, but not more than fits beside the others."""
    widest = max(clips, key=lambda clip: clip.width)
    width = max(2, min(max(widest.width, LEAST_CELL), MOST_WIDTH // columns) // 2 * 2)
    tallest = max(clip.height / clip.width for clip in clips)
    return width, max(2, round(width * tallest / 2) * 2)


def _fitted(shown: _Shown, width: int, height: int) -> Pixels:
    """A picture in a cell, its aspect kept; dimmed when its video has ended."""
    rows, columns = shown.picture.shape[:2]
    scale = min(width / columns, height / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(shown.picture, size, interpolation=how), np.uint8)
    cell = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small // 2 if shown.has_ended else small
    if shown.has_ended:
        mark = strip(72, _LINE, back=_DARK, texts=[Text("ended", 8, 17, _LETTERS, _WHITE)])
        cell[: mark.shape[0], : min(72, width)] = mark[:, : min(72, width)]
    return cell


def _label(side: Side, width: int) -> Pixels:
    """The words below a picture: its name, and what tells it from the others."""
    room = width - 16
    lines = wrapped(legible(side.name), room, size=_LETTERS, lines=1)
    lines += wrapped(legible(side.differs), room, size=_LETTERS, lines=_LINES) if side.differs else []
    texts = [
        Text(line, 8, 18 + _LINE * number, _LETTERS, _WHITE, weight=700 if number == 0 else 400)
        for number, line in enumerate(lines)
    ]
    return strip(width, _LINE * (1 + _LINES) + 4, back=_DARK, texts=texts)
