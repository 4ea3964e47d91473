"""What a video file really holds: decoded once from end to end, never believed by its header alone."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cosmosctl.errors import FileError
from cosmosctl.media import frames

_UNEVEN = 0.25
"""Share of the mean pause between frames by which pauses may differ: a millisecond clock makes 0.24 at 240 fps, one
dropped frame makes 1."""

_LOOK = "play it to see whether it is whole, or encode it again with ffmpeg"


class VideoError(FileError):
    """A file that is not there or cannot be read as a video."""


@dataclass(frozen=True)
class VideoInfo:
    """One video stream. Sizes are in pixels as coded, `rotation` in degrees to turn before showing.

    `frames` is what decodes; `announced_frames` what the container says (0: nothing); `damaged_frames` how many packets
    and frames have errors; `sample_aspect` the width of a pixel to its height.
    """

    width: int
    height: int
    fps: Fraction
    frames: int
    announced_frames: int
    damaged_frames: int
    codec: str
    pix_fmt: str
    rotation: int
    sample_aspect: Fraction
    interlaced: bool
    variable_frame_rate: bool
    has_audio: bool
    duration_s: float


def probe(path: Path) -> VideoInfo:
    """What `path` holds, by decoding all of it. Raises: VideoError when that gives no frame."""
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"{path} is an empty file")
        with frames.opened(path) as container:
            return _info(container, path)
    except FileNotFoundError as e:
        raise VideoError(f"{path}: there is no such file") from e
    except IsADirectoryError as e:
        raise VideoError(f"{path} is a folder, not a video") from e
    except PermissionError as e:
        raise VideoError(f"{path}: no permission to read it") from e
    except (OSError, ValueError) as e:  # av.error.FFmpegError is one or the other
        raise VideoError(f"{path} is not a readable mp4, mov, mkv, webm or avi video", hint=_LOOK) from e


def _info(container: InputContainer, path: Path) -> VideoInfo:
    if not container.streams.video:
        raise VideoError(f"{path} has no video stream")
    stream = container.streams.video[0]
    seen = _decode(container, stream)
    if seen.first is None:
        raise VideoError(f"{path} has no frame that decodes", hint=_LOOK)
    fps = _rate(stream, seen.times)
    return VideoInfo(
        width=seen.first.width,
        height=seen.first.height,
        fps=fps,
        frames=seen.frames,
        announced_frames=stream.frames,
        damaged_frames=seen.damaged,
        codec=stream.codec_context.name,
        pix_fmt=seen.first.format.name,
        rotation=seen.first.rotation % 360,
        sample_aspect=frames.fraction(stream.sample_aspect_ratio or 1),
        interlaced=seen.interlaced,
        variable_frame_rate=_is_uneven(seen.times),
        has_audio=bool(container.streams.audio),
        duration_s=float(seen.frames / fps),
    )


@dataclass
class _Seen:
    """What decoding came across so far."""

    first: av.VideoFrame | None = None
    frames: int = 0
    damaged: int = 0
    interlaced: bool = False
    times: list[Fraction] = field(default_factory=list)

    def take(self, frame: av.VideoFrame) -> None:
        self.first = self.first or frame
        self.frames += 1
        self.damaged += frame.is_corrupt
        self.interlaced |= frame.interlaced_frame
        if frame.pts is not None and frame.time_base is not None:
            self.times.append(frame.pts * frames.fraction(frame.time_base))


def _decode(container: InputContainer, stream: VideoStream) -> _Seen:
    seen = _Seen()
    for packet in _packets(container, stream, seen):
        try:
            for frame in stream.decode(packet):
                seen.take(frame)
        except av.error.InvalidDataError:
            seen.damaged += 1  # the other packets may still decode: their number tells how bad it is
    return seen


def _packets(container: InputContainer, stream: VideoStream, seen: _Seen) -> Iterator["av.Packet[VideoStream]"]:
    try:
        yield from container.demux(stream)
    except av.error.InvalidDataError:
        seen.damaged += 1


def _rate(stream: VideoStream, times: Sequence[Fraction]) -> Fraction:
    stated = stream.average_rate or stream.guessed_rate
    if stated:
        return frames.fraction(stated)
    spread = max(times) - min(times) if times else Fraction(0)
    return (len(times) - 1) / spread if spread else Fraction(1)


def _is_uneven(times: Sequence[Fraction]) -> bool:
    pauses = [later - earlier for earlier, later in pairwise(sorted(times))]
    return bool(pauses) and (max(pauses) - min(pauses)) * len(pauses) > _UNEVEN * sum(pauses)


def problems(info: VideoInfo, path: Path) -> tuple[str, ...]:
    """What makes a clip unfit: the models' readers disagree about it. Each with the ffmpeg line that mends it all."""
    found = []
    if info.announced_frames > info.frames:
        found.append(f"announces {info.announced_frames} frames but only {info.frames} decode")
    if info.damaged_frames:
        found.append(f"has {info.damaged_frames} damaged frames")
    elif info.variable_frame_rate:  # not said of a damaged clip: what is missing leaves gaps
        found.append("has a variable frame rate")
    if info.rotation:
        found.append(f"is turned by {info.rotation} degrees in its metadata, which some readers obey and some do not")
    if info.sample_aspect != 1:
        found.append(
            f"has pixels that are not square ({info.sample_aspect.numerator}:{info.sample_aspect.denominator})"
        )
    if info.interlaced:
        found.append("is interlaced")
    return tuple(f"{path} {what}; normalise it: {shlex.join(normalising(info, path))}" for what in found)


def remarks(info: VideoInfo) -> tuple[str, ...]:
    """What is worth knowing of a clip that can be used as it is."""
    said = []
    if info.has_audio:
        said.append("its sound is ignored")
    if info.width % 2 or info.height % 2:
        even = f"{info.width + info.width % 2}x{info.height + info.height % 2}"
        said.append(
            f"its odd size {info.width}x{info.height} becomes {even} in computed controls, by repeating the edge"
        )
    return tuple(said)


def normalising(info: VideoInfo, path: Path) -> tuple[str, ...]:
    """The ffmpeg command that writes a copy of the clip with none of these problems, beside it.

    ffmpeg itself turns the picture as the metadata says.
    """
    rate = round(info.fps) if info.variable_frame_rate else info.fps
    square = "scale=trunc(iw*sar/2)*2:trunc(ih/2)*2,setsar=1"
    filters = ",".join((*(["bwdif=mode=send_frame"] if info.interlaced else []), square, f"fps={rate}"))
    target = path.with_name(f"{path.stem}_normalised.mp4")
    encoder = ("-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    return ("ffmpeg", "-i", _argument(path), "-vf", filters, "-an", *encoder, _argument(target))


def _argument(path: Path) -> str:
    """`path` for ffmpeg's command line, which takes a leading dash for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def to_json(info: VideoInfo) -> dict[str, Any]:
    """`info` as what JSON can hold; fractions as "30000/1001"."""
    return asdict(info) | {"fps": str(info.fps), "sample_aspect": str(info.sample_aspect)}


def from_json(data: Mapping[str, Any]) -> VideoInfo:
    """What `to_json` wrote. Raises: TypeError, KeyError, ValueError when it did not."""
    fractions = {key: Fraction(data[key]) for key in ("fps", "sample_aspect")}
    return VideoInfo(**{**data, **fractions})
