"""What the user's files say, as values: prompts, runs, controls, hosts, the project itself.

Paths in these values are text relative to the project with `/` between parts, as the files hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NewType

from cosmosctl.domain.ids import Id

if TYPE_CHECKING:
    from cosmosctl.domain.mistake import Mistake

COLOR = "color"
"""The role of the video that is transformed; each other role is that of a control."""

UPSCALE = "upscale"
"""The one control of a run that enlarges a video: its `input` names the run whose result that is."""

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")

PRESETS = ("very_low", "low", "medium", "high", "very_high")
"""Strengths of computed edge and vis controls (model-contracts 4.1 and 4.2: the models' own names)."""

FORMAT = 1
"""Of the files of a project, its receipts and its batches; those of a version before name none."""

BUILT_IN_HOST = "local"
"""CPU previews on this machine: the one host that every project has, and that needs no leave to run anything."""

Setting = bool | int | float | str


@dataclass(frozen=True)
class Place:
    """Where a value stands in a file of the user's: line and column count from 1; 0 is not said."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])

    def mistake(self, message: str) -> "Mistake":
        """That what stands here is wrong."""
        from cosmosctl.domain.mistake import Mistake

        return Mistake(self.file, self.line, self.column, message, f"{self}: {message}")


@dataclass(frozen=True)
class Prompt:
    """One prompt file. `videos` maps roles (color, and controls) to paths; color is always there."""

    id: str
    text: str
    videos: Mapping[str, str]
    negative_prompt: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""

    @property
    def scene(self) -> str:
        """The folder of its colour video, or that video's own name: what people call the scene."""
        folder, _, name = self.videos.get("color", "").rpartition("/")
        return folder.rpartition("/")[2] or name.rpartition(".")[0] or name


@dataclass(frozen=True)
class Control:
    """One line under `controls:`. `input` is a path, "auto" (the model makes it) or None (prompt's file, else auto)."""

    name: str
    weight: float
    input: str | None = None
    preset: str | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Run:
    """One run file. `settings` holds what the file itself sets, by name; `places` where each key stands. `sweep`: the
    sweep that wrote it, "" when none did.

    The key "" in `places`, of a run that is in no file yet, stands for all that have no place of their own.
    """

    id: str
    prompt: str
    controls: tuple[Control, ...]
    model: str | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    notes: str = ""
    quiet: tuple[str, ...] = ()
    sweep: str = ""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def upscales(self) -> bool:
        """Whether the run enlarges a video instead of making one."""
        return [control.name for control in self.controls] == [UPSCALE]

    @property
    def weights(self) -> Mapping[str, float]:
        """Control name -> weight, of the controls that the run lists."""
        return {control.name: control.weight for control in self.controls}


@dataclass(frozen=True)
class Drafts:
    """Prompts and runs that no file holds yet: what a dry run looks at, under placeholder ids."""

    prompts: tuple[Prompt, ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class HostModel:
    """Where one model lives on a host. `command` replaces the model's own launcher and script.

    For families whose program travels with a batch: `python` is what runs it, `memory` and `vae_tiling` say how it lays
    the networks into the GPU's memory.
    """

    image: str | None = None
    repo: str | None = None
    checkpoints: str | None = None
    command: tuple[str, ...] = ()
    python: str | None = None
    memory: str | None = None
    vae_tiling: bool = False


@dataclass(frozen=True)
class Host:
    """One block under `hosts:`. `address` None means this machine; `dir` is absolute on the host.

    `scheduler` None: jobs start at once, and what follows it says nothing. `nodes`: how many jobs of a batch run at
    once there, each with the GPUs of one model process. `container`: what puts these jobs into containers; None: the
    engine alone says how they run.
    """

    name: Id
    engine: str
    dir: str
    address: str | None = None
    ssh_args: tuple[str, ...] = ()
    engine_command: tuple[str, ...] = ()
    engine_args: tuple[str, ...] = ()
    models: Mapping[str, HostModel] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    cache: str | None = None
    env_file: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    gpus: tuple[int, ...] = (0,)
    gpus_per_video: int | None = None
    scheduler: str | None = None
    container: str | None = None
    nodes: int | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | None = None
    gres: str | None = None
    constraint: str | None = None
    extra: tuple[str, ...] = ()
    prolog: tuple[str, ...] = ()
    max_gpu_hours: float | None = None

    @property
    def is_preview(self) -> bool:
        return self.engine == "preview"


AllowedHost = NewType("AllowedHost", Host)
"""A host that may be used on this machine: only `trust` makes one, and the steps on hosts take no other."""


@dataclass(frozen=True)
class Config:
    """cosmosctl.yaml. `defaults` maps model -> setting -> value; `hosts` always holds the built-in `local`.

    `asks_outside`: allow_outside_inputs is set in it and was not allowed on this machine, so it is false here.
    """

    project: str
    model: str
    host: str
    defaults: Mapping[str, Mapping[str, Setting]]
    hosts: Mapping[str, Host]
    allow_outside_inputs: bool = False
    quiet: tuple[str, ...] = ()
    asks_outside: bool = False
