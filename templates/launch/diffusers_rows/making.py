"""A row from its line to its files, whatever its family: controls, video and prompt, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import footage
import numpy as np
from progress import Progress

Row = Dict[str, Any]
Pictures = Any
"""Frames x height x width x 3, 0 to 255."""


class Maker:
    """A loaded pipeline. `blur` makes vis of a picture at a preset; `made_with` is what is told of the weights."""

    def __init__(self, pipeline: Any, blur: Callable[[Any, str], Any], made_with: Dict[str, str]) -> None:
        self.pipeline, self.blur, self.made_with = pipeline, blur, made_with
        self.progress = Progress(pipeline.scheduler)

    def make(self, row: Row, folder: Path, facts: str) -> None:
        """The files of a row; prompt.txt is the last of them. Raises: Blocked, BadInput, whatever diffusers does."""
        folder.mkdir(parents=True, exist_ok=True)
        fps, kept = footage.rate(row["video"]), tuple(row["kept_size"])
        controls = footage.controls(row, self.blur)
        for name, pictures in controls.items():
            footage.write(folder / f"control_{name}.mp4", pictures, fps, tuple(row["size"]))
        made = np.asarray(self.frames(row, controls, float(fps)))
        self.progress.require_whole()
        footage.write(folder / "output.mp4", np.rint(made * 255).clip(0, 255).astype(np.uint8), fps, kept)
        footage.write_text(folder / "made_with.json", facts)
        footage.write_text(folder / "prompt.txt", row["prompt"])

    def recover(self) -> None:
        """Leaves nothing of a row that failed."""

    def frames(self, row: Row, controls: Dict[str, Pictures], fps: float) -> Any:
        """The video: frames x height x width x 3, 0 to 1. Each family's own."""
        raise NotImplementedError
