"""Frozen dataclasses into the tool's own YAML files and back. Anything unreadable counts as not there."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cosmosctl.io.checked import Unreadable, read_bounded, text_of, typed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

MOST_BYTES = 64 << 20
"""Six times the end of a batch of a hundred thousand runs."""
_HEAD = "# Written by cosmosctl; do not edit.\n"


def facts_text(value: "DataclassInstance") -> str:
    """The YAML file that holds every field of `value`."""
    from cosmosctl.io.yaml_file import dump_tool

    facts = {key: list(item) if isinstance(item, tuple) else item for key, item in vars(value).items()}
    return _HEAD + dump_tool(facts)


def read_facts(kind: type[T], path: Path) -> T | None:
    """The `kind` that `path` tells of, see `facts_in`; None when there is no such file, or it cannot be read."""
    try:
        return facts_in(kind, text_of(read_bounded(path, MOST_BYTES)))
    except (FileNotFoundError, Unreadable):
        return None


def facts_in(kind: type[T], text: str) -> T | None:
    """The `kind` that `text` tells of, if every field without a default is there and each is of its type.

    Keys that it has no field for, of a later version, are passed over.
    """
    from cosmosctl.io.yaml_file import load_tool

    try:
        return typed(kind, load_tool(text))
    except Unreadable:
        return None
