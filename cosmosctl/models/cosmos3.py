"""Cosmos3 transfer: what `python -m cosmos_framework.scripts.inference` reads, writes and logs.

Source of every fact: github.com/NVIDIA/cosmos-framework, commit 5eee9ed, read there and not run on a GPU:
scripts/inference.py, inference/{args,inference,transfer}.py, inference/common/{args,inference,init}.py.
Everything but the checkpoint and the flags is per sample. What the program would guess by a sample's place or by its
hints (seed, aspect ratio, both guidances) is always written. Presets of edge and blur are the program's own code and
the same each time, so they are handed over by name. Pure; nothing runs here.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import VIDEO_SUFFIXES, Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.models import catalog, checks, cosmos3_ranks
from cosmosctl.models.buckets import Shape, cosmos3_size, nearest_shape
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.names import opaque_name
from cosmosctl.models.protocol import TORCH_OOM, Clip, Finding, Home, Layout, Patterns

NAME = "cosmos3"
CONTROLS: Mapping[str, ControlRule] = {
    "vis": catalog.VIS,
    "edge": catalog.EDGE,
    "depth": replace(catalog.DEPTH, needs_file=True),
    "seg": replace(catalog.SEG, needs_file=True, has_prompt=False),
}
HOME = Home("https://github.com/NVIDIA/cosmos-framework")
PREVIEW = "cosmosctl.preview.cosmos3"
HINTS: Mapping[str, str] = {"vis": "blur", "edge": "edge", "depth": "depth", "seg": "seg"}
"""Control in run files -> the program's own word."""

ROWS_FILE = "batch.jsonl"
LAUNCHER, CHECKPOINTS = cosmos3_ranks.LAUNCHER, cosmos3_ranks.CHECKPOINTS
parallel = cosmos3_ranks.parallel
gpus_mistake = cosmos3_ranks.gpus_mistake
NATIVE_PRESETS = True
LESS_MEMORY = (
    "set a smaller resolution or max_frames, offload_models: true (only the guardrails leave the GPU), or "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True under the host's env"
)

FRAMES_AT_ONCE = 4
"""The tokenizer holds four frames in one, after the first: the program rounds chunks up to 4n + 1."""
CHUNK_FRAMES = 93
"""Frames generated at once; chunks overlap by one. Both are written into every row."""

MAX_FRAMES = 5000
"""The program's own default of max_frames."""

_FLAG = "inference/args.py"

SETTINGS: Mapping[str, SettingRule] = {
    "seed": replace(catalog.SEED, default=0, source="cosmosctl: without one the program draws it by the row's place"),
    "num_steps": replace(catalog.NUM_STEPS, source=_FLAG),
    "guidance": replace(
        catalog.GUIDANCE,
        default=6.0,
        source=_FLAG,
        high=7,
        otherwise="3 with a single control",
        varies=True,
    ),
    "control_guidance": SettingRule(
        float,
        1.0,
        _FLAG,
        low=0,
        high=10,
        about="How closely the video follows the controls.",
        otherwise="1.5 with a single control, 2 with seg alone",
        varies=True,
        examples=(1, 1.5),
    ),
    "resolution": replace(
        catalog.RESOLUTION,
        source=_FLAG,
        choices=("256", "480", "720", "768"),
        otherwise="480 with Cosmos3-Edge",
        varies=True,
    ),
    "fps": SettingRule(
        int,
        None,
        _FLAG,
        low=1,
        high=240,
        about="Frames per second; counts only where there is no video.",
        otherwise="the video's",
        examples=(24,),
    ),
    "max_frames": replace(catalog.MAX_FRAMES, source=_FLAG, high=MAX_FRAMES),
    "negative_prompt": replace(catalog.NEGATIVE_PROMPT, source=f"{_FLAG}; the model has a long text of its own"),
    "offload_models": replace(catalog.OFFLOAD_MODELS, source="--offload-guardrail-models"),
    "checkpoint": SettingRule(
        str,
        None,
        "--checkpoint-path",
        about="A Hub alias, or a folder as the model's process sees it.",
        otherwise="the host's `checkpoints`, else Cosmos3-Nano",
        examples=("Cosmos3-Super",),
    ),
    "diffusion_cache": SettingRule(
        bool,
        True,
        "--diffusion-cache, on by default there",
        about="Skip steps that change little: faster, not exact.",
        examples=(False,),
    ),
}

DROPPED: Mapping[str, str] = {"sigma_max": "unipc, the sampler that is used, does not read it"}
"""What its parser takes for another sampler."""

FIRST = ("edge", "vis", "depth", "seg")
"""The program's order of controls, whatever that of the row: the first of a run sets the length of its result."""

SMALL = "Cosmos3-Edge"
SMALL_RESOLUTIONS = ("480", "256")
"""A checkpoint, as Hub alias or folder, and the sizes that it was made for, its own default first."""

