"""The controls of a new run from the words of a command line. Pure; nothing here reads files."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from cosmosctl.domain.project import PRESETS, UPSCALE, Control
from cosmosctl.errors import UsageError
from cosmosctl.models import balanced
from cosmosctl.models import controls as known_controls
from cosmosctl.models.protocol import Model

SEG = "seg"
"""The control that `--seg-prompt` is for."""


@dataclass(frozen=True)
class GivenControls:
    """The options as they were given: `weights` of the balanced set, or `weighed` NAME=WEIGHT of single ones.

    `presets`: PRESET for the controls that have one, or NAME=PRESET. `inputs`: NAME=FILE, or NAME=auto.
    """

    weights: Sequence[float] | None = None
    weighed: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    seg_prompt: str | None = None


def controls_of(
    base: Sequence[Control], given: GivenControls, family: Model, placed: Callable[[str], str]
) -> tuple[Control, ...]:
    """The controls of a run: those of `base` as changed by `given`; without both, the balanced set of the family.

    `placed` turns a path of the command line into one of the project. Raises: UsageError.
    """
    if [control.name for control in base] == [UPSCALE]:
        if given != GivenControls():
            raise UsageError("a run that upscales has no controls: leave out --weights, --control, --preset, --input")
        return tuple(base)
    controls = _weighed({control.name: control for control in base}, given, family)
    for name, preset in _presets(controls, given.presets):
        controls[name] = replace(controls[name], preset=preset, input=None)
    for name, path in _pairs("--input", "FILE", given.inputs, controls):
        controls[name] = replace(controls[name], input="auto" if path == "auto" else placed(path), preset=None)
    if given.seg_prompt is not None:
        if SEG not in controls:
            raise UsageError(f"--{SEG}-prompt: {SEG} is not among the run's controls")
        controls[SEG] = replace(controls[SEG], prompt=given.seg_prompt)
    return tuple(controls[name] for name in known_controls() if name in controls)


def _weighed(controls: dict[str, Control], given: GivenControls, family: Model) -> dict[str, Control]:
    if given.weights is not None and given.weighed:
        raise UsageError("give --weights for all four, or --control for single ones, not both")
    pairs = list(_pairs("--control", "WEIGHT", given.weighed, known_controls()))
    weights = {name: _number(name, text) for name, text in pairs}
    if given.weights is not None:
        weights = dict(zip(balanced(known_controls()), given.weights, strict=True))
    elif not weights and not controls:
        weights = dict(balanced(family.CONTROLS))
    for name, weight in weights.items():
        if not math.isfinite(weight) or not 0 <= weight <= 1:
            raise UsageError(f"the weight of {name} must be between 0 and 1, got {weight:g}")
    controls = controls | {n: replace(controls.get(n, Control(n, w)), weight=w) for n, w in weights.items()}
    if not any(control.weight for control in controls.values()):
        raise UsageError("all weights are zero: the result would have nothing to do with the video")
    return controls


def _presets(controls: dict[str, Control], words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(control, preset) of each word; one without a name means all that have presets and count."""
    for word in words:
        name, there, preset = word.rpartition("=")
        if preset not in PRESETS:
            raise UsageError(f"there is no preset {preset!r}; known: {', '.join(PRESETS)}")
        if there and name not in _with_presets():
            raise UsageError(f"--preset {word}: only {' and '.join(sorted(_with_presets()))} have presets")
        if there and name not in controls:
            raise UsageError(f"--preset {word}: {name} is not among the run's controls")
        names = [name] if there else [one for one in _with_presets() if one in controls and controls[one].weight > 0]
        yield from ((one, preset) for one in names)


def _with_presets() -> list[str]:
    return [name for name, rule in known_controls().items() if rule.has_preset]


def _pairs(option: str, what: str, words: Sequence[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """NAME=WHAT, taken apart. Raises: UsageError."""
    seen = set()
    for word in words:
        name, there, value = word.partition("=")
        if not there or not value:
            raise UsageError(f"{option} {word}: write NAME={what}, NAME one of {', '.join(known_controls())}")
        if name not in known_controls():
            raise UsageError(f"{option} {word}: there is no control {name!r}; known: {', '.join(known_controls())}")
        if name not in known:
            raise UsageError(f"{option} {word}: {name} is not among the run's controls")
        if name in seen:
            raise UsageError(f"{option} {word}: {name} is there twice")
        seen.add(name)
        yield name, value


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"the weight of {name} must be a number from 0 to 1, got {text!r}") from error
