"""Cosmos-Transfer1: what transfer.py reads, writes and logs.

Source of every fact: github.com/nvidia-cosmos/cosmos-transfer1, commit 5005e82, read there and not run on a GPU:
diffusion/inference/{transfer,inference_utils,world_generation_pipeline,preprocessors}.py. Pure; nothing runs here.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import UPSCALE, Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import WARM, EffectiveControl, Spec
from cosmosctl.domain.surprises import RANDOM
from cosmosctl.models import catalog, checks, ranks
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.protocol import TORCH_OOM, Clip, Finding, Home, Layout, Patterns

NAME = "transfer1"
CONTROLS: Mapping[str, ControlRule] = {
    "vis": catalog.VIS,
    "edge": catalog.EDGE,
    "depth": catalog.DEPTH,
    "seg": catalog.SEG,
}
HOME = Home(
    "https://github.com/nvidia-cosmos/cosmos-transfer1",
    is_read_only=True,
    is_imported=True,
    has_weights=True,
    hub_models=(
        "facebook/sam2-hiera-large",
        "IDEA-Research/grounding-dino-tiny",
        "depth-anything/Depth-Anything-V2-Small-hf",
    ),
)
"""PYTHONPATH by its README; the models that its annotators load by name (model-contracts 1a)."""
PREVIEW = "cosmosctl.preview.transfer1"
ROWS_FILE = "batch.jsonl"
SPEC_FILE = "controlnet_spec.json"
CHECKPOINTS = "checkpoints"
"""Below the repository."""
NATIVE_PRESETS = False
"""Its own edge and vis are random at HEAD, whatever preset is asked for."""
LESS_MEMORY = (
    "set offload_models: true (text encoder and guardrails leave the GPU, each video takes longer), fewer controls, "
    "or a GPU with 80 GB, which is what the docs name"
)

LAUNCHER = (
    "torchrun",
    "--standalone",
    "--nproc_per_node=1",
    "cosmos_transfer1/diffusion/inference/transfer.py",
)
"""Run in the repository's root with PYTHONPATH set to it (its README); one process a GPU, never context parallel.

`--standalone` takes a free port: without it two processes on one host meet at torchrun's fixed port 29500.
"""

GPU_COUNTS = (1, 2, 4, 8, 16)
"""Context parallel for one video (model-contracts 1h): the latent's 16 frames are parted."""
FRAMES_AT_ONCE = 8
"""The tokenizer holds eight frames in one, after the first (Cosmos-Tokenize1-CV8x8x8-720p): 121 is 15 of them."""
CLIP_FRAMES = 121
"""Frames generated at once; clips overlap by one (world_generation_pipeline.py)."""

UPSCALE_STEPS = 10
"""Recommended by examples/inference_cosmos_transfer1_7b_4kupscaler.md."""

MAX_FRAMES = 5000
"""Frames read of any video (inference_utils.py)."""

_FLAG = "transfer.py parse_arguments"

SETTINGS: Mapping[str, SettingRule] = {
    "seed": replace(catalog.SEED, default=1, source=_FLAG),
    "num_steps": replace(catalog.NUM_STEPS, source=_FLAG),
    "guidance": replace(catalog.GUIDANCE, default=5, source=f"{_FLAG} (a table in the docs says 7)"),
    "sigma_max": SettingRule(
        float,
        70.0,
        _FLAG,
        low=0,
        high=1000,
        about="Noise at the start; below 80 the input's own pixels show through.",
        examples=(70, 80),
    ),
    "fps": SettingRule(
        int,
        24,
        _FLAG,
        low=1,
        high=240,
        unit="frames per second",
        about="Frames per second of the result, which re-times the frames of the input.",
        examples=(24, 30),
    ),
    "negative_prompt": replace(catalog.NEGATIVE_PROMPT, source=f"{_FLAG}; the model has a long text of its own"),
    "offload_models": replace(catalog.OFFLOAD_MODELS, source="--offload_text_encoder_model --offload_guardrail_models"),
    "warm": SettingRule(
        bool,
        None,
        "ours: see transfer1_warm",
        choices=("reload",),
        about="Serve runs with different settings from one model start; `reload`: runs with different sets of controls "
        "too, whose networks are then read again.",
        otherwise="false",
        examples=(True, "reload"),
    ),
}
"""`fps` re-times the frames: the rate of the input is ignored by the program."""

