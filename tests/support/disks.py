"""Small disks and mounts for a test's own folders; whoever may not mount is skipped by name."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S


class Filler:
    """A file that takes up what is free on a small disk."""

    def __init__(self, disk: Path) -> None:
        self._disk, self._file = disk, disk / "filler"

    def fill(self, *, keep_kib: int = 0) -> None:
        """Leave that much room."""
        free = shutil.disk_usage(self._disk).free - (keep_kib << 10)
        with suppress(OSError), self._file.open("wb") as file:  # others may be filling it too
            file.write(b"\0" * max(0, free))

    def free(self) -> None:
        """Give it all back."""
        self._file.unlink()


@contextmanager
def small_disk(folder: Path, spare: Path, *, mib: int = 2) -> Iterator[Filler]:
    """`folder` on a small disk for a while, with all that was in it; `spare` is a free place elsewhere."""
    shutil.copytree(folder, spare)
    with mounted("-t", "tmpfs", "-o", f"size={mib}m", "none", at=folder):
        shutil.copytree(spare, folder, dirs_exist_ok=True)
        yield Filler(folder)


@contextmanager
def mounted(*args: str, at: Path) -> Iterator[None]:
    """A mount at that place, until the block is left."""
    mount(*args, str(at))
    try:
        yield
    finally:
        subprocess.run(("umount", "-l", str(at)), check=True, timeout=PATIENCE_S)


def mount(*args: str) -> None:
    """Skips the test by name where mounting is refused."""
    result = subprocess.run(("mount", *args), capture_output=True, text=True, timeout=PATIENCE_S)
    if result.returncode != 0:
        pytest.skip(f"mounting is refused here: {result.stderr.strip()}")
