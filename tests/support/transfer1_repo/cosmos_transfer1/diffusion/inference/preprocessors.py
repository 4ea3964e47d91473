import os
import random
from pathlib import Path
from typing import Any

from cosmos_transfer1.diffusion.inference.inference_utils import valid_hint_keys
from cosmos_transfer1.utils import log


class Annotator:
    """Makes a control at the strength that it was first made for, by chance."""

    def __init__(self, strength: str) -> None:
        self.strength = strength

    def __call__(self, in_video: str, out_video: str) -> None:
        Path(out_video).write_text(f"{self.strength} {random.randint(0, 99)} of {in_video}")


class Preprocessors:
    def __init__(self) -> None:
        self.depth_model: Annotator | None = None
        self.seg_model: Annotator | None = None
        self.keypoint_model: Annotator | None = None
        self.vis_model: Annotator | None = None
        self.edge_model: Annotator | None = None

    def __call__(
        self,
        input_video: str,
        input_prompt: str,
        control_inputs: dict[str, Any],
        output_folder: str,
        regional_prompts: list[dict[str, Any]] | None = None,
        blur_strength: str = "medium",
        canny_threshold: str = "medium",
    ) -> dict[str, Any]:
        strengths = {"vis": blur_strength, "edge": canny_threshold}
        for hint, block in control_inputs.items():
            if hint in valid_hint_keys and block.get("input_control") is None:
                log.info(f"no input_control provided for {hint}. generating input control video with a stand-in")
                target = f"{output_folder}/{hint}_input_control_{os.environ.get('LOCAL_RANK', '0')}.mp4"
                if getattr(self, f"{hint}_model") is None:
                    setattr(self, f"{hint}_model", Annotator(strengths.get(hint, "")))
                getattr(self, f"{hint}_model")(input_video, target)
                block["input_control"] = target
        return control_inputs
