"""A run's recipe in words: its controls and where each comes from, its settings and which file says so."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from cosmosctl import models
from cosmosctl.domain.project import UPSCALE, Run, Setting
from cosmosctl.domain.spec import OFFLOAD, WARM, EffectiveControl, Spec
from cosmosctl.shown.discreet import discreet

FROM = {"run": "run.yaml", "prompt": "the prompt", "project": "cosmosctl.yaml", "model": "default"}
"""Source of a setting -> what people call it."""

_CONTROL_FILE = re.compile(r"([a-z]+)_input_control(?:_\d+)?\.mp4|control_([a-z_]+)\.mp4")
"""The control videos that programs leave beside a result; models/__init__.py knows the same names."""


def control_words(control: EffectiveControl, spec: Spec) -> str:
    """Weight and source of a control."""
    sources = {
        "file": control.path or "",
        "auto": "made by the model" + (f", its own preset {control.preset}" if control.preset else ""),
        "preset": f"computed here, preset {control.preset}",
        "color": "off, kept in the set",
    }
    if control.name == UPSCALE:
        what = "its video" if spec.source is None else f"the result of {spec.source.run}"
        return f"{control.weight:g}, enlarges {what}"
    return f"{control.weight:g}, {sources[control.source]}"


def reproducible(spec: Spec) -> str:
    """Whether another start would be given the very same, as far as is known of the family."""
    if spec.source is not None and reproducible(spec.source).startswith("no"):
        return f"no: the result of {spec.source.run}, which it enlarges, is another one each time"
    random = models.get(spec.model).random_controls(spec)
    if not random:
        return "yes: every control is a file, a preset or computed the same way each time"
    return f"no: {spec.model} makes {', '.join(random)} with random strengths or colours; use a preset or a file"


def set_of(spec: Spec, scene: str) -> dict[str, Setting]:
    """What makes a run's video what it is, flat, for filters, axes and captions."""
    found: dict[str, Setting] = {"prompt": spec.prompt_id, "scene": scene, "model": spec.model}
    found |= {control.name: control.weight for control in spec.controls}
    found |= {f"{one.name} input": words for one in spec.controls if (words := _input_words(one))}
    return found | {name: value for name, value in spec.settings.items() if name not in (WARM, OFFLOAD)}


def _input_words(control: EffectiveControl) -> str:
    if control.preset is not None:
        return f"preset {control.preset}"
    return {"file": PurePosixPath(control.path or "").name, "auto": "auto"}.get(control.source, "")


def seen_set_of(run: Run, scene: str, model: str) -> dict[str, Setting]:
    """The same of a run that cannot be used, as far as its file can be read."""
    return {"prompt": run.prompt, "scene": scene, "model": model, **run.weights, **run.settings}


def rows(spec: Spec) -> list[list[Any]]:
    """(name, value, file) of every setting."""
    return [[name, _worded(name, value), FROM.get(spec.sources[name], "")] for name, value in spec.settings.items()]


def control_in(outputs: Mapping[str, str], control: str) -> str:
    """The name of the control video among the outputs of a result; "" when there is none."""
    for name in outputs:
        found = _CONTROL_FILE.fullmatch(name)
        if found is not None and control in found.groups():
            return name
    return ""


def _worded(name: str, value: Setting) -> Setting:
    return discreet(value) if isinstance(value, str) and name != "negative_prompt" else value
