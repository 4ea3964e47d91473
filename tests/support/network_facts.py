"""What the program that travels computes before any network runs, as JSON: `python network_facts.py PROGRAM MODELS`.

Run by the Python that has diffusers. Of one picture: how many of its values differ from those of the native programs,
whose steps stand here as they stand there (see each function), with the very calls of torchvision and OpenCV. Of a
prompt: the text that the words' numbers stand for. The sigmas of 35 steps by the scheduler as rows have it. What is
said of rows and of a diffusers that do not fit.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import torch
import torchvision.transforms.functional as vision

EDGES = {"very_low": (20, 50), "low": (50, 100), "medium": (100, 200), "high": (200, 300), "very_high": (300, 400)}
BLURS = {"very_low": (1, 4), "low": (4, 4), "medium": (2, 10), "high": (1, 16), "very_high": (4, 16)}
STRETCHED = {"color": cv2.INTER_AREA, "vis": cv2.INTER_AREA, "edge": cv2.INTER_LINEAR, "depth": cv2.INTER_LINEAR}
STRETCHED |= {"seg": cv2.INTER_NEAREST}
PROMPT = '  Ein Straßenzug, 夜;\n"neon" <b>{x}</b> $HOME \N{SNOWMAN}  '

INVENTED = ("prompt", "control_strength")


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    import cosmos3
    import footage
    import transfer25

    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    differ: dict[str, int] = {}
    for preset in EDGES:
        differ[f"edge {preset}"] = _differ(footage.edges(picture, preset), _edges(picture, preset))
        blurs: Mapping[str, tuple[Any, Callable[..., Any]]] = {
            "transfer2.5": (transfer25, _blurred),
            "cosmos3": (cosmos3, _omni_blurred),
        }
        for family, (module, native) in blurs.items():
            differ[f"vis {family} {preset}"] = _differ(module.blurred(picture, preset), native(picture, preset))
    for role, how in STRETCHED.items():
        fitted = footage.Geometry((96, 32), False).fit(picture, role)
        differ[f"stretched {role}"] = _differ(fitted, cv2.resize(picture, (96, 32), interpolation=how))
    for size in ((32, 32), (96, 32), (37, 48), (100, 61)):
        differ[f"cropped {size}"] = _differ(footage.Geometry(size, True).fit(picture, "color"), _cropped(picture, size))
    texts = {"transfer2.5": _said_to_transfer25(sys.argv[2]), "cosmos3": _said_to_cosmos3(sys.argv[2])}
    facts = {"differ": differ, "texts": texts, "prompt": PROMPT, "sigmas": _sigmas(sys.argv[2])}
    print(json.dumps({**facts, "unfit": [*_refusals(transfer25, "CALLED"), *_refusals(cosmos3, "INPUTS")]}))


def _refusals(family: Any, names: str) -> Iterator[str]:
    """What is said before anything is loaded: of a control that is not there, of an input that nobody declares."""
    import fit

    for changed, controls in ((getattr(family, names), {"lidar": {"weight": 1}}), ((*INVENTED,), {})):
        setattr(family, names, changed)
        try:
            family.require_fit([{"controls": controls}])
        except fit.Unfit as error:
            yield str(error)


def _differ(ours: Any, native: Any) -> int:
    assert ours.shape == native.shape and ours.dtype == native.dtype == np.uint8, (ours.shape, native.shape)
    return int((ours != native).sum())


def _edges(rgb: Any, preset: str) -> Any:
    """AddControlInputEdge: Canny of the RGB picture, in three planes."""
    return np.stack([cv2.Canny(rgb, *EDGES[preset])] * 3, axis=2)


def _blurred(rgb: Any, preset: str) -> Any:
    """AddControlInputBlur of transfer2.5: torchvision's bicubic, of pictures of whole numbers."""
    full = _smoothed(rgb, preset, (30, 150, 100))
    height, width = rgb.shape[:2]
    planes = torch.from_numpy(full).permute(2, 0, 1)
    for size in ([int(height / BLURS[preset][1]), int(width / BLURS[preset][1])], [height, width]):
        planes = vision.resize(planes, size, interpolation=vision.InterpolationMode.BICUBIC, antialias=True)
    return planes.permute(1, 2, 0).numpy()