DROPPED: Mapping[str, str] = {}

SPEC_SETTINGS = ("seed", "num_steps", "guidance", "sigma_max", "fps", "negative_prompt")
"""What the spec file of a start holds beside its controls."""

LAYOUTS = (
    Layout(
        primary="output.mp4",
        started="out/video_{i}",
        marker="out/video_{i}/prompt.txt",
        folder="out/video_{i}",
    ),
    Layout(
        primary="output.mp4",
        files={"out/video_{i:03d}.mp4": "output.mp4", "out/video_{i:03d}.txt": "prompt.txt"},
    ),
    Layout(primary="output.mp4", files={"out/video_{i}.mp4": "output.mp4", "out/video_{i}.txt": "prompt.txt"}),
    Layout(primary="output.mp4", only="out/video_{i}"),
)
"""At HEAD a folder a line, made before generation, prompt.txt last; older releases wrote single files, or a video of
another name into the folder."""

PATTERNS = Patterns(
    loaded=r"Reading batch inputs from path: ",
    row_start=r"\brunning preprocessor\b",
    row_end=r"Saved prompt to ",
    progress=r"Completed diffusion sampling",
    prefix=r"^\[\d\d-\d\d [\d:]{8}\|[A-Z]+\|[^\]|]*\] ",
    reasons=(
        ("blocked", r"Guardrail blocked generation|GUARDRAIL BLOCKED|is not safe|failed safety checks"),
        TORCH_OOM,
        (
            "bad-input",
            r"Invalid video file|moov atom not found|Invalid data found when processing input|"
            r"No such file or directory: '[^']*/inputs/|IndexError: index 0 is out of bounds for dimension 0",
        ),
    ),
)


