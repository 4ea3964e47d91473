"""What stands on top of a preview: a head with the settings, a foot with the prompt, names on the small pictures.

Lengths are in pixels of a 704 pixels wide or high picture and grow with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cosmosctl.media.lettering import AMBER, BLACK, Patch, Text, legible, patch, width_of, wrapped
from cosmosctl.preview.drawing.row_picture import Shot

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels, all even."""

_HEAD, _LINE, _LABEL, _GAP = 40, 28, 22, 8
_SMALL_SHARE = 0.125
"""Width of a small picture in a large one."""
_CAPTION_LINES = 3
_DARK = 0.6


@dataclass(frozen=True)
class Frame:
    """Sizes of a picture and of its letters."""

    width: int
    height: int

    def scaled(self, length: float) -> int:
        """`length` in this picture, even."""
        return round(length * min(self.width, self.height) / 704 / 2) * 2


def head(shot: Shot, frame: Frame) -> Patch:
    """The strip at the top: the word PREVIEW, then what all rows of a start share."""
    size, gap = frame.scaled(18), frame.scaled(2 * _GAP)
    facts = f"seed {shot.seed}   {shot.num_steps} steps   guidance {shot.guidance:g}   {float(shot.fps):g} fps"
    texts = [
        Text("PREVIEW", gap, frame.scaled(27), frame.scaled(20), AMBER, weight=800),
        Text(facts, 2 * gap + width_of("PREVIEW", frame.scaled(20), 800), frame.scaled(27), size),
    ]
    return patch(0, 0, frame.width, frame.scaled(_HEAD), back=BLACK, opacity=_DARK, texts=texts)


def foot(shot: Shot, frame: Frame) -> Patch:
    """The strip at the bottom: the prompt."""
    size, gap, line = frame.scaled(20), frame.scaled(2 * _GAP), frame.scaled(_LINE)
    lines = wrapped(legible(shot.prompt), frame.width - 2 * gap, size=size, lines=_CAPTION_LINES)
    texts = [Text(text, gap, gap // 2 + line * number - line // 4, size) for number, text in enumerate(lines, start=1)]
    height = line * max(1, len(lines)) + gap
    return patch(0, frame.height - height, frame.width, height, back=BLACK, opacity=_DARK, texts=texts)


def column(count: int, frame: Frame, *, top: int, bottom: int) -> list[Box]:
    """Where `count` small pictures stand: one below the other at the right edge, between `top` and `bottom`."""
    gap = frame.scaled(_GAP)
    room = (bottom - top - gap) / count - gap
    height = min(room, frame.width * _SMALL_SHARE * frame.height / frame.width)
    width, tall = (int(length) // 2 * 2 for length in (height * frame.width / frame.height, height))
    return [(frame.width - gap - width, top + gap + number * (tall + gap), width, tall) for number in range(count)]


def label(name: str, weight: float | None, box: Box, frame: Frame) -> Sequence[Patch]:
    """The name and weight of a small picture, along its lower edge, above a bar as long as the weight."""
    x, y, width, height = box
    tall, bar = frame.scaled(_LABEL), frame.scaled(4)
    text = name if weight is None else f"{name} {weight:.2f}"
    line = Text(text, frame.scaled(4), frame.scaled(15), frame.scaled(14))
    strip = patch(x, y + height - tall, width, tall, back=BLACK, opacity=_DARK, texts=[line])
    if weight is None:
        return [strip]
    long = max(2, round(width * weight))
    return [strip, patch(x, y + height - bar, long, bar, back=AMBER, opacity=1.0, texts=[])]
