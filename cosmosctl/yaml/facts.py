"""Frozen dataclasses into the tool's own YAML files and back. Anything unreadable counts as not there."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cosmosctl.io.checked import Unreadable, read_bounded, text_of, typed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

MOST_BYTES = 16 << 20
"""More than the end of the largest batch takes."""
CHARS_A_VALUE = 4
"""A value and its key take more in every file of ours: what has more values than that is none of them."""
_HEAD = "# Written by cosmosctl; do not edit.\n"


def facts_text(value: "DataclassInstance", *, without: Collection[str] = ()) -> str:
    """The YAML file that holds every field of `value`, but those named."""
    from cosmosctl.yaml.file import dump_tool

    facts = {
        key: list(item) if isinstance(item, tuple) else item for key, item in vars(value).items() if key not in without
    }
    return _HEAD + dump_tool(facts)


def read_facts(kind: type[T], path: Path, *, most_bytes: int = MOST_BYTES) -> T | None:
    """The `kind` that `path` tells of, see `facts_in`; None when there is no such file, or it cannot be read."""
    try:
        return facts_in(kind, text_of(read_bounded(path, most_bytes)))
    except (FileNotFoundError, Unreadable):
        return None


def facts_in(kind: type[T], text: str) -> T | None:
    """The `kind` that `text` tells of, if every field without a default is there and each is of its type.

    Keys that it has no field for, of a later version, are passed over.
    """
    from cosmosctl.yaml.file import MAX_NODES, load_tool

    try:
        return typed(kind, load_tool(text, max_nodes=min(MAX_NODES, max(1000, len(text) // CHARS_A_VALUE))))
    except Unreadable:
        return None
