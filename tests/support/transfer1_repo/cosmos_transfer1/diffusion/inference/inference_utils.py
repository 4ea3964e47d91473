import json
from argparse import Namespace
from pathlib import Path
from typing import Any

valid_hint_keys = ("vis", "seg", "edge", "depth", "keypoint", "upscale", "hdmap", "lidar")


def load_controlnet_specs(cfg: Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    whole = json.loads(Path(cfg.controlnet_specs).read_text())
    controls = {key: value for key, value in whole.items() if key in valid_hint_keys}
    return controls, {key: value for key, value in whole.items() if key not in controls}


def validate_controlnet_specs(cfg: Namespace, controlnet_specs: dict[str, Any]) -> dict[str, Any]:
    """Fills the blocks in, in place."""
    if not cfg.input_video_path and cfg.sigma_max < 80:
        raise ValueError("Must have 'input_video' specified if sigma_max < 80")
    for name, block in controlnet_specs.items():
        block.setdefault("ckpt_path", f"{cfg.checkpoint_dir}/nvidia/Cosmos-Transfer1-7B/{name}_control.pt")
        block.setdefault("control_weight", "0.5")
    return controlnet_specs
