"""Tiny random models of the diffusers families, saved as the published ones are: `python tiny_cosmos.py FOLDER`.

Run by the Python that has diffusers; offline, in a second, the same weights each time. The real classes with a few
channels: what they make is noise, and every line of their code runs.
"""

import shutil
import sys
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

WIDTH = 32
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SHARED: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": WIDTH // 2,
    "mlp_ratio": 2,
    "text_embed_dim": WIDTH,
    "adaln_lora_dim": 4,
    "max_size": (40, 32, 32),
    "extra_pos_embed_type": None,
    "use_crossattn_projection": True,
    "crossattn_proj_in_channels": WIDTH,
    "encoder_hidden_states_channels": WIDTH,
}


class _Nobody:
    """A checker that is saved as none."""

    def to(self, *args: Any, **kwargs: Any) -> "_Nobody":
        return self


def main() -> None:
    folder = Path(sys.argv[1])
    transfer25(folder / "transfer25")
    cosmos3(folder / "cosmos3")


def transfer25(folder: Path) -> None:
    """The pipeline and a network for each control, in folders that are called as the Hub's revisions are."""
    networks = {name: _network(seed) for seed, name in enumerate(("edge", "blur", "depth", "seg"), start=1)}
    torch.manual_seed(0)
    pipeline = Cosmos2_5_TransferPipeline(
        text_encoder=_text_encoder(),
        tokenizer=tokenizer(),
        transformer=CosmosTransformer3DModel(
            in_channels=17, out_channels=16, num_layers=2, controlnet_block_every_n=1, **_SHARED
        ),
        vae=autoencoder(z_dim=16),
        scheduler=UniPCMultistepScheduler(
            use_karras_sigmas=True,
            use_flow_sigmas=True,
            prediction_type="flow_prediction",
            sigma_max=200.0,
            sigma_min=0.01,
            final_sigmas_type="sigma_min",
        ),
        controlnet=networks["edge"],
        safety_checker=_Nobody(),
    )
    pipeline.register_to_config(safety_checker=(None, None))
    pipeline.save_pretrained(folder / "diffusers/general")
    shutil.rmtree(folder / "diffusers/general/controlnet")
    for name, network in networks.items():
        network.save_pretrained(folder / f"diffusers/controlnet/general/{name}")


def cosmos3(folder: Path) -> None:
    """The parts of the modular pipeline, beside its index."""
    torch.manual_seed(0)
    coarse = {"is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2, "decoder_base_dim": 3}
    scale = {"scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": WIDTH // 2}
    pipeline = Cosmos3OmniBlocks().init_pipeline()
    pipeline.update_components(
        vae=autoencoder(z_dim=48, **coarse, **scale),
        transformer=Cosmos3OmniTransformer(
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_hidden_layers=2,
            vocab_size=264,
            rope_axes_dim=[3, 3, 2],
            **heads,
        ),
        text_tokenizer=tokenizer(),
        scheduler=UniPCMultistepScheduler(
            use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=10.0, use_karras_sigmas=False
        ),
    )
    pipeline.save_pretrained(str(folder), overwrite_modular_index=True)


def _network(seed: int) -> Any:
    torch.manual_seed(seed)
    return CosmosControlNetModel(
        n_controlnet_blocks=2, in_channels=130, latent_channels=18, model_channels=WIDTH, **_SHARED
    )


def _text_encoder() -> Any:
    sizes = {"hidden_size": WIDTH // 2, "intermediate_size": 16}
    words = {**sizes, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 264}
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default", "rope_theta": 1e6}
    pictures = {**sizes, "depth": 1, "num_heads": 2, "out_hidden_size": WIDTH // 2, "fullatt_block_indexes": [0]}
    config = Qwen2_5_VLConfig(text_config={**words, "rope_parameters": rope}, vision_config=pictures)
    return Qwen2_5_VLForConditionalGeneration(config)


def autoencoder(z_dim: int, **more: Any) -> Any:
    """The encoder of all families, with three channels."""
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=z_dim,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        attn_scales=[],
        temperal_downsample=[False, True, True],
        **more,
    )


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


if __name__ == "__main__":
    main()
