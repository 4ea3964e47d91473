"""Stands in for cosmos_framework.scripts.inference: `python -m cosmosctl.preview.cosmos3`, then its command line.

Takes its flags and samples by its own rules, writes its folders and logs its lines, in its order: a sample that fails
ends the job without its sample_outputs.json, and no guardrail runs. Source: github.com/NVIDIA/cosmos-framework at
5eee9ed, scripts/inference.py, inference/{args,inference,transfer}.py. Checkpoints are never opened; options that only
the model's own speed depends on are taken and ignored.

Only what draws loads the heavy libraries. Tests make it fail: see `stage`; `block` and `block-video` do nothing here.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from cosmosctl.models.buckets import Shape, cosmos3_size
from cosmosctl.preview import log, samples
from cosmosctl.preview.drawing.row_picture import Layer, Shot
from cosmosctl.preview.samples import Check, Sample, Session, flag, number, one_of, text, video_file, whole
from cosmosctl.preview.stage import stage

HINTS = ("edge", "blur", "depth", "seg")
"""In the order in which the program takes them."""

_ANNOTATORS = {"edge": "edge", "blur": "vis"}
"""The hints that it makes itself -> our name of the control."""

_SINGLE: Mapping[str, tuple[float, float]] = {
    "edge": (3.0, 1.5),
    "blur": (3.0, 1.5),
    "depth": (3.0, 1.5),
    "seg": (3.0, 2.0),
}
"""guidance and control_guidance of a sample with one hint that sets neither."""

_DEFAULTS: Sample = {
    "num_steps": 35,
    "guidance": 6.0,
    "control_guidance": 1.0,
    "shift": 10,
    "resolution": "720",
    "aspect_ratio": "16,9",
    "max_frames": samples.MAX_FRAMES,
}

_PRESETS = ("very_low", "low", "medium", "high", "very_high")

FIELDS: Mapping[str, Check] = {
    "name": text,
    "prompt": text,
    "negative_prompt": text,
    "vision_path": lambda value: video_file(value) and Path(value).suffix == ".mp4",
    "seed": whole(0, 2**63),
    "resolution": one_of("256", "480", "720", "768"),
    "aspect_ratio": one_of(*(shape.value for shape in Shape)),
    "fps": whole(1, 1000),
    "num_frames": whole(1, 10**6),
    "max_frames": whole(1, 10**9),
    "num_steps": whole(1, 10**6),
    "guidance": number(0, 7),
    "control_guidance": number(0, 10),
    "shift": number(0, 1000),
    "sigma_max": number(0, 10**6),
    "num_video_frames_per_chunk": whole(1, 10**6),
    "num_conditional_frames": whole(0, 10**6),
    "num_first_chunk_conditional_frames": whole(0, 10**6),
    "emphasize_control_in_prompt": flag,
    "show_control_condition": flag,
    "show_input": flag,
    **{hint: lambda value: isinstance(value, dict) for hint in HINTS},
}
"""The fields of a sample; any other ends the job before the model is loaded."""

BLOCK_FIELDS: Mapping[str, Check] = {"control_path": video_file, "weight": number(0, 10**6)}
_PRESET_FIELDS: Mapping[str, Mapping[str, Check]] = {
    "edge": {"preset_edge_threshold": one_of(*_PRESETS)},
    "blur": {"preset_blur_strength": one_of("none", *_PRESETS)},
}


def main() -> None:
    """Make the videos of one start."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    put_on = stage()
    args = _parser().parse_args()
    jobs = [sample for path in sorted(set(args.input_files)) for sample in samples.read_lines(path)]
    _check(jobs)
    log.info(f"Loaded {len(jobs)} samples")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log.info(f"Loading model from {args.checkpoint_path}")
    put_on.load(args.checkpoint_path)
    with ExitStack() as stack:
        session = Session(args.output_dir, put_on, samples.studio(args.output_dir, stack, put_on), len(jobs))
        for place, job in enumerate(jobs, start=1):
            _generate(job, place, session)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosmosctl.preview.cosmos3",
        description="CPU preview behind the command line of cosmos_framework.scripts.inference.",
    )
    parser.add_argument("-i", "--input-files", nargs="+", type=Path, required=True)
    parser.add_argument("-o", "--output-dir", type=Path, required=True)
    parser.add_argument("--checkpoint-path", required=True)
    for name in ("--parallelism-preset", "--max-num-seqs", "--max-model-len", "--sampler"):
        parser.add_argument(name)
    for name in ("--cp-size", "--cfgp-size", "--dp-shard-size"):
        parser.add_argument(name)
    for name in ("--guardrails", "--diffusion-cache", "--use-torch-compile"):
        parser.add_argument(name, action=argparse.BooleanOptionalAction)
    for name in ("--keep-going", "--offload-guardrail-models", "--benchmark", "--warmup"):
        parser.add_argument(name, action="store_true")
    return parser


