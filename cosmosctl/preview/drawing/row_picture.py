"""What one row shows, as a value; and what makes a video of it: the picture work, or nothing at all."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Layer:
    """One control: its video and its weight after normalisation."""

    name: str
    path: Path
    weight: float


@dataclass(frozen=True)
class Shot:
    """One row, ready to be drawn. `video` None: only controls were given. Sizes in pixels, before `scale`.

    `size` None: that of the bucket. `cropped`: what does not fit its shape is cut off at both sides, not squeezed in.
    `lasting`: a video with fewer frames stands still at its last one, where otherwise all end with it.
    """

    prompt: str
    video: Path | None
    layers: tuple[Layer, ...]
    frames: int
    fps: int | Fraction
    seed: int
    num_steps: int
    guidance: float
    scale: int = 1
    size: tuple[int, int] | None = None
    cropped: bool = False
    lasting: bool = False

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every video that the row reads, the colour one first."""
        return (*([] if self.video is None else [self.video]), *(layer.path for layer in self.layers))


class Video(Protocol):
    """A video in the making."""

    def sample(self, frames: int) -> None:
        """Draw and write the next `frames` frames."""


class Studio(Protocol):
    """What does the work on rows. It opens and closes: what it computed for one row may serve the next."""

    def make_control(self, hint: str, source: Path, target: Path, *, preset: str | None = None) -> None:
        """Write the control that the model would generate from `source`; `preset` None: the strength of the start."""

    def frame_count(self, paths: Sequence[Path]) -> int:
        """Frames that all of these videos have."""

    def look(self, path: Path) -> tuple[tuple[int, int], Fraction]:
        """Width and height of a video, and its frames per second."""

    def video(self, shot: Shot, target: Path) -> AbstractContextManager[Video]:
        """The video of a row; `target` appears when the block ends without an error."""
