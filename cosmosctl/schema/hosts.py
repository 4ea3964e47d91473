"""The block of a host in cosmosctl.yaml: its engine, its folders, and where each family lives there."""

from typing import Annotated, Any, Literal

from pydantic import Field

from cosmosctl import engines, models, schedulers
from cosmosctl.domain.batch import MOST_SHARDS
from cosmosctl.domain.project import Host
from cosmosctl.models.protocol import Model
from cosmosctl.schema.keys import (
    ADDRESS,
    OPTION,
    TIME_LIMIT,
    UNSET,
    VARIABLE,
    HostPath,
    Keys,
    Text,
    Words,
    keys_of,
    one_of,
)

ENGINES = tuple(engines.REGISTRY)
QUEUED = tuple(schedulers.REGISTRY)
_QUEUES = " and ".join(QUEUED)
CONTAINERS = tuple(engines.CONTAINERS)
QUEUE_KEYS = (
    *("container", "nodes", "partition", "account", "qos", "time", "gres", "constraint", "extra", "prolog"),
    "max_gpu_hours",
)
"""What only a scheduler that queues jobs has a use for."""
KEPT = tuple(name for name, one in engines.REGISTRY.items() if one.keeper(Host("any", name, "/")) is not None)
UNKEPT = tuple(name for name in ENGINES if name not in KEPT)
"""The engines that keep jobs by themselves, and those whose jobs a scheduler may have."""


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


class HostTravellerKeys(Keys):
    """How a program of cosmosctl's own runs one model on the host."""

    image: Text = Field(default=UNSET, description="Container image with CUDA, PyTorch and the packages of the family.")
    python: HostPath = Field(
        default=UNSET,
        description="The Python that has these packages. Default: the environment that `cosmosctl host setup` makes; "
        "in a container, python3.",
        examples=["/data/venvs/diffusers/bin/python"],
    )
    checkpoints: HostPath = Field(
        default=UNSET,
        description="Folder of the weights on the host, laid out like the repository's revisions on the Hub. "
        "Default: the Hub.",
        examples=["/data/checkpoints"],
    )
    memory: Text = UNSET
    vae_tiling: bool = Field(
        default=UNSET,
        description="Decode pictures in tiles: less memory, other pixels.",
        examples=[True],
    )


_NO_NAME = str.maketrans("", "", ".-")


def _block(family: Model) -> type[Keys]:
    if family.HOME.program:
        memory = Field(
            default=UNSET,
            description="What lies in the GPU's memory: everything (full), one network at a time (offload), one block "
            "of it (group), one layer (small). Slower in this order, with the same pixels. Default: full.",
            examples=[family.HOME.memory[-1]],
        )
        return keys_of(
            f"Host{family.NAME.title().translate(_NO_NAME)}Keys",  # JSON Schema tells them apart by it
            str(HostTravellerKeys.__doc__),
            {"memory": (one_of(family.HOME.memory), memory)},
            HostTravellerKeys,
        )
    return HostProgramKeys if family.HOME.no_checkpoints else HostModelKeys


HostModelsKeys = keys_of(
    "HostModelsKeys",
    "The models of a host.",
    {name: (_block(family), Field(default=UNSET, alias=name)) for name, family in models.REGISTRY.items()},
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
    gpus_per_video: Annotated[int, Field(ge=1, le=64)] = Field(
        default=UNSET,
        description="GPUs that one model process has, and so each video: its frames are shared out. Default: 1.",
        examples=[4],
    )
    scheduler: Literal[QUEUED] = Field(  # type: ignore[valid-type]  # one home: the registry
        default=UNSET,
        description=f"Who starts jobs there. Left out: they start at once. The keys below are for {_QUEUES} alone.",
        examples=[QUEUED[0]],
    )
    container: Literal[CONTAINERS] = Field(  # type: ignore[valid-type]  # one home: the registry
        default=UNSET,
        description="In place of an engine's own containers: the image as options of Slurm's srun. With engine bare.",
        examples=["pyxis"],
    )
    nodes: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = Field(
        default=UNSET,
        description="How many jobs of a batch run at once, each with a model of its own. Default: 1.",
        examples=[4],
    )
    partition: Text = Field(default=UNSET, description="sbatch --partition.", examples=["gpu"])
    account: Text = Field(default=UNSET, description="sbatch --account.", examples=["my-project"])
    qos: Text = Field(default=UNSET, description="sbatch --qos.", examples=["normal"])
    time: Annotated[str, Field(pattern=TIME_LIMIT)] = Field(
        default=UNSET,
        description="sbatch --time of one job: what is not done by then goes on in the next one.",
        examples=["04:00:00"],
    )
    gres: Text = Field(
        default=UNSET, description="sbatch --gres: the GPUs of one model process. Default: gpu:1.", examples=["gpu:1"]
    )
    constraint: Text = Field(default=UNSET, description="sbatch --constraint.", examples=["a100"])
    extra: list[Annotated[str, Field(pattern=OPTION)]] = Field(
        default=UNSET, description="More options for sbatch.", examples=[["--mem=64G", "--cpus-per-task=8"]]
    )
    prolog: list[Text] = Field(
        default=UNSET,
        description="Lines of shell that run in the job before anything else.",
        examples=[["module load apptainer"]],
    )
    max_gpu_hours: Annotated[float, Field(gt=0)] = Field(
        default=UNSET, description="A batch that is expected to take more GPU hours is asked about.", examples=[100]
    )