def defaults(controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """The upscaler takes ten steps (its README)."""
    return {"num_steps": UPSCALE_STEPS} if list(controls) == [UPSCALE] else {}


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    """Mistakes and surprises of one run: settings, control sizes and lengths, rate, clip length, randomness."""
    return (
        *checks.settings(spec, SETTINGS),
        *(() if spec.upscales else checks.controls(spec, CONTROLS)),
        *(_check_upscale(spec, clips[spec.video]) if spec.upscales else _check_video(spec, clips[spec.video])),
        *(finding for control in spec.controls for finding in _check_control(control, spec, clips)),
        *_check_length(spec, clips),
    )


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    """The set of controls and every setting: transfer.py holds all of them for a whole start."""
    return (("controls", controls_word(spec)), *sorted(item for item in spec.settings.items() if item[0] != WARM))


def controls_word(spec: Spec) -> str:
    """The set of controls of a run, as one word."""
    return "+".join(control.name for control in spec.controls)


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """One JSONL line: the prompt, the video and every control in full, so that nothing comes from the base spec."""
    overrides = {control.name: _override(control, seen) for control in spec.controls}
    line = {"visual_input": seen["color"], "prompt": spec.text, "control_overrides": overrides}
    return json.dumps(line, ensure_ascii=True)


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    """controlnet_spec.json: the settings of the start and the set of controls.

    `prompt` and `input_video_path` are unused when a batch file is given, but an empty path is refused by
    validate_controlnet_specs while sigma_max < 80.
    """
    spec = specs[0]
    return spec_file({name: spec.settings[name] for name in SPEC_SETTINGS if name in spec.settings}, spec.controls)


def spec_file(settings: Mapping[str, Setting], controls: Sequence[EffectiveControl]) -> Mapping[str, str]:
    """controlnet_spec.json with these settings and this set of controls: name -> text."""
    base: dict[str, object] = {"prompt": "given on each line", "input_video_path": "given on each line", **settings}
    base |= {control.name: _base_block(control) for control in controls}
    return {SPEC_FILE: json.dumps(base, ensure_ascii=True, indent=2) + "\n"}


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    """The flags of transfer.py. Settings are in the spec file only: a flag given as `--key=value` would lose to it."""
    offload = ("--offload_text_encoder_model", "--offload_guardrail_models")
    return (
        *("--checkpoint_dir", checkpoints),
        *("--controlnet_specs", "{work}/" + SPEC_FILE),
        *("--batch_input_path", "{work}/" + ROWS_FILE),
        *("--video_save_folder", "{work}/out"),
        *("--batch_size", "1"),
        *("--num_gpus", "1"),
        *(offload if specs[0].settings.get("offload_models") else ()),
    )


def parallel(launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """Context parallel: as many processes as --num_gpus says."""
    counted = [*arguments]
    counted[counted.index("--num_gpus") + 1] = str(gpus)
    return (*ranks.under_torchrun(launcher, LAUNCHER, gpus), *counted)


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    """Its latent has 16 frames at a time, and the program asserts that they can be parted."""
    return ranks.count_mistake(gpus, GPU_COUNTS, NAME)


def env(specs: Sequence[Spec]) -> Mapping[str, str]:
    """Nothing."""
    return {}


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    """Frames of the result: as many as the shortest of its videos has."""
    return min(*counts.values(), MAX_FRAMES)


def steps(frames: int) -> int:
    """Clips that a video of `frames` is made of: the log has one sampling line for each."""
    return max(1, math.ceil((frames - 1) / (CLIP_FRAMES - 1)))


def random_controls(spec: Spec) -> tuple[str, ...]:
    """Edge thresholds, the scale of vis and the colours of seg are drawn at random."""
    drawn = ("vis", "edge", "seg")
    return tuple(control.name for control in spec.controls if control.is_native and control.name in drawn)


def _base_block(control: EffectiveControl) -> dict[str, Setting | None]:
    """Every line overrides all of it; the upscaler reads the line's video and no control."""
    return {"control_weight": 0.5, **({} if control.name == UPSCALE else {"input_control": None})}


def _override(control: EffectiveControl, seen: Mapping[str, str]) -> dict[str, Setting | None]:
    if control.name == UPSCALE:
        return {"control_weight": control.weight}
    override: dict[str, Setting | None] = {
        "control_weight": control.weight,
        "input_control": seen.get(control.name),
    }
    if control.prompt is not None:
        override["input_control_prompt"] = control.prompt
    return override


def _check_video(spec: Spec, clip: Clip) -> Iterator[Finding]:
    fps = spec.settings.get("fps")
    if isinstance(fps, int) and abs(clip.fps - fps) > 0.05:
        speed = fps / clip.fps
        text = f"re-times a clip of {clip.fps:g} fps: the result plays at {speed:.2f} of its speed"
        yield checks.warning("fps", text + (f"; fps: {clip.fps:g} keeps it" if clip.fps % 1 == 0 else ""))
    if clip.frames < CLIP_FRAMES:
        text = f"has {clip.frames} frames; {NAME} pads below {CLIP_FRAMES} and results are reported to be noisy"
        yield checks.warning("prompt", f"{spec.video} {text}")
    yield from checks.truncated(spec, clip, min(clip.frames, MAX_FRAMES))


def _check_length(spec: Spec, clips: Mapping[str, Clip]) -> Iterator[Finding]:
    made = frames(spec, checks.counts(spec, clips))
    yield from checks.length(spec, made)
    yield from checks.chunk_seeds(spec, steps(made))


def _check_upscale(spec: Spec, clip: Clip) -> Iterator[Finding]:
    made = spec.source.settings.get("fps", clip.fps) if spec.source is not None else clip.fps
    if spec.settings["fps"] != made:
        yield checks.warning("fps", f"re-times a video of {made:g} fps; fps: {round(float(made))} keeps its speed")


def _check_control(control: EffectiveControl, spec: Spec, clips: Mapping[str, Clip]) -> Iterator[Finding]:
    if control.name in random_controls(spec) and control.name != "seg":
        text = "is random in the model's own code; a preset or a file makes it the same each time"
        yield checks.warning(f"controls.{control.name}", text, kind=RANDOM)
    yield from checks.control_file(control, spec, clips, min(clips[spec.video].frames, MAX_FRAMES))
