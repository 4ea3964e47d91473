"""Networks of the families through Diffusers with random weights, saved as the published ones are.

usage: python random_cosmos.py FOLDER [--size tiny|real] [--family transfer2.5|cosmos3]
       python random_cosmos.py --count

Run by the Python that has diffusers; offline, the same weights each time. The real classes: what they make is noise,
and every line of their code runs. tiny: a few channels, made in a second, with the rest of a pipeline. real: the sizes
of the published networks, bf16, made on the GPU where there is one. --count: how many GiB each of these takes, as JSON.

The published sizes are those of diffusers' scripts/convert_cosmos_to_diffusers.py (Cosmos-2.5-Transfer-General-2B),
the defaults of Cosmos3OmniTransformer (Nano), Qwen2.5-VL-7B and Wan's autoencoders 2.1 and 2.2.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    Cosmos2_5_TransferPipeline,
    Cosmos3OmniTransformer,
    CosmosControlNetModel,
    CosmosTransformer3DModel,
    UniPCMultistepScheduler,
)
from diffusers.modular_pipelines.cosmos import Cosmos3OmniBlocks
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

FOLDERS = {"transfer2.5": "transfer25", "cosmos3": "cosmos3"}
NETS = ("edge", "blur", "depth", "seg")
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Size:
    """What networks are made with. `shared`: of the transformer and the control nets of transfer2.5 alike."""

    shared: Facts
    transformer: Facts
    net: Facts
    words: Facts
    pictures: Facts
    encoder: Facts
    omni: Facts
    omni_encoder: Facts


_TINY_WORDS = {"hidden_size": 16, "intermediate_size": 16}
_TINY_ENCODER = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
_TINY_ROPE = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default", "rope_theta": 1e6}
TINY = Size(
    shared={
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "mlp_ratio": 2,
        "text_embed_dim": 32,
        "adaln_lora_dim": 4,
        "max_size": (40, 32, 32),
        "crossattn_proj_in_channels": 32,
        "encoder_hidden_states_channels": 32,
        "img_context_dim_in": 8,
        "img_context_dim_out": 32,
    },
    transformer={"num_layers": 2, "controlnet_block_every_n": 1, "img_context_num_tokens": 4},
    net={"n_controlnet_blocks": 2, "model_channels": 32},
    words={
        **_TINY_WORDS,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": 264,
        "rope_parameters": _TINY_ROPE,
    },
    pictures={**_TINY_WORDS, "depth": 1, "num_heads": 2, "out_hidden_size": 16, "fullatt_block_indexes": [0]},
    encoder=_TINY_ENCODER,
    omni={
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "vocab_size": 264,
        "rope_axes_dim": [3, 3, 2],
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
    },
    omni_encoder={**_TINY_ENCODER, "decoder_base_dim": 3},
)
_ENCODER = {"base_dim": 96, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2}
REAL = Size(
    shared={
        "num_attention_heads": 16,
        "attention_head_dim": 128,
        "mlp_ratio": 4.0,
        "text_embed_dim": 1024,
        "adaln_lora_dim": 256,
        "max_size": (128, 240, 240),
        "rope_scale": (1.0, 3.0, 3.0),
        "crossattn_proj_in_channels": 100352,
        "encoder_hidden_states_channels": 1024,
        "img_context_dim_in": 1152,
        "img_context_dim_out": 2048,
    },
    transformer={"num_layers": 28, "controlnet_block_every_n": 7, "img_context_num_tokens": 256},
    net={"n_controlnet_blocks": 4, "model_channels": 2048},
    words={
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "rope_parameters": {**_TINY_ROPE, "mrope_section": [16, 24, 24]},
    },
    pictures={
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "depth": 32,
        "num_heads": 16,
        "out_hidden_size": 3584,
        "fullatt_block_indexes": [7, 15, 23, 31],
    },
    encoder=_ENCODER,
    omni={},
    omni_encoder={**_ENCODER, "base_dim": 160, "decoder_base_dim": 256},
)


class _Nobody:
    """A checker that is saved as none."""

    def to(self, *args: Any, **kwargs: Any) -> "_Nobody":
        return self


def main() -> None:
    options = _options()
    if options.count:
        print(json.dumps(gib()))
        return
    size = {"tiny": TINY, "real": REAL}[options.size]
    families: dict[str, Callable[[Path, Size], None]] = {"transfer2.5": transfer25, "cosmos3": cosmos3}
    for family in [options.family] if options.family else FOLDERS:
        families[family](options.folder / FOLDERS[family], size)


def transfer25(folder: Path, size: Size) -> None:
    """The pipeline and a network for each control, in folders that are called as the Hub's revisions are."""
    for seed, name in enumerate(NETS, start=1):
        _made(seed, size, lambda: _network(size)).save_pretrained(folder / f"diffusers/controlnet/general/{name}")
    pipeline = Cosmos2_5_TransferPipeline(
        text_encoder=_made(0, size, lambda: _text_encoder(size)),
        tokenizer=tokenizer(),
        transformer=_made(0, size, lambda: _transformer(size)),
        vae=_made(0, size, lambda: _encoder(size.encoder, z_dim=16)),
        scheduler=UniPCMultistepScheduler(
            use_karras_sigmas=True,
            use_flow_sigmas=True,
            prediction_type="flow_prediction",
            sigma_max=200.0,
            sigma_min=0.01,
            final_sigmas_type="sigma_min",
        ),
        controlnet=CosmosControlNetModel.from_pretrained(folder / "diffusers/controlnet/general/edge"),
        safety_checker=_Nobody(),
    )
    pipeline.register_to_config(safety_checker=(None, None))
    pipeline.save_pretrained(folder / "diffusers/general")
    shutil.rmtree(folder / "diffusers/general/controlnet")


