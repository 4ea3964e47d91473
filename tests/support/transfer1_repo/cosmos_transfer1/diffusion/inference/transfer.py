import argparse
import copy
import sys
from pathlib import Path
from typing import Any

from cosmos_transfer1.checkpoints import BASE_7B_CHECKPOINT_PATH
from cosmos_transfer1.diffusion.inference.inference_utils import load_controlnet_specs, validate_controlnet_specs
from cosmos_transfer1.diffusion.inference.preprocessors import Preprocessors
from cosmos_transfer1.diffusion.inference.world_generation_pipeline import DiffusionControl2WorldGenerationPipeline
from cosmos_transfer1.utils import log, misc
from cosmos_transfer1.utils.io import read_prompts_from_file, save_video

_VALUES = {
    "prompt": "a scene",
    "negative_prompt": "a game",
    "input_video_path": "",
    "num_input_frames": 1,
    "sigma_max": 70.0,
    "blur_strength": "medium",
    "canny_threshold": "medium",
    "controlnet_specs": None,
    "checkpoint_dir": "checkpoints",
    "video_save_folder": "outputs/",
    "batch_input_path": None,
    "batch_size": 1,
    "num_steps": 35,
    "guidance": 5.0,
    "fps": 24,
    "seed": 1,
    "num_gpus": 1,
}
_SWITCHES = (
    *("is_av_sample", "offload_diffusion_transformer", "offload_text_encoder_model", "offload_guardrail_models"),
    *("upsample_prompt", "offload_prompt_upsampler", "use_distilled"),
)


def parse_arguments() -> tuple[argparse.Namespace, dict[str, Any]]:
    parser = argparse.ArgumentParser()
    for name, default in _VALUES.items():
        parser.add_argument(f"--{name}", default=default, type=str if default is None else type(default))
    for name in _SWITCHES:
        parser.add_argument(f"--{name}", action="store_true")
    cfg = parser.parse_args()
    control_inputs, json_args = load_controlnet_specs(cfg)
    for key, value in json_args.items():
        if f"--{key}" not in sys.argv:
            setattr(cfg, key, value)
    return cfg, control_inputs


def demo(cfg: argparse.Namespace, control_inputs: dict[str, Any]) -> None:
    control_inputs = validate_controlnet_specs(cfg, control_inputs)
    misc.set_random_seed(cfg.seed)
    preprocessors = Preprocessors()
    pipeline = DiffusionControl2WorldGenerationPipeline(
        checkpoint_dir=cfg.checkpoint_dir,
        checkpoint_name=BASE_7B_CHECKPOINT_PATH,
        offload_network=cfg.offload_diffusion_transformer,
        offload_text_encoder_model=cfg.offload_text_encoder_model,
        offload_guardrail_models=cfg.offload_guardrail_models,
        guidance=cfg.guidance,
        num_steps=cfg.num_steps,
        fps=cfg.fps,
        seed=cfg.seed,
        num_input_frames=cfg.num_input_frames,
        control_inputs=control_inputs,
        sigma_max=cfg.sigma_max,
        blur_strength=cfg.blur_strength,
        canny_threshold=cfg.canny_threshold,
        upsample_prompt=cfg.upsample_prompt,
        offload_prompt_upsampler=cfg.offload_prompt_upsampler,
        process_group=None,
    )
    log.info(f"Reading batch inputs from path: {cfg.batch_input_path}")
    for i, row in enumerate(read_prompts_from_file(cfg.batch_input_path)):
        folder = Path(cfg.video_save_folder, f"video_{i}")
        folder.mkdir(parents=True, exist_ok=True)
        current = copy.deepcopy(control_inputs)
        for hint, override in row.get("control_overrides", {}).items():
            current[hint].update(override)
        log.info("running preprocessor")
        preprocessors(
            row.get("visual_input"),
            row.get("prompt"),
            current,
            str(folder),
            None,
            blur_strength=cfg.blur_strength,
            canny_threshold=cfg.canny_threshold,
        )
        pipeline.regional_prompts, pipeline.region_definitions = [], []
        outputs = pipeline.generate(
            prompt=[row.get("prompt")],
            video_path=[row.get("visual_input")],
            negative_prompt=cfg.negative_prompt,
            control_inputs=[current],
            save_folder=str(folder),
            batch_size=1,
        )
        if outputs is None:
            log.critical("Guardrail blocked generation for entire batch.")
        videos, prompts = outputs  # type: ignore[misc]  # as there: nobody looks before
        save_video(
            video=videos[0],
            fps=cfg.fps,
            H=videos[0].shape[1],
            W=videos[0].shape[2],
            video_save_quality=5,
            video_save_path=str(folder / "output.mp4"),
        )
        (folder / "prompt.txt").write_bytes(prompts[0].encode())
        log.info(f"Saved video to {folder / 'output.mp4'}")
        log.info(f"Saved prompt to {folder / 'prompt.txt'}")


if __name__ == "__main__":
    demo(*parse_arguments())
