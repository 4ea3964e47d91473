"""Stands in for cosmos-transfer1's transfer.py: `python -m cosmosctl.preview.transfer1`, then its command line.

Takes its flags, spec file and JSONL lines by its own rules, writes its folders and logs its lines, in its order.
Source: github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82, cosmos_transfer1/diffusion/inference/{transfer,
preprocessors,world_generation_pipeline}.py. Unlike there, each row is made alone whatever `--batch_size` says, and
checkpoints are never opened.

Only what draws loads the heavy libraries. Tests make it fail: see `stage`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosmosctl.preview import log, specification
from cosmosctl.preview.drawing.row_picture import Layer, Shot, Studio
from cosmosctl.preview.specification import Hints
from cosmosctl.preview.stage import Stage, stage

MAX_FRAMES = 5000
"""Frames read of any video (inference_utils.py, NUM_MAX_FRAMES)."""

CLIP_FRAMES = 121
"""Frames generated at once; clips overlap by one (world_generation_pipeline.py)."""

UPSCALE = 3
"""How much larger the 4K upscaler's result is."""

_PROMPT = "The video captures a stunning, photorealistic scene with remarkable attention to detail."
_NEGATIVE_PROMPT = "The video captures a game playing, with bad crappy graphics and cartoonish frames."
_STRENGTHS = ("very_low", "low", "medium", "high", "very_high")

_ANNOTATORS: Mapping[str, str] = {
    "vis": "VisControlModel",
    "edge": "EdgeControlModel",
    "depth": "DepthAnythingModel",
    "seg": "SAM",
    "keypoint": "Openpose",
}
"""Controls that can be generated -> what the log says generates them."""


@dataclass(frozen=True)
class Job:
    """One line of the batch file (or the single job): its number counts from 0."""

    number: int
    row: Mapping[str, Any]
    folder: Path
    video: Path
    text: Path

    @property
    def prompt(self) -> str:
        return self.row.get("prompt") or ""


@dataclass(frozen=True)
class Session:
    """What holds for all rows of a start."""

    args: argparse.Namespace
    hints: Hints
    stage: Stage
    studio: Studio


Serve = Callable[[Job, Session], None]


def main(run: Serve | None = None) -> None:
    """Make the videos of one start, each row by `run`."""
    run = run or run_row
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    put_on = stage()
    args, hints = parse_arguments(sys.argv[1:])
    hints = specification.validated(hints, args)
    _load(args, hints, put_on)
    jobs = _jobs(args, put_on)
    args.video_save_folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        session = Session(args, hints, put_on, _studio(args, stack, put_on))
        made = 0
        for job in jobs:
            left_out = put_on.of_process("compacted") and put_on.of_row("block", job.number + 1, job.prompt)
            placed = _job(made, job.row, args.video_save_folder, put_on) if put_on.of_process("compacted") else job
            run(replace(placed, number=job.number), session)
            made += not left_out


def parse_arguments(argv: list[str]) -> tuple[argparse.Namespace, Hints]:
    """The flags with the settings of the spec file on top, and the hints of that file."""
    args = _parser().parse_args(argv)
    hints, settings = specification.read_base(Path(args.controlnet_specs))
    log.info(f"control_inputs: {json.dumps(hints, indent=4)}")
    log.info(f"args in json: {json.dumps(settings, indent=4)}")
    args = specification.take_settings(args, settings, argv)
    log.info(f"final args: {json.dumps(vars(args), indent=4)}")
    args.video_save_folder = Path(args.video_save_folder)
    return args, hints


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosmosctl.preview.transfer1",
        description="CPU preview behind the command line of cosmos-transfer1's transfer.py.",
    )
    parser.add_argument("--controlnet_specs", required=True)
    for name, default in _TEXTS.items():
        parser.add_argument(f"--{name}", default=default)
    for name, number in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=type(number), default=number)
    for name in ("blur_strength", "canny_threshold"):
        parser.add_argument(f"--{name}", choices=_STRENGTHS, default="medium")
    for name in _SWITCHES:
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--guidance", type=float, default=5)
    parser.add_argument("--num_input_frames", type=int, default=1, choices=[1])
    return parser