def _omni_blurred(rgb: Any, preset: str) -> Any:
    """AddControlInputBlur of cosmos3: its filter grows with the picture, and OpenCV's bicubic."""
    height, width = rgb.shape[:2]
    shrink, coarse = BLURS[preset]
    scale = max(height // shrink, width // shrink) / 720
    wide = round(30 * scale)
    full = _smoothed(rgb, preset, (wide + 1 if wide % 2 == 0 else wide, 150 * scale, 100 * scale))
    small = cv2.resize(full, (int(width / coarse), int(height / coarse)), interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _smoothed(rgb: Any, preset: str, bilateral: tuple[int, float, float]) -> Any:
    height, width = rgb.shape[:2]
    shrink = BLURS[preset][0]
    small = cv2.resize(rgb, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA) if shrink > 1 else rgb
    smooth = cv2.bilateralFilter(small, *bilateral)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR) if shrink > 1 else smooth


def _cropped(rgb: Any, size: tuple[int, int]) -> Any:
    """cosmos_framework/inference/vision.py: _resize_and_center_crop."""
    planes = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    scale = max(size[0] / rgb.shape[1], size[1] / rgb.shape[0])
    planes = vision.resize(planes, [math.ceil(scale * rgb.shape[0]), math.ceil(scale * rgb.shape[1])])
    return vision.center_crop(planes, [size[1], size[0]])[0].permute(1, 2, 0).numpy()


def _said_to_transfer25(models: str) -> str:
    """What the text encoder is given of a prompt, without what fills it up to 512 words."""
    from diffusers import Cosmos2_5_TransferPipeline, CosmosControlNetModel

    class Nobody:
        def to(self, *args: Any, **kwargs: Any) -> "Nobody":
            return self

    place = f"{models}/transfer25/diffusers"
    net = CosmosControlNetModel.from_pretrained(f"{place}/controlnet/general/edge")
    pipeline = Cosmos2_5_TransferPipeline.from_pretrained(f"{place}/general", controlnet=net, safety_checker=Nobody())
    heard: list[Any] = []
    pipeline.text_encoder.register_forward_pre_hook(lambda module, args: heard.append(args[0]))
    pipeline.encode_prompt(prompt=PROMPT, do_classifier_free_guidance=False)
    (numbers,) = heard[0]
    assert len(numbers) == 512
    fill = pipeline.tokenizer.pad_token_id
    return str(pipeline.tokenizer.decode([one for one in numbers.tolist() if one != fill]))


def _said_to_cosmos3(models: str) -> str:
    """What the transformer is given of a prompt."""
    from diffusers.modular_pipelines.cosmos.encoders import Cosmos3TransferTextStep
    from transformers import AutoTokenizer

    step = Cosmos3TransferTextStep().init_pipeline()
    step.update_components(text_tokenizer=AutoTokenizer.from_pretrained(f"{models}/cosmos3/text_tokenizer"))
    step.register_to_config(enable_safety_checker=False)
    return str(step.text_tokenizer.decode(list(step(prompt=PROMPT, output="cond_input_ids"))))


def _sigmas(models: str) -> list[float]:
    import transfer25
    from diffusers import UniPCMultistepScheduler

    published = UniPCMultistepScheduler.from_pretrained(f"{models}/transfer25/diffusers/general", subfolder="scheduler")
    scheduler = transfer25.near_native(published)
    scheduler.set_timesteps(35)
    found: list[float] = scheduler.sigmas[:35].tolist()
    return found


if __name__ == "__main__":
    main()
