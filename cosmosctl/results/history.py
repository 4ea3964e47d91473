"""Result folders moved about: into place, aside to history/ and back, each whole or not at all.

Every step may be cut off and repeated. Nothing is overwritten, and nothing is removed but copies of what is kept:
history holds one copy of one video. result.yaml of a run's own folder is git's and never moved.
"""

import contextlib
import filecmp
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ResultPaths, RunPaths
from cosmosctl.git import state as git_state
from cosmosctl.io import own
from cosmosctl.io.atomic import STALE_S
from cosmosctl.io.moving import free, move, move_aside
from cosmosctl.io.own import NotOwn, remove_temps, replace_with
from cosmosctl.results.receipts import read_failure, read_receipt, write_receipt

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
    adopt(place)
    receipt, failure = read_receipt(place.receipt), read_failure(place.failure)
    named = receipt.batch if receipt else failure.batch if failure else NAMELESS
    kept = home.kept(named if is_id(named) else NAMELESS)
    if place.root != kept.root and kept.receipt.exists() and _is_same(place.outputs, kept.outputs):
        for part in place.parts:
            own.remove(part)
        return
    _move_outputs(home, place.outputs, kept.outputs)
    if place.root != kept.root:
        for part, target in zip(place.parts[1:], kept.parts[1:], strict=True):
            if part.exists():
                move_aside(part, target)


def bring_back(home: RunPaths, kept: ResultPaths, place: ResultPaths) -> None:
    """Have the result that is kept in history/ in its place, where nothing is; its receipt is left for the caller."""
    for part, target in zip(kept.parts[:-1], place.parts[:-1], strict=True):
        if part.exists():
            move_aside(part, target)
    own.remove(kept.receipt)
    with contextlib.suppress(OSError):
        kept.root.rmdir()  # what is more than a result stays there


def kept_with(home: RunPaths, digest: str, *, preview: bool) -> ResultPaths | None:
    """The result in history/ whose video has that sha256."""
    for name in own.names(home.history):
        place = home.kept(name)
        receipt = read_receipt(place.receipt) if is_id(name) else None
        is_named = receipt is not None and (receipt.video_sha256, receipt.preview) == (digest, preview)
        if receipt is not None and is_named and is_file_with(place.root / receipt.primary_output, digest):
            return place
    return None


def adopt(place: ResultPaths) -> None:
    """Have a receipt of the video whose version only wrote git's; none where that tells of another video."""
    if not place.is_versioned or place.receipt.exists():
        return
    report = read_receipt(place.report)
    if report is not None and is_file_with(place.root / report.primary_output, report.video_sha256):
        write_receipt(place, report, git_state.branch(place.root))


def _move_outputs(home: RunPaths, outputs: Path, target: Path) -> None:
    """A folder of outputs to where history keeps it; what history has already becomes one file with two names."""
    if not outputs.exists():
        return
    if _is_same(outputs, target):
        own.discard(outputs)
        return
    there = free(target)
    move_aside(outputs, there)
    for name in own.names(there):
        twin = next((one for one in copies(home, name) if one.parent != there and _is_twin(one, there / name)), None)
        if twin is not None:
            _link(twin, there / name)


def copies(home: RunPaths, name: str) -> Iterator[Path]:
    """Where history/ may have an output of that name."""
    for kept in own.names(home.history):
        folders = (one for one in own.names(home.history / kept) if one.startswith("outputs"))
        yield from (home.history / kept / one / name for one in folders)


def _is_same(outputs: Path, target: Path) -> bool:
    names = own.names(outputs)
    return outputs != target and names == own.names(target) and all(_is_twin(target / n, outputs / n) for n in names)


def _is_twin(one: Path, other: Path) -> bool:
    if not (own.is_file(one) and own.is_file(other)) or one.stat().st_size != other.stat().st_size:
        return False
    return one.samefile(other) or filecmp.cmp(one, other, shallow=False)


def _link(file: Path, target: Path) -> None:
    """`target` is another name of `file` then, where the disk makes such."""
    with contextlib.suppress(OSError), replace_with(target) as half:
        half.unlink()
        half.hardlink_to(file)
