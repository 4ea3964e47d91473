"""Result folders moved about: into place, aside to history/, each whole or not at all.

Every step may be cut off and repeated. Nothing is overwritten, and nothing is removed but copies of what is kept.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ResultPaths, RunPaths
from cosmosctl.io import own
from cosmosctl.io.atomic import STALE_S
from cosmosctl.io.moving import move, move_aside
from cosmosctl.io.own import NotOwn, remove_temps
from cosmosctl.results.receipts import read_failure, read_receipt

NAMELESS = "unnamed"
"""The folder in history/ for what no receipt names."""


def is_file_with(file: Path, digest: str) -> bool:
    """Whether there is a regular file with that sha256, in hex."""
    try:
        with own.opened(file, os.O_RDONLY) as descriptor, open(descriptor, "rb", closefd=False) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except (FileNotFoundError, NotOwn):
        return False


def put_back(home: RunPaths, place: ResultPaths, outputs: Path, digests: Mapping[str, str]) -> None:
    """Have the folder `outputs` as those of the result whose receipt is in `place`; what else lies there is kept.

    The caller holds the project's lock.
    """
    there = own.names(place.outputs)
    if all(is_file_with(place.outputs / name, digests.get(name, "")) for name in there):
        own.discard(place.outputs)
    else:
        move_aside(place.outputs, home.kept(NAMELESS).root / place.outputs.name)
    move(outputs, place.outputs)


def tidy(place: ResultPaths) -> None:
    """Remove what killed writers left; in the run's own folder a user's command may be writing too."""
    remove_temps(place.root, unused_for_s=STALE_S)
    remove_temps(place.logs, unused_for_s=0)


def keep(left: Path, kept: Path) -> None:
    """Move a folder of files that are no result; the same files are kept once, however often this is repeated."""
    if kept.exists():
        own.discard(left)
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
            move_aside(part, kept.root / part.name)
