"""The block of a host in cosmosctl.yaml: its engine, its folders, and where each family lives there."""

from typing import Annotated, Any, Literal

from pydantic import Field

from cosmosctl import engines, models
from cosmosctl.schema.keys import ADDRESS, UNSET, VARIABLE, HostPath, Keys, Text, Words, keys_of

ENGINES = tuple(engines.REGISTRY)


class HostProgramKeys(Keys):
    """Where one model lives on the host; its weights are where the model itself puts them."""

    image: Text = Field(
        default=UNSET,
        description="Container image; for apptainer a SIF file or folder on the host, or docker://NAME.",
        examples=["cosmos-transfer1:latest"],
    )
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


HostModelsKeys = keys_of(
    "HostModelsKeys",
    "The models of a host.",
    {
        name: (HostProgramKeys if family.HOME.no_checkpoints else HostModelKeys, Field(default=UNSET, alias=name))
        for name, family in models.REGISTRY.items()
    },
    Keys,
)
_Models: Any = HostModelsKeys


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
    models: _Models = UNSET
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