_TEXTS: Mapping[str, str | None] = {
    "prompt": _PROMPT,
    "negative_prompt": _NEGATIVE_PROMPT,
    "input_video_path": "",
    "checkpoint_dir": "checkpoints",
    "tokenizer_dir": "Cosmos-Tokenize1-CV8x8x8-720p",
    "video_save_name": "output",
    "video_save_folder": "outputs/",
    "batch_input_path": None,
}
_NUMBERS: Mapping[str, int | float] = {
    "sigma_max": 70.0,
    "batch_size": 1,
    "num_steps": 35,
    "fps": 24,
    "seed": 1,
    "num_gpus": 1,
}
_SWITCHES = (
    *("is_av_sample", "offload_diffusion_transformer", "offload_text_encoder_model", "offload_guardrail_models"),
    *("upsample_prompt", "offload_prompt_upsampler", "use_distilled", "save_input_noise", "benchmark"),
)


def _load(args: argparse.Namespace, hints: Hints, put_on: Stage) -> None:
    base = f"{args.checkpoint_dir}/nvidia/Cosmos-Transfer1-7B/base_model.pt"
    log.info(f"Loading base model checkpoint (local): {base}")
    put_on.load(base)
    log.info("Complete loading base model checkpoint (local)")
    for block in hints.values():
        log.info(f"Loading ctrl model from ckpt_path: {block['ckpt_path']}")


def _jobs(args: argparse.Namespace, put_on: Stage) -> list[Job]:
    out = args.video_save_folder
    if not args.batch_input_path:
        row = {"prompt": args.prompt, "visual_input": args.input_video_path}
        name = args.video_save_name
        return [Job(0, row, out, out / f"{name}.mp4", out / f"{name}.txt")]
    log.info(f"Reading batch inputs from path: {args.batch_input_path}")
    rows = specification.read_rows(Path(args.batch_input_path))
    return [_job(number, row, out, put_on) for number, row in enumerate(rows)]


def _job(number: int, row: Mapping[str, Any], out: Path, put_on: Stage) -> Job:
    for layout, name in (("flat", f"video_{number:03d}"), ("flat1", f"video_{number}")):
        if put_on.of_process(layout):
            return Job(number, row, out, out / f"{name}.mp4", out / f"{name}.txt")
    folder = out / f"video_{number}"
    return Job(number, row, folder, folder / "output.mp4", folder / "prompt.txt")


def _studio(args: argparse.Namespace, stack: ExitStack, put_on: Stage) -> Studio:
    other = put_on.studio()
    if other is not None:
        return other
    from cosmosctl.preview.drawing.studio import open_studio  # the heavy libraries: a third of a second

    return stack.enter_context(open_studio(args.video_save_folder, blur_strength=args.blur_strength))


def run_row(job: Job, session: Session) -> None:
    """Make one row, or end the program as its fault says."""
    session.stage.start(job.row)
    job.folder.mkdir(parents=True, exist_ok=True)
    hints = specification.overridden(session.hints, job.row)
    log.info("running preprocessor")
    if session.stage.of_row("bad-input", job.number + 1, job.prompt):
        raise ValueError(f"Failed to load video frames from {job.row.get('visual_input')}: Invalid video file")
    shot = _shot(job, hints, session)
    made = _generate(job, shot, session)
    if made is None and session.stage.of_process("compacted"):
        return
    # as in the program: None when the guardrail refuses, and nobody looks before unpacking it
    _video, prompt = made  # type: ignore[misc]
    if session.stage.of_row("broken", job.number + 1, job.prompt):
        job.video.write_bytes(b"this is no video\n" * 64)
    if session.stage.of_process("own-name"):
        job.video.rename(job.video.with_name("city.mp4"))
    elif not session.stage.of_row("no-prompt", job.number + 1, job.prompt):
        job.text.write_bytes(prompt.encode())
    session.stage.done(job.row)
    log.info(f"Saved video to {job.video}")
    log.info(f"Saved prompt to {job.text}")


