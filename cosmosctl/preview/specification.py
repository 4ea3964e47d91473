"""What transfer.py reads: the base spec, the rows, and how a row's overrides change the one for itself.

Rules and messages follow github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82: diffusion/inference/inference_utils.py
(load_controlnet_specs, validate_controlnet_specs, load_spatial_temporal_weights) and transfer.py (demo).
"""

import copy
import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl.preview import log

Hints = dict[str, dict[str, Any]]
"""Control name -> its block, as the JSON has it."""

CHECKPOINTS: Mapping[str, str] = {
    "vis": "vis_control.pt",
    "seg": "seg_control.pt",
    "edge": "edge_control.pt",
    "depth": "depth_control.pt",
    "keypoint": "keypoint_control.pt",
    "upscale": "4kupscaler_control.pt",
    "hdmap": "hdmap_control.pt",
    "lidar": "lidar_control.pt",
}
"""Every hint there is -> the file that its network is loaded from, below nvidia/Cosmos-Transfer1-7B."""

_DROPS_INPUT = 80
"""The sigma_max from which on a start without an input video is accepted."""


def read_base(path: Path) -> tuple[Hints, dict[str, Any]]:
    """The hints of a spec file, and everything else in it that is no object. Raises: ValueError for other objects."""
    hints, settings = {}, {}
    for key, value in json.loads(path.read_text()).items():
        if key in CHECKPOINTS:
            hints[key] = value
        elif isinstance(value, dict):
            raise ValueError(f"Invalid hint_key: {key}. Must be one of {set(CHECKPOINTS)}")
        else:
            settings[key] = value
    return hints, settings


def take_settings(args: Namespace, settings: Mapping[str, Any], argv: Sequence[str]) -> Namespace:
    """`args` with the settings of the spec file on top, but for those whose very token `--key` is in `argv`.

    So `--seed=5` and abbreviations lose to the file, and types are not checked: as in the program.
    """
    won = {key: value for key, value in settings.items() if f"--{key}" not in argv}
    return Namespace(**{**vars(args), **won})


def validated(hints: Hints, args: Namespace) -> Hints:
    """`hints` with defaults filled in. Only the base is ever checked, never a row. Raises: ValueError, TypeError."""
    return {hint: _validated(hint, block, args) for hint, block in hints.items()}


def _validated(hint: str, block: Mapping[str, Any], args: Namespace) -> dict[str, Any]:
    if not args.input_video_path and args.sigma_max < _DROPS_INPUT:
        raise ValueError("Must have 'input_video' specified if sigma_max < 80")
    if not args.input_video_path and "input_control" not in block:
        raise ValueError(f"{hint} controlnet must have 'input_control' video specified if no 'input_video' specified.")
    filled = dict(block)
    if "ckpt_path" not in block:
        log.info(f"No checkpoint path specified for {hint}. Using default.")
        filled["ckpt_path"] = f"{args.checkpoint_dir}/nvidia/Cosmos-Transfer1-7B/{CHECKPOINTS[hint]}"
    if "control_weight" not in block:
        log.warning(f"No control weight specified for {hint}. Setting to 0.5.")
        filled["control_weight"] = "0.5"
    elif not _is_map(block["control_weight"]):
        _check_weight(hint, block["control_weight"])
    return filled


def _check_weight(hint: str, weight: Any) -> None:
    wanted = f"Control weight for {hint} must be a valid non-negative float or a path to a .pt file."
    try:
        number = float(weight)
    except ValueError as e:
        raise ValueError(wanted) from e
    if number < 0:
        raise ValueError(wanted)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a batch file. A blank line is a mistake; the newline at the end is none."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line.strip()) for line in lines]


def overridden(hints: Hints, row: Mapping[str, Any]) -> Hints:
    """`hints` for one row: each block updated key by key. Controls of the base alone count; values are not checked."""
    own = copy.deepcopy(hints)
    for hint, override in row.get("control_overrides", {}).items():
        if hint in own:
            own[hint].update(override)
        else:
            log.warning(f"Ignoring unknown control key in override: {hint}")
    return own


def normalised_weights(hints: Hints) -> dict[str, float]:
    """Control -> weight, all divided by their sum where that is more than 1.

    Beside a weight map (`.pt`, which a preview cannot read and takes for 1) the numbers 0, "" and "none" count as 1.
    """
    given = {hint: block["control_weight"] for hint, block in hints.items()}
    maps = any(_is_map(weight) for weight in given.values())
    weights = {hint: _beside_map(weight) if maps else float(weight) for hint, weight in given.items()}
    total = max(1.0, sum(weights.values()))
    return {hint: weight / total for hint, weight in weights.items()}


def _beside_map(weight: Any) -> float:
    if not weight or _is_map(weight) or (isinstance(weight, str) and weight.lower() == "none"):
        return 1.0
    return max(0.0, float(weight))


def _is_map(weight: Any) -> bool:
    return isinstance(weight, str) and weight.endswith(".pt")
