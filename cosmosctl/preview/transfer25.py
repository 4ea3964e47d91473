"""Stands in for cosmos-transfer2.5's examples/inference.py: `python -m cosmosctl.preview.transfer25`, its command line.

Takes its flags and samples by its own rules, writes its files and logs its lines, in its order: a sample that the
guardrail refuses is passed over with exit code 0, any other trouble ends the job. Source:
github.com/nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0, examples/inference.py, cosmos_transfer2/{config,inference}.py.
Checkpoints are never opened; options that only the model's own speed depends on are taken and ignored.

Only what draws loads the heavy libraries. Tests make it fail: see `stage`.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from cosmosctl.preview import log, samples
from cosmosctl.preview.drawing.row_picture import Layer, Shot
from cosmosctl.preview.samples import Check, Sample, Session, flag, number, one_of, text, video_file, whole
from cosmosctl.preview.stage import Stage, stage

HINTS = ("edge", "vis", "depth", "seg")
_PRESETS = ("very_low", "low", "medium", "high", "very_high")
_READ = (".mp4", ".avi", ".mov", ".webm")
""".mkv passes the parser and has no reader."""

_LEAST = 240
"""Pixels of the shorter side that a caption needs."""

_DEFAULTS: Sample = {
    "seed": 2025,
    "guidance": 3,
    "num_steps": 35,
    "resolution": "720",
    "max_frames": samples.MAX_FRAMES,
}


def _sigma(value: object) -> bool:
    return value is None or (isinstance(value, str) and 0 <= float(value) <= 200)


FIELDS: Mapping[str, Check] = {
    "name": text,
    "prompt": text,
    "negative_prompt": text,
    "video_path": video_file,
    "seed": whole(0, 2**63),
    "guidance": whole(0, 7),
    "num_steps": whole(1, 10**6),
    "resolution": text,
    "sigma_max": _sigma,
    "max_frames": whole(1, 10**9),
    "num_video_frames_per_chunk": whole(1, 10**6),
    "num_conditional_frames": whole(0, 2),
    "show_control_condition": flag,
    "show_input": flag,
    "keep_input_resolution": flag,
    **{hint: lambda value: isinstance(value, dict) for hint in HINTS},
}
"""The fields of a sample; any other ends the job before the model is loaded."""

BLOCK_FIELDS: Mapping[str, Check] = {
    "control_path": video_file,
    "control_weight": number(0, 1),
    "mask_path": video_file,
    "mask_prompt": text,
    "preset_edge_threshold": one_of(*_PRESETS),
    "preset_blur_strength": one_of(*_PRESETS),
    "control_prompt": text,
}
"""The fields of a control; others are dropped without a word."""


def main() -> None:
    """Make the videos of one start."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    put_on = stage()
    args = _parser().parse_args()
    jobs = [sample for path in args.input_files for sample in samples.read_lines(path)]
    _check(jobs)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    _load(args, jobs, put_on)
    with ExitStack() as stack:
        session = Session(args.output_dir, put_on, samples.studio(args.output_dir, stack, put_on), len(jobs))
        log.info(f"Generating {len(jobs)} samples: {[job['name'] for job in jobs]}")
        for place, job in enumerate(jobs, start=1):
            _generate(job, place, session)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosmosctl.preview.transfer25",
        description="CPU preview behind the command line of cosmos-transfer2.5's examples/inference.py.",
    )
    parser.add_argument("-i", "--input-files", nargs="+", type=Path, required=True)
    parser.add_argument("-o", "--output-dir", type=Path, required=True)
    parser.add_argument("--model", default="base")
    parser.add_argument("--checkpoint-path", default="nvidia/Cosmos-Transfer2.5-2B")
    for name in ("--experiment", "--config-file", "--context-parallel-size", "--compile-tokenizer"):
        parser.add_argument(name)
    for name in ("--disable-guardrails", "--offload-guardrail-models", "--keep-going", "--profile", "--benchmark"):
        parser.add_argument(name, action="store_true")
    return parser


