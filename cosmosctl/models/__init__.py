"""The model families: one module of pure functions each, listed in `REGISTRY`.

What all of them together can hold is asked for here, so that a new control or setting stands in its family alone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from cosmosctl.domain.project import COLOR, UPSCALE, Config, Prompt, Run
from cosmosctl.domain.settings import SettingRule, widest
from cosmosctl.domain.spec import Spec, effective_spec
from cosmosctl.errors import UsageError
from cosmosctl.models import cosmos3, cosmos3_diffusers, transfer1, transfer1_warm, transfer25, transfer25_diffusers
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.protocol import Model, WarmModel

REGISTRY: dict[str, Model] = {
    "transfer1": transfer1,
    "transfer2.5": transfer25,
    "cosmos3": cosmos3,
    transfer25_diffusers.NAME: transfer25_diffusers,
    cosmos3_diffusers.NAME: cosmos3_diffusers,
}
"""The first is that of a project which names none."""

WARM_MODELS: Mapping[str, WarmModel] = {transfer1.NAME: transfer1_warm}
"""The families that can be kept loaded between rows with different settings."""

UPSCALER: Model = transfer1
"""The family that enlarges videos."""


def default() -> str:
    """The family of a project that names none."""
    return next(iter(REGISTRY))


@cache
def controls() -> Mapping[str, ControlRule]:
    """Every control of any family, as the first one that has it tells of it, in the order of `--weights`."""
    found: dict[str, ControlRule] = {}
    for family in REGISTRY.values():
        found |= {name: rule for name, rule in family.CONTROLS.items() if name not in found}
    return found


def balanced(known: Mapping[str, ControlRule]) -> Mapping[str, float]:
    """Of these controls, the weights of a run that names none: the guide's balanced set."""
    return {name: rule.balanced for name, rule in known.items() if rule.balanced is not None}


@cache
def video_stems() -> Mapping[str, tuple[str, ...]]:
    """What a scene folder may hold: role -> file names without their ending."""
    return {COLOR: (COLOR,), **{name: rule.stems for name, rule in controls().items()}}


@cache
def setting_rules() -> Mapping[str, Mapping[str, SettingRule]]:
    """Setting -> family -> its rule, of the families that have it."""
    found: dict[str, dict[str, SettingRule]] = {}
    for name, family in REGISTRY.items():
        for key, rule in family.SETTINGS.items():
            found.setdefault(key, {})[name] = rule
    return found


def get(name: str) -> Model:
    """The model family of that name. Raises: UsageError naming the ones there are."""
    if name in REGISTRY:
        return REGISTRY[name]
    raise UsageError(f"there is no model {name!r}; known: {', '.join(REGISTRY)}")


@cache
def widest_rules() -> Mapping[str, SettingRule]:
    """Setting -> what any family takes."""
    return {name: widest(rules) for name, rules in setting_rules().items()}


_CONTROL_NAMES = r"[a-z]+_input_control(_\d+)?\.mp4|control_[a-z_]+\.mp4"
"""Control videos that programs leave beside a result in a folder of its own (model-contracts 1c)."""


def output_names(model: str) -> re.Pattern[str]:
    """What the outputs of a run of that family may be called. Raises: UsageError."""
    warm = WARM_MODELS.get(model)
    layouts = (*get(model).LAYOUTS, *(() if warm is None else warm.LAYOUTS))
    named = {name for one in layouts for name in (one.primary, *(one.files or {}).values())}
    return re.compile("|".join((*map(re.escape, sorted(named)), r"prompt\.txt", _CONTROL_NAMES)))


def spec_of(run: Run, prompt: Prompt, config: Config, *, model: str | None = None, source: Spec | None = None) -> Spec:
    """The effective spec of `run` on its own family, or on `model`; a run that upscales is always the upscaler's.

    `source` is the run whose result it upscales.
    """
    upscales = [control.name for control in run.controls] == [UPSCALE]
    family = UPSCALER if upscales else get(model or run.model or config.model)
    config = _for_upscaling(config) if upscales else config
    rules = rules_of(family, run, config)
    spec = effective_spec(
        run,
        prompt,
        config,
        model=family.NAME,
        rules=rules,
        order=tuple(family.CONTROLS),
        native_presets=family.NATIVE_PRESETS,
    )
    return spec if source is None else replace(spec, video=source.video, source=source)


def _for_upscaling(config: Config) -> Config:
    """The project without its default of steps: that is meant for videos that are generated."""
    settings = {name: value for name, value in config.defaults.get(UPSCALER.NAME, {}).items() if name != "num_steps"}
    return replace(config, defaults={**config.defaults, UPSCALER.NAME: settings})


def host_mistake(spec: Spec, checkpoints: str | None, gpus: int) -> str:
    """What is wrong with a run on the weights that a host's block names, where it names none itself, and on that many
    GPUs for its video; mostly nothing.
    """
    if words := get(spec.model).gpus_mistake(spec, gpus, checkpoints):
        return f"gpus_per_video: {words}"
    if spec.model != cosmos3.NAME or checkpoints is None or "checkpoint" in spec.settings:
        return ""
    mistake = cosmos3.resolution_mistake(checkpoints, spec.settings["resolution"])
    return mistake and f"resolution {mistake}"


def source_of(run: Run) -> str | None:
    """The run whose result `run` upscales; None when it reads its prompt's video."""
    return next((control.input for control in run.controls if control.name == UPSCALE), None)


def rules_of(family: Model, run: Run, config: Config) -> Mapping[str, SettingRule]:
    """The settings of a family, with the defaults that it has for this set of controls."""
    chosen = {**config.defaults.get(family.NAME, {}), **run.settings}
    tuned = family.defaults([control.name for control in run.controls], chosen)
    changed = {
        name: replace(family.SETTINGS[name], default=value) for name, value in tuned.items() if name in family.SETTINGS
    }
    return {**family.SETTINGS, **changed}
