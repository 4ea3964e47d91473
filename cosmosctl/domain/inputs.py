"""A video as a batch uses it: its file here and its name in the pool, which is its content."""

from dataclasses import dataclass
from pathlib import Path

POOL_DIGITS = 16


@dataclass(frozen=True)
class Input:
    """One video file. `frames` and sizes are what really decodes."""

    path: str
    file: Path
    sha256: str
    bytes: int
    width: int
    height: int
    fps: float
    frames: int

    @property
    def pool_name(self) -> str:
        """Path below the pool: the same content has the same one, whatever it is called here."""
        return f"{self.sha256[:POOL_DIGITS]}/video{self.file.suffix.lower()}"