def cosmos3(folder: Path, size: Size) -> None:
    """The parts of the modular pipeline, beside its index."""
    pipeline = Cosmos3OmniBlocks().init_pipeline()
    pipeline.update_components(
        vae=_made(0, size, lambda: _omni_encoder(size)),
        transformer=_made(0, size, lambda: Cosmos3OmniTransformer(**size.omni)),
        text_tokenizer=tokenizer(),
        scheduler=UniPCMultistepScheduler(
            use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=10.0, use_karras_sigmas=False
        ),
    )
    pipeline.save_pretrained(str(folder), overwrite_modular_index=True)


def gib() -> dict[str, float]:
    """Part -> how much memory its published size takes in bf16."""
    parts: dict[str, Callable[[], Any]] = {
        "transformer": lambda: _transformer(REAL),
        "control net": lambda: _network(REAL),
        "encoder": lambda: _encoder(REAL.encoder, z_dim=16),
        "text encoder": lambda: _text_encoder(REAL),
        "cosmos3": lambda: Cosmos3OmniTransformer(),
        "cosmos3 encoder": lambda: _omni_encoder(REAL),
    }
    found = {}
    for name, make in parts.items():
        with torch.device("meta"):
            found[name] = round(sum(one.numel() for one in make().parameters()) * 2 / (1 << 30), 2)
    return found


def tokenizer() -> Any:
    """Qwen's own class with a word for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown = {byte: chr(byte) for byte in plain}
    others = [byte for byte in range(256) if byte not in shown]
    shown |= {byte: chr(256 + number) for number, byte in enumerate(others)}
    words = {word: number for number, word in enumerate((*(shown[byte] for byte in range(256)), *SPECIAL))}
    made = Qwen2Tokenizer(
        vocab=words,
        merges=[],
        unk_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        additional_special_tokens=list(SPECIAL[1:]),
    )
    made.chat_template = TEMPLATE
    return made


def _made(seed: int, size: Size, make: Callable[[], Any]) -> Any:
    """A network of that size; the real ones are made where it is quick, and then lie in this machine's memory."""
    torch.manual_seed(seed)
    if size is TINY:
        return make()
    with torch.device(_place()):
        kept = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        try:
            return make().to("cpu", torch.bfloat16)
        finally:
            torch.set_default_dtype(kept)


def _place() -> str:
    """Where the largest network is made: a GPU that holds it, else this machine's memory."""
    largest = 30 << 30
    has_room = torch.cuda.is_available() and torch.cuda.get_device_properties(0).total_memory > largest
    return "cuda" if has_room else "cpu"


def _transformer(size: Size) -> Any:
    more = {"use_crossattn_projection": True, "extra_pos_embed_type": None}
    return CosmosTransformer3DModel(in_channels=17, out_channels=16, **size.transformer, **size.shared, **more)


def _network(size: Size) -> Any:
    more = {"use_crossattn_projection": True, "extra_pos_embed_type": None}
    return CosmosControlNetModel(in_channels=130, latent_channels=18, **size.net, **size.shared, **more)


def _text_encoder(size: Size) -> Any:
    config = Qwen2_5_VLConfig(text_config=dict(size.words), vision_config=dict(size.pictures))
    return Qwen2_5_VLForConditionalGeneration(config)


def _encoder(facts: Facts, *, z_dim: int, **more: Any) -> Any:
    return AutoencoderKLWan(z_dim=z_dim, attn_scales=[], temperal_downsample=[False, True, True], **{**facts, **more})


def _omni_encoder(size: Size) -> Any:
    coarse = {"is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2}
    scale = {"scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48}
    return _encoder(size.omni_encoder, z_dim=48, **coarse, **scale)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="random_cosmos.py")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("models"))
    parser.add_argument("--size", choices=("tiny", "real"), default="tiny")
    parser.add_argument("--family", choices=sorted(FOLDERS))
    parser.add_argument("--count", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
