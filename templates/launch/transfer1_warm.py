#!/usr/bin/env python3
"""Serves rows with different settings from one load of Cosmos-Transfer1: transfer.py's own command line, in its place.

It is started by the launcher of transfer.py, in the model's repository, and calls the model's own code: its parser, its
validation, its pipeline with the guardrails as they run there, its preprocessors, its way to save. Only the loop over
the rows is ours. A line of --batch_input_path holds `prompt`, `visual_input` and `control_overrides` as there, and
`settings`, where each of SERVED that is missing has the model's default. The controls of a line are the set that it is
made with; where they differ from those before, the networks are read again (`reload_model`), nothing else.

Nothing of a row reaches the next one: every setting is set anew, random numbers start from the row's seed, control
blocks are fresh copies, strengths of the preprocessors are forgotten, the environment is restored.

What it prints, beside the lines of the model: `transfer1_warm.py: does not fit the model's code: WHY`, before anything
is loaded (the code is another than the one this was written for), and `transfer1_warm.py: row N has no video` when that
row was blocked or failed; the traceback stands above. It goes on after either, but not when the GPU is in doubt.

Exit codes: 0 every row was tried, 1 it has to be started again for the rest, 3 it does not fit the model's code.
Written after nvidia-cosmos/cosmos-transfer1, commit 5005e82, cosmos_transfer1/diffusion/inference/{transfer,
world_generation_pipeline,preprocessors}.py; never run on a GPU. Standard library and the model's own packages.
"""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import json
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Set

NAME = "transfer1_warm.py"
SERVED = (
    *("seed", "num_steps", "guidance", "fps", "sigma_max", "negative_prompt"),
    *("num_input_frames", "blur_strength", "canny_threshold"),
)
"""What a row may set; the parser's value is the default. `negative_prompt` is an argument, the rest are attributes."""
ATTRIBUTES = tuple(name for name in SERVED if name != "negative_prompt")

OF_TRANSFER = (
    *("parse_arguments", "validate_controlnet_specs", "DiffusionControl2WorldGenerationPipeline", "Preprocessors"),
    *("BASE_7B_CHECKPOINT_PATH", "misc", "log", "save_video"),
)
OF_LOADING = (
    *("checkpoint_dir", "checkpoint_name", "offload_network", "offload_text_encoder_model", "offload_guardrail_models"),
    *("guidance", "num_steps", "fps", "seed", "num_input_frames", "control_inputs", "sigma_max", "blur_strength"),
    *("canny_threshold", "upsample_prompt", "offload_prompt_upsampler", "process_group"),
)
OF_GENERATING = ("prompt", "video_path", "negative_prompt", "control_inputs", "save_folder", "batch_size")
OF_PREPROCESSING = (
    *("input_video", "input_prompt", "control_inputs", "output_folder", "regional_prompts"),
    *("blur_strength", "canny_threshold"),
)
OF_SAVING = ("video", "fps", "H", "W", "video_save_quality", "video_save_path")
"""Names and parameters of the model's code that are used here; the start check looks for each."""
STRENGTHS = ("vis_model", "edge_model")
"""Parts of the preprocessors that keep the strengths of the row that they were first made for."""
OFFLOADS = ("offload_text_encoder_model", "offload_guardrail_models")
"""After an exception parts that these move stay where they were."""

MISFIT = 3
_DOUBTFUL = re.compile(r"CUDA error|CUDA driver error|AcceleratorError|CUBLAS|cuBLAS|CUDNN|cuDNN|NCCL")
"""An exception after which the GPU of this process cannot be trusted."""

Row = Dict[str, Any]


def main() -> int:
    """The exit code of serving every row."""
    sys.path[0] = os.getcwd()  # the model's repository, in place of the folder of this file
    trouble = ""
    try:
        transfer = importlib.import_module("cosmos_transfer1.diffusion.inference.transfer")
        trouble = "; ".join(misfits(transfer))
    except Exception as error:  # whatever it is, the model's own command is asked next and will say it
        trouble = f"{type(error).__name__}: {error}"
    if not trouble:
        cfg, control_inputs = transfer.parse_arguments()
        rows = read_rows(Path(cfg.batch_input_path))
        trouble = "; ".join(unserved(transfer, cfg, rows))
    if trouble:
        say(f"does not fit the model's code: {' '.join(trouble.split())}")
        return MISFIT
    return Server(transfer, cfg, control_inputs, rows).serve()


def say(text: str) -> None:
    print(f"{NAME}: {text}", flush=True)


