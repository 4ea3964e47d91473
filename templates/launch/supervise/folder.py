"""The folder of a batch on its host, and what its plan says of every process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BatchFolder:
    """`key` tells the batch from all others; `stall_s`: the longest silence; `grace_s`: between SIGTERM and SIGKILL."""

    path: Path
    key: str
    stall_s: float
    grace_s: float

    def mark(self, process: str) -> str:
        """What the environment of a model process and its descendants says of whose they are."""
        return f"{self.key}/{process}"

    def give(self, path: Path) -> None:
        """Gives a path and all below it to the owner of the batch folder: root in a container leaves nothing locked."""
        owner = self.path.stat()
        if os.geteuid() == 0 and owner.st_uid != 0 and path.exists():
            for one in (path, *path.rglob("*")):
                os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)