_FOUR_STEPS = "-4Step"
"""End of the names of distilled checkpoints, which have their own steps and no guidance."""

_TUNED: Mapping[str, tuple[float, float]] = {
    "vis": (3.0, 1.5),
    "edge": (3.0, 1.5),
    "depth": (3.0, 1.5),
    "seg": (3.0, 2),
}
"""guidance and control_guidance that the program takes for a single hint whose run sets neither."""

_GROUPED = ("checkpoint", "diffusion_cache", "offload_models")
_PER_ROW = ("negative_prompt", "seed", "num_steps", "guidance", "control_guidance", "resolution", "fps")

FPS_RANGE = (10, 30)
"""Rates that the program does not warn about."""

_OUTPUTS = {
    "vision.mp4": "output.mp4",
    "sample_args.json": "sample_args.json",
    "sample_outputs.json": "sample_outputs.json",
    **{f"control_{hint}.mp4": f"control_{control}.mp4" for control, hint in HINTS.items()},
}

LAYOUTS = (
    Layout(
        primary="output.mp4",
        started="out/{name}/sample_args.json",
        marker="out/{name}/sample_outputs.json",
        files={f"out/{{name}}/{there}": here for there, here in _OUTPUTS.items()},
        is_named=True,
    ),
    Layout(primary="output.mp4", files={"out/{name}.mp4": "output.mp4"}, is_named=True),
)
"""A folder for each row; sample_outputs.json is written last, and never for a failed row."""

PATTERNS = Patterns(
    loaded="",
    row_start=r"Saved sample args to '",
    row_end=r"Saved transfer outputs to '.*sample_outputs\.json'",
    progress=r"Sampling:.*?(\d+)/(\d+)",
    chunk=r"Using sampler: ",
    reasons=(
        TORCH_OOM,
        (
            "bad-input",
            r"moov atom not found|Invalid data found when processing input|"
            r"FileNotFoundError: .*(?:control_path|/inputs/)|No such file or directory: '[^']*/inputs/",
        ),
    ),
)
"""No guardrail runs in the transfer path."""


