"""Makers of small video clips for tests: good ones and ones with one defect each. The same bytes each time.

A maker writes `path` and returns it: `clips.color(tmp_path / "color.mp4", width=64, height=48)`. What was encoded once
in a session is copied after that.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

WIDTH, HEIGHT, FRAMES, FPS = 64, 48, 9, 24
HEVC = "libx265"
"""In the binary wheels of PyAV; `has_encoder(HEVC)` says whether this build has it."""

_Pixels = npt.NDArray[np.uint8]
_Picture = Callable[[int, int, int], _Pixels]


def has_encoder(codec: str) -> bool:
    """Whether this build of PyAV can write `codec`."""
    return codec in av.codecs_available and av.codec.Codec(codec, "w").is_encoder


def color(
    path: Path,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    frames: int = FRAMES,
    fps: int | Fraction = FPS,
    codec: str = "libx264",
    audio: bool = False,
    shade: int = 0,
) -> Path:
    """A colour clip: a gradient, a moving square, stripes. `shade` (0..255) makes clips that differ. Odd sizes too."""
    return _written(path, _encoded("color", width, height, frames, Fraction(fps), codec, audio=audio, shade=shade))


def film(pictures: Iterator[_Pixels], *, fps: int | Fraction, codec: str, tagged: bool) -> bytes:
    """An mp4 of RGB pictures of one even size; `tagged`: it says that its colours are BT.601's, limited range."""
    first = next(pictures)
    with _new_mp4() as (container, target):
        stream = _video_stream(container, codec, Fraction(fps), _options(codec, False))
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "yuv420p"
        if tagged:
            stream.codec_context.color_range = ColorRange.MPEG
            stream.codec_context.colorspace = Colorspace.ITU601
        for packet in _packets(stream, chain((first,), pictures), Fraction(fps), uneven=False):
            container.mux(packet)
        container.close()
        return target.read_bytes()


def depth(path: Path, *, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES, fps: int = FPS) -> Path:
    """A depth clip that goes with `color`: gray, the moving square near."""
    return _written(path, _encoded("depth", width, height, frames, Fraction(fps), "libx264"))


def segmentation(path: Path, *, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES, fps: int = FPS) -> Path:
    """A segmentation clip that goes with `color`: flat colours, the moving square one of them."""
    return _written(path, _encoded("segmentation", width, height, frames, Fraction(fps), "libx264"))


def scene(folder: Path, *, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES, fps: int = FPS) -> Path:
    """A scene folder with color.mp4, depth.mp4 and segmentation.mp4; returns the folder."""
    color(folder / "color.mp4", width=width, height=height, frames=frames, fps=fps)
    depth(folder / "depth.mp4", width=width, height=height, frames=frames, fps=fps)
    segmentation(folder / "segmentation.mp4", width=width, height=height, frames=frames, fps=fps)
    return folder


def hevc(path: Path, *, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES, fps: int = FPS) -> Path:
    """The colour clip as HEVC."""
    return color(path, width=width, height=height, frames=frames, fps=fps, codec=HEVC)


def odd_size(path: Path, *, width: int = 63, height: int = 47) -> Path:
    """A colour clip with odd width and height."""
    return color(path, width=width, height=height)


def with_audio(path: Path) -> Path:
    """A colour clip with a sound track."""
    return color(path, audio=True)


def late_picture(path: Path, *, frames_late: int = 12, suffix: str = "mp4") -> Path:
    """A colour clip whose sound begins `frames_late` frames before the picture."""
    return _written(path, _remuxed("color", video_delay=Fraction(frames_late, FPS), audio=True, format=suffix))


def without_edit_list(path: Path) -> Path:
    """A colour clip with sound whose frames come out of order in the file and whose start nothing corrects."""
    return _written(path, _remuxed("color", audio=True, b_frames=True, options=(("use_editlist", "0"),)))


def half_indexed(path: Path) -> Path:
    """A fragmented mp4: its header counts the frames of the first fragment alone."""
    return _written(path, _remuxed("color", frames=48, options=(("movflags", "frag_keyframe"),), b_frames=False))


def two_films(path: Path) -> Path:
    """An mp4 with two video streams, neither a cover picture."""
    return _written(path, _remuxed("color", films=2))