def _shot(job: Job, hints: Hints, session: Session) -> Shot:
    args, video = session.args, job.row.get("visual_input") or None
    weights = specification.normalised_weights(hints)
    paths = {hint: _control(hint, block, job, session) for hint, block in hints.items() if hint != "upscale"}
    shot = Shot(
        prompt=job.prompt,
        video=None if video is None else Path(video),
        layers=tuple(Layer(hint, path, weights[hint]) for hint, path in paths.items()),
        frames=0,
        fps=args.fps,
        seed=args.seed,
        num_steps=args.num_steps,
        guidance=args.guidance,
        scale=UPSCALE if "upscale" in hints else 1,
    )
    return replace(shot, frames=min(MAX_FRAMES, session.studio.frame_count(shot.sources)))


def _control(hint: str, block: Mapping[str, Any], job: Job, session: Session) -> Path:
    """The control's own file, or the one made from the row's video."""
    if block.get("control_weight_prompt") is not None:
        log.warning(f"{hint}: a preview draws no weight map of control_weight_prompt")
    if block.get("input_control") is not None:
        return Path(block["input_control"])
    video = job.row.get("visual_input")
    if hint not in _ANNOTATORS or not video:
        raise ValueError(f"{hint} has no input_control and there is nothing to generate it from")
    text = f" using prompt={block.get('input_control_prompt', job.prompt)!r}" if hint == "seg" else ""
    log.info(f"no input_control provided for {hint}. generating input control video with {_ANNOTATORS[hint]}{text}")
    target = job.folder / f"{hint}_input_control_{os.environ.get('LOCAL_RANK', '0')}.mp4"
    session.studio.make_control(hint, Path(video), target)
    return target


def _generate(job: Job, shot: Shot, session: Session) -> tuple[Path, str] | None:
    """The path of the row's video and the prompt as used; None when the guardrail blocked it."""
    asked, number = session.stage, job.number + 1
    log.info("Running batch generation with batch_size=1")
    log.info("Running guardrail checks on all prompts")
    if not job.prompt or asked.of_row("block", number, job.prompt):
        log.critical("GUARDRAIL BLOCKED: Prompt blocked by safety checker")
        log.critical("Input text prompt 1 is not safe")
        _refuse("All prompts failed safety checks")
        return None
    log.info("Starting T5 compute")
    log.info("Completed T5 compute")
    log.info("Run generation")
    log.info(f"Making all control and input videos to be length of {shot.frames} frames.")
    if asked.of_row("short", number, job.prompt):
        shot = replace(shot, frames=max(1, shot.frames // 2))
    _sample(job, shot, session)
    log.info("Finish generation")
    log.info("Run guardrail on generated videos")
    if asked.of_row("block-video", number, job.prompt):
        job.video.unlink()
        log.critical("GUARDRAIL BLOCKED: Video blocked by safety checker")
        log.critical("Generated video 1 is not safe")
        _refuse("All generated videos failed safety checks")
        return None
    return job.video, job.prompt


def _refuse(what: str) -> None:
    log.critical(what)
    log.critical("Guardrail blocked generation for entire batch.")


def _sample(job: Job, shot: Shot, session: Session) -> None:
    with session.studio.video(shot, job.video) as video:
        for frames in clip_lengths(shot.frames):
            log.info("Starting latent encoding")
            log.info("Completed latent encoding")
            log.info("Starting diffusion sampling")
            session.stage.interrupt(job.number + 1, job.prompt)
            video.sample(frames)
            log.info("Completed diffusion sampling")
            log.info("Starting VAE decode")
            log.info("Completed VAE decode")


def clip_lengths(frames: int) -> list[int]:
    """New frames of each clip that a video of `frames` is made of."""
    new = CLIP_FRAMES - 1
    return [min(CLIP_FRAMES, frames), *(min(new, frames - done) for done in range(CLIP_FRAMES, frames, new))]


if __name__ == "__main__":
    main()
