"""The keys of the user's files as pydantic models: types, ranges, descriptions, examples.

Which settings a model family has, and in what range, is not known here: `models/` checks that.
Every description ends up in the JSON Schemas, so it is written for somebody who edits a file.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WrapValidator

from cosmosctl import engines
from cosmosctl.domain.ids import ID_PATTERN
from cosmosctl.domain.project import FORMAT, VIDEO_STEMS, VIDEO_SUFFIXES

UNSET: Any = None
"""Stands for a key that is not in the file; `model_fields_set` tells. A key without a value is a mistake."""

RELOAD = "reload"
"""The one word that `warm` takes beside true and false."""

NOT_EMPTY = r"\S"
ID = f"^{ID_PATTERN}$"
ABSOLUTE = "^/"
ADDRESS = r"^[^-\s]\S*$"
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"
"""Patterns of text; `words` has a sentence for each."""

MODELS = ("transfer1", "transfer2.5", "cosmos3")
ENGINES = tuple(engines.REGISTRY)


def _as_written(value: Any, check: Callable[[Any], Any]) -> Any:
    check(value)
    return value


def _no_items(value: Any) -> Any:
    return [] if value is None else value


def _no_keys(value: Any) -> Any:
    return {} if value is None else value


def _no_text(value: Any) -> Any:
    return "" if value is None else value


def _number_as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _whole(value: Any) -> Any:
    """1.0 is a whole number, as it is to JSON Schema."""
    return int(value) if type(value) is float and value.is_integer() else value


def _or_reload(value: Any, check: Callable[[Any], Any]) -> Any:
    return value if value == RELOAD else check(value)


def _shape(value: Any) -> str:
    return MAPPING if isinstance(value, dict) else SHORT


MAPPING, SHORT = "<mapping>", "<short>"
"""Tags of the two ways to write a control or the videos; `words` leaves them out of names."""

Number = Annotated[float, WrapValidator(_as_written)]
"""A number that stays whole when it is written whole."""

Text = Annotated[str, Field(pattern=NOT_EMPTY)]
Id = Annotated[str, Field(pattern=ID)]
HostPath = Annotated[str, Field(pattern=ABSOLUTE)]
Words = Annotated[list[Text], Field(min_length=1)]
Weight = Annotated[
    float,
    Field(ge=0, le=1, description="How strongly the control holds the video, from 0 to 1.", examples=[0.3, 0.4, 0.2]),
]
Preset = Annotated[
    Literal["very_low", "low", "medium", "high", "very_high"],
    Field(
        description="Strength of a control that is made from the colour video, the same each time: by cosmosctl for "
        "transfer1, by the model itself for transfer2.5 and cosmos3. Not together with `input`.",
        examples=["low"],
    ),
]
Source = Annotated[
    Text,
    Field(
        description="`auto`: the model makes the control itself. A path, relative to the project: this video file. "
        "Left out: the prompt's file, else auto.",
        examples=["auto", "inputs/videos/city1/depth.mp4"],
    ),
]
Tags = Annotated[
    list[Text],
    BeforeValidator(_no_items),
    Field(description="Words to find it by; they change nothing in the result.", examples=[["night", "rain"]]),
]
_Kind = Literal[
    "random",
    "video",
    "controls",
    "seed",
    "num_steps",
    "guidance",
    "control_guidance",
    "negative_prompt",
    "sigma_max",
    "fps",
    "resolution",
    "max_frames",
    "offload_models",
    "distilled",
    "checkpoint",
    "diffusion_cache",
    "warm",
]
_QUIET = (
    "Warnings that are not to be told: the keys that they are about, `video` for those about clips, "
    "`random` for controls that the model makes differently each time"
)
Quiet = Annotated[list[_Kind], BeforeValidator(_no_items), Field(description=f"{_QUIET}.", examples=[["video"]])]
ProjectQuiet = Annotated[
    list[Literal[_Kind, "rsync"]],
    BeforeValidator(_no_items),
    Field(description=f"{_QUIET}, `rsync` for that about an old rsync of this machine.", examples=[["video"]]),
]
Notes = Annotated[
    str,
    BeforeValidator(_no_text),
    Field(description="Anything worth remembering; it changes nothing in the result.", examples=["for the review"]),
]


class Keys(BaseModel):
    """A mapping in a file: no other keys, no conversion of types, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class AutoControl(Keys):
    """A control in full: its weight and where it comes from."""

    weight: Weight
    input: Source = UNSET