def defaults(controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """What the program tunes for a single hint, where with two or more it keeps its generic values; the small
    checkpoint's own resolution.
    """
    small: dict[str, Setting] = {"resolution": SMALL_RESOLUTIONS[0]} if is_small(chosen.get("checkpoint")) else {}
    if len(controls) != 1:
        return small
    guidance, control_guidance = _TUNED[controls[0]]
    return {"guidance": guidance, "control_guidance": control_guidance, **small}


def resolution_mistake(checkpoint: Setting | None, resolution: Setting | None) -> str:
    """What is wrong with a resolution on that checkpoint; empty when nothing is."""
    if is_small(checkpoint) and resolution not in SMALL_RESOLUTIONS:
        return f"must be 480 or 256 with {checkpoint}, got {resolution}"
    return ""


def is_small(checkpoint: Setting | None) -> bool:
    """Whether a Hub alias or a folder is, by its last part, that of the small model."""
    return str(checkpoint).rstrip("/").rpartition("/")[2] == SMALL


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    """Mistakes and surprises of one run: settings, endings, missing controls, sizes and lengths, weights, rate."""
    return (
        *checks.settings(spec, SETTINGS, DROPPED),
        *checks.controls(spec, CONTROLS),
        *checks.endings(spec, (".mp4",), VIDEO_SUFFIXES),
        *_check_video(spec, clips[spec.video]),
        *_check_length(spec, clips),
        *(finding for control in spec.controls for finding in _check_control(control, spec, clips)),
        *_check_weights(spec),
        *_check_checkpoint(spec),
    )


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    """The checkpoint and the flags. Nothing else holds for a whole start."""
    return tuple((name, spec.settings[name]) for name in _GROUPED if name in spec.settings)


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """One sample, with everything that the program would otherwise guess."""
    line: dict[str, object] = {"name": opaque_name(spec.run), "prompt": spec.text, "vision_path": seen["color"]}
    line |= {name: spec.settings[name] for name in _PER_ROW if name in spec.settings}
    line |= {"aspect_ratio": nearest_shape(clip.width, clip.height).value, "max_frames": _limit(spec)}
    line |= {"num_video_frames_per_chunk": CHUNK_FRAMES, "num_conditional_frames": 1}
    line |= {HINTS[control.name]: _block(control, seen) for control in spec.controls}
    return json.dumps(line, ensure_ascii=True)


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    """No other file is read."""
    return {}


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    """The flags of the program. A sample's settings are never flags: these would hold for all samples."""
    settings = specs[0].settings
    return (
        *("-i", "{work}/" + ROWS_FILE),
        *("-o", "{work}/out"),
        *("--checkpoint-path", str(settings.get("checkpoint", checkpoints))),
        *(() if settings.get("diffusion_cache", True) else ("--no-diffusion-cache",)),
        *(("--offload-guardrail-models",) if settings.get("offload_models") else ()),
    )


def env(specs: Sequence[Spec]) -> Mapping[str, str]:
    """Nothing."""
    return {}


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    """Frames of the result: all of the first control, at most `max_frames`. What is made from the colour video is as
    long as that.
    """
    return min(counts.get(_first(spec), counts["color"]), _limit(spec))


def _limit(spec: Spec) -> int:
    limit = spec.settings.get("max_frames", MAX_FRAMES)
    return min(MAX_FRAMES, limit if isinstance(limit, int) else MAX_FRAMES)


def _first(spec: Spec) -> str:
    """The control that sets the length."""
    return min((control.name for control in spec.controls), key=FIRST.index)


def steps(frames: int) -> int:
    """Chunks that a video of `frames` is made of."""
    return 1 + max(0, math.ceil((frames - CHUNK_FRAMES) / (CHUNK_FRAMES - 1)))


def random_controls(spec: Spec) -> tuple[str, ...]:
    """None: edge and blur are the same each time, the others are files."""
    return ()


def _block(control: EffectiveControl, seen: Mapping[str, str]) -> dict[str, Setting]:
    block: dict[str, Setting] = {"weight": control.weight}
    if control.name in seen:
        block["control_path"] = seen[control.name]
    if control.preset is not None:
        block["preset_edge_threshold" if control.name == "edge" else "preset_blur_strength"] = control.preset
    return block


def _check_video(spec: Spec, clip: Clip) -> Iterator[Finding]:
    yield from checks.truncated(spec, clip, min(clip.frames, _limit(spec)))
    shape = nearest_shape(clip.width, clip.height)
    yield from _check_crop(spec, clip, shape)
    if "fps" in spec.settings and spec.settings["fps"] != clip.fps:
        yield checks.warning("fps", f"has no effect: {NAME} keeps the video's rate, {clip.fps:g} fps")
    low, high = FPS_RANGE
    if not low <= clip.fps <= high:
        yield checks.warning("prompt", f"{spec.video} has {clip.fps:g} fps; {NAME} was made for {low} to {high}")


def _check_length(spec: Spec, clips: Mapping[str, Clip]) -> Iterator[Finding]:
    counts = checks.counts(spec, clips)
    made, color, first = frames(spec, counts), counts["color"], _first(spec)
    yield from checks.length(spec, made)
    yield from checks.chunk_seeds(spec, steps(made))
    if made > color:
        text = f"is the first of {', '.join(FIRST)} and longer than the video: the result has its {made} frames, and "
        text += f"what is made from the video is played backwards from frame {color} on; max_frames: {color} keeps"
        yield checks.warning(f"controls.{first}", f"{text} the video's length")


def _check_weights(spec: Spec) -> Iterator[Finding]:
    if not any(control.weight for control in spec.controls):
        yield checks.error("controls", f"weights add up to 0, by which {NAME} cannot divide them")


def _check_checkpoint(spec: Spec) -> Iterator[Finding]:
    checkpoint, resolution = str(spec.settings.get("checkpoint", "")), spec.settings.get("resolution")
    if mistake := resolution_mistake(checkpoint, resolution):
        yield checks.error("resolution", mistake)
    if checkpoint.rstrip("/").endswith(_FOUR_STEPS):
        why = f"with {checkpoint}: it has steps of its own and no guidance"
        yield from checks.without_effect(spec, ("num_steps", "guidance", "negative_prompt"), why)
    elif spec.settings.get("guidance") == 1:
        yield from checks.without_effect(spec, ("negative_prompt",), "with guidance: 1")


def _check_crop(spec: Spec, clip: Clip, shape: Shape) -> Iterator[Finding]:
    resolution = str(spec.settings["resolution"])
    size = cosmos3_size(resolution, shape)
    if size is None:
        return
    width, height = size
    kept = (clip.width / clip.height) / (width / height)
    lost = 1 - min(kept, 1 / kept)
    if lost >= 0.005:
        side = "width" if kept > 1 else "height"
        text = f"is cropped to {width}x{height}: {lost:.0%} of its {side} is lost"
        yield checks.warning("prompt", f"{spec.video} ({clip.width}x{clip.height}) {text}")


def _check_control(control: EffectiveControl, spec: Spec, clips: Mapping[str, Clip]) -> Iterator[Finding]:
    key = f"controls.{control.name}"
    if len(spec.controls) == 1 and control.weight not in (0, 1):
        text = f"has no effect: {NAME} divides weights by their sum and this is the only control; control_guidance has"
        yield checks.warning(key, f"weight {control.weight:g} {text}")
    made, own = frames(spec, checks.counts(spec, clips)), min(clips[spec.video].frames, _limit(spec))
    yield from checks.control_file(control, spec, clips, max(made, own) if control.name == _first(spec) else made)