def _check(jobs: Sequence[Sample]) -> None:
    """Ends the program before anything is loaded when one sample is not what its parser takes."""
    found = [line for place, job in enumerate(jobs) for line in _mistakes(job, f"sample {place}: ")]
    names = [job.get("name") for job in jobs]
    found += [f"duplicate name {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1]
    if found:
        print("\n".join(found), file=sys.stderr)
        sys.exit(1)


def _mistakes(job: Sample, where: str) -> list[str]:
    found = samples.mistakes(FIELDS, job, where=where)
    found += [f"{where}{name}: Field required" for name in ("name", "prompt", "video_path") if name not in job]
    blocks = {hint: job[hint] for hint in HINTS if isinstance(job.get(hint), dict)}
    if not blocks:
        found.append(f"{where}at least one control is required")
    for hint, block in blocks.items():
        known = {name: value for name, value in block.items() if name in BLOCK_FIELDS}
        found += samples.mistakes(BLOCK_FIELDS, known, where=f"{where}{hint}.")
    return found


def _load(args: argparse.Namespace, jobs: Sequence[Sample], put_on: Stage) -> None:
    if args.model.endswith("/distilled") and not os.environ.get("COSMOS_EXPERIMENTAL_CHECKPOINTS"):
        raise ValueError(f"Unknown model {args.model}")
    hints = {hint for job in jobs for hint in HINTS if hint in job}
    log.info(f"Found {len(hints)} hint keys across all samples")
    log.info(f"Downloading checkpoint {args.checkpoint_path}")
    put_on.load(args.checkpoint_path)
    log.info(f"Loading model from {args.checkpoint_path}")
    (args.output_dir / "config.yaml").write_text(f"model: {args.model}\n")
    log.info(f"Saved config to {args.output_dir / 'config.yaml'}")


def _generate(job: Sample, place: int, session: Session) -> None:
    session.stage.start(job)
    name, prompt, asked = job["name"], job["prompt"], session.stage
    log.info(f"[{place}/{session.count}] Processing sample {name}")
    arguments = session.out / f"{name}.json"
    arguments.write_text(json.dumps(_DEFAULTS | job, indent=4))
    log.info(f"Saved arguments to {arguments}")
    log.info("Running guardrail check on prompt...")
    if not prompt.strip() or asked.of_row("block", place, prompt):
        log.critical(f"Guardrail blocked generation. Prompt: {prompt}")
        return
    log.info("Passed guardrail on prompt")
    log.info(f"Processing the following paths: {job['video_path']}")
    if asked.of_row("bad-input", place, prompt) or Path(job["video_path"]).suffix not in _READ:
        raise ValueError(f"Unsupported video extension of {job['video_path']}")
    shot = _shot(job, session)
    _draw(shot, session.out / f"{name}.mp4", place, session)
    if asked.of_row("block-video", place, prompt):
        (session.out / f"{name}.mp4").unlink()
        return
    log.info("Passed guardrail on generated video")
    _finish(job, place, session)


def _shot(job: Sample, session: Session) -> Shot:
    settings, video = _DEFAULTS | job, Path(job["video_path"])
    (width, height), fps = session.studio.look(video)
    layers = tuple(_layer(hint, job, session) for hint in HINTS if hint in job)
    frames = min(samples.MAX_FRAMES, settings["max_frames"], session.studio.frame_count([video]))
    for layer in layers:
        if session.studio.frame_count([layer.path]) < frames:
            raise ValueError("No input frames; cannot pad")
    return Shot(
        prompt=job["prompt"],
        video=video,
        layers=layers,
        frames=frames,
        fps=Fraction(int(fps)),
        seed=settings["seed"],
        num_steps=settings["num_steps"],
        guidance=settings["guidance"],
        size=_legible(width // 2 * 2, height // 2 * 2),
    )


def _legible(width: int, height: int) -> tuple[int, int]:
    """The size of the result, which is that of the input; a very small one is enlarged so that it can be read."""
    times = max(1, -(-_LEAST // min(width, height)))
    return width * times, height * times


def _layer(hint: str, job: Sample, session: Session) -> Layer:
    """The control's own file, or the one made from the sample's video; both are kept beside the result."""
    block = job[hint]
    target = session.out / f"{job['name']}_control_{hint}.mp4"
    if block.get("control_path"):
        target.write_bytes(Path(block["control_path"]).read_bytes())
    else:
        preset = block.get("preset_edge_threshold", block.get("preset_blur_strength", "medium"))
        session.studio.make_control(hint, Path(job["video_path"]), target, preset=preset)
    return Layer(hint, target, block.get("control_weight", 1.0))


def _draw(shot: Shot, target: Path, place: int, session: Session) -> None:
    if session.stage.of_row("short", place, shot.prompt):
        shot = replace(shot, frames=max(1, shot.frames // 2))
    chunks = samples.chunk_lengths(shot.frames)
    with session.studio.video(_at_most_one(shot), target) as video:
        for number_, frames in enumerate(chunks, start=1):
            if os.environ.get("COSMOS_VERBOSE"):
                log.info(f"Generating chunk {number_}/{len(chunks)}")
            session.stage.interrupt(place, shot.prompt)
            samples.draw_chunk(video, frames, title="Generating samples", steps=shot.num_steps)
    for layer in shot.layers:
        log.info(f"{layer.name} control video saved to {layer.path}")
    log.info("Running guardrail check on video...")


def _at_most_one(shot: Shot) -> Shot:
    """For the picture alone: the program does not normalise weights, but more than the whole cannot be shown."""
    total = max(1.0, sum(layer.weight for layer in shot.layers))
    return replace(shot, layers=tuple(replace(layer, weight=layer.weight / total) for layer in shot.layers))


def _finish(job: Sample, place: int, session: Session) -> None:
    video, told = (session.out / f"{job['name']}.{ending}" for ending in ("mp4", "txt"))
    if session.stage.of_row("broken", place, job["prompt"]):
        video.write_bytes(b"this is no video\n" * 64)
    if not session.stage.of_row("no-prompt", place, job["prompt"]):
        told.write_bytes(job["prompt"].encode())
    session.stage.done(job)
    log.info(f"Generated video saved to {video}")


if __name__ == "__main__":
    main()
