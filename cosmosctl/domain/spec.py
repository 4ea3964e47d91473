"""The effective spec of a run: every value that reaches the model, and which file it comes from.

Pure: files are named here by their project paths; who needs bytes or hashes hands them in.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cosmosctl.domain.project import UPSCALE, Config, Control, Prompt, Run, Setting
from cosmosctl.domain.settings import SettingRule

ControlSource = Literal["file", "auto", "preset", "color"]

WARM = "warm"
"""The setting that says how a run is served. Its result is meant to be the same either way: no fact of the run."""


OFFLOAD = "offload_models"
"""The setting that decides what lies in the GPU's memory: it changes no pixel and is no fact of the run either."""

_NO_FACTS: Mapping[str, Setting] = {OFFLOAD: False}
"""Settings that were facts once, and what they mostly were: hashes that receipts hold were made with them."""


@dataclass(frozen=True)
class EffectiveControl:
    """One control as the model gets it.

    `source`: "file" (`path` names it), "auto" (the model makes it, at `preset` where it has such presets of its own),
    "preset" (computed here from the colour video) or "color" (weight 0: the colour video stands in, so that nothing is
    computed). `unread`: a prompt for making it that has no use, because it is not made.
    """

    name: str
    weight: float
    source: ControlSource
    path: str | None = None
    preset: str | None = None
    prompt: str | None = None
    unread: str | None = None

    @property
    def is_native(self) -> bool:
        """Whether the model's own program makes it."""
        return self.source == "auto"


@dataclass(frozen=True)
class Spec:
    """All that decides a run's result, but for the bytes of its inputs.

    `source`: the run whose result is read in place of `video`.
    """

    run: str
    prompt_id: str
    model: str
    text: str
    video: str
    controls: tuple[EffectiveControl, ...]
    settings: Mapping[str, Setting]
    sources: Mapping[str, str]
    source: "Spec | None" = None

    @property
    def upscales(self) -> bool:
        """Whether the run enlarges a video instead of making one."""
        return [control.name for control in self.controls] == [UPSCALE]

    @property
    def input_paths(self) -> tuple[str, ...]:
        """The project paths of all video files that the run, or else its source, reads: colour first, none twice."""
        if self.source is not None:
            return self.source.input_paths
        named = [control.path for control in self.controls if control.path is not None]
        return tuple(dict.fromkeys([self.video, *named]))


def effective_spec(
    run: Run,
    prompt: Prompt,
    config: Config,
    *,
    model: str,
    rules: Mapping[str, SettingRule],
    order: Sequence[str] = (),
    native_presets: bool = False,
) -> Spec:
    """`run` with every default filled in. A setting's source is "run", "prompt", "project" or "model".

    Settings without a value anywhere and without a default of ours are left to the model's own default. With
    `native_presets` the model makes controls at a preset by itself; otherwise they are computed here. `order`: that of
    the family's controls.
    """
    settings: dict[str, Setting] = {}
    sources: dict[str, str] = {}
    defaults = config.defaults.get(model, {})
    for name in sorted({*rules, *run.settings, *defaults}):
        value, source = _setting(name, run, prompt, defaults, rules)
        if value is not None:
            settings[name], sources[name] = (rules[name].normal(value) if name in rules else value), source
    made = [_effective(control, prompt, "auto" if native_presets else "preset") for control in run.controls]
    controls = sorted(made, key=lambda c: order.index(c.name) if c.name in order else len(order))
    return Spec(run.id, prompt.id, model, prompt.text, prompt.videos["color"], tuple(controls), settings, sources)


def with_warm(spec: Spec, value: Setting) -> Spec:
    """The same run, served otherwise."""
    return replace(spec, settings={**spec.settings, WARM: value})


def _setting(
    name: str, run: Run, prompt: Prompt, defaults: Mapping[str, Setting], rules: Mapping[str, SettingRule]
) -> tuple[Setting | None, str]:
    if name in run.settings:
        return run.settings[name], "run"
    if name == "negative_prompt" and prompt.negative_prompt is not None:
        return prompt.negative_prompt, "prompt"
    if name in defaults:
        return defaults[name], "project"
    return rules[name].default, "model"


def _effective(control: Control, prompt: Prompt, preset_source: ControlSource) -> EffectiveControl:
    base = EffectiveControl(control.name, control.weight, "auto", prompt=control.prompt)
    if control.name == UPSCALE:
        return base
    if control.weight == 0:
        return EffectiveControl(control.name, control.weight, "color", unread=control.prompt)
    if control.preset is not None:
        return EffectiveControl(control.name, control.weight, preset_source, preset=control.preset)
    if control.input == "auto":
        return base
    path = control.input or prompt.videos.get(control.name)
    if path is None:
        return base
    return EffectiveControl(control.name, control.weight, "file", path=path, unread=control.prompt)


def fingerprint(spec: Spec, sha256: Mapping[str, str]) -> dict[str, Setting]:
    """What a result depends on, flat and comparable: key -> value, videos by content (`sha256`: path -> digest).

    How the model was started is not in it: neither `warm` nor `offload_models` makes a result old.
    """
    facts: dict[str, Setting] = {
        "model": spec.model,
        "prompt": hashlib.sha256(spec.text.encode()).hexdigest()[:16],
        "video": _video_fact(spec, sha256),
    }
    facts |= {name: value for name, value in spec.settings.items() if name not in (WARM, OFFLOAD)}
    for control in spec.controls:
        key = f"controls.{control.name}"
        facts[f"{key}.weight"] = control.weight
        facts[f"{key}.source"] = _source_words(control)
        if control.path is not None:
            facts[f"{key}.file"] = sha256[control.path]
        if control.prompt is not None:
            facts[f"{key}.prompt"] = control.prompt
    return facts


def _video_fact(spec: Spec, sha256: Mapping[str, str]) -> str:
    """The content of the video; of a result that may still have to be made, what it depends on."""
    if spec.source is None:
        return sha256[spec.video]
    return f"result of {spec.source.run}, {spec_hash(fingerprint(spec.source, sha256))}"


def _source_words(control: EffectiveControl) -> str:
    if control.preset is None:
        return control.source
    return f"preset {control.preset}" if control.source == "preset" else f"the model's preset {control.preset}"


def spec_hash(facts: Mapping[str, Setting]) -> str:
    """16 hex digits that differ when any fact of a fingerprint differs; those of an older fingerprint are the same.

    Values count, not how they are written: 5 and 5.0 are one number.
    """
    values = {key: _plain(value) for key, value in {**facts, **_NO_FACTS}.items()}
    text = json.dumps(dict(sorted(values.items())), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Setting | None) -> Setting | None:
    """The one form of a number in which it is compared."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def changed_keys(before: Mapping[str, Setting], after: Mapping[str, Setting]) -> tuple[str, ...]:
    """The keys whose values differ, in the order of the newer fingerprint, dropped ones last.

    There are some just when `spec_hash` differs.
    """
    keys = [key for key in (*after, *(key for key in before if key not in after)) if key not in _NO_FACTS]
    return tuple(key for key in keys if _word(before.get(key)) != _word(after.get(key)))


def _word(value: Setting | None) -> str:
    return json.dumps(_plain(value))
