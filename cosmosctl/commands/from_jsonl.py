"""Hand-written JSONL lines of transfer1 into prompts and runs. Every mistake is told with its line, before a write."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cosmosctl import store
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import CONTROLS, Control
from cosmosctl.errors import FileError, FilesError
from cosmosctl.store import Snapshot

_LINE_KEYS = ("visual_input", "prompt", "control_overrides")
_CONTROL_KEYS = ("control_weight", "input_control", "input_control_prompt")


def runs_from_jsonl(project: ProjectPaths, snapshot: Snapshot, file: Path) -> tuple[str, ...]:
    """A run for each line, with a prompt for each new pair of text and video. Raises: FilesError with every mistake.

    Paths are relative to the project, as in its other files; lines with different sets of controls become runs of
    different groups.
    """
    parsed = list(_lines(file))
    mistakes = [f"{file}:{number}: {text}" for number, line in parsed for text in _mistakes(project, line)]
    if not parsed:
        mistakes.append(f"{file}: holds no line")
    if mistakes:
        raise FilesError(mistakes)
    prompts = {(p.text, p.videos["color"]): p.id for p in snapshot.prompts.values() if set(p.videos) == {"color"}}
    runs = []
    for _, line in parsed:
        key = (line["prompt"], _project_path(project, line["visual_input"]))
        if key not in prompts:
            prompts[key] = store.create_prompt(project.root, key[0], {"color": key[1]})
        runs.append(store.create_run(project.root, prompts[key], _controls(project, line)))
    return tuple(runs)


def _lines(file: Path) -> Iterator[tuple[int, Any]]:
    import jsonlines

    try:
        with jsonlines.open(file) as reader:
            yield from enumerate(reader.iter(skip_empty=False, allow_none=True), start=1)
    except OSError as e:
        raise FileError(f"{file}: cannot be read: {e.strerror}") from e
    except jsonlines.InvalidLineError as e:
        raise FileError(f"{file}:{e.lineno}: is not JSON: {e.line[:60]!r}") from e
    except UnicodeDecodeError as e:
        raise FileError(f"{file}: is not UTF-8") from e


def _mistakes(project: ProjectPaths, line: Any) -> Iterator[str]:
    if not isinstance(line, dict):
        yield f"must be an object, got {type(line).__name__}"
        return
    yield from (f"unknown key {key!r}; known: {', '.join(_LINE_KEYS)}" for key in line if key not in _LINE_KEYS)
    if not isinstance(line.get("prompt"), str) or not line["prompt"].strip():
        yield "prompt must be text and not empty"
    yield from _path_mistakes(project, "visual_input", line.get("visual_input"), required=True)
    overrides = line.get("control_overrides")
    if not isinstance(overrides, dict) or not overrides:
        yield "control_overrides must be an object with at least one control"
        return
    for name, control in overrides.items():
        yield from _control_mistakes(project, name, control)
    weights = [c.get("control_weight", 0.5) for c in overrides.values() if isinstance(c, dict)]
    if weights and all(weight == 0 for weight in weights):
        yield "all weights are zero"


def _control_mistakes(project: ProjectPaths, name: str, control: Any) -> Iterator[str]:
    if name not in CONTROLS:
        yield f"unknown control {name!r}; known: {', '.join(CONTROLS)}"
        return
    if not isinstance(control, dict):
        yield f"{name} must be an object"
        return
    for key in control:
        if key not in _CONTROL_KEYS:
            yield f"{name}: unknown key {key!r}; known: {', '.join(_CONTROL_KEYS)}"
    weight = control.get("control_weight", 0.5)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
        yield f"{name}.control_weight must be a number, got {weight!r}"
    elif not 0 <= weight <= 1:
        yield f"{name}.control_weight must be between 0 and 1, got {weight:g}"
    yield from _path_mistakes(project, f"{name}.input_control", control.get("input_control"), required=False)


def _path_mistakes(project: ProjectPaths, key: str, value: Any, *, required: bool) -> Iterator[str]:
    if value is None and not required:
        return
    if not isinstance(value, str) or not value:
        yield f"{key} must be the path of a video"
    elif not (project.root / value).is_file():
        yield f"{key}: there is no file {value}"


def _controls(project: ProjectPaths, line: Mapping[str, Any]) -> tuple[Control, ...]:
    """null or a missing input means that the model makes the control, whatever the prompt's folder holds."""
    return tuple(
        Control(
            name,
            control.get("control_weight", 0.5),
            input=_project_path(project, control["input_control"]) if control.get("input_control") else "auto",
            prompt=control.get("input_control_prompt"),
        )
        for name, control in line["control_overrides"].items()
    )


def _project_path(project: ProjectPaths, path: str) -> str:
    full = project.root / path
    return full.relative_to(project.root).as_posix() if full.is_relative_to(project.root) else path
