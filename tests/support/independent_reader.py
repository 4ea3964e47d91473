"""Rows read back as the three programs read them: written from their contracts, with nothing of our writer in it.

What a program refuses is a `Refused`; what it drops or ignores without a word is one too, because a run file must not
hold anything that does not arrive.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """The program would refuse this, or not do what it says."""


@dataclass(frozen=True)
class ReadControl:
    """One control as the program takes it; `path` None: it makes the control itself, at `preset` if that is given."""

    weight: float
    path: str | None = None
    preset: str | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class ReadRow:
    """One row as the program takes it. `settings` in the words of run files; `more` is what it is told besides."""

    name: str
    prompt: str
    video: str
    controls: Mapping[str, ReadControl]
    settings: Mapping[str, Any]
    more: Mapping[str, Any]


def rows(model: str, argv: Sequence[str], env: Mapping[str, str], files: Mapping[str, str]) -> list[ReadRow]:
    """The rows of a start. `files` are those of its work folder; paths in `argv` begin with `{work}/`."""
    return {"transfer1": _transfer1, "transfer2.5": _transfer25, "cosmos3": _cosmos3}[model](list(argv), env, files)


def _flags(argv: list[str], after: str, *, switches: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """The options behind the script, each known and given once."""
    tokens, found = argv[argv.index(after) + 1 :], dict[str, Any]()
    while tokens:
        token = tokens.pop(0)
        if token in found:
            raise Refused(f"{token} twice")
        if token in switches:
            found[token] = True
        elif token in values:
            found[token] = tokens.pop(0)
        else:
            raise Refused(f"unknown option {token}")
    return found


def _text(files: Mapping[str, str], path: str) -> str:
    if not path.startswith("{work}/"):
        raise Refused(f"{path} is not in the work folder")
    return files[path.removeprefix("{work}/")]


def _lines(text: str) -> list[Any]:
    """JSON lines as all three read them: ASCII, none blank, one newline at the very end."""
    if not text.isascii() or not text.endswith("\n") or text.endswith("\n\n"):
        raise Refused("not plain ASCII lines")
    lines = text.removesuffix("\n").split("\n")
    if lines != text.splitlines():
        raise Refused("another reader splits these lines elsewhere")
    return [json.loads(line, object_pairs_hook=_no_twins) for line in lines]


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Refused("a key twice")
    return dict(pairs)


def _known(found: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    unknown = set(found) - set(keys)
    if unknown:
        raise Refused(f"{where}: {sorted(unknown)} would be dropped or refused")


def _typed(value: Any, kind: type | tuple[type, ...], low: float, high: float, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:  # type: ignore[operator]
        raise Refused(f"{where}: {value!r}")
    return value


_NUMBER = (int, float)
_PRESETS = ("very_low", "low", "medium", "high", "very_high")
_T1_HINTS = ("vis", "edge", "depth", "seg")
_T1_BASE = ("prompt", "input_video_path", "seed", "num_steps", "guidance", "sigma_max", "fps", "negative_prompt")
_OFFLOAD = ("--offload_text_encoder_model", "--offload_guardrail_models")


def _transfer1(argv: list[str], env: Mapping[str, str], files: Mapping[str, str]) -> list[ReadRow]:
    script = next(part for part in argv if part.endswith(("transfer.py", "transfer1_warm.py")))
    warm = script == "{batch}/transfer1_warm.py"
    paths = ("--checkpoint_dir", "--controlnet_specs", "--batch_input_path", "--video_save_folder")
    flags = _flags(argv, script, switches=_OFFLOAD, values=(*paths, "--batch_size", "--num_gpus"))
    if (flags["--batch_size"], flags["--num_gpus"]) != ("1", "1"):
        raise Refused("rows would be mixed up")
    base = json.loads(_text(files, flags["--controlnet_specs"]), object_pairs_hook=_no_twins)
    _known(base, (*_T1_BASE, *_T1_HINTS), "base spec")
    hints = {hint: base[hint] for hint in _T1_HINTS if hint in base}
    if not hints or not base["input_video_path"]:
        raise Refused("the base spec is refused")
    if warm and set(base) & set(_T1_BASE[2:]):
        raise Refused("settings of the start beside those of the rows")
    settings = {key: base[key] for key in _T1_BASE[2:] if key in base}
    offload = [flag in flags for flag in _OFFLOAD]
    if len(set(offload)) != 1:
        raise Refused("half of the offload flags")
    settings["offload_models"] = offload[0]
    lines = _lines(_text(files, flags["--batch_input_path"]))
    if warm:
        return [_warm_row(line, hints, settings) for line in lines]
    _transfer1_settings(settings)
    return [_transfer1_row(line, hints, settings) for line in lines]


def _warm_row(line: dict[str, Any], hints: Mapping[str, Any], start: Mapping[str, Any]) -> ReadRow:
    """A line of transfer1_warm.py: settings of its own, and just the controls that it names."""
    own = line.pop("settings")
    _known(own, _T1_BASE[2:], "settings of a row")
    _transfer1_settings(own)
    mine = {hint: block for hint, block in hints.items() if hint in line["control_overrides"]}
    return _transfer1_row(line, mine, {**own, **start})


def _transfer1_settings(settings: Mapping[str, Any]) -> None:
    for name, kind in (("seed", int), ("num_steps", int), ("fps", int), ("guidance", _NUMBER), ("sigma_max", _NUMBER)):
        _typed(settings[name], kind, 0, 2**32 - 1, name)
    if settings.get("negative_prompt") == "":
        raise Refused("an empty negative prompt breaks the program")


def _transfer1_row(line: dict[str, Any], hints: Mapping[str, Any], settings: Mapping[str, Any]) -> ReadRow:
    _known(line, ("prompt", "visual_input", "control_overrides"), "line")
    _known(line["control_overrides"], list(hints), "overrides of controls that are not in the base spec")
    if not line["prompt"]:
        raise Refused("the guardrail blocks an empty prompt and the program crashes")
    controls = {}
    for hint, block in hints.items():
        merged = {**block, **line["control_overrides"].get(hint, {})}
        _known(merged, ("control_weight", "input_control", "input_control_prompt"), hint)
        if set(line["control_overrides"].get(hint, {})) < {"control_weight", "input_control"}:
            raise Refused(f"{hint} comes from the base spec, for every line the same")
        weight = _typed(merged["control_weight"], _NUMBER, 0, 1, hint)
        controls[hint] = ReadControl(weight, merged["input_control"], None, merged.get("input_control_prompt"))
    return ReadRow("", line["prompt"], line["visual_input"], controls, settings, {})


_T25_HINTS = ("edge", "vis", "depth", "seg")
_T25_FIELDS = (
    *("name", "prompt", "negative_prompt", "video_path", "seed", "guidance", "num_steps", "resolution"),
    *("max_frames", *_T25_HINTS),
)
_T25_SIZES = ("720", "1080", "1024", "512", "480", "480p", "720p", "720robocasa", "256")


def _transfer25(argv: list[str], env: Mapping[str, str], files: Mapping[str, str]) -> list[ReadRow]:
    values = ("-i", "-o", "--model", "--checkpoint-path")
    flags = _flags(argv, "examples/inference.py", switches=("--offload-guardrail-models",), values=values)
    distilled = flags.get("--model") == "edge/distilled"
    if "--model" in flags and not (distilled and env.get("COSMOS_EXPERIMENTAL_CHECKPOINTS") == "1"):
        raise Refused("an experimental model without its variable")
    start = {"distilled": distilled, "offload_models": "--offload-guardrail-models" in flags}
    lines = _lines(_text(files, flags["-i"]))
    if len({frozenset(set(line) & set(_T25_HINTS)) for line in lines}) != 1:
        raise Refused("mixed sets of controls: weights are misplaced without a word")
    if len({line["name"] for line in lines}) != len(lines):
        raise Refused("a name twice")
    return [_transfer25_row(line, start) for line in lines]


def _transfer25_row(line: dict[str, Any], start: Mapping[str, Any]) -> ReadRow:
    _known(line, _T25_FIELDS, "sample")
    settings = {key: line[key] for key in ("seed", "guidance", "num_steps", "resolution")}
    settings |= {key: line[key] for key in ("negative_prompt", "max_frames") if key in line}
    _typed(settings["seed"], int, 0, 2**63, "seed")
    _typed(settings["guidance"], int, 0, 7, "guidance")
    _typed(settings["num_steps"], int, 1, 10**6, "num_steps")
    _typed(settings.get("max_frames", 1), int, 1, 10**9, "max_frames")
    if settings["resolution"] not in _T25_SIZES or not isinstance(settings.get("negative_prompt", ""), str):
        raise Refused("resolution or negative_prompt")
    controls = {hint: _transfer25_control(hint, line[hint]) for hint in _T25_HINTS if hint in line}
    if start["distilled"] and set(controls) != {"edge"}:
        raise Refused("the distilled model has edge alone")
    return ReadRow(line["name"], line["prompt"], line["video_path"], controls, {**settings, **start}, {})


def _transfer25_control(hint: str, block: dict[str, Any]) -> ReadControl:
    preset = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}.get(hint, "")
    _known(block, ("control_path", "control_weight", preset, "control_prompt" if hint == "seg" else ""), hint)
    return ReadControl(
        _typed(block["control_weight"], _NUMBER, 0, 1, hint),
        block.get("control_path"),
        _preset(block.get(preset)),
        block.get("control_prompt"),
    )


def _preset(value: Any) -> str | None:
    if value is None or value in _PRESETS:
        return value if value is None else str(value)
    raise Refused(f"no preset {value!r}")


_C3_WORDS = {"edge": "edge", "blur": "vis", "depth": "depth", "seg": "seg"}
_C3_MORE = ("aspect_ratio", "max_frames", "num_video_frames_per_chunk", "num_conditional_frames")
_C3_SETTINGS = (
    "seed",
    "num_steps",
    "guidance",
    "control_guidance",
    "resolution",
    "fps",
    "negative_prompt",
)


def _cosmos3(argv: list[str], env: Mapping[str, str], files: Mapping[str, str]) -> list[ReadRow]:
    switches = ("--offload-guardrail-models", "--no-diffusion-cache")
    script = "cosmos_framework.scripts.inference"
    flags = _flags(argv, script, switches=switches, values=("-i", "-o", "--checkpoint-path"))
    start = {
        "offload_models": "--offload-guardrail-models" in flags,
        "diffusion_cache": "--no-diffusion-cache" not in flags,
        "checkpoint": flags["--checkpoint-path"],
    }
    lines = _lines(_text(files, flags["-i"]))
    if len({line["name"] for line in lines}) != len(lines):
        raise Refused("two samples of one name overwrite each other")
    return [_cosmos3_row(line, start) for line in lines]


def _cosmos3_row(line: dict[str, Any], start: Mapping[str, Any]) -> ReadRow:
    _known(line, ("name", "prompt", "vision_path", *_C3_SETTINGS, *_C3_MORE, *_C3_WORDS), "sample")
    for name in ("seed", "aspect_ratio", "guidance", "control_guidance"):
        if name not in line:
            raise Refused(f"{name} is left to the sample's place or its hints")
    _typed(line["guidance"], _NUMBER, 0, 7, "guidance")
    _typed(line["control_guidance"], _NUMBER, 0, 10, "control_guidance")
    _typed(line["seed"], int, 0, 2**63, "seed")
    _typed(line["num_steps"], int, 1, 10**6, "num_steps")
    _typed(line["max_frames"], int, 1, 10**9, "max_frames")
    _typed(line.get("fps", 1), int, 1, 10**6, "fps")
    if line["aspect_ratio"] not in ("1,1", "4,3", "3,4", "16,9", "9,16"):
        raise Refused("aspect_ratio")
    if line["resolution"] not in ("256", "480", "720", "768") or not line["vision_path"].endswith(".mp4"):
        raise Refused("resolution or vision_path")
    controls = {word: _cosmos3_control(hint, line[hint]) for hint, word in _C3_WORDS.items() if hint in line}
    if not controls or sum(control.weight for control in controls.values()) <= 0:
        raise Refused("weights add up to nothing: the job ends while generating")
    settings = {key: line[key] for key in _C3_SETTINGS if key in line}
    more = {key: line[key] for key in _C3_MORE}
    return ReadRow(line["name"], line["prompt"], line["vision_path"], controls, {**settings, **start}, more)


def _cosmos3_control(hint: str, block: dict[str, Any]) -> ReadControl:
    preset = {"edge": "preset_edge_threshold", "blur": "preset_blur_strength"}.get(hint, "")
    _known(block, ("control_path", "weight", preset), hint)
    if hint in ("depth", "seg") and "control_path" not in block:
        raise Refused(f"{hint} without control_path ends the job while generating")
    weight = _typed(block["weight"], _NUMBER, 0, 10**6, hint)
    return ReadControl(weight, block.get("control_path"), _preset(block.get(preset)))
