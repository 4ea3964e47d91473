"""The one reader of files that others may have written: a host, git, a crash. Everything is bounded and typed.

What cannot be read is an `Unreadable` in words; no other error leaves here, whatever the bytes are.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TypeVar, Union, get_args, get_origin, get_type_hints

from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.os_error import os_words
from cosmosctl.io.own import NotOwn

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

MAX_WHOLE = 1 << 63
"""Whole numbers are below it, either way: a size, a seed, a time."""
_DIGITS = re.compile("[0-9]{1,19}")
_SHOWN_CHARS = 60
_SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(ValueError):
    """Why bytes cannot be taken for what they should be, in words without the name of the file."""


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """The bytes of a regular file. Raises: FileNotFoundError, Unreadable."""
    with opened(path, most_bytes) as file:
        data = own.read_up_to(file.fileno(), most_bytes + 1)
    if len(data) > most_bytes:
        raise Unreadable(f"it is larger than {_size(most_bytes)}")
    return data


@contextmanager
def opened(path: Path, most_bytes: int) -> Iterator[BinaryIO]:
    """A regular file of the tool's to read from, behind no link. Raises: FileNotFoundError, Unreadable, also when it
    is larger now.
    """
    try:
        with own.opened(path, os.O_RDONLY) as descriptor, open(descriptor, "rb", closefd=False) as file:
            if os.fstat(descriptor).st_size > most_bytes:
                raise Unreadable(f"it is larger than {_size(most_bytes)}")
            yield file
    except FileNotFoundError:
        raise
    except OSError as e:
        raise Unreadable(os_words(e)) from e
    except NotOwn as e:
        raise Unreadable(e.words) from e
    except FileError as e:
        raise Unreadable(e.message.removeprefix(f"{path}: ")) from e


def text_of(data: bytes) -> str:
    """Raises: Unreadable when it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise Unreadable(f"the byte at {e.start} is not UTF-8") from e


def parse_json(data: bytes) -> Any:
    """What JSON says. Numbers are finite and below 2^63; halves of surrogate pairs are replaced. Raises: Unreadable."""
    try:
        value = _decoder().decode(data.decode("utf-8", "surrogatepass"))
        return _without_surrogates(value) if b"\\u" in data else value
    except Unreadable:
        raise
    except RecursionError as e:
        raise Unreadable("its values are nested too deep") from e
    except ValueError as e:
        raise Unreadable(f"it is no JSON ({e})") from e


def typed(kind: type[T], facts: object) -> T:
    """The dataclass that plain values tell of, each of its type and, where that is Annotated with rules, by them.

    Keys that it has no field for are passed over.

    Raises: Unreadable that names the field.
    """
    if not isinstance(facts, Mapping):
        raise Unreadable("it is no mapping")
    given: dict[str, Any] = {}
    for name, check, is_needed in _checks(kind):
        if name in facts:
            given[name] = check(facts[name])
        elif is_needed:
            raise Unreadable(f"{name} is missing")
    return kind(**given)


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` itself. Raises: Unreadable when it is no mapping."""
    if not isinstance(value, Mapping):
        raise Unreadable("it is no mapping")
    return value


def whole(value: object, most: int) -> int | None:
    """`value` if it is a whole number from 0 to `most`."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def whole_in(text: str) -> int | None:
    """The whole number below 2^63 that `text` is, in decimal digits alone."""
    value = int(text) if _DIGITS.fullmatch(text) else MAX_WHOLE
    return value if value < MAX_WHOLE else None


def number(value: object, most: float) -> float | None:
    """`value` if it is a number from 0 to `most`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= most else None  # type: ignore[arg-type, operator]  # is_number


def text(value: object, most_chars: int) -> str | None:
    """`value` if it is text; of a longer one the beginning."""
    if not isinstance(value, str):
        return None
    return value if len(value) <= most_chars else f"{value[:most_chars]}…"


@cache
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_int=_whole, parse_float=_finite, parse_constant=_no_number)


def _size(size_bytes: int) -> str:
    return f"{size_bytes >> 20} MiB" if size_bytes >> 20 else f"{size_bytes} bytes"


def _whole(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else MAX_WHOLE
    if abs(value) >= MAX_WHOLE:
        raise Unreadable(f"the number {digits[:20]}… is too large")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable(f"the number {digits[:20]} is too large")
    return value


def _no_number(word: str) -> float:
    raise Unreadable(f"{word} is no number")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


Check = Callable[[Any], Any]
"""Gives a value as a field wants it: lists become tuples. Raises: Unreadable that names the field."""


@cache
def _checks(kind: type) -> Sequence[tuple[str, Check, bool]]:
    """Each field's name, its check, and whether it has to be there: found out once for thousands of files."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        (one.name, _check(hints[one.name], one.name), one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
    ]


def _check(annotation: Any, name: str) -> Check:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _ruled(_check(inner[0], name), inner[1:], name)
    if origin in (UnionType, Union):
        return _one_of(inner, name)
    if origin is tuple:
        return _each(_check(inner[0], name), name)
    if origin is not None and issubclass(origin, Mapping):
        return _pairs(_check(inner[0], name), _check(inner[1], name), name)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return partial(typed, annotation)
    return _plain(annotation, name)


def _ruled(check: Check, rules: Sequence[Callable[[Any], bool]], name: str) -> Check:
    def checked(value: Any) -> Any:
        found = check(value)
        if all(rule(found) for rule in rules):
            return found
        raise Unreadable(f"{name} is not what it should be: {ascii(value)[:_SHOWN_CHARS]}")

    return checked


def _one_of(kinds: Sequence[Any], name: str) -> Check:
    plain = [kind for kind in kinds if kind in (bool, int, float, str, NoneType)]
    other = next((_check(kind, name) for kind in kinds if kind not in plain), None)
    whole = frozenset(kind for kind in plain if kind in _WITHOUT_BOUNDS)

    def checked(value: Any) -> Any:
        if type(value) in whole or any(_is(kind, value) for kind in plain):
            return value
        if other is None or value is None:
            raise _misfit(name)
        return other(value)

    return checked


def _each(check: Check, name: str) -> Check:
    def checked(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _misfit(name)
        return tuple(map(check, value))

    return checked


def _pairs(key: Check, item: Check, name: str) -> Check:
    def checked(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit(name)
        return {key(one): item(other) for one, other in value.items()}

    return checked


def _plain(kind: Any, name: str) -> Check:
    whole = frozenset({kind} & _WITHOUT_BOUNDS)

    def checked(value: Any) -> Any:
        if type(value) in whole or kind is Any or _is(kind, value):
            return value
        raise _misfit(name)

    return checked


_WITHOUT_BOUNDS = frozenset((bool, str, NoneType))
"""Kinds that any value of is right: most values are of these, and a look at the type is all they take."""


def _misfit(name: str) -> Unreadable:
    return Unreadable(f"{name} is not what it should be")


def _is(kind: Any, value: object) -> bool:
    if kind is float:
        return (isinstance(value, float) and math.isfinite(value)) or _is(int, value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_WHOLE
    return isinstance(kind, type) and isinstance(value, kind)
