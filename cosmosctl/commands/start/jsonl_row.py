"""One object of hand-written JSONL: what is wrong with it, and what it says as a project's values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.commands.start.create import placed
from cosmosctl.domain.project import Control
from cosmosctl.domain.settings import is_finite
from cosmosctl.io.given_path import cut, is_file, is_folder, no_path_words
from cosmosctl.models import transfer1
from cosmosctl.store.videos import ALLOW_OUTSIDE, path_words

LINE_KEYS = ("visual_input", "prompt", "control_overrides")
CONTROL_KEYS = ("control_weight", "input_control", "input_control_prompt")
"""What transfer1's batch lines may hold (model-contracts: inference_utils.py, `read_prompts_from_file`)."""


@dataclass(frozen=True)
class Rows:
    """How lines are read: relative to the project `root`; `roots` maps folders; `outside` allows other videos."""

    root: Path
    roots: Mapping[str, str]
    outside: bool

    def mistakes(self, line: Any) -> Iterator[str]:
        """Everything that is wrong with one line."""
        if not isinstance(line, dict):
            yield f"must be an object, got {_kind(line)}"
            return
        yield from (f"unknown key {key!r}; known: {', '.join(LINE_KEYS)}" for key in line if key not in LINE_KEYS)
        if not isinstance(line.get("prompt"), str) or not line["prompt"].strip():
            yield "prompt must be text and not empty"
        elif _is_half(line["prompt"]):
            yield "prompt is not Unicode: it holds half of a surrogate pair"
        if line.get("visual_input") is None:
            yield "visual_input is missing: the path of a video"
        else:
            yield from self._path_mistakes("visual_input", line["visual_input"])
        yield from self._all_control_mistakes(line.get("control_overrides"))

    def video(self, line: Mapping[str, Any]) -> str:
        """The project path of the line's video."""
        return self._placed(line["visual_input"])

    def controls(self, line: Mapping[str, Any]) -> tuple[Control, ...]:
        """null or a missing input means that the model makes the control, whatever the prompt's folder holds."""
        return tuple(
            Control(
                name,
                control["control_weight"],
                input=self._placed(control["input_control"]) if control.get("input_control") else "auto",
                prompt=control.get("input_control_prompt"),
            )
            for name, control in line["control_overrides"].items()
        )

    def _all_control_mistakes(self, overrides: Any) -> Iterator[str]:
        if not isinstance(overrides, dict) or not overrides:
            yield "control_overrides must be an object with at least one control"
            return
        for name, control in overrides.items():
            yield from self._control_mistakes(name, control)
        weights = [control.get("control_weight") for control in overrides.values() if isinstance(control, dict)]
        if weights and all(weight == 0 for weight in weights):
            yield "all weights are zero"

    def _control_mistakes(self, name: str, control: Any) -> Iterator[str]:
        if name not in transfer1.CONTROLS:
            yield f"unknown control {name!r}; known: {', '.join(transfer1.CONTROLS)}"
            return
        if not isinstance(control, dict):
            yield f"{name} must be an object, got {_kind(control)}"
            return
        for key in control:
            if key not in CONTROL_KEYS:
                yield f"{name}: unknown key {key!r}; known: {', '.join(CONTROL_KEYS)}"
        yield from _weight_mistakes(f"{name}.control_weight", control)
        if control.get("input_control") is not None:
            yield from self._path_mistakes(f"{name}.input_control", control["input_control"])
        yield from _prompt_mistakes(name, control)

    def _path_mistakes(self, key: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str) or not value:
            yield f"{key} must be the path of a video, got {_kind(value) if value != '' else 'an empty text'}"
            return
        path = value if no_path_words(value) else self._placed(value)
        words = path_words(self.root, path, allow_outside=self.outside)
        if words and path.startswith("/") and not no_path_words(path):
            top = "/".join(value.split("/")[:2]) if value.startswith("/") else ""
            remedy = f"--root {top}=. takes {top} for this folder" if top and not is_file(value) else ALLOW_OUTSIDE
            yield f"{key}: {cut(value)} lies outside of the project ({remedy})"
        elif words:
            yield f"{key}: {words}"
        elif is_folder(self.root / path):
            yield f"{key}: {cut(value)} is a folder, not a video"
        elif not is_file(self.root / path):
            yield f"{key}: there is no file {cut(value)}"

    def _placed(self, path: str) -> str:
        for old in sorted(self.roots, key=len, reverse=True):
            if path == old or path.startswith(f"{old}/"):
                return placed(self.root, self.root, self.roots[old] + path[len(old) :])
        return placed(self.root, self.root, path)


def _weight_mistakes(key: str, control: Mapping[str, Any]) -> Iterator[str]:
    weight = control.get("control_weight")
    if "control_weight" not in control:
        yield f"{key} is missing: write one, from 0 to 1"
    elif isinstance(weight, bool) or not isinstance(weight, int | float) or not is_finite(weight):
        yield f"{key} must be a number, got {weight!r}"
    elif not 0 <= weight <= 1:
        yield f"{key} must be between 0 and 1, got {weight:g}"


def _prompt_mistakes(name: str, control: Mapping[str, Any]) -> Iterator[str]:
    prompt, key = control.get("input_control_prompt"), f"{name}.input_control_prompt"
    if prompt is None:
        return
    if not transfer1.CONTROLS[name].has_prompt:
        able = " and ".join(other for other, rule in transfer1.CONTROLS.items() if rule.has_prompt)
        yield f"{key} has no meaning: only {able} is made from a text of its own"
    elif not isinstance(prompt, str) or not prompt.strip():
        yield f"{key} must be text and not empty"
    elif _is_half(prompt):
        yield f"{key} is not Unicode: it holds half of a surrogate pair"
    elif control.get("input_control") is not None:
        yield f"{key} has no meaning beside input_control: that is the segmentation"


def _is_half(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "text",
        list: "an array",
        dict: "an object",
    }
    return kinds[type(value)]