def read_rows(path: Path) -> List[Row]:
    """The lines of the batch file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def misfits(transfer: Any) -> Iterator[str]:
    """What of the model's code is not as this file needs it; nothing is made but an empty set of preprocessors."""
    missing = [name for name in OF_TRANSFER if not hasattr(transfer, name)]
    if missing:
        yield f"transfer has no {', '.join(missing)}"
        return
    pipeline, preprocessors = transfer.DiffusionControl2WorldGenerationPipeline, transfer.Preprocessors
    for what, function, names in (
        ("the pipeline", pipeline.__init__, OF_LOADING),
        ("generate", pipeline.generate, OF_GENERATING),
        ("the preprocessors' call", preprocessors.__call__, OF_PREPROCESSING),
        ("save_video", transfer.save_video, OF_SAVING),
    ):
        yield from parameter_misfits(what, function, names)
    kept = names_in(pipeline.__init__)
    for where, found in (("sets", kept), ("reads", names_of_methods(pipeline))):
        lacking = [name for name in (*ATTRIBUTES, "regional_prompts", "region_definitions") if name not in found]
        if lacking:
            yield f"the pipeline never {where} {', '.join(lacking)}"
    absent = [name for name in STRENGTHS if not hasattr(preprocessors(), name)]
    if absent:
        yield f"the preprocessors have no {', '.join(absent)}"
    if not hasattr(transfer.misc, "set_random_seed"):
        yield "misc has no set_random_seed"


def parameter_misfits(what: str, function: Any, names: Sequence[str]) -> Iterator[str]:
    """Parameters that `function` lacks, or needs beside `names`."""
    parameters = inspect.signature(function).parameters
    lacking = [name for name in names if name not in parameters]
    if lacking:
        yield f"{what} takes no {', '.join(lacking)}"
    more = [name for name in needed_by(function) if name not in names]
    if more:
        yield f"{what} needs {', '.join(more)} too"


def needed_by(function: Any) -> List[str]:
    """The parameters of a method that have no default."""
    parameters = inspect.signature(function).parameters
    ones = [one for name, one in parameters.items() if name != "self" and one.default is one.empty]
    return [one.name for one in ones if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]


def names_of_methods(kind: Any) -> Set[str]:
    """What the methods of a class name, all but __init__."""
    methods = [one for name, one in vars(kind).items() if inspect.isfunction(one) and name != "__init__"]
    return {name for method in methods for name in names_in(method)}


def names_in(function: Any) -> Set[str]:
    """The attributes, globals and methods that a function's code names, in functions inside of it too."""
    pending, found = [inspect.unwrap(function).__code__], set()
    while pending:
        code = pending.pop()
        found.update(code.co_names)
        pending += [constant for constant in code.co_consts if inspect.iscode(constant)]
    return found


def unserved(transfer: Any, cfg: Any, rows: Sequence[Row]) -> Iterator[str]:
    """What this start asks for and is not served here."""
    lacking = [name for name in SERVED if not hasattr(cfg, name)]
    if lacking:
        yield f"the parser has no {', '.join(lacking)}"
    for name in ("is_av_sample", "use_distilled", "upsample_prompt", "offload_diffusion_transformer"):
        if getattr(cfg, name, False):
            yield f"--{name} is not served warm"
    if cfg.num_gpus != 1:
        yield "several GPUs for one video are not served warm"
    if getattr(cfg, "regional_prompts", None):
        yield "regional prompts are not served warm"
    if len({controls_of(row) for row in rows}) > 1:
        yield from reload_misfits(transfer.DiffusionControl2WorldGenerationPipeline)


def reload_misfits(pipeline: Any) -> Iterator[str]:
    """Why its networks cannot be read again; encoders that stay would give wrong videos and no error."""
    reload_model = getattr(pipeline, "reload_model", None)
    if reload_model is None or set(needed_by(reload_model)) - {"control_inputs"}:
        yield "the pipeline has no reload_model that is known here"
    if "hint_encoders" not in names_of_methods(pipeline):
        yield "the pipeline has no hint_encoders"


def controls_of(row: Row) -> frozenset[str]:
    """The set of controls of a row."""
    return frozenset(row["control_overrides"])


