"""What can be varied in a run, by the keys of its file: the axes of sweeps, and what `create run --set` takes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from cosmosctl import models
from cosmosctl.domain.ids import is_id
from cosmosctl.domain.project import PRESETS, UPSCALE, Control, Run, Setting
from cosmosctl.domain.settings import is_finite
from cosmosctl.models.protocol import Model

SETTING, WEIGHT, PRESET, INPUT, CONTROL_PROMPT, MODEL, PROMPT, SCENE, KEPT = (
    *("setting", "weight", "preset", "input", "prompt of a control", "model", "prompt", "scene"),
    "weight of the upscaler",
)
"""What an axis is."""

_OF_CONTROL = {"weight": WEIGHT, "preset": PRESET, "input": INPUT, "prompt": CONTROL_PROMPT}


@dataclass(frozen=True)
class Axis:
    """`name`: the setting or the control that it is of. `key`: where it stands in a run's file."""

    kind: str
    name: str
    key: str


@cache
def axes() -> Mapping[str, Axis]:
    """Every axis by the names that it goes by: of a control its name alone is its weight."""
    found = {name: Axis(SETTING, name, name) for name in models.widest_rules()}
    for name, rule in models.controls().items():
        able = {"weight": True, "preset": rule.has_preset, "input": True, "prompt": rule.has_prompt}
        for part in (part for part, is_able in able.items() if is_able):
            axis = Axis(_OF_CONTROL[part], name, f"controls.{name}.{part}")
            found |= {axis.key: axis, f"{name}.{part}": axis}
        found |= {name: found[f"{name}.weight"], f"controls.{name}": found[f"{name}.weight"]}
    found |= {word: Axis(word, word, word) for word in (MODEL, PROMPT, SCENE)}
    return {**found, f"{UPSCALE}.weight": Axis(KEPT, UPSCALE, f"{UPSCALE}.weight")}


def short_names() -> tuple[str, ...]:
    """One name of each axis, the shortest."""
    return tuple(_shortest().values())


@cache
def _shortest() -> Mapping[Axis, str]:
    best: dict[Axis, str] = {}
    for name, axis in axes().items():
        best[axis] = min(best.get(axis, name), name, key=len)
    return best


def short_name(name: str) -> str:
    """The name by which an axis goes among values, whatever it is called in a file."""
    return _shortest()[axes()[name]]


def unknown(name: str) -> str:
    """That there is no such axis, and which one may be meant."""
    from cosmosctl.schema.messages import nearest

    near = nearest(name, tuple(axes()))
    return f"there is nothing called '{name}' in a run{near or '; known: ' + ', '.join(short_names())}"


def normal(axis: Axis, value: Setting) -> Setting:
    """The same value in the form in which a run's file would be read."""
    if axis.kind in (WEIGHT, KEPT) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if axis.kind != SETTING:
        return value
    rule = models.widest_rules()[axis.name]
    return str(value) if rule.kind is str and type(value) is int else rule.normal(value)


def mistake(axis: Axis, value: object, family: Model | None = None) -> str:
    """What is wrong with a value, as the end of a sentence; "" when nothing is. `family`: None for any."""
    if not isinstance(value, bool | int | float | str):
        return f"must be one value, got {_shown(value)}"
    if axis.kind == SETTING:
        return _setting_mistake(axis, normal(axis, value), family)
    if axis.kind in (WEIGHT, KEPT):
        return _weight_mistake(axis, value)
    words = {PRESET: PRESETS, MODEL: tuple(models.REGISTRY)}.get(axis.kind)
    if words is not None:
        return "" if value in words else f"must be one of {', '.join(words)}, got {_shown(value)}"
    if not isinstance(value, str) or not value.strip():
        return f"must be a text, got {_shown(value)}; put it in quotes"
    return "" if axis.kind != PROMPT or is_id(value) else f"must be the id of a prompt, got {_shown(value)}"


def _shown(value: object) -> str:
    from cosmosctl.schema.messages import shown  # pydantic

    return shown(value)


def _setting_mistake(axis: Axis, value: Setting, family: Model | None) -> str:
    if family is None or axis.name in family.SETTINGS:
        rules = models.widest_rules() if family is None else family.SETTINGS
        return rules[axis.name].mistake(value)
    dropped = family.DROPPED.get(axis.name)
    return f"has no effect: {dropped}" if dropped else f"is not a setting of {family.NAME}"


def _weight_mistake(axis: Axis, value: Setting) -> str:
    if isinstance(value, str | bool) or not is_finite(value) or not 0 <= value <= 1:
        return f"must be a number from 0 to 1, got {_shown(value)}"
    return "must be more than 0" if axis.kind == KEPT and value == 0 else ""


def with_value(run: Run, axis: Axis, value: Setting) -> Run:
    """`run` with that value; a control that is not in it is taken in by its weight alone. A scene changes no run."""
    value = normal(axis, value)
    if axis.kind == SETTING:
        return replace(run, settings={**run.settings, axis.name: value})
    if axis.kind == MODEL:
        return replace(run, model=str(value))
    if axis.kind == PROMPT:
        return replace(run, prompt=str(value))
    return run if axis.kind == SCENE else replace(run, controls=_controls(run.controls, axis, value))


def value_of(run: Run, axis: Axis) -> Setting | None:
    """What the run itself says there; None when it says nothing."""
    if axis.kind == SETTING:
        return run.settings.get(axis.name)
    if axis.kind in (MODEL, PROMPT):
        return run.model if axis.kind == MODEL else run.prompt
    control = next((one for one in run.controls if one.name == axis.name), None)
    if control is None:
        return None
    parts = {PRESET: control.preset, INPUT: control.input, CONTROL_PROMPT: control.prompt}
    return control.weight if axis.kind in (WEIGHT, KEPT) else parts[axis.kind]


def has_place_for(run: Run, axis: Axis) -> bool:
    """Whether the run has what the axis is of: a control for its preset, an upscaler for its weight."""
    if axis.kind in (PRESET, INPUT, CONTROL_PROMPT, KEPT):
        return any(control.name == axis.name for control in run.controls)
    return not (axis.kind == WEIGHT and run.upscales)


def _controls(controls: tuple[Control, ...], axis: Axis, value: Setting) -> tuple[Control, ...]:
    """A preset and an input take each other's place."""
    known = {control.name: control for control in controls}
    one = known.get(axis.name, Control(axis.name, 0.0))
    if axis.kind in (WEIGHT, KEPT):
        one = replace(one, weight=float(value))
    elif axis.kind == PRESET:
        one = replace(one, preset=str(value), input=None)
    elif axis.kind == INPUT:
        one = replace(one, input=str(value), preset=None)
    else:
        one = replace(one, prompt=str(value))
    known[axis.name] = one
    order = [*models.controls(), UPSCALE]
    return tuple(known[name] for name in order if name in known)
