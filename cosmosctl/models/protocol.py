"""What a model family has to say, as pure functions. Nothing here reads files or starts programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import Spec
from cosmosctl.models.catalog import ControlRule


@dataclass(frozen=True)
class Clip:
    """What a check has to know of a video: size in pixels, rate in frames per second, decoded frames."""

    width: int
    height: int
    fps: float
    frames: int


@dataclass(frozen=True)
class Finding:
    """A mistake (`error`) or a surprise (`warning`) in a run; `key` is the key of its file that it is about.

    `kind` is what silences a warning, where that is not its key.
    """

    level: Literal["error", "warning"]
    key: str
    message: str
    kind: str = ""


@dataclass(frozen=True)
class Layout:
    """Where a row's outputs lie below the work folder of its process: `{i}` is its index there, `{name}` its own name.

    Either a `folder` of its own (with the path that shows the row has `started`) or single `files`
    (path -> name in the run's outputs), or a folder with one video of any name and nothing to tell it by (`only`).
    `marker` is written by the program when the row is whole; None: it is not. `is_named`: `{name}` is in every path.
    """

    primary: str
    marker: str | None = None
    started: str | None = None
    folder: str | None = None
    files: Mapping[str, str] | None = None
    only: str | None = None
    is_named: bool = False


TORCH_OOM = ("gpu-oom", r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED")
"""A reason of `Patterns`: what PyTorch and cuBLAS say when a GPU's memory does not do."""


@dataclass(frozen=True)
class Patterns:
    """Regular expressions over the program's log; "" is never found.

    `progress` may capture done and total; with `chunk`, found once for each chunk of a video, they count within one.
    `reasons`: (reason, pattern), the first that matches counts. `passed_over`: the reason of a row that the program
    left without a video and without a word. `row_failed`: the row has ended without a video and the program goes on, or
    ends for that reason. `unfit`: the program cannot be served by this start, and said so before it began to load.
    `prefix`: what the program's logger writes before the words of a line.
    """

    loaded: str
    row_start: str
    row_end: str
    progress: str
    reasons: tuple[tuple[str, str], ...]
    chunk: str = ""
    passed_over: str = "bad-output"
    row_failed: str = ""
    unfit: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Home:
    """Where a family's program comes from, and what a host has to know of it.

    `repository`: where to clone it from; its last part is what the folder and the image are called. `is_read_only`: a
    container gets the repository read-only; the images of others install it in place when they start. `is_imported`: it
    runs with PYTHONPATH set to the repository. `has_weights`: its weights lie in a folder that is named.
    `no_checkpoints`: why a host's block must not name weights; "" when it may. `hub_models`: what it loads by name
    however its checkpoints are given. `broken`: a span of commits, FIRST..LAST, between which it does not work.
    `program`: the folder of a program of ours below templates/launch, which travels with each batch: there is no
    repository then; `packages` are what it needs of the Python that runs it, `weights` what it loads
    from the Hub, each REPOSITORY or REPOSITORY@REVISION, `memory` the ways that it has to lay its
    networks into the GPU's memory, `weights_gib` how much of them lies there at once at most, by the
    ways of which that is exactly known.
    """

    repository: str
    is_read_only: bool = False
    is_imported: bool = False
    has_weights: bool = False
    no_checkpoints: str = ""
    hub_models: tuple[str, ...] = ()
    broken: str = ""
    program: str = ""
    packages: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    weights_gib: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What `git clone` calls its folder."""
        return self.repository.rpartition("/")[2]


class Model(Protocol):
    """A family of programs that take the same command line."""

    @property
    def NAME(self) -> str: ...
    @property
    def SETTINGS(self) -> Mapping[str, SettingRule]: ...
    @property
    def DROPPED(self) -> Mapping[str, str]:
        """Settings of other families that its program takes and never looks at -> why."""

    @property
    def CONTROLS(self) -> Mapping[str, ControlRule]:
        """Name in run files -> what it is, in the order in which they are told."""

    @property
    def HOME(self) -> Home: ...
    @property
    def PREVIEW(self) -> str:
        """The module that stands in for its program on a machine without a GPU; "" when nothing does."""

    @property
    def LAUNCHER(self) -> tuple[str, ...]: ...
    @property
    def CHECKPOINTS(self) -> str:
        """The weights when the host names no folder; "" leaves them to the program."""

    @property
    def NATIVE_PRESETS(self) -> bool:
        """Whether the program makes edge and vis at a preset by itself, the same each time."""

    @property
    def LESS_MEMORY(self) -> str:
        """What a user of this model can do when the GPU's memory does not suffice."""

    @property
    def FRAMES_AT_ONCE(self) -> int:
        """Frames that its tokenizer holds in one: a result may differ by fewer than these from what was planned."""

    @property
    def LAYOUTS(self) -> tuple[Layout, ...]: ...
    @property
    def PATTERNS(self) -> Patterns: ...
    @property
    def ROWS_FILE(self) -> str: ...

    def defaults(self, controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
        """Defaults that follow from a run's set of controls and the settings it or its project chose."""

    def check(self, spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
        """All that is wrong or surprising; `clips` holds every path of `spec.input_paths`."""

    def group_key(self, spec: Spec) -> tuple[tuple[str, Setting], ...]:
        """The settings that hold for a whole start: runs share one exactly when these are equal."""

    def row(self, spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
        """One line of the batch input, without its newline.

        `seen` maps roles to paths as the process sees them; `clip` is the colour video.
        """

    def files(self, specs: Sequence[Spec]) -> Mapping[str, str]:
        """The other files that a start of these rows reads: name -> text."""

    def arguments(self, specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
        """What follows the launcher; `{work}` stands for the folder of the process."""

    def env(self, specs: Sequence[Spec]) -> Mapping[str, str]:
        """Environment variables that a start of these rows needs."""

    def frames(self, spec: Spec, counts: Mapping[str, int]) -> int:
        """Frames of the result; `counts` has those of its videos by role: "color" always, controls that are files."""

    def steps(self, frames: int) -> int:
        """How many chunks a row of that many frames is made of: the log counts them."""

    def parallel(self, launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
        """The command of a start that has that many GPUs for each video."""

    def gpus_mistake(self, spec: Spec, gpus: int, checkpoints: str | None) -> str:
        """Why a run cannot be made on that many GPUs, mostly ""; `checkpoints` are those that the host names."""

    def random_controls(self, spec: Spec) -> tuple[str, ...]:
        """The controls of a run that the program does not make the same way each time."""


class WarmModel(Model, Protocol):
    """The same family by a program of ours that stays loaded: its rows carry settings of their own."""

    @property
    def SCRIPT(self) -> str:
        """The program's name among the files that travel with a batch."""

    def takes(self, spec: Spec) -> bool:
        """Whether the run asks to be served so, and can be."""

    def launcher(self, native: Sequence[str]) -> tuple[str, ...]:
        """The launcher of the family's own program turned into this one's; () when that cannot be done."""

    def in_order(self, specs: Sequence[Spec]) -> tuple[Spec, ...]:
        """The rows of a start in the order in which they cost the least."""
