import os
import random
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from cosmos_transfer1 import record
from cosmos_transfer1.utils import log


class Video:
    """Frames that know what they were made with."""

    shape = (121, 704, 1280, 3)

    def __init__(self, made_with: dict[str, Any]) -> None:
        self.made_with = made_with


class DiffusionControl2WorldGenerationPipeline:
    def __init__(
        self,
        checkpoint_dir: str,
        checkpoint_name: str,
        has_text_input: bool = True,
        offload_network: bool = False,
        offload_tokenizer: bool = False,
        offload_text_encoder_model: bool = False,
        offload_guardrail_models: bool = False,
        guidance: float = 7.0,
        num_steps: int = 35,
        height: int = 704,
        width: int = 1280,
        fps: int = 24,
        num_video_frames: int = 121,
        seed: int = 0,
        num_input_frames: int = 1,
        control_inputs: Any = None,
        sigma_max: float = 70.0,
        blur_strength: str = "medium",
        canny_threshold: str = "medium",
        upsample_prompt: bool = False,
        offload_prompt_upsampler: bool = False,
        process_group: Any = None,
        regional_prompts: Any = None,
        region_definitions: Any = None,
    ) -> None:
        self.checkpoint_dir, self.checkpoint_name = checkpoint_dir, checkpoint_name
        self.has_text_input, self.height, self.width = has_text_input, height, width
        self.offload_network, self.offload_tokenizer = offload_network, offload_tokenizer
        self.offload_text_encoder_model = offload_text_encoder_model
        self.offload_guardrail_models = offload_guardrail_models
        self.guidance, self.num_steps, self.fps, self.seed = guidance, num_steps, fps, seed
        self.num_video_frames, self.num_input_frames = num_video_frames, num_input_frames
        self.control_inputs, self.sigma_max = control_inputs, sigma_max
        self.blur_strength, self.canny_threshold = blur_strength, canny_threshold
        self.upsample_prompt, self.offload_prompt_upsampler = upsample_prompt, offload_prompt_upsampler
        self.process_group = process_group
        self.regional_prompts, self.region_definitions = regional_prompts, region_definitions
        log.info(f"Loading base model checkpoint (local): {checkpoint_dir}/{checkpoint_name}")
        record.note(what="load", controls=list(control_inputs))
        record.pause("STANDIN_LOAD_S")
        self.model = SimpleNamespace()
        self._load_network()
        log.info("Complete loading base model checkpoint (local)")

    def reload_model(self) -> None:
        """Networks anew; nobody takes away what the set before has left."""
        record.note(what="reload", controls=list(self.control_inputs))
        self._load_network()

    def _load_network(self) -> None:
        if len(self.control_inputs) > 1:
            self.model.hint_encoders = list(self.control_inputs)
        else:
            self.model.net = next(iter(self.control_inputs))

    def generate(
        self,
        prompt: Any,
        video_path: Any,
        negative_prompt: Any = None,
        control_inputs: Any = None,
        save_folder: str = "outputs/",
        batch_size: int = 1,
    ) -> tuple[list[Video], list[str]] | None:
        log.info(f"Running batch generation with batch_size={batch_size}")
        made_with = self._noted(prompt, video_path, negative_prompt, control_inputs, save_folder)
        rank = os.environ.pop("RANK", None)
        fault = record.fault(prompt[0])
        log.info("Running guardrail checks on all prompts")
        if fault == "block":
            self._spoil(control_inputs)
            log.critical("GUARDRAIL BLOCKED: Input text prompt 1 is not safe")
            return None
        videos = self._run_model(made_with, control_inputs, fault)
        if rank is not None:
            os.environ["RANK"] = rank
        return videos, prompt

    def _run_model(self, made_with: dict[str, Any], control_inputs: Any, fault: str) -> list[Video]:
        """Reads what the real one reads."""
        log.info("Starting diffusion sampling")
        record.pause("STANDIN_ROW_S")
        record.wait_to_be_let_go(made_with["prompt"][0])
        self._spoil(control_inputs)
        if fault == "fail":
            raise ValueError("Failed to load video frames: Invalid video file")
        if fault == "broken":
            torch.cuda.is_broken = True
        if fault in ("crash", "broken"):
            raise RuntimeError("shape mismatch")
        if fault == "oom":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if fault == "cuda":
            torch.cuda.is_broken = True
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        names = ("guidance", "num_steps", "fps", "seed", "sigma_max", "num_input_frames")
        read = (self.guidance, self.num_steps, self.fps, self.seed, self.sigma_max, self.num_input_frames)
        log.info("Completed diffusion sampling")
        return [Video({**made_with, "sampled_with": dict(zip(names, read, strict=True))})]

    def _spoil(self, control_inputs: Any) -> None:
        """What a row may leave behind: in lists, blocks, the network and the random state."""
        self.regional_prompts.append("of an earlier row")
        self.region_definitions.append([0.0, 1.0])
        for block in (*control_inputs[0].values(), *self.control_inputs.values()):
            block["control_weight"] = f"{block['control_weight']}, used"
        random.random()

    def _noted(self, prompt: Any, video_path: Any, negative_prompt: Any, controls: Any, folder: str) -> dict[str, Any]:
        """Everything that could make a difference, with the folder of the row left out."""
        encoders = getattr(self.model, "hint_encoders", None) or [self.model.net]
        blocks = {name: {**block} for name, block in controls[0].items()}
        made = {
            name: Path(str(block["input_control"])).read_text()
            for name, block in blocks.items()
            if str(block["input_control"]).startswith(folder)
        }
        for name in made:
            blocks[name]["input_control"] = "made here"
        facts = {
            "prompt": prompt,
            "video_path": video_path,
            "negative_prompt": negative_prompt,
            "control_inputs": blocks,
            "made": made,
            "encoded_by": list(zip(blocks, encoders, strict=False)),
            "attributes": {name: value for name, value in vars(self).items() if name != "model"},
            "rank": os.environ.get("RANK"),
            "chance": sha256(repr(random.getstate()).encode()).hexdigest(),
            "strengths": [self.blur_strength, self.canny_threshold],
        }
        facts = _plain(facts)
        record.note(what="row", facts=facts)
        return facts


def _plain(value: Any) -> Any:
    """A copy of JSON values."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
