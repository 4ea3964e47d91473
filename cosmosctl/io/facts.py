"""Frozen dataclasses into the tool's own YAML files and back. Anything unreadable counts as not there."""

from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_HEAD = "# Written by cosmosctl; do not edit.\n"


def facts_text(value: "DataclassInstance") -> str:
    """The YAML file that holds every field of `value`."""
    from cosmosctl.io.yaml_file import dump_tool

    facts = {key: list(item) if isinstance(item, tuple) else item for key, item in vars(value).items()}
    return _HEAD + dump_tool(facts)


def read_facts(kind: type[T], path: Path) -> T | None:
    """The `kind` that `path` tells of, see `facts_in`; None when there is no such file."""
    try:
        return facts_in(kind, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def facts_in(kind: type[T], text: str) -> T | None:
    """The `kind` that `text` tells of, if every field without a default is there and each is of its type.

    Keys that it has no field for, of a later version, are passed over.
    """
    known = {one.name: one for one in fields(kind)}
    given = {name: value for name, value in _read(text).items() if name in known}
    for name, value in given.items():
        if isinstance(value, list) and get_origin(known[name].type) is tuple:
            given[name] = tuple(value)
    whole = given.keys() >= {
        name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING
    }
    sound = all(isinstance(value, _classes(known[name].type)) for name, value in given.items())
    return kind(**given) if whole and sound else None


def _read(text: str) -> dict[str, Any]:
    from cosmosctl.io.yaml_file import load_tool

    facts = load_tool(text)
    return facts if isinstance(facts, dict) else {}


def _classes(annotation: Any) -> tuple[type, ...]:
    """The classes that a value of this type may have."""
    if annotation is float:
        return (float, int)
    if isinstance(annotation, UnionType):
        return tuple(get_args(annotation))
    return (get_origin(annotation) or annotation,)
