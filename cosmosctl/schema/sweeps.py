"""What a file in sweeps/ may say, as a value or with all its mistakes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from cosmosctl.domain.project import PRESETS, Place, Setting
from cosmosctl.domain.sweep import MOST_POINTS, MOST_RUNS, Sweep, most_points
from cosmosctl.models import REGISTRY
from cosmosctl.schema import axes
from cosmosctl.schema.axes import Axis
from cosmosctl.schema.family_schema import JsonSchema, described
from cosmosctl.schema.keys import ID, UNSET, Id, Keys, Notes, no_items, no_keys
from cosmosctl.schema.messages import dotted
from cosmosctl.schema.values import Parsed, checked_keys, in_order, places_of
from cosmosctl.yaml.messages import Mistake
from cosmosctl.yaml.reader import Document, KeyPath

_Values = Annotated[list[Any], Field(min_length=1)]
_Axes = Annotated[dict[str, _Values], BeforeValidator(no_keys)]
_Points = Annotated[list[dict[str, Any]], BeforeValidator(no_items)]

_ABOUT = {
    "base": "The run that is varied: each run of the sweep is a copy of it with other values.",
    "grid": "Axes of which each value goes with each of the others: a setting, a control's weight by its name, "
    "`edge.preset`, `model`, `prompt`, `scene`.",
    "zip": "Axes whose values go side by side: the first with the first, the second with the second.",
    "exclude": "Runs to leave out, told by some of their values.",
    "points": "More runs, each with its values.",
    "max": "Of more runs it is asked before they are written.",
}


class SweepFile(Keys):
    """A sweep: a run in many variations. The file's name is its name."""

    base: Id = Field(description=_ABOUT["base"], examples=["rs_x7m2ab"])
    grid: _Axes = Field(default=UNSET, description=_ABOUT["grid"])
    zip: _Axes = Field(default=UNSET, description=_ABOUT["zip"])
    exclude: _Points = Field(default=UNSET, description=_ABOUT["exclude"])
    points: _Points = Field(default=UNSET, description=_ABOUT["points"])
    max: Annotated[int, Field(ge=1, le=MOST_POINTS)] = Field(
        default=MOST_RUNS, description=_ABOUT["max"], examples=[MOST_RUNS]
    )
    notes: Notes = UNSET


def sweep_of(document: Document, name: str) -> Parsed[Sweep]:
    """The sweep that a file holds; whether its base and its prompts are there is not looked at."""
    keys, found = checked_keys(document, SweepFile, "base: rs_…")
    found += _mistakes(document)
    if keys is None or found:
        return Parsed(None, in_order(found))
    file = f"sweeps/{name}.yaml"
    value = Sweep(
        name=name,
        base=keys.base,
        grid=_normal_axes(keys.grid or {}),
        zipped=_normal_axes(keys.zip or {}),
        exclude=tuple(_normal_point(point) for point in keys.exclude or ()),
        points=tuple(_normal_point(point) for point in keys.points or ()),
        most=keys.max,
        places={_by_short_name(key): Place(file, *place) for key, place in places_of(document)},
    )
    most = most_points(value)
    if most > MOST_POINTS:
        words = f"these are {most:,} runs; a sweep has at most {MOST_POINTS:,}"
        return Parsed(None, (Mistake(*document.key_place(("grid",)), words),))
    return Parsed(value, ())


def _normal_axes(given: Mapping[str, Sequence[Setting]]) -> dict[str, tuple[Setting, ...]]:
    known = axes.axes()
    return {
        axes.short_name(name): tuple(axes.normal(known[name], value) for value in values)
        for name, values in given.items()
    }


def _normal_point(given: Mapping[str, Setting]) -> dict[str, Setting]:
    known = axes.axes()
    return {axes.short_name(name): axes.normal(known[name], value) for name, value in given.items()}


_AXIS_KEY = re.compile(r"(?P<head>(?:grid|zip|points\[[0-9]+\])\.)(?P<name>[a-z_.0-9]+)(?P<rest>.*)")


def _by_short_name(key: str) -> str:
    """A key path of a sweep's file with the axis in it by its short name."""
    found = _AXIS_KEY.fullmatch(key)
    if found is None or found["name"] not in axes.axes():
        return key
    return f"{found['head']}{axes.short_name(found['name'])}{found['rest']}"


def _mistakes(document: Document) -> list[Mistake]:
    """What the axes must not be, told also when other keys are wrong."""
    value = document.value
    if not isinstance(value, dict):
        return []
    found = [*_axis_mistakes(document, "grid"), *_axis_mistakes(document, "zip"), *_zip_mistakes(document)]
    for key in ("exclude", "points"):
        points = value.get(key)
        for number, point in enumerate(points if isinstance(points, list) else ()):
            found += _point_mistakes(document, (key, number), point)
    if not any(value.get(key) for key in ("grid", "zip", "points")):
        words = "a sweep has to vary something: write `grid:` with a setting and its values below it"
        found.append(Mistake(*document.place(()), words))
    return [*found, *_twice(document)]


