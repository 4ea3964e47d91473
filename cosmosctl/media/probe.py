"""What a video file really holds: decoded once from end to end, never believed by its header alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from cosmosctl.media.opening import LOOK, decodable, fraction, opened
from cosmosctl.media.opening import VideoError as VideoError  # who probes finds it here
from cosmosctl.media.video_info import VideoInfo, normalised, quoted

_UNEVEN = 0.25
"""Share of the mean pause between frames by which pauses may differ: a millisecond clock makes 0.24 at 240 fps, one
dropped frame makes 1."""

_TOO_FAST = Fraction(3, 2)
"""A stated rate this many times the one seen is none: times between the frames that decode leave no room for it."""

_LATE = 0.5
"""Share of a frame's time by which the picture may start after the file: from there on ffmpeg, when it keeps to the
clock, shows the first frame twice (tried with ffmpeg 5.1)."""

_HDR: Mapping[int, str] = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of high dynamic range. Source: ITU-T H.273, table 3."""


_POINTERS: Mapping[bytes, tuple[str, str]] = {
    b"version https://git-lfs.github.com/spec/": ("a git-LFS pointer", "git lfs pull"),
    b"/annex/objects/": ("a git-annex pointer", "git annex get ."),
}
"""How a file begins that git keeps in the place of a large one -> what it is, and the command that fetches that."""


class TooMuch(VideoError):
    """A video with larger or more pictures than are decoded: a small file may hold hours of work."""


@dataclass(frozen=True)
class Bounds:
    """What a video may be before any of it is decoded: pixels of a picture, fewest and most frames, pixels of all."""

    pixels: int
    frames: tuple[int, int] | None = None
    all_pixels: int = 1 << 34


INPUT_BOUNDS = Bounds(pixels=1 << 24)
"""Of a clip: 5760x2880, and half an hour of 640x360 or a minute of 4K; decoding it all takes half a minute (measured).
The models read 5000 frames and work at 1920x1080 or less."""


def probe(path: Path, bounds: Bounds = INPUT_BOUNDS) -> VideoInfo:
    """What `path` holds, by decoding all of it. Raises: VideoError when that gives no frame; TooMuch, undecoded."""
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"{path} is an empty file")
        _check_header(path, bounds)
        with opened(path) as container:
            return _info(container, path, bounds)
    except FileNotFoundError as e:
        raise VideoError(f"{path}: there is no such file") from e
    except IsADirectoryError as e:
        raise VideoError(f"{path} is a folder, not a video") from e
    except PermissionError as e:
        raise VideoError(f"{path}: no permission to read it") from e
    except (OSError, ValueError) as e:  # av.error.FFmpegError is one or the other
        raise _unreadable(path) from e


def refuse_too_much(path: Path, bounds: Bounds = INPUT_BOUNDS) -> None:
    """Nothing, where a video may be decoded; nothing of it is. Raises: TooMuch, VideoError, OSError, FFmpegError."""
    _check_header(path, bounds)


def _unreadable(path: Path) -> VideoError:
    with path.open("rb") as file:
        head = file.read(max(map(len, _POINTERS)))
    for beginning, (what, fetch) in _POINTERS.items():
        if head.startswith(beginning):
            return VideoError(f"{path} is {what}, not the video itself; fetch it: {fetch}")
    return VideoError(f"{path} is not a readable mp4, mov, mkv, webm or avi video", hint=LOOK)


