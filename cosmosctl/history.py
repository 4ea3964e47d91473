"""Result folders moved about: into place, aside to history/, each whole or not at all.

Every step may be cut off and repeated. Nothing is overwritten, and nothing is removed but copies of what is kept.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ResultPaths, RunPaths
from cosmosctl.io.atomic import STALE_S, remove_temps, sync_folder
from cosmosctl.receipts import read_failure, read_receipt

NAMELESS = "unnamed"
"""The folder in history/ for what no receipt names."""


def is_file_with(file: Path, digest: str) -> bool:
    """Whether there is a regular file with that sha256, in hex."""
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == digest


def put_back(home: RunPaths, place: ResultPaths, outputs: Path, digests: Mapping[str, str]) -> None:
    """Have the folder `outputs` as those of the result whose receipt is in `place`; what else lies there is kept.

    The caller holds the project's lock.
    """
    there = list(place.outputs.iterdir()) if place.outputs.is_dir() else []
    if all(is_file_with(file, digests.get(file.name, "")) for file in there):
        shutil.rmtree(place.outputs, ignore_errors=True)
    else:
        kept = home.kept(NAMELESS).root
        kept.mkdir(parents=True, exist_ok=True)
        place.outputs.replace(_free(kept / place.outputs.name))
    move(outputs, place.outputs)


def tidy(place: ResultPaths) -> None:
    """Remove what killed writers left; in the run's own folder a user's command may be writing too."""
    remove_temps(place.root, unused_for_s=STALE_S)
    remove_temps(place.logs, unused_for_s=0)


def keep(left: Path, kept: Path) -> None:
    """Move a folder of files that are no result; the same files are kept once, however often this is repeated."""
    if kept.exists():
        shutil.rmtree(left, ignore_errors=True)
    elif left.is_dir():
        move(left, kept)


def retire(home: RunPaths, place: ResultPaths) -> None:
    """Move what lies in `place` to history/ of its own batch; the receipt last, so that a cut-off move goes on."""
    receipt, failure = read_receipt(place.receipt), read_failure(place.failure)
    named = receipt.batch if receipt else failure.batch if failure else NAMELESS
    kept = home.kept(named if is_id(named) else NAMELESS)
    parts = place.parts if place.root != kept.root else (place.outputs,)
    for part in parts:
        if part.exists():
            kept.root.mkdir(parents=True, exist_ok=True)
            part.replace(_free(kept.root / part.name))


def _free(path: Path) -> Path:
    """`path`, or the first of path.1, path.2, … that is not taken."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def move(folder: Path, target: Path) -> None:
    """Have `folder` at `target`, where nothing is, whole or not at all, and on the disk before anything tells of it."""
    _sync_below(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(target)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        _move_to_other_disk(folder, target)
    sync_folder(target.parent)


def _move_to_other_disk(folder: Path, target: Path) -> None:
    """For projects whose runs/ leads to another disk than .cosmosctl/ lies on."""
    half = target.with_name(f".{target.name}.new")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(folder, half, symlinks=True)
    _sync_below(half)
    half.rename(target)
    shutil.rmtree(folder)


def _sync_below(folder: Path) -> None:
    """Have the disk hold all that is in `folder` as it is now."""
    for file in (folder, *folder.rglob("*")):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
