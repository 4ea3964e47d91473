"""Cosmos3 transfer through Hugging Face Diffusers: a family of its own, whose results are not the native family's.

Source of every fact: diffusers 0.42.1, modular_pipelines/cosmos, read and tried on a CPU with tiny random weights,
never on a GPU. All controls are heard in one joint attention: they have no weights of their own, so runs whose weights
differ are refused. Pure; nothing runs here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import VIDEO_SUFFIXES
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import Spec
from cosmosctl.models import checks, cosmos3, diffusers_rows, ranks
from cosmosctl.models.buckets import cosmos3_size, nearest_shape
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.names import opaque_name
from cosmosctl.models.protocol import Clip, Finding, Home

NAME = "cosmos3-diffusers"
FAMILY = "cosmos3"
"""The program's own word."""
CONTROLS: Mapping[str, ControlRule] = {name: cosmos3.CONTROLS[name] for name in ("vis", "edge", "depth", "seg")}
"""Those that its program knows: what the native family gets besides is none of them by itself."""
HOME = Home(
    "https://huggingface.co/nvidia/Cosmos3-Nano",
    hub_models=("nvidia/Cosmos3-Nano", "nvidia/Cosmos-1.0-Guardrail"),
    program=diffusers_rows.PROGRAM,
    packages=(*diffusers_rows.PACKAGES, diffusers_rows.GUARDRAIL),
    weights=("nvidia/Cosmos3-Nano", "nvidia/Cosmos-1.0-Guardrail"),
    memory=("full", "group", "small"),
    weights_gib={"full": 29.3},
)
PREVIEW = ""
LAUNCHER = ()
ROWS_FILE = diffusers_rows.ROWS_FILE
CHECKPOINTS = "nvidia/Cosmos3-Nano"
"""A repository of the Hub."""
NATIVE_PRESETS = True
LESS_MEMORY = (
    "set memory: group or small in the host's block, a smaller resolution or chunk_frames, vae_tiling: true; "
    "the weights of Nano take 29.3 GiB"
)
FRAMES_AT_ONCE = diffusers_rows.FRAMES_AT_ONCE

_INPUTS = "the inputs that Cosmos3OmniBlocks declares"
_RESOLUTION = cosmos3.SETTINGS["resolution"]

SETTINGS: Mapping[str, SettingRule] = {
    **{name: cosmos3.SETTINGS[name] for name in ("seed", "num_steps", "guidance", "control_guidance")},
    "resolution": replace(_RESOLUTION, choices=(*_RESOLUTION.choices, diffusers_rows.RESOLUTION_OF_INPUT)),
    "max_frames": cosmos3.SETTINGS["max_frames"],
    "negative_prompt": replace(
        cosmos3.SETTINGS["negative_prompt"], source=_INPUTS, otherwise="the prompt's, else an empty text"
    ),
    "chunk_frames": diffusers_rows.CHUNK_RULE,
    "checkpoint": diffusers_rows.checkpoint_rule(CHECKPOINTS),
}

DROPPED: Mapping[str, str] = {
    "sigma_max": "the blocks of Diffusers do not take it",
    "distilled": "the distilled blocks of Diffusers ignore controls",
    "offload_models": "`memory` in the host's block says what leaves the GPU",
    "diffusion_cache": "each step is computed here",
    "fps": "the result keeps the video's rate",
}

LAYOUTS = diffusers_rows.layouts(CONTROLS)
PATTERNS = diffusers_rows.PATTERNS

group_key = diffusers_rows.group_key
files = diffusers_rows.files
env = diffusers_rows.env
parallel = diffusers_rows.parallel
steps = diffusers_rows.steps
random_controls = diffusers_rows.random_controls
defaults = cosmos3.defaults


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    """Mistakes and surprises of one run: settings, endings, missing controls, lengths, weights, the checkpoint."""
    made = frames(spec, checks.counts(spec, clips))
    return (
        *checks.settings(spec, SETTINGS, DROPPED),
        *checks.controls(spec, CONTROLS),
        *checks.endings(spec, VIDEO_SUFFIXES, VIDEO_SUFFIXES),
        *checks.truncated(spec, clips[spec.video], made),
        *checks.length(spec, made),
        *(finding for control in spec.controls for finding in checks.control_file(control, spec, clips, made)),
        *diffusers_rows.check_chunk(spec),
        *_check_weights(spec),
        *_check_checkpoint(spec),
    )


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """One row, with everything that the program would otherwise have to guess."""
    length, made = diffusers_rows.chunk_frames(spec), frames(spec, {"color": clip.frames})
    resolution = str(spec.settings.get("resolution", "720"))
    size = cosmos3_size(resolution, nearest_shape(clip.width, clip.height))
    own = diffusers_rows.own_size(clip.width, clip.height)
    line: dict[str, object] = {"name": opaque_name(spec.run), "prompt": spec.text, "video": seen["color"]}
    named = ("negative_prompt", "seed", "num_steps", "guidance", "control_guidance")
    line |= {name: spec.settings[name] for name in named if name in spec.settings}
    line |= {"frames": made, "chunk_frames": length, "chunks": diffusers_rows.chunks(made, length)}
    line |= {"size": list(size or own), "crop": True, "kept_size": list(size or own)}
    line |= {"controls": diffusers_rows.control_blocks(spec, seen)}
    return json.dumps(line, ensure_ascii=True)


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    """The flags of the program. A row's settings are never flags."""
    return diffusers_rows.arguments(FAMILY, specs, checkpoints)


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    """The pipeline is one process on one GPU."""
    return ranks.count_mistake(gpus, (1,), NAME)


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    """Frames of the result: all of the colour video, at most `max_frames`."""
    limit = spec.settings.get("max_frames", cosmos3.MAX_FRAMES)
    return min(counts["color"], cosmos3.MAX_FRAMES, limit if isinstance(limit, int) else cosmos3.MAX_FRAMES)


def _check_weights(spec: Spec) -> Iterator[Finding]:
    weights = {control.weight for control in spec.controls}
    if len(weights) > 1:
        told = ", ".join(f"{control.name} {control.weight:g}" for control in spec.controls)
        text = f"weights differ ({told}): Diffusers gives all controls of {FAMILY} the same say; give each the same "
        yield checks.error("controls", f"{text}weight, take out those of weight 0, or take {FAMILY} itself")
    elif weights == {0}:
        yield checks.error("controls", "weights add up to 0: the video would not follow anything")


def _check_checkpoint(spec: Spec) -> Iterator[Finding]:
    checkpoint, resolution = spec.settings.get("checkpoint"), spec.settings.get("resolution")
    mistake = cosmos3.resolution_mistake(checkpoint, resolution)
    if mistake and resolution != diffusers_rows.RESOLUTION_OF_INPUT:
        yield checks.error("resolution", mistake)
    if spec.settings.get("guidance") == 1:
        yield from checks.without_effect(spec, ("negative_prompt",), "with guidance: 1")
