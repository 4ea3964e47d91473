"""What is known of a clip, what of it the models cannot be given, and the ffmpeg line that mends that."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

_TO_SDR = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
"""Filters of ffmpeg that turn such colours into ordinary ones (trac.ffmpeg.org, colorspace: tonemapping)."""


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
    target = normalised(path)
    encoder = ("-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    return ("ffmpeg", "-i", _argument(path), "-vf", filters, *film, "-an", *encoder, _argument(target))


def normalised(path: Path) -> Path:
    return path.with_name(f"{path.stem}_normalised.mp4")


def quoted(path: Path) -> str:
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
