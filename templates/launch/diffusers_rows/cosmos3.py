"""Rows of Cosmos3 transfer by the modular blocks of diffusers 0.42.1.

All controls of a row are heard in one joint attention, so they have no weights of their own there. The encoder takes
its mean, and one generator serves all chunks. A misspelt input only warns, so the names are looked at before anything
is loaded. Distilled blocks ignore controls: there is no distilled transfer.
"""

from __future__ import annotations

import argparse
from typing import Any, Dict, List

import cv2
import fit
import footage
import hub
import making
import memory
import numpy as np
import torch
from diffusers.modular_pipelines.cosmos import Cosmos3OmniBlocks, Cosmos3OmniModularPipeline
from diffusers.pipelines.cosmos.pipeline_cosmos3_omni import CosmosSafetyChecker
from guard import Guard

HINTS = {"vis": "blur", "edge": "edge", "depth": "depth", "seg": "seg"}
"""Control -> the blocks' own word."""
INPUTS = (
    *("control_videos", "height", "width", "num_frames", "num_video_frames_per_chunk", "num_conditional_frames"),
    *("prompt", "negative_prompt", "fps", "generator", "num_inference_steps", "guidance_scale", "control_guidance"),
    "output_type",
)
"""The declared inputs that are used here."""
BILATERAL_HEIGHT = 720
"""The height of a picture for which the native program's bilateral filter is 30 pixels wide."""

Row = Dict[str, Any]


def require_fit(rows: List[Row]) -> None:
    """Raises: Unfit when the blocks do not declare what is used here, or rows ask for what is not there."""
    declared = {one.name for one in Cosmos3OmniBlocks().inputs}
    lacking = [name for name in INPUTS if name not in declared]
    if lacking:
        raise fit.Unfit(f"the blocks of diffusers declare no {', '.join(lacking)}")
    for row in rows:
        unknown = sorted(set(row["controls"]) - set(HINTS))
        if unknown:
            raise fit.Unfit(f"there is no hint for {', '.join(unknown)}", "cosmosctl check")
        if len({block["weight"] for block in row["controls"].values()}) > 1:
            raise fit.Unfit("the weights of a row differ, and these blocks know none", "cosmosctl check")


def load(options: argparse.Namespace, rows: List[Row]) -> "Maker":
    """The pipeline, laid into memory. Raises: Unfit in words when its weights are not there."""
    pipeline = hub.loaded(Cosmos3OmniModularPipeline, options.checkpoint, "")
    names = ["text_tokenizer", "vae", "transformer", "scheduler"]
    place = {"pretrained_model_name_or_path": options.checkpoint, "torch_dtype": memory.dtype()}
    hub.tried(options.checkpoint, lambda: pipeline.load_components(names=names, **place))
    lacking = [name for name in names if getattr(pipeline, name, None) is None]
    if lacking:  # diffusers only warns of what it could not load
        raise fit.Unfit(f"{options.checkpoint} has no whole {', '.join(lacking)}", fit.fetch)
    pipeline.enable_safety_checker(Guard(CosmosSafetyChecker()))
    if hasattr(pipeline, "set_progress_bar_config"):
        pipeline.set_progress_bar_config(disable=True)
    if options.vae_tiling:
        pipeline.vae.enable_tiling()
    memory.lay(pipeline, options.memory)
    commits = hub.commits(options.checkpoint, {"revision": "main"})
    return Maker(pipeline, blurred, {"checkpoint": options.checkpoint, **commits})


class Maker(making.Maker):
    """The blocks, loaded."""

    def frames(self, row: Row, controls: Dict[str, Any], fps: float) -> Any:
        self.progress.start(row["chunks"])
        width, height = row["size"]
        videos = {HINTS[name]: _unit(pictures) for name, pictures in controls.items()}
        return self.pipeline(
            control_videos=videos,
            prompt=row["prompt"],
            negative_prompt=row.get("negative_prompt"),
            height=height,
            width=width,
            num_frames=row["frames"],
            num_video_frames_per_chunk=row["chunk_frames"],
            num_conditional_frames=1,
            num_inference_steps=row["num_steps"],
            guidance_scale=float(row["guidance"]),
            control_guidance=float(row["control_guidance"]),
            fps=fps,
            generator=torch.Generator("cpu").manual_seed(row["seed"]),
            output_type="np",
            output="videos",
        )


def blurred(rgb: Any, preset: str) -> Any:
    """vis as the native program makes it at that preset: its bilateral filter grows with the picture."""
    height, width = rgb.shape[:2]
    shrink, coarse = footage.BLURS[preset]
    small = cv2.resize(rgb, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    scale = max(small.shape[:2]) / BILATERAL_HEIGHT
    diameter = round(30 * scale)
    smooth = cv2.bilateralFilter(small, diameter + 1 - diameter % 2, 150 * scale, 100 * scale)
    full = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    size = (max(1, int(width / coarse)), max(1, int(height / coarse)))
    down = cv2.resize(full, size, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(down, (width, height), interpolation=cv2.INTER_CUBIC)


def _unit(pictures: Any) -> Any:
    """Frames x height x width x 3, 0 to 255 -> 1 x frames x 3 x height x width, 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div(255)[None]