class PresetControl(AutoControl):
    """A control in full: its weight and where it comes from."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["preset", "input"]}})
    preset: Preset = UNSET


class SegControl(AutoControl):
    """A control in full: its weight and where it comes from."""

    prompt: Text = Field(
        default=UNSET,
        description="What to look for when the model makes the segmentation itself (input_control_prompt).",
        examples=["car. building. road"],
    )


AnyControl = Annotated[Annotated[Weight, Tag(SHORT)] | Annotated[AutoControl, Tag(MAPPING)], Discriminator(_shape)]
AnyPreset = Annotated[Annotated[Weight, Tag(SHORT)] | Annotated[PresetControl, Tag(MAPPING)], Discriminator(_shape)]
AnySeg = Annotated[Annotated[Weight, Tag(SHORT)] | Annotated[SegControl, Tag(MAPPING)], Discriminator(_shape)]

_CONTROL_EXAMPLES: list[Any] = [0.3, {"weight": 0.3, "input": "auto"}]


def _control(description: str) -> Any:
    return Field(default=UNSET, description=description, examples=_CONTROL_EXAMPLES)


class Controls(Keys):
    """The set of controls. An explicit weight 0 stays in the set; leaving the line out takes the control out."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    vis: AnyPreset = _control("Blurred colours and light of the video. Usual weights: 0.2 to 0.4.")
    edge: AnyPreset = _control("Canny edges. Usual weights: 0.3 to 0.5.")
    depth: AnyControl = _control("Depth. Usual weights: 0.1 to 0.3.")
    seg: AnySeg = _control("Segmentation. Usual weights: 0.1 to 0.3.")


Whole = Annotated[int, BeforeValidator(_whole)]


class Settings(Keys):
    """What may stand in a run file or under `defaults:`."""

    seed: Whole = Field(
        default=UNSET,
        ge=0,
        le=2**32 - 1,
        description="Seed of the noise.",
        examples=[1, 2, 42],
        json_schema_extra={"default": 1},
    )
    num_steps: Whole = Field(
        default=UNSET,
        ge=1,
        le=1000,
        description="Denoising steps.",
        examples=[35, 20, 50],
        json_schema_extra={"default": 35},
    )
    guidance: Number = Field(
        default=UNSET,
        ge=0,
        le=100,
        description="How closely the video follows the prompt. Default: 5 (transfer1), 3 (transfer2.5: whole numbers), "
        "6 (cosmos3; 3 with a single control).",
        examples=[5, 7],
        json_schema_extra={"default": 5},
    )
    control_guidance: Number = Field(
        default=UNSET,
        ge=0,
        le=100,
        description="How closely the video follows the controls (cosmos3). Default: 1; 1.5 or 2 with a single control.",
        examples=[1, 1.5],
        json_schema_extra={"default": 1},
    )
    negative_prompt: str = Field(
        default=UNSET,
        description="What the video should not look like. Default: the prompt's, else the model's own text.",
        examples=["cartoon, low quality"],
    )
    sigma_max: Number = Field(
        default=UNSET,
        ge=0,
        le=1000,
        description="Noise at the start (transfer1); below 80 the input's own pixels show through. Default: 70.",
        examples=[70, 80],
        json_schema_extra={"default": 70},
    )
    fps: Number = Field(
        default=UNSET,
        gt=0,
        le=240,
        description="Frames per second of the result (transfer1, which re-times the frames of the input).",
        examples=[24, 30],
        json_schema_extra={"default": 24},
    )
    resolution: Annotated[str, BeforeValidator(_number_as_text)] = Field(
        default=UNSET,
        description="Lines of the result (transfer2.5 and cosmos3): 256, 480, 720; transfer2.5 also 512, 1024, 1080, "
        "cosmos3 also 768.",
        examples=["720", "480"],
        json_schema_extra={"default": "720", "type": ["string", "integer"]},
    )
    max_frames: Whole = Field(
        default=UNSET,
        ge=1,
        description="Read no more frames of the input than this (transfer2.5 and cosmos3). Default: all, at most 5000.",
        examples=[121],
        json_schema_extra={"default": 5000},
    )
    offload_models: bool = Field(
        default=UNSET,
        description="Keep the model's helpers out of the GPU's memory while they idle: slower, fits a smaller GPU.",
        examples=[True],
        json_schema_extra={"default": False},
    )
    distilled: bool = Field(
        default=UNSET,
        description="Use the distilled model: four steps, edge alone, one chunk of 93 frames (transfer2.5).",
        examples=[True],
        json_schema_extra={"default": False},
    )
    checkpoint: Text = Field(
        default=UNSET,
        description="A Hub alias or a folder as the model's process sees it (cosmos3). Default: the host's "
        "`checkpoints`, else Cosmos3-Nano.",
        examples=["Cosmos3-Super"],
    )
    diffusion_cache: bool = Field(
        default=UNSET,
        description="Skip steps that change little: faster, not exact (cosmos3).",
        examples=[False],
        json_schema_extra={"default": True},
    )
    warm: Annotated[bool, WrapValidator(_or_reload)] = Field(
        default=UNSET,
        description="Serve runs with different settings from one model start (transfer1); `reload`: runs with "
        "different sets of controls too, whose networks are then read again.",
        examples=[True, RELOAD],
        json_schema_extra={"default": False, "type": ["boolean", "string"], "enum": [True, False, RELOAD]},
    )


