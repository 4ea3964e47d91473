"""Cosmos-Transfer2.5 through Hugging Face Diffusers: a family of its own, whose results are not the native family's.

Source of every fact: diffusers 0.42.1, pipelines/cosmos/pipeline_cosmos2_5_transfer.py, read and tried on a CPU with
tiny random weights, never on a GPU. Noise, schedule and padding are not the native program's. Networks of several
controls are summed by templates/launch/diffusers_rows. Pure; nothing runs here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import VIDEO_SUFFIXES, Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import Spec
from cosmosctl.models import catalog, checks, diffusers_rows, ranks
from cosmosctl.models.buckets import nearest_shape, transfer25_size
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.names import opaque_name
from cosmosctl.models.protocol import Clip, Finding, Home

NAME = "transfer2.5-diffusers"
FAMILY = "transfer2.5"
"""The program's own word."""
CONTROLS: Mapping[str, ControlRule] = {
    "vis": catalog.VIS,
    "edge": catalog.EDGE,
    "depth": replace(catalog.DEPTH, needs_file=True),
    "seg": replace(catalog.SEG, needs_file=True, has_prompt=False),
}
HOME = Home(
    "https://huggingface.co/nvidia/Cosmos-Transfer2.5-2B",
    hub_models=("nvidia/Cosmos-Transfer2.5-2B", "nvidia/Cosmos-1.0-Guardrail"),
    program=diffusers_rows.PROGRAM,
    packages=(*diffusers_rows.PACKAGES, diffusers_rows.GUARDRAIL),
    weights=(
        "nvidia/Cosmos-Transfer2.5-2B@diffusers/general",
        *(
            f"nvidia/Cosmos-Transfer2.5-2B@diffusers/controlnet/general/{net}"
            for net in ("edge", "blur", "depth", "seg")
        ),
        "nvidia/Cosmos-1.0-Guardrail",
    ),
    memory=("full", "offload", "group", "small"),
    weights_gib={"full": 24.0, "offload": 15.45},
)
PREVIEW = ""
LAUNCHER = ()
ROWS_FILE = diffusers_rows.ROWS_FILE
CHECKPOINTS = "nvidia/Cosmos-Transfer2.5-2B"
"""A repository of the Hub, whose revisions are the pipeline and a network for each control."""
NATIVE_PRESETS = True
LESS_MEMORY = (
    "set memory: offload, group or small in the host's block, a smaller resolution or chunk_frames, vae_tiling: true; "
    "weights take 21 GiB with one control, 24 with four"
)
FRAMES_AT_ONCE = diffusers_rows.FRAMES_AT_ONCE
MAX_FRAMES = 5000
"""The native program's limit, kept: a row's frames lie in memory."""

RESOLUTIONS = ("720", "720p", "1080", "1024", "512", "480", "480p", "256", diffusers_rows.RESOLUTION_OF_INPUT)

_CALL = "Cosmos2_5_TransferPipeline.__call__"

SETTINGS: Mapping[str, SettingRule] = {
    "seed": replace(catalog.SEED, default=2025, source="the native program's"),
    "num_steps": replace(catalog.NUM_STEPS, source=f"the native program's; {_CALL} has 36"),
    "guidance": replace(catalog.GUIDANCE, default=3.0, source=_CALL, low=0, high=7, examples=(3, 5)),
    "resolution": replace(catalog.RESOLUTION, source="the native program's", choices=RESOLUTIONS),
    "max_frames": replace(catalog.MAX_FRAMES, source="the native program's", high=MAX_FRAMES),
    "negative_prompt": replace(catalog.NEGATIVE_PROMPT, source=f"{_CALL}; the pipeline has a long text of its own"),
    "chunk_frames": diffusers_rows.CHUNK_RULE,
    "checkpoint": diffusers_rows.checkpoint_rule(CHECKPOINTS),
}

DROPPED: Mapping[str, str] = {
    "sigma_max": "the pipeline of Diffusers does not take it",
    "distilled": "Diffusers has no distilled network for transfer",
    "offload_models": "`memory` in the host's block says what leaves the GPU",
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


def defaults(controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """None that depend on anything."""
    return {}


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    """Mistakes and surprises of one run: settings, endings, missing controls, sizes and lengths, weights."""
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
        *_check_guidance(spec),
    )


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """One row, with everything that the program would otherwise have to guess."""
    length, made = diffusers_rows.chunk_frames(spec), frames(spec, {"color": clip.frames})
    line: dict[str, object] = {"name": opaque_name(spec.run), "prompt": spec.text, "video": seen["color"]}
    named = ("negative_prompt", "seed", "num_steps", "guidance")
    line |= {name: spec.settings[name] for name in named if name in spec.settings}
    line |= {"frames": made, "chunk_frames": length, "chunks": diffusers_rows.chunks(made, length)}
    line |= {"size": list(size_of(spec, clip)), "crop": False, "kept_size": [_even(clip.width), _even(clip.height)]}
    line |= {"controls": diffusers_rows.control_blocks(spec, seen)}
    return json.dumps(line, ensure_ascii=True)


def size_of(spec: Spec, clip: Clip) -> tuple[int, int]:
    """(width, height) that the networks work at."""
    resolution = str(spec.settings.get("resolution", "720"))
    found = transfer25_size(resolution, nearest_shape(clip.width, clip.height))
    return found or diffusers_rows.own_size(clip.width, clip.height)


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    """The flags of the program. A row's settings are never flags."""
    return diffusers_rows.arguments(FAMILY, specs, checkpoints)


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    """The pipeline is one process on one GPU."""
    return ranks.count_mistake(gpus, (1,), NAME)


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    """Frames of the result: all of the colour video, at most `max_frames`."""
    limit = spec.settings.get("max_frames", MAX_FRAMES)
    return min(counts["color"], MAX_FRAMES, limit if isinstance(limit, int) else MAX_FRAMES)


def _even(pixels: int) -> int:
    return max(2, pixels // 2 * 2)


def _check_weights(spec: Spec) -> Iterator[Finding]:
    total = sum(control.weight for control in spec.controls)
    if total > 1 + 1e-9:
        text = f"weights add up to {total:g}; {NAME} does not normalise them and the model's docs advise at most 1"
        yield checks.warning("controls", text)
    if not total:
        yield checks.error("controls", "weights add up to 0: the video would not follow anything")


def _check_guidance(spec: Spec) -> Iterator[Finding]:
    guidance = spec.settings.get("guidance")
    if isinstance(guidance, int | float) and guidance <= 1:
        yield from checks.without_effect(
            spec, ("negative_prompt",), "with guidance at most 1: Diffusers guides above it"
        )
