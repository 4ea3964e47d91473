"""Receipts in a run's folder that cannot be read, written anew from what is here.

A merge conflict holds two whole receipts: the one that tells of the video beside it counts. Otherwise the plan of the
batch and the events that its host told of make the same receipt again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import newest
from cosmosctl.errors import CosmosctlError, FileError
from cosmosctl.io import own
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.conflict import sides
from cosmosctl.io.lock import locked
from cosmosctl.io.moving import move_aside
from cosmosctl.io.own import RECEIPT_BYTES, write_text
from cosmosctl.plan import bundle
from cosmosctl.results import collect, history
from cosmosctl.results.events import read_progress
from cosmosctl.results.judgement import DamagedCopy
from cosmosctl.results.receipts import (
    Failure,
    Receipt,
    failure_of,
    failure_text,
    read_failure,
    read_receipt,
    receipt_of,
    receipt_text,
    trouble,
)
from cosmosctl.state import states


def mend(project: ProjectPaths, run: str) -> None:
    """Have every receipt in the run's folder readable; nothing that can be read is changed.

    Raises: FileError when nothing here tells what a video is.
    """
    home = project.run(run)
    for place in (home.result, home.preview):
        is_lost = place.outputs.is_dir() and not place.receipt.exists() and not place.failure.exists()
        if is_lost or trouble(place.receipt):
            made = tuple(_made_again(project, home, place))  # decodes: nobody is kept waiting meanwhile
            with locked(project.lock):
                _mend_result(home, place, made)
        if trouble(place.failure):
            with locked(project.lock):
                _mend_failure(project, home, place)


def _mend_result(home: RunPaths, place: ResultPaths, made: Sequence[Receipt]) -> None:
    if read_receipt(place.receipt) is not None:
        return  # another command was faster
    known = [one for side in _sides(place.receipt) if (one := receipt_of(side)) is not None]
    found = [one for one in (*known, *made) if _is_of(place, one)]
    chosen = found[0] if found else newest(known)
    if chosen is None:
        if not place.receipt.exists():
            return  # a video that nobody knows, and no receipt that says otherwise
        raise FileError(
            f"{place.receipt}: {trouble(place.receipt)}; nothing here tells what its video is",
            hint=f"{command('batch', home.id)}, which keeps these files in history/",
        )
    for other in known:
        kept = home.kept(other.batch)
        if other.batch != chosen.batch and is_id(other.batch) and read_receipt(kept.receipt) is None:
            write_text(kept.receipt, receipt_text(other))
    write_text(place.receipt, receipt_text(chosen))


def _mend_failure(project: ProjectPaths, home: RunPaths, place: ResultPaths) -> None:
    known = [one for side in _sides(place.failure) if (one := failure_of(side)) is not None]
    chosen = newest([*known, *_failed_again(project, home, place)])
    if chosen is None:
        move_aside(place.failure, home.kept(history.NAMELESS).failure)
    else:
        write_text(place.failure, failure_text(chosen))


def _sides(path: Path) -> tuple[str, ...]:
    try:
        return sides(read_bounded(path, RECEIPT_BYTES).decode(errors="replace"))
    except (FileNotFoundError, Unreadable):
        return ()


def _is_of(place: ResultPaths, receipt: Receipt) -> bool:
    """Whether the video that lies in `place` is the one that the receipt tells of."""
    name = Path(receipt.primary_output).name
    return history.is_file_with(place.outputs / name, receipt.outputs.get(name, ""))


def _made_again(project: ProjectPaths, home: RunPaths, place: ResultPaths) -> Iterator[Receipt]:
    """The receipts of this run's results whose files lie in `place`, by every batch that is known here."""
    for paths in reversed(states.batches(project)):
        try:
            batch = bundle.read_batch(paths)
            state = read_progress(paths.events, batch.runs)
            end = state.ends.get(home.id)
            if end is not None and end.state == "done" and home.id in batch.runs and _is_place(batch, home, place):
                yield collect.receipt_for(batch, end, state, place)
        except (CosmosctlError, DamagedCopy):
            continue  # not this one's files, or a plan that cannot be read


def _failed_again(project: ProjectPaths, home: RunPaths, place: ResultPaths) -> Iterator[Failure]:
    """The newest failure of this run that no other receipt here tells of."""
    kept = (home.kept(name).failure for name in own.names(home.history) if is_id(name))
    told = {one.batch for file in kept if (one := read_failure(file))}
    for paths in reversed(states.batches(project)):
        try:
            batch = bundle.read_batch(paths)
            state = read_progress(paths.events, batch.runs)
        except CosmosctlError:
            continue
        end = state.ends.get(home.id)
        if end is None or end.state == "done" or home.id not in batch.runs or batch.name in told:
            continue
        if _is_place(batch, home, place):
            yield collect.failure_for(batch, end)
            return


def _is_place(batch: Batch, home: RunPaths, place: ResultPaths) -> bool:
    return place.root == (home.preview if batch.host.is_preview else home.result).root