class Server:
    """A loaded pipeline and what is known of the rows before any is served."""

    def __init__(self, transfer: Any, cfg: Any, control_inputs: Dict[str, Any], rows: List[Row]) -> None:
        self.transfer, self.cfg, self.rows = transfer, cfg, rows
        self.defaults = {name: getattr(cfg, name) for name in SERVED}
        self.blocks = transfer.validate_controlnet_specs(cfg, copy.deepcopy(control_inputs))
        self.preprocessors = transfer.Preprocessors()
        self.loaded = controls_of(rows[0])
        self.pipeline = self._load()
        self.environment = dict(os.environ)

    def serve(self) -> int:
        """The exit code once every row was tried, or as soon as one leaves the process in doubt."""
        self.transfer.log.info(f"Reading batch inputs from path: {self.cfg.batch_input_path}")
        for number, row in enumerate(self.rows):
            self._restore_environment()
            self._load_controls(controls_of(row))
            if not self._tried(number, row):
                return 1
        return 0

    def _load(self) -> Any:
        cfg = self.cfg
        self.transfer.misc.set_random_seed(cfg.seed)
        taken = {name: getattr(cfg, name) for name in OF_LOADING if hasattr(cfg, name)}
        ours = {
            "checkpoint_name": self.transfer.BASE_7B_CHECKPOINT_PATH,
            "offload_network": cfg.offload_diffusion_transformer,
            "control_inputs": self._fresh_blocks(),
            "process_group": None,
        }
        return self.transfer.DiffusionControl2WorldGenerationPipeline(**{**taken, **ours})

    def _fresh_blocks(self) -> Dict[str, Any]:
        """The validated blocks of the loaded controls, in the order of the spec file, as nobody touched them."""
        return copy.deepcopy({name: block for name, block in self.blocks.items() if name in self.loaded})

    def _load_controls(self, controls: frozenset[str]) -> None:
        """Reads the networks of that set, unless it is the one that is loaded: encoders are bound by their position."""
        if controls == self.loaded:
            return
        self.loaded = controls
        self.pipeline.control_inputs = self._fresh_blocks()
        if hasattr(self.pipeline.model, "hint_encoders"):
            del self.pipeline.model.hint_encoders
        collect()
        takes_controls = "control_inputs" in inspect.signature(self.pipeline.reload_model).parameters
        self.pipeline.reload_model(*([self.pipeline.control_inputs] if takes_controls else []))

    def _tried(self, number: int, row: Row) -> bool:
        """Whether the process can go on after row `number`, which has its video or was told of."""
        try:
            if self._serve_row(number, row):
                return True
            self.transfer.log.critical("Guardrail blocked generation for entire batch.")
            goes_on = True
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            goes_on = not (_DOUBTFUL.search(f"{type(error).__name__}: {error}") or self._leaves_parts_loaded)
            error.__traceback__ = None  # it holds the tensors of the failed row
        goes_on = goes_on and is_gpu_sound()
        say(f"row {number} has no video")
        return goes_on

    @property
    def _leaves_parts_loaded(self) -> bool:
        return any(getattr(self.cfg, name, False) for name in OFFLOADS)

    def _restore_environment(self) -> None:
        for name in set(os.environ) - set(self.environment):
            del os.environ[name]
        os.environ.update(self.environment)

    def _serve_row(self, number: int, row: Row) -> bool:
        """Whether row `number` has its video now; False: the guardrail refused."""
        transfer, settings = self.transfer, {**self.defaults, **row["settings"]}
        folder = Path(self.cfg.video_save_folder, f"video_{number}")
        folder.mkdir(parents=True, exist_ok=True)
        transfer.log.info("running preprocessor")
        controls = self._prepare(row, settings, folder)
        made = self.pipeline.generate(
            prompt=[row["prompt"]],
            video_path=[row["visual_input"]],
            negative_prompt=settings["negative_prompt"],
            control_inputs=[controls],
            save_folder=str(folder),
            batch_size=1,
        )
        if made is None:
            return False
        videos, prompts = made
        self._save(videos[0], prompts[0], folder, settings["fps"])
        return True

    def _prepare(self, row: Row, settings: Dict[str, Any], folder: Path) -> Dict[str, Any]:
        """The control blocks of a row, the videos made that it names none for; the pipeline is set for it."""
        for name in ATTRIBUTES:
            setattr(self.pipeline, name, settings[name])
        self.pipeline.control_inputs = self._fresh_blocks()
        self.pipeline.regional_prompts, self.pipeline.region_definitions = [], []
        for name in STRENGTHS:
            setattr(self.preprocessors, name, None)
        controls = self._fresh_blocks()
        for name, override in row["control_overrides"].items():
            controls[name].update(copy.deepcopy(override))
        self.transfer.misc.set_random_seed(settings["seed"])
        self.preprocessors(
            row["visual_input"],
            row["prompt"],
            controls,
            str(folder),
            None,
            blur_strength=settings["blur_strength"],
            canny_threshold=settings["canny_threshold"],
        )
        return controls

    def _save(self, video: Any, prompt: str, folder: Path, fps: int) -> None:
        """Leaves output.mp4 whole, and prompt.txt as the last: it says that the row is done."""
        unfinished = folder.parent / "unfinished.mp4"
        self.transfer.save_video(
            video=video,
            fps=fps,
            H=video.shape[1],
            W=video.shape[2],
            video_save_quality=5,
            video_save_path=str(unfinished),
        )
        os.replace(unfinished, folder / "output.mp4")
        text = folder.parent / "unfinished.txt"
        text.write_bytes(prompt.encode("utf-8"))
        os.replace(text, folder / "prompt.txt")
        self.transfer.log.info(f"Saved video to {folder / 'output.mp4'}")
        self.transfer.log.info(f"Saved prompt to {folder / 'prompt.txt'}")


def is_gpu_sound() -> bool:
    """Whether the GPU still answers once the memory of the row is given back."""
    try:
        collect()
        importlib.import_module("torch").cuda.synchronize()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return False
    return True


def collect() -> None:
    """Gives back the memory of what is not used any more."""
    gc.collect()
    importlib.import_module("torch").cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