def _axis_mistakes(document: Document, kind: str) -> Iterator[Mistake]:
    given = document.value.get(kind) if isinstance(document.value, dict) else None
    for name, values in given.items() if isinstance(given, dict) else ():
        axis = axes.axes().get(name)
        if axis is None:
            yield Mistake(*document.key_place((kind, name)), axes.unknown(name))
            continue
        for number, value in enumerate(values if isinstance(values, list) else ()):
            yield from _value_mistakes(document, (kind, name, number), axis, value)


def _value_mistakes(document: Document, path: KeyPath, axis: Axis, value: object) -> Iterator[Mistake]:
    words = axes.mistake(axis, value)
    if words:
        yield Mistake(*document.place(path), f"{dotted(path)} {words}")


def _point_mistakes(document: Document, path: KeyPath, point: object) -> Iterator[Mistake]:
    for name, value in point.items() if isinstance(point, dict) else ():
        axis = axes.axes().get(name)
        if axis is None:
            yield Mistake(*document.key_place((*path, name)), axes.unknown(name))
        else:
            yield from _value_mistakes(document, (*path, name), axis, value)
    if point == {}:
        yield Mistake(*document.place(path), f"{dotted(path)} names no value")


def _zip_mistakes(document: Document) -> Iterator[Mistake]:
    given = document.value.get("zip") if isinstance(document.value, dict) else None
    lengths = {
        name: len(values)
        for name, values in (given.items() if isinstance(given, dict) else ())
        if isinstance(values, list)
    }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        yield Mistake(*document.key_place(("zip",)), f"zip wants as many values of each, got {told}")


def _twice(document: Document) -> Iterator[Mistake]:
    """Axes that stand there under two names, or in grid and in zip."""
    seen: dict[str, str] = {}
    value = document.value if isinstance(document.value, dict) else {}
    for kind in ("grid", "zip"):
        given = value.get(kind)
        for name in given if isinstance(given, dict) else ():
            axis = axes.axes().get(name)
            if axis is not None and axis.key in seen:
                yield Mistake(*document.key_place((kind, name)), f"{kind}.{name} is varied in {seen[axis.key]} already")
            elif axis is not None:
                seen[axis.key] = f"{kind}.{name}"


def sweep_schema(prompts: Sequence[str], settings: JsonSchema) -> JsonSchema:
    """The JSON Schema of a sweep in a project with these prompts; `settings`: each setting's own schema."""
    values = {name: _value_schema(axis, prompts, settings) for name, axis in axes.axes().items()}
    short = {name: values[name] for name in axes.short_names()}
    lists = {name: {"type": "array", "items": one, "minItems": 1, **_told(one)} for name, one in values.items()}
    axis_map = {"type": ["object", "null"], "properties": lists, "additionalProperties": False}
    point = {"type": "object", "properties": {**values, **short}, "additionalProperties": False, "minProperties": 1}
    points = {"type": ["array", "null"], "items": {"$ref": "#/$defs/point"}}
    properties: JsonSchema = {
        "base": {**described(_ABOUT["base"]), "type": "string", "pattern": ID, "examples": ["rs_x7m2ab"]},
        "grid": {**described(_ABOUT["grid"]), **axis_map},
        "zip": {**described(_ABOUT["zip"]), **axis_map},
        "exclude": {**described(_ABOUT["exclude"]), **points},
        "points": {**described(_ABOUT["points"]), **points},
        "max": {
            **described(_ABOUT["max"], f"Default: {MOST_RUNS}."),
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_POINTS,
            "default": MOST_RUNS,
        },
        "notes": {**described("Anything worth remembering."), "type": ["string", "null"]},
    }
    return {
        "description": str(SweepFile.__doc__),
        "type": "object",
        "properties": properties,
        "required": ["base"],
        "anyOf": [{"required": [key]} for key in ("grid", "zip", "points")],
        "additionalProperties": False,
        "$defs": {"point": point},
    }


def _told(schema: JsonSchema) -> JsonSchema:
    return {key: schema[key] for key in ("description", "markdownDescription") if key in schema}


def _value_schema(axis: Axis, prompts: Sequence[str], settings: JsonSchema) -> JsonSchema:
    if axis.kind == axes.SETTING:
        return dict(settings[axis.name])
    if axis.kind in (axes.WEIGHT, axes.KEPT):
        return {**described(f"How strongly {axis.name} holds the video."), "type": "number", "minimum": 0, "maximum": 1}
    if axis.kind == axes.PRESET:
        return {**described(f"Strength of {axis.name}, made from the colour video."), "enum": list(PRESETS)}
    if axis.kind == axes.MODEL:
        return {**described("The model family."), "enum": list(REGISTRY)}
    examples = {"examples": list(prompts)} if axis.kind == axes.PROMPT and prompts else {}
    about = {
        axes.PROMPT: "Another prompt.",
        axes.SCENE: "A scene folder: the prompt of the run with that video.",
        axes.INPUT: f"The video of {axis.name}: `auto`, or a path in the project.",
    }
    return {**described(about.get(axis.kind, "What to look for.")), "type": "string", "pattern": r"\S", **examples}
