"""A picture in a terminal that can show one: kitty's and iTerm's protocols, and sixel."""

import base64
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.errors import UsageError
from cosmosctl.io.streams import trusted

if TYPE_CHECKING:
    from cosmosctl.media.frames import Pixels

KITTY, ITERM, SIXEL, AUTO = "kitty", "iterm", "sixel", "auto"
PROTOCOLS = (AUTO, KITTY, ITERM, SIXEL)
WIDTH = 480
"""Pixels of a still."""
_CHUNK = 4096
"""Most characters of a chunk: kitty's graphics protocol."""
_LEVELS = 6
"""Of each colour in a sixel picture: 216 in all, of the 256 registers that terminals have."""


def show_still(video: Path, how: str) -> None:
    """Print the middle of a video where stdout is a terminal that shows pictures, or as `how` says.

    Raises: UsageError, VideoError.
    """
    protocol = protocol_of(os.environ) if how == AUTO else how
    if how == AUTO and not sys.stdout.isatty():
        raise UsageError("stdout is no terminal: a still can be shown on one alone")
    if not protocol:
        words = "this terminal is none that is known to show pictures"
        raise UsageError(words, hint="--as sixel, --as kitty or --as iterm, if it does")
    from cosmosctl.media.still import png, still

    picture = still(video, WIDTH)
    made = {KITTY: lambda: kitty(png(picture)), ITERM: lambda: iterm(png(picture)), SIXEL: lambda: sixel(picture)}
    stream = trusted(sys.stdout)
    stream.write(f"{made[protocol]()}\n")
    stream.flush()


def protocol_of(env: Mapping[str, str]) -> str:
    """What a terminal says of itself by its environment; "" when that is nothing that is known."""
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in env or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return KITTY
    if program in ("iTerm.app", "WezTerm") or env.get("LC_TERMINAL") == "iTerm2":
        return ITERM
    if "sixel" in term or term.split("-")[0] in ("foot", "mlterm", "yaft", "contour") or program == "mintty":
        return SIXEL
    return ""


def kitty(png: bytes) -> str:
    """A PNG in kitty's graphics protocol, in chunks."""
    data = base64.b64encode(png).decode()
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    heads = ["a=T,f=100,", *[""] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    parts = zip(heads, more, chunks, strict=True)
    return "".join(f"\x1b_G{head}m={follows};{chunk}\x1b\\" for head, follows, chunk in parts)


def iterm(png: bytes) -> str:
    """A PNG in the protocol of iTerm2."""
    return f"\x1b]1337;File=inline=1;size={len(png)}:{base64.b64encode(png).decode()}\x07"


def sixel(picture: "Pixels") -> str:
    """A picture as sixels: bands of six rows, each drawn once for every colour in it."""
    import numpy as np

    height, width = picture.shape[:2]
    levels = (picture.astype(np.uint16) * (_LEVELS - 1) + 127) // 255
    numbers = levels[..., 0] * _LEVELS**2 + levels[..., 1] * _LEVELS + levels[..., 2]
    colours = "".join(_register(int(number)) for number in np.unique(numbers))
    bands = (_band(numbers[top : top + 6]) for top in range(0, height, 6))
    return f'\x1bPq"1;1;{width};{height}{colours}{"-".join(bands)}\x1b\\'


def _register(number: int) -> str:
    """The definition of a colour, in per cent."""
    red, green, blue = number // _LEVELS**2, number // _LEVELS % _LEVELS, number % _LEVELS
    return f"#{number};2;{red * 20};{green * 20};{blue * 20}"


def _band(numbers: "Pixels") -> str:
    """Six rows: `$` goes back to their beginning for the next colour."""
    return "$".join(_lines(numbers))


def _lines(numbers: "Pixels") -> Iterator[str]:
    import numpy as np

    bits = (1 << np.arange(len(numbers)))[:, None]
    for number in np.unique(numbers):
        columns = ((numbers == number) * bits).sum(axis=0) + 63
        line = columns.astype(np.uint8).tobytes().decode("ascii")
        yield f"#{int(number)}" + re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", line)