def with_cover(path: Path, *, first: bool) -> Path:
    """An mp4 with a cover picture before the film, or behind it."""
    whole = _remuxed("color", cover=True)
    return _written(path, _cover_moved(whole) if first else whole)


def cover_alone(path: Path) -> Path:
    """An mp4 with sound and a cover picture, as music comes."""
    return _written(path, _remuxed("color", films=0, audio=True, cover=True))


def hdr(path: Path, transfer: str = "arib-std-b67") -> Path:
    """A clip of 10 bits in colours of high dynamic range: HLG (arib-std-b67) or PQ (smpte2084)."""
    return _written(path, _deep(transfer))


def ten_bits(path: Path) -> Path:
    """A clip of 10 bits in ordinary colours."""
    return _written(path, _deep("bt709"))


def with_alpha(path: Path) -> Path:
    """A colour clip whose left half is transparent (a .mov)."""
    return _written(path, _transparent())


def lfs_pointer(path: Path) -> Path:
    """What git-LFS leaves in the place of a video that was not fetched."""
    oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    return _written(path, f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n".encode())


def zero_frames(path: Path) -> Path:
    """A well-formed mp4 whose video track holds no frame."""
    return _written(path, _without_samples())


def truncated(path: Path, *, frames: int = 24) -> Path:
    """A clip that ends in the middle: its header announces `frames`, fewer decode."""
    whole = _encoded("color", WIDTH, HEIGHT, frames, Fraction(FPS), "libx264")
    media = whole.index(b"mdat")
    return _written(path, whole[: media + (len(whole) - media) // 2])


def damaged(path: Path) -> Path:
    """A clip with all its frames in the header and rubbish in the middle of their data."""
    whole = bytearray(_encoded("color", WIDTH, HEIGHT, 24, Fraction(FPS), "libx264"))
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 2
    whole[middle : middle + 500] = b"\xff" * 500
    return _written(path, bytes(whole))


def variable_frame_rate(path: Path) -> Path:
    """A clip that leaves out every fourth frame, so that pauses are unequal."""
    return _written(path, _encoded("color", WIDTH, HEIGHT, FRAMES, Fraction(FPS), "libx264", uneven=True))


def rotated(path: Path, degrees: int = 90) -> Path:
    """A clip whose display matrix turns it clockwise by 90, 180 or 270 degrees."""
    return _written(path, _turned(_encoded("color", WIDTH, HEIGHT, FRAMES, Fraction(FPS), "libx264"), degrees))


def non_square_pixels(path: Path, shape: Fraction = Fraction(4, 3)) -> Path:
    """A clip whose pixels are `shape` times as wide as high."""
    return _written(path, _encoded("color", WIDTH, HEIGHT, FRAMES, Fraction(FPS), "libx264", pixel_shape=shape))


def interlaced(path: Path) -> Path:
    """A clip of fields, top field first."""
    return _written(path, _encoded("color", WIDTH, HEIGHT, FRAMES, Fraction(FPS), "libx264", interlaced=True))


def wrong_aspect(path: Path) -> Path:
    """A clip of the right length that is upright where `color` lies."""
    return color(path, width=HEIGHT, height=WIDTH)


def too_short(path: Path) -> Path:
    """A clip with fewer frames than `color`."""
    return color(path, frames=4)


def sound_only(path: Path) -> Path:
    """An mp4 without a video stream."""
    return _written(path, _sound())


def text_file(path: Path) -> Path:
    """Text under the name of a video."""
    return _written(path, b"This is no video.\n")


def empty_file(path: Path) -> Path:
    """A file of zero bytes."""
    return _written(path, b"")


def frames_of(path: Path) -> list[_Pixels]:
    """Every frame that decodes, as RGB: height x width x 3."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@cache
def _encoded(
    kind: str,
    width: int,
    height: int,
    frames: int,
    fps: Fraction,
    codec: str,
    *,
    audio: bool = False,
    shade: int = 0,
    uneven: bool = False,
    interlaced: bool = False,
    pixel_shape: Fraction = Fraction(1),
) -> bytes:
    """An mp4 with the index in front."""
    with _new_mp4() as (container, target):
        stream = _video_stream(container, codec, fps, _options(codec, interlaced))
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        if pixel_shape != 1:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
        for packet in _packets(stream, _pictures(kind, width, height, frames, shade), fps, uneven=uneven):
            container.mux(packet)
        if isinstance(sound, AudioStream):
            _add_sound(container, sound, float(frames / fps))
        container.close()
        return target.read_bytes()


@contextmanager
def _new_mp4() -> Iterator[tuple[OutputContainer, Path]]:
    """An open mp4 with its index in front, and where it lies; libavformat does that in real files only."""
    with TemporaryDirectory() as folder:
        target = Path(folder, "clip.mp4")
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            yield container, target


def _video_stream(container: OutputContainer, codec: str, fps: Fraction, options: dict[str, str]) -> VideoStream:
    stream = container.add_stream(codec, rate=fps, options=options)
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{codec} is no video encoder")
    stream.thread_count = 1
    return stream


@cache
def _remuxed(
    kind: str,
    *,
    frames: int = FRAMES,
    films: int = 1,
    audio: bool = False,
    cover: bool = False,
    b_frames: bool = False,
    video_delay: Fraction = Fraction(0),
    format: str = "mp4",
    options: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A container that holds the packets of a clip otherwise than an encoder would lay them down."""
    with TemporaryDirectory() as folder:
        target = Path(folder, f"clip.{format}")
        with av.open(str(target), "w", format=FORMATS[format], options=dict(options)) as container:
            own = {"x264-params": f"cpu-independent=1:keyint=12:bframes={3 if b_frames else 0}"}
            streams = [
                _video_stream(container, "libx264", Fraction(FPS), {**_options("libx264", False), **own})
                for _ in range(films)
            ]
            for stream in streams:
                stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
            picture = _cover_stream(container) if cover else None
            if isinstance(sound, AudioStream):
                _add_sound(container, sound, float(frames / FPS + video_delay))
            for stream in streams:
                for packet in _packets(stream, _pictures(kind, WIDTH, HEIGHT, frames, 0), Fraction(FPS), uneven=False):
                    late = int(video_delay / packet.time_base)
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + late, packet.dts + late
                    container.mux(packet)
            if picture is not None:
                shown = av.VideoFrame.from_ndarray(_color_picture(32, 32, 0), format="rgb24")
                for packet in (*picture.encode(shown.reformat(format="yuvj420p")), *picture.encode(None)):
                    container.mux(packet)
        return target.read_bytes()


FORMATS = {"mp4": "mp4", "mkv": "matroska"}


def _cover_stream(container: OutputContainer) -> VideoStream:
    stream = container.add_stream("mjpeg", rate=1)
    assert isinstance(stream, VideoStream)
    stream.width = stream.height = 32
    stream.pix_fmt = "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _cover_moved(data: bytes) -> bytes:
    """`data`, whose index is its last box, with the cover picture (`udta`) in front of the tracks of its index."""
    at = data.rindex(b"moov") - 4
    head, parts, here = data[: at + 8], list[bytes](), at + 8
    while here < len(data):
        parts.append(data[here : here + int.from_bytes(data[here : here + 4])])
        here += len(parts[-1])
    places = {b"mvhd": 0, b"udta": 1}
    parts.sort(key=lambda part: places.get(part[4:8], 2))
    return head + b"".join(parts)


@cache
def _deep(transfer: str) -> bytes:
    """A clip of 10 bits a colour; `transfer` is x264's own word."""
    with _new_mp4() as (container, target):
        colours = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc" if transfer != "bt709" else ""
        own = ":".join(part for part in ("cpu-independent=1", colours) if part)
        options = {**_options("libx264", False), "x264-params": own}
        stream = _video_stream(container, "libx264", Fraction(FPS), options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        for packet in _packets(stream, _pictures("color", WIDTH, HEIGHT, FRAMES, 0), Fraction(FPS), uneven=False):
            container.mux(packet)
        container.close()
        return target.read_bytes()


@cache
def _transparent() -> bytes:
    with TemporaryDirectory() as folder:
        target = Path(folder, "clip.mov")
        with av.open(str(target), "w", format="mov") as container:
            stream = _video_stream(container, "qtrle", Fraction(FPS), {})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "argb"
            for number, picture in enumerate(_pictures("color", WIDTH, HEIGHT, FRAMES, 0)):
                alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
                alpha[:, : WIDTH // 2] = 0
                frame = av.VideoFrame.from_ndarray(np.concatenate([alpha, picture], axis=2), format="argb")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return target.read_bytes()


def _options(codec: str, interlaced: bool) -> dict[str, str]:
    """Options that give the same bytes each time: some of x264's code for one processor does not (measured)."""
    if codec == "libx265":
        return {"crf": "20", "preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"}
    if codec == "libx264":
        flags = {"flags": "+ildct+ilme"} if interlaced else {}
        own = "cpu-independent=1" + (":tff=1" if interlaced else "")
        return {"crf": "18", "preset": "veryfast", "x264-params": own} | flags
    return {}


def _packets(
    stream: VideoStream, pictures: Iterator[_Pixels], fps: Fraction, *, uneven: bool
) -> Iterator["av.Packet[VideoStream]"]:
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
        frame.time_base = 1 / fps
        frame.pts = number + (number // 3 if uneven else 0)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _pictures(kind: str, width: int, height: int, frames: int, shade: int) -> Iterator[_Pixels]:
    for number in range(frames):
        yield _PICTURES[kind](width, height, number) ^ np.uint8(shade)


def _color_picture(width: int, height: int, number: int) -> _Pixels:
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([60 + 120 * columns // width, 40 + 150 * rows // height, 90 + 0 * rows], axis=-1)
    picture[(columns + 2 * number) // 8 % 4 == 0] += (35, 20, 0)
    picture[_square(width, height, number)] = (230, 120, 40)
    return picture.astype(np.uint8)


def _depth_picture(width: int, height: int, number: int) -> _Pixels:
    picture = np.repeat(np.linspace(20, 160, height)[:, None], width, axis=1)
    picture[_square(width, height, number)] = 230
    return np.repeat(picture[:, :, None], 3, axis=2).astype(np.uint8)


def _segmentation_picture(width: int, height: int, number: int) -> _Pixels:
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :] = (70, 130, 180), (128, 64, 128)
    picture[_square(width, height, number)] = (220, 60, 20)
    return picture


_PICTURES: dict[str, _Picture] = {
    "color": _color_picture,
    "depth": _depth_picture,
    "segmentation": _segmentation_picture,
}


def _square(width: int, height: int, number: int) -> tuple[slice, slice]:
    """Rows and columns of a square that moves to the right."""
    side = max(2, min(width, height) // 3)
    left = (width // 8 + 2 * number) % max(1, width - side)
    top = (height - side) // 2
    return slice(top, top + side), slice(left, left + side)


def _turned(data: bytes, degrees: int) -> bytes:
    """`data` with another matrix in its track header. Layout: ISO/IEC 14496-12, 8.3.2, version 0."""
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    one = 1 << 16
    matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    return data[:at] + matrix + data[at + len(matrix) :]


def _without_samples() -> bytes:
    """A clip whose sample tables are empty. Layout: ISO/IEC 14496-12, 8.6 and 8.7."""
    data = bytearray(_encoded("color", WIDTH, HEIGHT, 2, Fraction(FPS), "libx264"))
    for name in (b"stts", b"stss", b"ctts", b"stsc", b"stsz", b"stco"):
        if (at := data.find(name)) >= 0:
            count = at + 8 + (4 if name == b"stsz" else 0)
            data[count : count + 4] = bytes(4)
    edits = data.index(b"edts")
    data[edits : edits + 4] = b"free"
    return bytes(data)


def _add_sound(container: OutputContainer, stream: AudioStream, seconds: float) -> None:
    """A tone of 440 Hz."""
    count = max(1, int(seconds * 48000 / 1024))
    times = np.arange(count * 1024) / 48000
    wave = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    for number in range(count):
        frame = av.AudioFrame.from_ndarray(
            wave[None, number * 1024 : (number + 1) * 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 48000, number * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@cache
def _sound() -> bytes:
    with _new_mp4() as (container, target):
        stream = container.add_stream("aac", rate=48000, layout="mono")
        assert isinstance(stream, AudioStream)
        _add_sound(container, stream, 0.2)
        container.close()
        return target.read_bytes()
