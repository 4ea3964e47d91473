"""What a YAML file may hold once it is read."""

from typing import TypeAlias

YamlValue: TypeAlias = "bool | int | float | str | list[YamlValue] | dict[str, YamlValue] | None"

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and list positions that lead to a value; () is the whole file."""
