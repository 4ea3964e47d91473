"""Cosmos-Transfer2.5: what examples/inference.py reads, writes and logs.

Source of every fact: github.com/nvidia-cosmos/cosmos-transfer2.5, commit 2ff49d0, read there and not run on a GPU:
examples/inference.py, cosmos_transfer2/{config,inference}.py, cosmos_transfer2/_src/transfer2/inference/*.py.
Every setting but the model's own is per sample, yet only runs with the same set of controls may share a start: with
mixed sets the program misplaces weights without a word. Presets of edge and vis are the program's own code and the
same each time, so they are handed over by name. Pure; nothing runs here.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.models import catalog, checks, ranks
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.names import opaque_name
from cosmosctl.models.protocol import TORCH_OOM, Clip, Finding, Home, Layout, Patterns

NAME = "transfer2.5"
CONTROLS: Mapping[str, ControlRule] = {
    "vis": catalog.VIS,
    "edge": catalog.EDGE,
    "depth": catalog.DEPTH,
    "seg": catalog.SEG,
}
HOME = Home(
    "https://github.com/nvidia-cosmos/cosmos-transfer2.5",
    no_checkpoints="loads it as the one network of whatever single control a start has, and ignores it with two or "
    "more; take the line out: the program fetches its weights itself, and `cache` keeps them",
    broken="030d65dd73d4d36816380ea10ab298aeb37af1af..fbdde6c51ddd41167987565c0de7a97a1a15b1ed",
)
"""From the commit that broke the distilled model to the one that reverted it (#213 and #226)."""
PREVIEW = "cosmosctl.preview.transfer25"
ROWS_FILE = "batch.jsonl"
CHECKPOINTS = ""
"""The program downloads its weights into HF_HOME by itself. Its --checkpoint-path is never given: it is one network for
whatever single control a start has, and ignored with two or more."""
NATIVE_PRESETS = True
LESS_MEMORY = (
    "set offload_models: true (only the guardrails leave the GPU), a smaller resolution or max_frames; "
    "the docs name 65.4 GB on one GPU"
)

GPU_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Context parallel for one video (model-contracts 2h and its arithmetic): other counts end in a ValueError."""
LAUNCHER = ("python", "examples/inference.py")
"""Run in the repository's root; one process a GPU: under torchrun all ranks would write the same files."""

FRAMES_AT_ONCE = 4
"""The tokenizer holds four frames in one, after the first (Wan2.1 VAE): 93 is 23 of them."""
CHUNK_FRAMES = 93
"""Frames generated at once; chunks overlap by one (num_conditional_frames)."""

MAX_FRAMES = 5000
"""Frames read of any video."""

RESOLUTIONS = ("720", "720p", "1080", "1024", "512", "480", "480p", "256", "720robocasa")
COLOR_ENDINGS = (".mp4", ".mov", ".webm", ".avi")
""".mkv is in the program's list but has no reader there."""

_FLAG = "cosmos_transfer2/config.py"

SETTINGS: Mapping[str, SettingRule] = {
    "seed": replace(catalog.SEED, default=2025, source=_FLAG),
    "num_steps": replace(
        catalog.NUM_STEPS, source=f"{_FLAG}; 4 when distilled", otherwise="4 with distilled", varies=True
    ),
    "guidance": replace(
        catalog.GUIDANCE, kind=int, default=3, source=f"{_FLAG}: whole numbers only", low=0, high=7, examples=(3, 5)
    ),
    "resolution": replace(
        catalog.RESOLUTION, source=f"{_FLAG}; an unknown one fails only when generating", choices=RESOLUTIONS
    ),
    "max_frames": replace(catalog.MAX_FRAMES, source=_FLAG, high=MAX_FRAMES),
    "negative_prompt": replace(catalog.NEGATIVE_PROMPT, source=f"{_FLAG}; the model has a long text of its own"),
    "offload_models": replace(catalog.OFFLOAD_MODELS, source="--offload-guardrail-models"),
    "distilled": SettingRule(
        bool,
        False,
        "--model edge/distilled",
        about="Use the distilled model: four steps, edge alone, one chunk of 93 frames.",
        examples=(True,),
    ),
}

DROPPED: Mapping[str, str] = {"sigma_max": "both samplers of transfer2.5 drop it"}
"""What its parser takes and nothing ever reads: the rectified flow and the distilled sampler."""

_UNREAD_WHEN_DISTILLED = ("guidance", "negative_prompt")

DISTILLED_STEPS = 4
"""Steps of the distilled model (docs/inference.md)."""

_CONTROL_FILES = {f"out/{{name}}_control_{control}.mp4": f"control_{control}.mp4" for control in CONTROLS}

LAYOUTS = (
    Layout(
        primary="output.mp4",
        started="out/{name}.json",
        marker="out/{name}.txt",
        files={
            "out/{name}.mp4": "output.mp4",
            "out/{name}.txt": "prompt.txt",
            "out/{name}.json": "sample_args.json",
            **_CONTROL_FILES,
        },
        is_named=True,
    ),
    Layout(primary="output.mp4", files={"out/{name}.mp4": "output.mp4"}, is_named=True),
    Layout(primary="output.mp4", only="out/{name}", is_named=True),
)
"""Flat, named after the row. The .json is written before the guardrail looks, the .txt last."""

PATTERNS = Patterns(
    loaded=r"Generating \d+ samples: ",
    row_start=r"\[\d+/\d+\] Processing sample ",
    row_end=r"Generated video saved to .*\.mp4",
    progress=r"Generating samples:.*?(\d+)/(\d+)",
    chunk=r"Generating chunk \d+/\d+",
    reasons=(
        ("blocked", r"Guardrail blocked"),
        TORCH_OOM,
        (
            "bad-input",
            r"No input frames; cannot pad|Unsupported video extension|moov atom not found|"
            r"Invalid data found when processing input|No such file or directory: '[^']*/inputs/|"
            r"IndexError: index 0 is out of bounds for dimension 0",
        ),
    ),
    passed_over="blocked",
)
"""Seg that finds no box is an IndexError. On one GPU only a guardrail lets the program go on without a video."""


def defaults(controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """The distilled model takes four steps."""
    return {"num_steps": DISTILLED_STEPS} if chosen.get("distilled") else {}


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    """Mistakes and surprises of one run: settings, endings, sizes and lengths, weights, rate, the distilled model."""
    made = frames(spec, checks.counts(spec, clips))
    return (
        *checks.settings(spec, SETTINGS, DROPPED),
        *checks.controls(spec, CONTROLS),
        *checks.endings(spec, COLOR_ENDINGS, COLOR_ENDINGS),
        *_check_video(spec, clips[spec.video]),
        *(finding for control in spec.controls for finding in checks.control_file(control, spec, clips, made)),
        *_check_weights(spec),
        *_check_distilled(spec, clips[spec.video]),
    )


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    """The set of controls, the network, the flags. Nothing else holds for a whole start."""
    names = "+".join(control.name for control in spec.controls)
    flags = [(name, spec.settings[name]) for name in ("distilled", "offload_models") if name in spec.settings]
    return (("controls", names), *flags)


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """One sample. Its control blocks hold known keys alone: the program drops others without a word."""
    line: dict[str, object] = {"name": opaque_name(spec.run), "prompt": spec.text, "video_path": seen["color"]}
    named = ("negative_prompt", "seed", "guidance", "num_steps", "resolution", "max_frames")
    line |= {name: spec.settings[name] for name in named if name in spec.settings}
    line |= {control.name: _block(control, seen) for control in spec.controls}
    return json.dumps(line, ensure_ascii=True)


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    """No other file is read."""
    return {}


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    """The flags of inference.py. A sample's settings are never flags: these would hold for all samples."""
    settings = specs[0].settings
    return (
        *("-i", "{work}/" + ROWS_FILE),
        *("-o", "{work}/out"),
        *(("--model", "edge/distilled") if settings.get("distilled") else ()),
        *(("--offload-guardrail-models",) if settings.get("offload_models") else ()),
    )


def parallel(launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """Context parallel over all processes, which is its default."""
    return (*ranks.under_torchrun(launcher, LAUNCHER, gpus), *arguments)


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    """Its latent has 24 frames; 16 part its height instead."""
    return ranks.count_mistake(gpus, GPU_COUNTS, NAME)


def env(specs: Sequence[Spec]) -> Mapping[str, str]:
    """The log tells of chunks only when verbose; the distilled model hides behind a variable. Masks that the program
    makes have one name each in the folder for temporary files, whatever other process writes its own there.
    """
    distilled = specs[0].settings.get("distilled")
    return {
        "COSMOS_VERBOSE": "1",
        "TMPDIR": "{work}/tmp",
        **({"COSMOS_EXPERIMENTAL_CHECKPOINTS": "1"} if distilled else {}),
    }


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    """Frames of the result: all of the colour video, at most `max_frames`."""
    limit = spec.settings.get("max_frames", MAX_FRAMES)
    return min(counts["color"], MAX_FRAMES, limit if isinstance(limit, int) else MAX_FRAMES)


def steps(frames: int) -> int:
    """Chunks that a video of `frames` is made of."""
    return 1 + max(0, math.ceil((frames - CHUNK_FRAMES) / (CHUNK_FRAMES - 1)))


def random_controls(spec: Spec) -> tuple[str, ...]:
    """Segments get random colours; edges, blur and depth are the same each time."""
    return tuple(control.name for control in spec.controls if control.is_native and control.name == "seg")


def _block(control: EffectiveControl, seen: Mapping[str, str]) -> dict[str, Setting]:
    block: dict[str, Setting] = {"control_weight": control.weight}
    if control.name in seen:
        block["control_path"] = seen[control.name]
    if control.preset is not None:
        block["preset_edge_threshold" if control.name == "edge" else "preset_blur_strength"] = control.preset
    if control.prompt is not None:
        block["control_prompt"] = control.prompt
    return block


def _check_video(spec: Spec, clip: Clip) -> Iterator[Finding]:
    made = frames(spec, {"color": clip.frames})
    yield from checks.truncated(spec, clip, made)
    yield from checks.length(spec, made)
    if 1 < made < CHUNK_FRAMES:
        text = f"is made of {made} frames; {NAME} pads below {CHUNK_FRAMES} by playing them backwards"
        yield checks.warning("prompt", f"{spec.video} {text}")
    if clip.fps % 1:
        text = f"{clip.fps:g} fps are cut to {int(clip.fps)}: the result plays at {int(clip.fps) / clip.fps:.3f} speed"
        yield checks.warning("prompt", f"{spec.video}: {text}")


def _check_weights(spec: Spec) -> Iterator[Finding]:
    total = sum(control.weight for control in spec.controls)
    if total > 1 + 1e-9:
        text = f"weights add up to {total:g}; {NAME} does not normalise them and its docs advise at most 1"
        yield checks.warning("controls", text)


def _check_distilled(spec: Spec, clip: Clip) -> Iterator[Finding]:
    if not spec.settings.get("distilled"):
        return
    if [control.name for control in spec.controls] != ["edge"]:
        yield checks.error("distilled", "takes edge as the only control")
    yield from checks.without_effect(spec, _UNREAD_WHEN_DISTILLED, "with distilled: that model does not read it")
    chunks = steps(frames(spec, {"color": clip.frames}))
    if chunks > 1:
        text = f"is for one chunk of {CHUNK_FRAMES} frames, {spec.video} needs {chunks}; max_frames: {CHUNK_FRAMES}"
        yield checks.warning("distilled", text)