SETTING_NAMES = tuple(Settings.model_fields)

Model = Literal["transfer1", "transfer2.5", "cosmos3"]


class UpscaleKeys(Keys):
    """A video that is enlarged three times by transfer1's upscaler: the result of a run, else the prompt's video."""

    run: Id = Field(default=UNSET, description="The run whose result is enlarged.", examples=["rs_x7m2ab"])
    weight: Annotated[
        float, Field(gt=0, le=1, description="How strongly the video is kept, above 0 and at most 1.", examples=[0.5])
    ]


def _controls_or_upscale(schema: dict[str, Any]) -> None:
    """A run file has `controls`, or `upscale` in their place."""
    schema["required"] = [name for name in schema["required"] if name != "controls"]
    schema["oneOf"] = [{"required": ["controls"]}, {"required": ["upscale"]}]


class RunFile(Settings):
    """One run: a prompt, the controls that hold the video, and settings. The folder's name is its id."""

    model_config = ConfigDict(json_schema_extra=_controls_or_upscale)
    prompt: Id = Field(
        description="Id of a prompt: the name of a file in prompts/ without .yaml.", examples=["ps_k3f9qz"]
    )
    model: Model = Field(
        default=UNSET, description="The model family. Default: the project's `model`.", examples=list(MODELS)
    )
    controls: Controls
    upscale: UpscaleKeys = Field(default=UNSET, description="In place of `controls`: enlarge a video.")
    quiet: Quiet = UNSET
    tags: Tags = UNSET
    notes: Notes = UNSET


class UpscaleRunFile(RunFile):
    """A run that enlarges a video: it has no controls."""

    model_config = ConfigDict(json_schema_extra=None)
    controls: Controls = UNSET
    upscale: UpscaleKeys


def _video(role: str, what: str) -> Any:
    example = f"inputs/videos/city1/{VIDEO_STEMS[role][0]}{VIDEO_SUFFIXES[0]}"
    return Field(description=f"{what}, a path relative to the project.", examples=[example], default=UNSET)


class VideoFiles(Keys):
    """The videos of a prompt, one by one."""

    color: Text = Field(
        description="The colour video that is transformed, a path relative to the project.",
        examples=["inputs/videos/city1/color.mp4"],
    )
    vis: Text = _video("vis", "A blurred video for the vis control")
    edge: Text = _video("edge", "An edge video")
    depth: Text = _video("depth", "A depth video")
    seg: Text = _video("seg", "A segmentation video")


class PromptFile(Keys):
    """One prompt: a text and the videos of a scene. The file's name is its id."""

    text: Text = Field(
        description="What the video should show.",
        examples=["A futuristic cityscape at night, wet streets, neon signs."],
    )
    video: Annotated[
        Annotated[Text, Tag(SHORT)] | Annotated[VideoFiles, Tag(MAPPING)],
        Discriminator(_shape),
        Field(
            description="A folder with color.mp4 and, if there are any, depth.mp4, segmentation.mp4, vis.mp4 and "
            "edge.mp4; or a mapping of these. Paths are relative to the project.",
            examples=["inputs/videos/city1", {"color": "inputs/a.mp4", "depth": "inputs/a_depth.mp4"}],
        ),
    ]
    negative_prompt: str = Field(
        default=UNSET,
        description="What the video should not look like; a run may say something else.",
        examples=["cartoon, low quality"],
    )
    tags: Tags = UNSET
    notes: Notes = UNSET


class HostProgramKeys(Keys):
    """Where one model lives on the host; its weights are where the model itself puts them."""

    image: Text = Field(default=UNSET, description="Container image.", examples=["cosmos-transfer1:latest"])
    repo: HostPath = Field(
        default=UNSET, description="The model's source code on the host.", examples=["/data/cosmos-transfer1"]
    )
    command: Words = Field(
        default=UNSET,
        description="Replaces the model's own launcher and script.",
        examples=[["python3", "transfer.py"]],
    )


