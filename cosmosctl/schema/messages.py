"""The complaints of the schema as mistakes with a place, in the words of somebody who edits the file."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cosmosctl import models
from cosmosctl.errors import MOST_SHOWN
from cosmosctl.schema.keys import ABSOLUTE, ADDRESS, ID, MAPPING, NOT_EMPTY, OPTION, SHORT, TIME_LIMIT, VARIABLE
from cosmosctl.schema.settings import SETTING_NAMES
from cosmosctl.yaml.messages import Mistake
from cosmosctl.yaml.reader import Document, KeyPath

_SHOWN_CHARS = 40


def mistakes(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[Mistake]:
    """One mistake for each complaint about `document`, which was checked against `model`."""
    for number, detail in enumerate(error.errors(include_url=False)):
        path = _path(detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            words = _unknown_key(path, model) if number < MOST_SHOWN else f"unknown key '{path[-1]}'"
            yield Mistake(*document.key_place(path), words)
        elif kind == "missing":
            yield Mistake(*document.place(path[:-1]), f"{dotted(path)} is missing")
        elif "[key]" in detail["loc"]:
            yield Mistake(*document.key_place(path), f"{dotted(path)}: {_PATTERN_WORDS[_context(detail, 'pattern')]}")
        else:
            yield Mistake(*document.place(path), f"{dotted(path)} {_complaint(detail, path, model)}")


def dotted(path: KeyPath) -> str:
    """`controls.depth.weight`, `tags[1]`."""
    if len(path) == 1:
        return str(path[0])
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """A value as the user wrote it, or nearly so."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= _SHOWN_CHARS else f"'{value[:_SHOWN_CHARS]}…'"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else str(value)[:_SHOWN_CHARS]


def nearest(word: str, known: Sequence[str]) -> str:
    """ "; did you mean …?" when a known word is near, else nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or [_OTHER_NAMES.get(word, "")]
    return f"; did you mean {near[0]}?" if near[0] in known else ""


_OTHER_NAMES = {
    "blur": "vis",
    "canny": "edge",
    "segmentation": "seg",
    "steps": "num_steps",
    "colour": "color",
    "rgb": "color",
    "videos": "video",
    "weight": "controls",
    "weights": "controls",
    "path": "input",
    "input_control": "input",
    "control_weight": "weight",
    "visual_input": "video",
}
"""Names that other programs, or the guide, use for the same thing."""


def _path(location: tuple[int | str, ...]) -> KeyPath:
    return tuple(part for part in location if part not in (MAPPING, SHORT, "[key]"))


def _context(detail: ErrorDetails, key: str) -> Any:
    return detail.get("ctx", {}).get(key)


def _unknown_key(path: KeyPath, model: type[BaseModel]) -> str:
    key, known = str(path[-1]), _known_keys(model, path[:-1])
    if key == "<<":
        return "'<<' (merge) is YAML 1.1; write the keys out"
    if ":" in key:
        return f"unknown key '{key}': a space is missing after ':'"
    family = str(path[-2]) if len(path) > 1 and path[-2] in models.REGISTRY else ""
    if key == "checkpoints" and family:
        return f"{dotted(path)}: {family} {models.get(family).HOME.no_checkpoints}"
    if family and path[0] == "defaults" and key in SETTING_NAMES:
        why = models.get(family).DROPPED.get(key)
        return f"{dotted(path)} {f'has no effect: {why}' if why else f'is not a setting of {family}'}; take it out"
    where = f" in {dotted(path[:-1])}" if len(path) > 1 else ""
    if key == "preset" and where:
        able = sorted(name for name, rule in models.controls().items() if rule.has_preset)
        return f"{dotted(path)}: only {' and '.join(able)} have presets"
    return f"unknown key '{key}'{where}{nearest(key, known) or '; known: ' + ', '.join(known)}"


def _known_keys(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The keys that `model` has at `path`."""
    for field in _fields(model, path):
        model = next(_models_in(field.annotation), model)
    return tuple(_by_key(model))


def _fields(model: type[BaseModel], path: KeyPath) -> Iterator[FieldInfo]:
    """The fields on the way to `path`; the names of hosts and of variables are no fields."""
    parts = iter(path)
    for part in parts:
        field = _by_key(model).get(str(part))
        if field is None:
            return
        yield field
        if get_origin(field.annotation) is dict:
            next(parts, None)
        model = next(_models_in(field.annotation), model)


def _by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _complaint(detail: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    kind, value = detail["type"], detail["input"]
    got = f", got {shown(value)}"
    if value is None:
        return "has no value: write one, or remove the line"
    if kind in _RANGE_ERRORS:
        return f"must be {_range(model, path)}{got}"
    if kind == "literal_error":
        choices = [choice.strip("' ") for choice in _context(detail, "expected").replace(" or ", ", ").split(",")]
        return f"must be one of {', '.join(choices)}{got}{nearest(str(value), choices)}"
    if kind == "string_pattern_mismatch":
        return _PATTERN_WORDS[_context(detail, "pattern")] + ("" if value == "" else got)
    if kind == "string_type" and not isinstance(value, dict | list):
        return f"must be a text{got}; put it in quotes"
    if kind in ("float_type", "finite_number") and SHORT in detail["loc"]:
        return f"must be a weight (a number from 0 to 1) or a mapping like {{weight: 0.3}}{got}"
    if kind in ("float_type", "finite_number") and path[-1] == "weight":
        return f"must be a number from 0 to 1{got}"
    if kind == "too_short":
        return "must not be empty"
    return f"{_TYPE_WORDS.get(kind, 'is not what is expected here')}{got}"


_RANGE_ERRORS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")

_TYPE_WORDS = {
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "dict_type": "must be a mapping (lines of `key: value`)",
    "model_type": "must be a mapping (lines of `key: value`)",
    "model_attributes_type": "must be a mapping (lines of `key: value`)",
}

_PATTERN_WORDS = {
    NOT_EMPTY: "must not be empty",
    ID: "must be an id: letters, digits, '.', '_' and '-', at most 64, a letter or digit first",
    ABSOLUTE: "must be an absolute path on the host, one that starts with /",
    ADDRESS: "must be what ssh takes, like user@name: no spaces, no '-' in front",
    VARIABLE: "must be the name of an environment variable",
    OPTION: "must be an option of sbatch, one that starts with -",
    TIME_LIMIT: "must be a time as sbatch takes it, like 04:00:00 or 1-12:00:00",
}


def _range(model: type[BaseModel], path: KeyPath) -> str:
    """The bounds of the field at `path`: a control that is a bare number is its weight."""
    field = list(_fields(model, path))[-1]
    below = next(_models_in(field.annotation), None)
    field = below.model_fields["weight"] if below is not None else field
    bounds = {type(limit).__name__: f"{_number(limit)}" for limit in field.metadata if _number(limit) is not None}
    low, high = bounds.get("Ge") or bounds.get("Gt"), bounds.get("Le")
    if "Gt" in bounds:
        return f"more than {low}" + (f" and at most {high}" if high else "")
    if low and high:
        return f"between {low} and {high}"
    return f"at least {low}" if low else f"at most {high}"


def _number(limit: Any) -> float | None:
    found = next((getattr(limit, name) for name in ("ge", "gt", "le") if hasattr(limit, name)), None)
    return found if isinstance(found, int | float) else None
