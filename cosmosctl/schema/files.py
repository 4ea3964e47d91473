"""The keys of the user's files: types, ranges, descriptions, examples. Every description is shown by editors."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from cosmosctl import models
from cosmosctl.domain.project import COLOR, FORMAT
from cosmosctl.schema.controls import Controls, VideoFiles
from cosmosctl.schema.hosts import HostKeys
from cosmosctl.schema.keys import MAPPING, SHORT, UNSET, Id, Keys, Notes, Tags, Text, keys_of, no_keys, one_of, shape
from cosmosctl.schema.settings import ANY_SETTINGS, DefaultsKeys, ProjectQuiet, Quiet, setting_fields

MODELS = tuple(models.REGISTRY)
_Model = one_of(MODELS)
_Controls: Any = Controls
_Defaults: Any = DefaultsKeys
_Quiet: Any = Quiet
_ProjectQuiet: Any = ProjectQuiet
_VideoFiles: Any = VideoFiles


class UpscaleKeys(Keys):
    """A video that is enlarged three times by the upscaler: the result of a run, else the prompt's video."""

    run: Id = Field(default=UNSET, description="The run whose result is enlarged.")
    weight: Annotated[
        float, Field(gt=0, le=1, description="How strongly the video is kept, above 0 and at most 1.", examples=[0.5])
    ]


class RunKeys(Keys):
    """One run: a prompt, the controls that hold the video, and settings. The folder's name is its id."""

    prompt: Id = Field(description="Id of a prompt: the name of a file in prompts/ without .yaml.")
    model: _Model = Field(  # type: ignore[valid-type]
        default=UNSET, description="The model family. Default: the project's `model`.", examples=list(MODELS)
    )
    controls: _Controls = UNSET
    upscale: UpscaleKeys = Field(default=UNSET, description="In place of `controls`: enlarge a video.")
    sweep: Id = Field(
        default=UNSET, description="The sweep that wrote the run, if one did; it changes nothing.", examples=["look"]
    )
    quiet: _Quiet = UNSET
    tags: Tags = UNSET
    notes: Notes = UNSET


class _MakingKeys(RunKeys):
    controls: _Controls


class _EnlargingKeys(RunKeys):
    upscale: UpscaleKeys


RunFile = keys_of("RunFile", str(RunKeys.__doc__), setting_fields(ANY_SETTINGS), _MakingKeys)
"""A run that makes a video."""

UpscaleRunFile = keys_of("UpscaleRunFile", str(RunKeys.__doc__), setting_fields(ANY_SETTINGS), _EnlargingKeys)
"""A run that enlarges one: it has no controls."""


_OTHERS = ", ".join(f"{stems[0]}.mp4" for role, stems in models.video_stems().items() if role != COLOR)


class PromptFile(Keys):
    """One prompt: a text and the videos of a scene. The file's name is its id."""

    text: Text = Field(
        description="What the video should show.",
        examples=["A futuristic cityscape at night, wet streets, neon signs."],
    )
    video: Annotated[
        Annotated[Text, Tag(SHORT)] | Annotated[_VideoFiles, Tag(MAPPING)],
        Discriminator(shape),
        Field(
            description=f"A folder with color.mp4 and, if there are any, {_OTHERS}; or a mapping of these. "
            "Paths are relative to the project.",
            examples=["inputs/videos/city1", {COLOR: "inputs/a.mp4"}],
        ),
    ]
    negative_prompt: str = Field(
        default=UNSET,
        description="What the video should not look like; a run may say something else.",
        examples=["cartoon, low quality"],
    )
    tags: Tags = UNSET
    notes: Notes = UNSET


class ProjectFile(Keys):
    """The project: its id, its model and host, defaults and hosts."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = Field(
        default=1, description="The version of the project's files. Leave it as it is.", examples=[1]
    )
    project: Id = Field(
        description="Id of the project, made by `cosmosctl init`. Leave it as it is.", examples=["5f3a91c2"]
    )
    model: _Model = Field(  # type: ignore[valid-type]
        default=models.default(), description="The model family of runs that name none.", examples=list(MODELS)
    )
    host: Id = Field(default="local", description="The host of batches that name none.", examples=["local", "lab"])
    defaults: Annotated[_Defaults, BeforeValidator(no_keys)] = UNSET
    hosts: Annotated[dict[Id, HostKeys], BeforeValidator(no_keys)] = Field(
        default=UNSET,
        description="The machines that run models, by name. `local`, the CPU preview on this machine, is always there.",
        examples=[{"lab": {"address": "me@gpu-box", "dir": "/data/me/cosmosctl", "engine": "docker"}}],
        json_schema_extra={"type": ["object", "null"]},
    )
    quiet: _ProjectQuiet = UNSET
    allow_outside_inputs: bool = Field(
        default=False,
        description="Take videos from outside of the project too: absolute paths, `..`, links out.",
        examples=[True],
    )