def _check_header(path: Path, bounds: Bounds) -> None:
    """Raises: TooMuch by what the file says of itself and the number of its packets; nothing is decoded."""
    with opened(path) as container:
        stream = _film(container, path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > bounds.pixels:
            raise _too_large(path, width, height, bounds)
        most = bounds.frames[1] if bounds.frames else bounds.all_pixels // max(1, width * height)
        count = _count(container, stream, most)
    if count > most and bounds.frames is None:
        part = f"ffmpeg -ss START -t SECONDS -i {quoted(path)} -c copy {quoted(normalised(path))}"
        words = f"{path} has more than {most} frames of {width}x{height}, more than is read of a clip"
        raise TooMuch(words, hint=f"cut out what you need: {part}")
    if bounds.frames and not bounds.frames[0] <= count <= most:
        raise TooMuch(f"{path} holds {'more than ' if count > most else ''}{min(count, most)} frames")


def _count(container: InputContainer, stream: VideoStream, most: int) -> int:
    """The packets of a stream, each a frame; `most` + 1 when there are more."""
    count = 0
    try:
        for packet in container.demux(stream):
            count += packet.size > 0
            if count > most:
                break
    except av.error.InvalidDataError:
        pass  # told by decoding
    return count


def _too_large(path: Path, width: int, height: int, bounds: Bounds) -> TooMuch:
    words = (
        f"{path} has pictures of {width}x{height}, more than the {bounds.pixels / 1e6:.1f} million pixels that are read"
    )
    hint = f"the models work at 1280x704 or so: ffmpeg -i {quoted(path)} -vf scale=1920:-2 {quoted(normalised(path))}"
    return TooMuch(words, hint=hint)


def _film(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is no cover picture. Raises: VideoError when there is none."""
    covers = _covers(container)
    if not covers:
        raise VideoError(f"{path} has no video stream")
    if all(covers):
        raise VideoError(f"{path} has no video stream, only a cover picture")
    return decodable(container.streams.video[covers.index(False)], path)


def _covers(container: InputContainer) -> list[bool]:
    return [bool(stream.disposition & Disposition.attached_pic) for stream in container.streams.video]


def _info(container: InputContainer, path: Path, bounds: Bounds) -> VideoInfo:
    covers, stream = _covers(container), _film(container, path)
    seen = _decode(container, stream, path, bounds)
    if seen.first is None:
        raise VideoError(f"{path} has no frame that decodes", hint=LOOK)
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
        sample_aspect=fraction(stream.sample_aspect_ratio or 1),
        interlaced=seen.interlaced,
        variable_frame_rate=_is_uneven(seen.times),
        has_audio=bool(container.streams.audio),
        duration_s=float(seen.frames / fps),
        late_frames=_late_frames(container, seen.times, fps),
        films=covers.count(False),
        cover_first=covers[0],
        hdr=_HDR.get(int(stream.codec_context.color_trc), ""),
        bits=max(component.bits for component in seen.first.format.components),
        has_alpha=len(seen.first.format.components) in (2, 4) or stream.metadata.get("alpha_mode") == "1",
    )


def _late_frames(container: InputContainer, times: Sequence[Fraction], fps: Fraction) -> int:
    """How often the first frame is repeated by a reader that makes as many frames as fit into the time of the file."""
    if not times or container.start_time is None:
        return 0
    late = (min(times) - Fraction(container.start_time, av.time_base)) * fps
    return math.ceil(late - Fraction(_LATE)) if late > _LATE else 0


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
            self.times.append(frame.pts * fraction(frame.time_base))


def _decode(container: InputContainer, stream: VideoStream, path: Path, bounds: Bounds) -> _Seen:
    seen = _Seen()
    for packet in _packets(container, stream, seen):
        try:
            for frame in stream.decode(packet):
                if frame.width * frame.height > bounds.pixels:  # the pictures may be larger than the file says
                    raise _too_large(path, frame.width, frame.height, bounds)
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
    spread = max(times) - min(times) if times else Fraction(0)
    seen = (len(times) - 1) / spread if spread else None
    stated = [fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    for rate in stated:
        if seen is None or rate < seen * _TOO_FAST:  # an AVI may count more frames than it holds
            return rate
    return seen or Fraction(1)


def _is_uneven(times: Sequence[Fraction]) -> bool:
    pauses = [later - earlier for earlier, later in pairwise(sorted(times))]
    return bool(pauses) and (max(pauses) - min(pauses)) * len(pauses) > _UNEVEN * sum(pauses)
