"""What a plain word of a YAML file means: ruamel.yaml's resolver and constructor, set to the core schema of YAML 1.2.

ruamel's own YAML 1.2 still reads dates, 0b1 and 2026_11_21 as more than text; here they are ids that need no quotes.
And the one other thing in which libyaml is still YAML 1.1: what ends a line.
"""

import functools
import re
from collections.abc import Iterable, Mapping

from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import BaseResolver, implicit_resolvers

_CORE_SCHEMA = (
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)
"""https://yaml.org/spec/1.2.2/#103-core-schema: tag, words, their first characters.

Python reads no whole number of more than 4300 digits; such a one is infinite.
"""


class _CoreSchema(SafeConstructor, BaseResolver):
    """Words into values."""

    processing_version = (1, 2)

    def __init__(self) -> None:
        SafeConstructor.__init__(self, loader=self)
        BaseResolver.__init__(self, loadumper=self)


class AnyMeaning(BaseResolver):
    """Takes for more than text what any reader would: YAML 1.1, YAML 1.2 or ruamel.yaml's idea of it."""


for _entry in implicit_resolvers:  # versions, tag, pattern, first characters
    AnyMeaning.add_implicit_resolver_base(*_entry[1:])
for _name, _pattern, _first in _CORE_SCHEMA:
    for _resolver in (_CoreSchema, AnyMeaning):
        _resolver.add_implicit_resolver_base(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _first)

_CORE, _ANY = _CoreSchema(), AnyMeaning()


_FIRST = frozenset(char for _, _, first in _CORE_SCHEMA for char in first)
"""What begins like none of these is text; an empty word is null."""


def plain_value(text: str) -> bool | int | float | str | None:
    """null, a truth value, a number, or `text` itself."""
    return text if text and text[0] not in _FIRST else _meaning(text)


@functools.lru_cache(maxsize=1024)
def _meaning(text: str) -> bool | int | float | str | None:
    tag = _CORE.resolve(ScalarNode, text, (True, False))
    value: bool | int | float | str | None = _CORE.yaml_constructors[str(tag)](_CORE, ScalarNode(tag, text))
    return value


def is_only_text(text: str) -> bool:
    """Whether no reader takes the plain word for a number, a date, a truth value or null."""
    return bool(_ANY.resolve(ScalarNode, text, (True, False)) == BaseResolver.DEFAULT_SCALAR_TAG)


BREAKS_OF_YAML_1_1 = ("\x85", "\u2028", "\u2029")
"""NEL, LS and PS: libyaml takes them for line breaks, YAML 1.2 for ordinary characters."""


def stand_ins(chars: Iterable[str], text: str) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """For `str.translate`: private-use characters that `text` does not hold in the place of `chars`, and the way back.

    For characters that libyaml does not take for what they are. Without any of them in `text` both are empty.
    """
    present = [char for char in chars if char in text]
    free = (char for char in map(chr, range(0xE000, 0xF900)) if char not in text)
    there = {ord(char): stand_in for char, stand_in in zip(present, free, strict=False)}
    return there, {ord(stand_in): chr(code) for code, stand_in in there.items()}
