"""Rows of Cosmos-Transfer2.5 by `Cosmos2_5_TransferPipeline` of diffusers 0.42.1.

The pipeline knows one control. Here each control that a row has is encoded for itself and goes through a network of its
own; what these add to the transformer is summed, each with its weight, as the native program does. The encoder's mean
is taken, natively too, so that no control draws a random number: a second one changes nothing of the first one's.
"""

from __future__ import annotations

import argparse
from typing import Any, Dict, List, Tuple

import cv2
import fit
import footage
import hub
import making
import memory
import torch
from diffusers import Cosmos2_5_TransferPipeline, CosmosControlNetModel, UniPCMultistepScheduler
from guard import Guard

HUB = "nvidia/Cosmos-Transfer2.5-2B"
PIPELINE = "diffusers/general"
NETS = {
    name: f"diffusers/controlnet/general/{net}"
    for name, net in {"edge": "edge", "vis": "blur", "depth": "depth", "seg": "seg"}.items()
}
"""Revisions of the repository on the Hub, and folders of a checkpoint that is a folder: control -> its network."""

CALLED = (
    *("controls", "controls_conditioning_scale", "prompt", "negative_prompt", "height", "width", "num_frames"),
    *("num_frames_per_chunk", "num_inference_steps", "guidance_scale", "generator", "output_type"),
    *("num_ar_conditional_frames",),
)
OF_NET = ("controls_latents", "latents", "timestep", "encoder_hidden_states", "condition_mask", "conditioning_scale")
"""The declared inputs that are used here."""

SHIFT = 5.0
"""The native schedule's: sigmas are within 0.004 of it. The pipeline's own would be Karras's, from 200 to 0.01."""

Row = Dict[str, Any]


def require_fit(rows: List[Row]) -> None:
    """Raises: Unfit when the classes are not those that this was written for, or a row asks for what is not there."""
    fit.require_parameters("the pipeline", Cosmos2_5_TransferPipeline.__call__, CALLED)
    fit.require_parameters("the control net", CosmosControlNetModel.forward, OF_NET)
    unknown = sorted({name for row in rows for name in row["controls"] if name not in NETS})
    if unknown:
        raise fit.Unfit(f"there is no network for {', '.join(unknown)}", "cosmosctl check")


def load(options: argparse.Namespace, rows: List[Row]) -> "Maker":
    """The networks that these rows need, laid into memory. Raises: Unfit in words when they are not there."""
    names = [name for name in NETS if any(name in row["controls"] for row in rows)]
    kind = {"torch_dtype": memory.dtype()}
    nets = {name: hub.loaded(CosmosControlNetModel, options.checkpoint, NETS[name], **kind) for name in names}
    first = next(iter(nets.values()))
    pipeline = hub.loaded(Cosmos2_5_TransferPipeline, options.checkpoint, PIPELINE, controlnet=first, **kind)
    pipeline.register_modules(scheduler=near_native(pipeline.scheduler), controlnet=Summed(nets))
    pipeline.safety_checker = Guard(pipeline.safety_checker)
    pipeline.set_progress_bar_config(disable=True)
    if options.vae_tiling:
        pipeline.vae.enable_tiling()
    memory.lay(pipeline, options.memory)
    parts = {"revision": PIPELINE, **{f"revision_{name}": NETS[name] for name in names}}
    return Maker(pipeline, blurred, {"checkpoint": options.checkpoint, **hub.commits(options.checkpoint, parts)})


def near_native(scheduler: Any) -> Any:
    """A scheduler whose sigmas are those of the native program, but for 0.004."""
    return UniPCMultistepScheduler.from_config(scheduler.config, use_karras_sigmas=False, flow_shift=SHIFT)


