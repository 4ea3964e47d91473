"""The picture work: generated controls are made once per process, videos are drawn frame by frame on all cores."""

import hashlib
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from cosmosctl.media import encode, frames
from cosmosctl.media.encode import Quality, VideoWriter
from cosmosctl.media.frames import Pixels
from cosmosctl.models.buckets import nearest_bucket
from cosmosctl.preview.drawing import annotators
from cosmosctl.preview.drawing.picture import Picture, picture_of
from cosmosctl.preview.drawing.row_picture import Shot, Video

CONTROL_FPS = Fraction(30)
"""Rate of generated controls, whatever the input's (auxiliary/*_control, imageio.get_writer)."""

QUALITY = Quality(crf=22, preset="superfast", threads=frames.THREADS)
CONTROL_QUALITY = Quality(crf=18, preset="superfast", threads=frames.THREADS)


@contextmanager
def open_studio(folder: Path, *, blur_strength: str) -> Iterator["PictureStudio"]:
    """A studio that keeps generated controls in a hidden folder below `folder` as long as it is open."""
    with TemporaryDirectory(dir=folder, prefix=".controls-") as kept:
        yield PictureStudio(Path(kept), blur_strength)


@dataclass(frozen=True)
class PictureStudio:
    """Draws what the model would be given."""

    kept: Path
    blur_strength: str

    def make_control(self, hint: str, source: Path, target: Path, *, preset: str | None = None) -> None:
        """Write a stand-in for the generated control; for the next row of the same video it is only copied."""
        made = self.kept / f"{hint}-{preset}-{hashlib.sha256(bytes(source)).hexdigest()}.mp4"
        if not made.exists():
            # without a preset the program draws its thresholds at random: a preview can only show one of them
            _annotate(hint, source, made, edge=preset or "medium", blur=preset or self.blur_strength)
        shutil.copyfile(made, target)

    def frame_count(self, paths: Sequence[Path]) -> int:
        """Frames of the shortest of these videos, by counting packets."""
        return min(frames.announced(path) for path in dict.fromkeys(paths))

    def look(self, path: Path) -> tuple[tuple[int, int], Fraction]:
        """Width and height of a video, and its frames per second, as the container has them."""
        return frames.size(path), frames.rate(path)

    @contextmanager
    def video(self, shot: Shot, target: Path) -> Iterator[Video]:
        """The video of `shot` at its own size, else at its bucket's."""
        width, height = shot.size or _bucket(shot)
        picture = picture_of(shot, width * shot.scale, height * shot.scale)
        with (
            encode.writing(
                target, width=picture.width, height=picture.height, fps=Fraction(shot.fps), quality=QUALITY
            ) as writer,
            closing(drawn(picture, lasting=shot.lasting)) as pictures,
        ):
            yield _Drawing(writer, islice(pictures, shot.frames))


@dataclass(frozen=True)
class _Drawing:
    writer: VideoWriter
    pictures: Iterator[Pixels]

    def sample(self, frames: int) -> None:
        for picture in islice(self.pictures, frames):
            self.writer.write(picture)


def drawn(picture: Picture, *, lasting: bool = False) -> Generator[Pixels]:
    """The frames of `picture`, until the shortest of its videos ends; `lasting`: for ever, that one still."""
    decode = _without_end if lasting else frames.decoded
    return frames.mapped(picture.draw, zip(*(decode(path) for path in picture.paths), strict=False))


def _without_end(path: Path) -> Iterator[av.VideoFrame]:
    last = None
    for last in frames.decoded(path):
        yield last
    if last is not None:
        yield from repeat(last)


def _bucket(shot: Shot) -> tuple[int, int]:
    """The bucket that every video of the row falls into. Raises: ValueError when they differ."""
    buckets = {path: nearest_bucket(*frames.size(path)) for path in dict.fromkeys(shot.sources)}
    first = buckets[shot.sources[0]]
    for path, bucket in buckets.items():
        if bucket != first:
            raise ValueError(f"{path} is of another shape ({bucket}) than {shot.sources[0]} ({first})")
    return first


def _annotate(hint: str, source: Path, target: Path, *, edge: str, blur: str) -> None:
    """Write the control at the video's own size, rounded up to whole blocks of 8 (imageio's macro_block_size)."""
    width, height = (-(-length // 8) * 8 for length in frames.size(source))
    annotate = annotators.annotator(hint, edge_preset=edge, blur_strength=blur)
    work = partial(annotated, annotate, (width, height))
    with (
        encode.writing(target, width=width, height=height, fps=CONTROL_FPS, quality=CONTROL_QUALITY) as writer,
        closing(frames.mapped(work, frames.decoded(source))) as pictures,
    ):
        for picture in pictures:
            writer.write(picture)


def annotated(annotate: annotators.Annotator, size: tuple[int, int], frame: av.VideoFrame) -> Pixels:
    """A frame of a control of that size, ready to be encoded."""
    return frames.i420(frames.stretched(annotate(frames.rgb(frame)), *size))
