"""New prompts and runs as YAML files. All that is given is checked before a file is written."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from cosmosctl import models, store
from cosmosctl.commands.select import BALANCED
from cosmosctl.domain.ids import checked_id, resolve_id
from cosmosctl.domain.project import CONTROLS, PRESETS, Control, Setting
from cosmosctl.errors import UsageError


def create_prompt(
    folder: Path, text: str, video_dir: str, *, name: str | None, negative_prompt: str | None, tags: Sequence[str]
) -> str:
    """The id of a new prompt. `video_dir` is relative to `folder` or to the project. Raises: UsageError, FileError."""
    root = store.find_root(folder)
    if not text.strip():
        raise UsageError("the prompt's text is empty")
    if name is not None:
        checked_id(name, what="prompt")
    video = _inside(root, folder, video_dir)
    return store.create_prompt(root, text, video, name=name, negative_prompt=negative_prompt, tags=tuple(tags))


def create_run(
    folder: Path,
    prompt: str,
    weights: Sequence[float] | None,
    *,
    name: str | None,
    model: str | None,
    settings: Mapping[str, Setting],
    preset: str | None,
    tags: Sequence[str],
) -> str:
    """The id of a new run of `prompt` (an id or a unique prefix). Raises: UsageError, FileError."""
    root = store.find_root(folder)
    known = store.load_all(root)
    prompt_id = resolve_id(prompt, known.prompts, what="prompt")
    if name is not None:
        checked_id(name, what="run")
    rules = models.get(model or known.config.model).SETTINGS
    for key, value in settings.items():
        mistake = rules[key].mistake(value)
        if mistake:
            raise UsageError(f"--{key.replace('_', '-')} {mistake}")
    controls = _controls(weights or BALANCED, preset)
    return store.create_run(root, prompt_id, controls, name=name, model=model, settings=settings, tags=tuple(tags))


def _controls(weights: Sequence[float], preset: str | None) -> tuple[Control, ...]:
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}; known: {', '.join(PRESETS)}")
    for control, weight in zip(CONTROLS, weights, strict=True):
        if not math.isfinite(weight) or not 0 <= weight <= 1:
            raise UsageError(f"the weight of {control} must be between 0 and 1, got {weight:g}")
    if not any(weights):
        raise UsageError("all weights are zero: the result would have nothing to do with the video")
    return tuple(
        Control(name, weight, preset=preset if name in ("vis", "edge") and weight > 0 else None)
        for name, weight in zip(CONTROLS, weights, strict=True)
    )


def _inside(root: Path, folder: Path, video_dir: str) -> str:
    """`video_dir` as project files write it: relative to the project when it lies inside."""
    for base in (folder.resolve(), root.resolve()):
        full = base / video_dir
        if full.exists():
            inside = full.is_relative_to(root.resolve())
            return full.relative_to(root.resolve()).as_posix() if inside else str(full)
    raise UsageError(f"there is no folder {video_dir}", hint="put the scene's color.mp4 into inputs/videos/SCENE/")
