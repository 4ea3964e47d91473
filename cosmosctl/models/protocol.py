"""What a model family has to say, as pure functions. Nothing here reads files or starts programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import Spec


@dataclass(frozen=True)
class Clip:
    """What a check has to know of a video: size in pixels, rate in frames per second, decoded frames."""

    width: int
    height: int
    fps: float
    frames: int


@dataclass(frozen=True)
class Finding:
    """A mistake (`error`) or a surprise (`warning`) in a run; `key` is the key of its file that it is about."""

    level: Literal["error", "warning"]
    key: str
    message: str


@dataclass(frozen=True)
class Layout:
    """Where a row's outputs lie below the work folder of its process; `{i}` is the row's index there.

    Either a `folder` of its own (with the path that shows the row has `started`) or single `files`
    (path -> name in the run's outputs). `marker` is written by the program when the row is whole; None: it is not.
    """

    primary: str
    marker: str | None = None
    started: str | None = None
    folder: str | None = None
    files: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Patterns:
    """Regular expressions over the program's log. `reasons`: (reason, pattern), the first that matches counts."""

    loaded: str
    row_start: str
    row_end: str
    progress: str
    reasons: tuple[tuple[str, str], ...]


class Model(Protocol):
    """A family of programs that take the same command line."""

    @property
    def NAME(self) -> str: ...
    @property
    def SETTINGS(self) -> Mapping[str, SettingRule]: ...
    @property
    def CONTROLS(self) -> tuple[str, ...]: ...
    @property
    def LAUNCHER(self) -> tuple[str, ...]: ...
    @property
    def LAYOUTS(self) -> tuple[Layout, ...]: ...
    @property
    def PATTERNS(self) -> Patterns: ...
    @property
    def ROWS_FILE(self) -> str: ...

    def check(self, spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
        """All that is wrong or surprising; `clips` holds every path of `spec.input_paths`."""

    def group_key(self, spec: Spec) -> tuple[tuple[str, Setting], ...]:
        """The settings that hold for a whole start: runs share one exactly when these are equal."""

    def row(self, spec: Spec, seen: Mapping[str, str]) -> str:
        """One line of the batch input, without its newline. `seen` maps roles to paths as the process sees them."""

    def files(self, specs: Sequence[Spec]) -> Mapping[str, str]:
        """The other files that a start of these rows reads: name -> text."""

    def arguments(self, specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
        """What follows the launcher; `{work}` stands for the folder of the process."""

    def steps(self, frames: int) -> int:
        """How many progress lines one row of that many frames logs."""
