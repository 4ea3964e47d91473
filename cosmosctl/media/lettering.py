"""Text on pictures: wrapped, drawn once, and laid over the Y, U and V planes of every frame.

OpenCV's own letters (since 5.0) cover Latin, Greek, Cyrillic, Hebrew, Arabic, Chinese, Japanese and Korean; other
scripts come out as question marks.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from cosmosctl.media import frames
from cosmosctl.media.frames import Pixels, Planes

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
AMBER: Colour = (255, 176, 0)

_Floats = npt.NDArray[np.float32]
_PICTOGRAM = "◇"


@dataclass(frozen=True)
class Text:
    """One line: its left end and baseline within the patch, in pixels. `weight` 400 is regular, 700 bold."""

    text: str
    x: int
    baseline: int
    size: int
    colour: Colour = WHITE
    weight: int = 400


@dataclass(frozen=True)
class Patch:
    """A rectangle to lay over a picture; its corner and sizes are even. `covers` 0 to 1, for Y, U and V each."""

    x: int
    y: int
    colours: tuple[Pixels, Pixels, Pixels]
    covers: tuple[_Floats, _Floats, _Floats]

    @property
    def bottom(self) -> int:
        """The row below it."""
        return self.y + len(self.colours[0])

    def put(self, planes: Planes) -> None:
        """Lay it over a picture, in place."""
        for plane, colour, cover, step in zip(planes, self.colours, self.covers, (1, 2, 2), strict=True):
            rows, columns = slice(self.y // step, None), slice(self.x // step, None)
            below = plane[rows, columns][: len(colour), : colour.shape[1]]
            below[:] = cv2.blendLinear(below, colour, 1 - cover, cover)


def patch(x: int, y: int, width: int, height: int, *, back: Colour, opacity: float, texts: Sequence[Text]) -> Patch:
    """A box of one colour, `opacity` 0 to 1, with lines of text on it; every length is made even."""
    x, y, width, height = (length // 2 * 2 for length in (x, y, width, height))
    rgb: _Floats = np.full((height, width, 3), back, np.float32)
    cover: _Floats = np.full((height, width), opacity, np.float32)
    for text in texts:
        rgb, cover = _inked(rgb, cover, text)
    coarse = np.asarray(cv2.resize(cover, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)
    return Patch(x, y, frames.unpacked(frames.i420(rgb.astype(np.uint8))), (cover, coarse, coarse))


def strip(width: int, height: int, *, back: Colour, texts: Sequence[Text]) -> Pixels:
    """An RGB picture of one colour with lines of text on it."""
    rgb: _Floats = np.full((height, width, 3), back, np.float32)
    cover: _Floats = np.ones((height, width), np.float32)
    for text in texts:
        rgb, cover = _inked(rgb, cover, text)
    return np.asarray(rgb, np.uint8)


def width_of(text: str, size: int, weight: int = 400) -> int:
    """Width in pixels of one line."""
    return int(cv2.getTextSize((_ENDLESS, size), text, (0, 0), _font(), size, weight)[2])


def legible(text: str) -> str:
    """`text` in one line: blanks run together, accents joined, pictograms as ◇, what has no shape left out."""
    return " ".join("".join(map(_shown, unicodedata.normalize("NFC", text))).split())


def wrapped(text: str, width: int, *, size: int, lines: int) -> list[str]:
    """`text` broken between words, and within words too long for a line; what does not fit ends in …"""
    made = list(_lines(text, width, size, lines + 1))
    if len(made) <= lines:
        return made
    last = made[lines - 1]
    while last and width_of(f"{last}…", size) > width:
        last = last[:-1]
    return [*made[: lines - 1], f"{last}…"]


_ENDLESS = 1_000_000


def _lines(text: str, width: int, size: int, most: int) -> Iterator[str]:
    """The first `most` lines."""
    rest = text.strip()
    for _ in range(most):
        if not rest:
            return
        count = _fitting(rest, width, size)
        blank = rest.rfind(" ", 0, count + 1) if count < len(rest) else -1
        cut = blank if blank > 0 else count
        yield rest[:cut].rstrip()
        rest = rest[cut:].lstrip()


def _fitting(text: str, width: int, size: int) -> int:
    """How many characters of `text` fit into `width`, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width_of(text[:middle], size) <= width else (low, middle - 1)
    return low


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category.startswith("C") or "\ufe00" <= character <= "\ufe0f":
        return ""
    return _PICTOGRAM if category == "So" and ord(character) > 0x2BFF else character


def _inked(rgb: _Floats, cover: _Floats, text: Text) -> tuple[_Floats, _Floats]:
    """A layer and how much of what is below it it covers, after writing `text` on it; smooth at the letters' rims."""
    canvas = np.zeros(cover.shape, np.uint8)
    cv2.putText(canvas, text.text, (text.x, text.baseline), (255,), _font(), text.size, text.weight)
    ink = np.asarray(canvas / 255, np.float32)
    covers = cover + (1 - cover) * ink
    share = np.divide(ink, covers, out=np.zeros_like(ink), where=ink > 0)[..., None]
    return np.asarray(rgb * (1 - share) + np.array(text.colour) * share, np.float32), covers


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")