class Summed(torch.nn.Module):  # type: ignore[misc]  # torch is not there when this is checked
    """The networks of several controls as one: what they give is added up, each with its weight."""

    def __init__(self, nets: Dict[str, Any]) -> None:
        super().__init__()
        self.nets = torch.nn.ModuleDict(nets)
        self.weights: Dict[str, float] = {}
        self.latents: Dict[str, Any] = {}

    @property
    def dtype(self) -> Any:
        return next(self.parameters()).dtype

    @property
    def device(self) -> Any:
        return next(self.parameters()).device

    def forward(self, **inputs: Any) -> Tuple[List[Any]]:
        """The sum for the latents that were set, in place of those that the pipeline made of one video."""
        heard = [name for name, weight in self.weights.items() if weight] or list(self.weights)[:1]
        total: List[Any] = []
        for name in heard:
            own = {"controls_latents": self.latents[name], "conditioning_scale": self.weights[name]}
            (blocks,) = self.nets[name](**{**inputs, **own, "return_dict": False})
            total = [one + other for one, other in zip(total, blocks, strict=True)] if total else list(blocks)
        return (total,)


class Maker(making.Maker):
    """The pipeline, loaded, with a network for each control."""

    def recover(self) -> None:
        self.pipeline.controlnet.latents = {}
        self.pipeline.maybe_free_model_hooks()

    def frames(self, row: Row, controls: Dict[str, Any], fps: float) -> Any:
        pipeline, net = self.pipeline, self.pipeline.controlnet
        videos = {name: _normal(pictures) for name, pictures in controls.items()}
        net.weights = {name: float(block["weight"]) for name, block in row["controls"].items()}
        self.progress.start(row["chunks"], lambda chunk: self._encode(row, videos, chunk))
        width, height = row["size"]
        more = {"negative_prompt": row["negative_prompt"]} if "negative_prompt" in row else {}
        made = pipeline(
            controls=(next(iter(videos.values())) + 1).div(2).permute(1, 0, 2, 3)[None],
            prompt=row["prompt"],
            height=height,
            width=width,
            num_frames=row["frames"],
            num_frames_per_chunk=row["chunk_frames"],
            num_ar_conditional_frames=1,
            num_inference_steps=row["num_steps"],
            guidance_scale=float(row["guidance"]),
            generator=torch.Generator("cpu").manual_seed(row["seed"]),
            output_type="np",
            **more,
        ).frames[0]
        net.latents = {}
        return made

    def _encode(self, row: Row, videos: Dict[str, Any], chunk: int) -> None:
        """Sets the latents of each control for a chunk, a short one padded as the pipeline pads: by its last frame."""
        pipeline, vae, length = self.pipeline, self.pipeline.vae, row["chunk_frames"]
        begin = chunk * (length - 1)
        found = {}
        for name, video in videos.items():
            part = video[:, begin : begin + length]
            part = torch.cat((part, part[:, -1:].expand(-1, length - part.shape[1], -1, -1)), dim=1)
            pixels = part[None].to(device=pipeline._execution_device, dtype=vae.dtype)
            latents = vae.encode(pixels).latent_dist.mode()
            mean, std = (one.to(latents) for one in (pipeline.latents_mean, pipeline.latents_std))
            found[name] = ((latents - mean) / std).to(pipeline.transformer.dtype)
        pipeline.controlnet.latents = found


def blurred(rgb: Any, preset: str) -> Any:
    """vis as the native program makes it at that preset."""
    height, width = rgb.shape[:2]
    shrink, coarse = footage.BLURS[preset]
    small = cv2.resize(rgb, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    smooth = cv2.bilateralFilter(small, 30, 150, 100)
    full = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    down = footage.resized(full, (max(1, int(width / coarse)), max(1, int(height / coarse))), "bicubic")
    return footage.resized(down, (width, height), "bicubic")


def _normal(pictures: Any) -> Any:
    """Frames x height x width x 3, 0 to 255 -> 3 x frames x height x width, -1 to 1."""
    return torch.from_numpy(pictures).permute(3, 0, 1, 2).float().div(127.5).sub(1)