def _check(jobs: Sequence[Sample]) -> None:
    """Raises: ValueError, before anything is loaded, when one sample is not what its parser takes."""
    found = [line for place, job in enumerate(jobs) for line in _mistakes(job, f"sample {place}: ")]
    if found:
        raise ValueError("\n".join(found))


def _mistakes(job: Sample, where: str) -> list[str]:
    found = samples.mistakes(FIELDS, job, where=where)
    for hint in HINTS:
        if isinstance(job.get(hint), dict):
            fields = {**BLOCK_FIELDS, **_PRESET_FIELDS.get(hint, {})}
            found += samples.mistakes(fields, job[hint], where=f"{where}{hint}.")
    if "vision_path" not in job and not any(job.get(hint, {}).get("control_path") for hint in HINTS):
        found.append(f"{where}neither vision_path nor control_path")
    return found


def _generate(job: Sample, place: int, session: Session) -> None:
    session.stage.start(job)
    folder = session.out / job["name"]
    folder.mkdir(parents=True, exist_ok=True)
    settings = _resolved(job)
    arguments = folder / "sample_args.json"
    arguments.write_text(json.dumps(settings, indent=4))
    log.info(f"Saved sample args to '{arguments}'")
    prompt, asked = job.get("prompt", ""), session.stage
    if asked.of_row("bad-input", place, prompt):
        raise ValueError(f"Invalid data found when processing input: '{job.get('vision_path')}'")
    shot = _shot(job, settings, folder, session)
    log.info(f"[transfer] final user prompt: {prompt}")
    _draw(shot, folder / "vision.mp4", place, session)
    _finish(job, place, folder, session)


def _resolved(job: Sample) -> Sample:
    """The sample with every default filled in, those of a single hint too."""
    hints = [hint for hint in HINTS if hint in job]
    tuned = dict(zip(("guidance", "control_guidance"), _SINGLE[hints[0]], strict=True)) if len(hints) == 1 else {}
    return {**_DEFAULTS, **tuned, "seed": 0, **job}


def _shot(job: Sample, settings: Sample, folder: Path, session: Session) -> Shot:
    layers = [_layer(hint, job, folder, session) for hint in HINTS if hint in job]
    weights = samples.normalised([job[layer.name].get("weight", 1.0) for layer in layers])
    video = Path(job["vision_path"]) if "vision_path" in job else None
    fps = session.studio.look(video)[1] if video else Fraction(settings.get("fps", 24))
    return Shot(
        prompt=job.get("prompt", ""),
        video=video,
        layers=tuple(replace(layer, weight=weight) for layer, weight in zip(layers, weights, strict=True)),
        frames=min(settings["max_frames"], session.studio.frame_count([layers[0].path])),
        fps=fps,
        seed=settings["seed"],
        num_steps=settings["num_steps"],
        guidance=settings["guidance"],
        size=cosmos3_size(settings["resolution"], Shape(settings["aspect_ratio"])),
        cropped=True,
        lasting=True,
    )


def _layer(hint: str, job: Sample, folder: Path, session: Session) -> Layer:
    """The control's own file, or the one made from the sample's video; both are kept beside the result."""
    block, target = job[hint], folder / f"control_{hint}.mp4"
    if block.get("control_path"):
        log.info(f"Loaded pre-computed {hint} control from {block['control_path']}")
        target.write_bytes(Path(block["control_path"]).read_bytes())
    elif hint in _ANNOTATORS:
        log.info(f"Computing {hint} control input on the fly")
        preset = block.get("preset_edge_threshold", block.get("preset_blur_strength", "medium"))
        session.studio.make_control(_ANNOTATORS[hint], Path(job["vision_path"]), target, preset=preset)
    else:
        raise FileNotFoundError(f"{hint} needs control_path")
    log.info(f"Saved control video to '{target}'")
    return Layer(hint, target, 1.0)


def _draw(shot: Shot, target: Path, place: int, session: Session) -> None:
    if session.stage.of_row("short", place, shot.prompt):
        shot = replace(shot, frames=max(1, shot.frames // 2))
    with session.studio.video(shot, target) as video:
        for frames in samples.chunk_lengths(shot.frames):
            log.info(f"Using sampler: UniPC (shift=10, num_steps={shot.num_steps})")
            session.stage.interrupt(place, shot.prompt)
            samples.draw_chunk(video, frames, title="Sampling", steps=shot.num_steps)


def _finish(job: Sample, place: int, folder: Path, session: Session) -> None:
    video, marker, prompt = folder / "vision.mp4", folder / "sample_outputs.json", job.get("prompt", "")
    if session.stage.of_row("broken", place, prompt):
        video.write_bytes(b"this is no video\n" * 64)
    if not session.stage.of_row("no-prompt", place, prompt):
        outputs = [{"content": {}, "files": [str(video)]}]
        marker.write_text(json.dumps({"args": job, "status": "success", "message": "", "outputs": outputs}))
    session.stage.done(job)
    log.info(f"Saved transfer outputs to '{marker}'")


if __name__ == "__main__":
    main()
