"""What a video file really holds: decoded once from end to end, never believed by its header alone."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from cosmosctl.errors import FileError
from cosmosctl.media import frames

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

_TO_SDR = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
"""Filters of ffmpeg that turn such colours into ordinary ones (trac.ffmpeg.org, colorspace: tonemapping)."""

_LOOK = "play it to see whether it is whole, or encode it again with ffmpeg"

_POINTERS: Mapping[bytes, tuple[str, str]] = {
    b"version https://git-lfs.github.com/spec/": ("a git-LFS pointer", "git lfs pull"),
    b"/annex/objects/": ("a git-annex pointer", "git annex get ."),
}
"""How a file begins that git keeps in the place of a large one -> what it is, and the command that fetches that."""


class VideoError(FileError):
    """A file that is not there or cannot be read as a video."""


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


@dataclass(frozen=True)
class VideoInfo:
    """One video stream. Sizes are in pixels as coded, `rotation` in degrees to turn before showing.

    `frames` is what decodes; `announced_frames` what the container says (0: nothing); `damaged_frames` how many packets
    and frames have errors; `sample_aspect` the width of a pixel to its height. `late_frames`: how many frames fit
    between the start of the file, mostly of its sound, and the first picture. `films`: how many video streams there are
    besides cover pictures; `cover_first`: a cover picture stands before them. `hdr` is PQ, HLG or nothing.
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
    late_frames: int
    films: int
    cover_first: bool
    hdr: str
    bits: int
    has_alpha: bool


def probe(path: Path, bounds: Bounds = INPUT_BOUNDS) -> VideoInfo:
    """What `path` holds, by decoding all of it. Raises: VideoError when that gives no frame; TooMuch, undecoded."""
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"{path} is an empty file")
        _check_header(path, bounds)
        with frames.opened(path) as container:
            return _info(container, path, bounds)
    except FileNotFoundError as e:
        raise VideoError(f"{path}: there is no such file") from e
    except IsADirectoryError as e:
        raise VideoError(f"{path} is a folder, not a video") from e
    except PermissionError as e:
        raise VideoError(f"{path}: no permission to read it") from e
    except (OSError, ValueError) as e:  # av.error.FFmpegError is one or the other
        raise _unreadable(path) from e


def _unreadable(path: Path) -> VideoError:
    with path.open("rb") as file:
        head = file.read(max(map(len, _POINTERS)))
    for beginning, (what, fetch) in _POINTERS.items():
        if head.startswith(beginning):
            return VideoError(f"{path} is {what}, not the video itself; fetch it: {fetch}")
    return VideoError(f"{path} is not a readable mp4, mov, mkv, webm or avi video", hint=_LOOK)


def _check_header(path: Path, bounds: Bounds) -> None:
    """Raises: TooMuch by what the file says of itself and the number of its packets; nothing is decoded."""
    with frames.opened(path) as container:
        stream = _film(container, path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > bounds.pixels:
            raise _too_large(path, width, height, bounds)
        most = bounds.frames[1] if bounds.frames else bounds.all_pixels // max(1, width * height)
        count = _count(container, stream, most)
    if count > most and bounds.frames is None:
        part = f"ffmpeg -ss START -t SECONDS -i {_quoted(path)} -c copy {_quoted(_target(path))}"
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
    hint = f"the models work at 1280x704 or so: ffmpeg -i {_quoted(path)} -vf scale=1920:-2 {_quoted(_target(path))}"
    return TooMuch(words, hint=hint)


def _film(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is no cover picture. Raises: VideoError when there is none."""
    covers = _covers(container)
    if not covers:
        raise VideoError(f"{path} has no video stream")
    if all(covers):
        raise VideoError(f"{path} has no video stream, only a cover picture")
    return container.streams.video[covers.index(False)]


def _covers(container: InputContainer) -> list[bool]:
    return [bool(stream.disposition & Disposition.attached_pic) for stream in container.streams.video]


def _info(container: InputContainer, path: Path, bounds: Bounds) -> VideoInfo:
    covers, stream = _covers(container), _film(container, path)
    seen = _decode(container, stream, path, bounds)
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
            self.times.append(frame.pts * frames.fraction(frame.time_base))


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
    stated = [frames.fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    for rate in stated:
        if seen is None or rate < seen * _TOO_FAST:  # an AVI may count more frames than it holds
            return rate
    return seen or Fraction(1)


def _is_uneven(times: Sequence[Fraction]) -> bool:
    pauses = [later - earlier for earlier, later in pairwise(sorted(times))]
    return bool(pauses) and (max(pauses) - min(pauses)) * len(pauses) > _UNEVEN * sum(pauses)


def problems(info: VideoInfo, path: Path) -> tuple[str, ...]:
    """What makes a clip unfit: the models' readers disagree about it. Each with the ffmpeg line that mends it all."""
    found = [*_ambiguities(info)]
    if info.announced_frames and info.announced_frames != info.frames:
        only = "only " if info.announced_frames > info.frames else ""
        found.append(f"announces {info.announced_frames} frames but {only}{info.frames} decode")
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


def _ambiguities(info: VideoInfo) -> Iterator[str]:
    """What one reader takes for the film and another one does not."""
    if info.cover_first:
        yield "has a cover picture before the film, which some readers take for the film"
    if info.films > 1:
        yield f"has {info.films} video streams, and some readers take another one than others"
    if info.late_frames:
        late = f"{info.late_frames} frame{'s' if info.late_frames > 1 else ''}"
        yield f"starts {late} after its sound: some readers repeat the first picture until then"
    if info.hdr:
        yield f"has {info.hdr} colours (high dynamic range), which the models' readers take for ordinary ones"


def remarks(info: VideoInfo) -> tuple[str, ...]:
    """What is worth knowing of a clip that can be used as it is."""
    said = []
    if info.has_audio:
        said.append("its sound is ignored")
    if info.has_alpha:
        said.append("its transparency (alpha) is ignored: what lies under it shows")
    if info.bits > 8 and not info.hdr:
        said.append(f"its {info.bits} bits a colour are cut to 8")
    if info.width % 2 or info.height % 2:
        even = f"{info.width + info.width % 2}x{info.height + info.height % 2}"
        said.append(f"its odd size {info.width}x{info.height} is stretched to {even} in computed controls")
    return tuple(said)


def normalising(info: VideoInfo, path: Path) -> tuple[str, ...]:
    """The ffmpeg command that writes a copy of the clip with none of these problems, beside it.

    ffmpeg itself turns the picture as the metadata says.
    """
    rate = round(info.fps) if info.variable_frame_rate else info.fps
    square = "scale=trunc(iw*sar/2)*2:trunc(ih/2)*2,setsar=1"
    deinterlaced = ["bwdif=mode=send_frame"] if info.interlaced else []
    plain = [_TO_SDR] if info.hdr else []
    from_the_start = ["setpts=PTS-STARTPTS"] if info.late_frames else []
    filters = ",".join((*deinterlaced, *plain, square, *from_the_start, f"fps={rate}"))
    film = ("-map", "0:V:0") if info.cover_first or info.films > 1 else ()
    target = _target(path)
    encoder = ("-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    return ("ffmpeg", "-i", _argument(path), "-vf", filters, *film, "-an", *encoder, _argument(target))


def _target(path: Path) -> Path:
    return path.with_name(f"{path.stem}_normalised.mp4")


def _quoted(path: Path) -> str:
    return shlex.quote(_argument(path))


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