class HostModelKeys(HostProgramKeys):
    """Where one model lives on the host."""

    checkpoints: HostPath = Field(
        default=UNSET, description="Folder of the model's weights on the host.", examples=["/data/checkpoints"]
    )


class HostModelsKeys(Keys):
    """The models of a host."""

    transfer1: HostModelKeys = UNSET
    transfer2_5: HostProgramKeys = Field(default=UNSET, alias="transfer2.5")
    cosmos3: HostModelKeys = UNSET


class HostKeys(Keys):
    """A machine that runs models: this one, or one that ssh reaches."""

    address: Annotated[str, Field(pattern=ADDRESS)] = Field(
        default=UNSET,
        description="Anything that ssh takes: user@name, an alias of ~/.ssh/config. Left out: this machine.",
        examples=["me@gpu-box"],
    )
    ssh_args: list[Text] = Field(
        default=UNSET,
        description="More arguments for ssh, such as a configuration file of the project's own. "
        "Most people write such things into ~/.ssh/config.",
        examples=[["-F", "/home/me/lab.conf"]],
    )
    dir: HostPath = Field(
        default=UNSET,
        description="Where inputs and batches are kept on the host; it belongs to one user. "
        "On this machine it may be left out.",
        examples=["/data/me/cosmosctl"],
    )
    engine: Literal[ENGINES] = Field(  # type: ignore[valid-type]  # one home: the registry
        description="How the model is run: in a container, on the host itself (bare), or as the CPU preview.",
        examples=["docker"],
    )
    engine_command: Words = Field(
        default=UNSET,
        description="When the engine's name alone does not do, for example with sudo.",
        examples=[["sudo", "-n", "docker"]],
    )
    engine_args: list[Text] = Field(
        default=UNSET, description="More arguments for the engine's `run`.", examples=[["--cpus=8"]]
    )
    models: HostModelsKeys = UNSET
    mounts: list[Text] = Field(
        default=UNSET,
        description="More folders for the container, as HOST:CONTAINER[:ro].",
        examples=[["/data/lora:/lora:ro"]],
    )
    cache: HostPath = Field(
        default=UNSET,
        description="A writable folder for HF_HOME, UV_CACHE_DIR and torch's caches.",
        examples=["/data/hf"],
    )
    env_file: HostPath = Field(
        default=UNSET,
        description="A file of secrets on the host, given to the engine: lines NAME=value, none of them ever shown.",
        examples=["/home/me/.config/cosmos.env"],
    )
    env: dict[Annotated[str, Field(pattern=VARIABLE)], str] = Field(
        default=UNSET, description="Environment variables that are no secret.", examples=[{"HF_HUB_OFFLINE": "1"}]
    )
    gpus: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        default=UNSET, description="Numbers of the GPUs; one model process each. Default: [0].", examples=[[0, 1]]
    )


class DefaultsKeys(Keys):
    """Settings for every run of a model that does not say otherwise."""

    transfer1: Settings = UNSET
    transfer2_5: Settings = Field(default=UNSET, alias="transfer2.5")
    cosmos3: Settings = UNSET


class ProjectFile(Keys):
    """The project: its id, its model and host, defaults and hosts."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = Field(
        default=1, description="The version of the project's files. Leave it as it is.", examples=[1]
    )
    project: Id = Field(
        description="Id of the project, made by `cosmosctl init`. Leave it as it is.", examples=["5f3a91c2"]
    )
    model: Model = Field(
        default="transfer1", description="The model family of runs that name none.", examples=list(MODELS)
    )
    host: Id = Field(default="local", description="The host of batches that name none.", examples=["local", "lab"])
    defaults: Annotated[DefaultsKeys, BeforeValidator(_no_keys)] = UNSET
    hosts: Annotated[dict[Id, HostKeys], BeforeValidator(_no_keys)] = Field(
        default=UNSET,
        description="The machines that run models, by name. `local`, the CPU preview on this machine, is always there.",
        examples=[{"lab": {"address": "me@gpu-box", "dir": "/data/me/cosmosctl", "engine": "docker"}}],
    )
    quiet: ProjectQuiet = UNSET
    allow_outside_inputs: bool = Field(
        default=False,
        description="Take videos from outside of the project too: absolute paths, `..`, links out.",
        examples=[True],
    )
