"""Text of others made fit for a terminal: what a terminal would obey instead of showing is written out, like \\x1b.

Prompts, notes, file names, logs and all that a host says go through here on their way to a person.
"""

import codecs
import re

_OBEYED = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\u2028\u2029"  # ends of line that only some see
    "\ud800-\udfff"  # halves of a pair: no text at all
)
_ORDER = re.compile(f"[{_OBEYED}]")
_LOOKS = r"\x1b\[[0-9;]*[mK]"
"""Colours, and the end of a line wiped: how logs of programs look, nothing that they say."""

_PLAIN = {"…": "...", "→": "->", "–": "-", "—": "-", "×": "x", "━": "-", "╸": "-", "╺": "-", "•": "*"}
"""Our own signs, and those of bars, for a terminal that has none of them."""


def visible(text: str) -> str:
    """`text` with every character that a terminal obeys written out; tabs and newlines stay."""
    return _ORDER.sub(_written_out, text)


def one_line(text: str) -> str:
    """The same in a single line: names of files may hold line breaks, too."""
    return visible(text).replace("\n", "\\n")


def visible_log(text: str) -> str:
    """The same for a log: colours are taken away, and a carriage return may go on drawing a bar anew."""
    obeyed = _OBEYED.replace("\x0b-\x1f", "\x0b\x0c\x0e-\x1f")
    return re.sub(f"[{obeyed}]", _written_out, re.sub(_LOOKS, "", text))


def visible_json(text: str) -> str:
    """The text of JSON, where such characters stand in strings only, with their JSON escapes."""
    return _ORDER.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _instead(error: UnicodeError) -> tuple[str, int]:
    """For characters that a terminal's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode() for char in lacking), error.end


ENCODE_ERRORS = "cosmosctl.visible"
codecs.register_error(ENCODE_ERRORS, _instead)
