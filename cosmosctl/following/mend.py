"""Receipts and reports in a run's folder that cannot be read or are gone, written anew from what is here.

A merge conflict holds two whole receipts: the one that tells of the video beside it counts. Otherwise the plan of the
batch and the events that its host told of make the same receipt again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import newest
from cosmosctl.errors import CosmosctlError, FileError
from cosmosctl.events.progress import read_progress
from cosmosctl.git.conflict import sides
from cosmosctl.io import own
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.lock import locked
from cosmosctl.io.moving import move_aside
from cosmosctl.io.own import RECEIPT_BYTES, write_text
from cosmosctl.log import say
from cosmosctl.opening import claims
from cosmosctl.plan import bundle_reader
from cosmosctl.results import end_records, history
from cosmosctl.results.made_again import is_place, made_again
from cosmosctl.results.receipts import (
    NEWER,
    Failure,
    LocalReceipt,
    Receipt,
    failure_of,
    failure_text,
    read_failure,
    read_receipt,
    receipt_of,
    receipt_text,
    trouble,
    write_receipt,
)
from cosmosctl.state import batch_list, states


def mend(project: ProjectPaths, run: str) -> None:
    """Have every receipt and report in the run's folder readable; nothing that can be read is changed.

    Raises: FileError when nothing here tells what a video is, or a newer cosmosctl wrote it.
    """
    home = project.run(run)
    for place in (home.result, home.preview):
        _refuse_newer(place)
        if _lacks_receipt(project, place):
            batches = reversed(states.batches(project))
            made = tuple(made_again(batches, home, place))  # decodes: nobody is kept waiting meanwhile
            with locked(project.lock):
                _mend_receipt(project, home, place, made)
        if place.is_versioned and trouble(place.report):
            with locked(project.lock):
                _mend_report(home, place)
        if trouble(place.failure):
            with locked(project.lock):
                _mend_failure(project, home, place)


def mend_waiting(project: ProjectPaths) -> None:
    """Have a receipt of every video that waits for its run, and take it in where the run is there."""
    found = list(claims.without_receipt(batch_list.look(project)))
    for batch, home, place in found:
        made = tuple(made_again((batch,), home, place))
        try:
            with locked(project.lock):
                _mend_receipt(project, home, place, made)
        except FileError as e:
            say(e.message)
    if found:
        with locked(project.lock):
            claims.claim(project)


def _refuse_newer(place: ResultPaths) -> None:
    for file in (place.receipt, place.report):
        if trouble(file) == NEWER:
            raise FileError(f"{file}: {NEWER}")


def _lacks_receipt(project: ProjectPaths, place: ResultPaths) -> bool:
    """Whether a receipt cannot be read, or outputs lie there of which none tells."""
    if trouble(place.receipt):
        return True
    if place.receipt.exists() or not place.outputs.is_dir():
        return False
    with locked(project.lock):
        history.adopt(place)
    return not place.receipt.exists() and not place.failure.exists()


def _mend_receipt(project: ProjectPaths, home: RunPaths, place: ResultPaths, made: Sequence[Receipt]) -> None:
    if read_receipt(place.receipt) is not None:
        return  # another command was faster
    known = [one for file in dict.fromkeys((place.receipt, place.report)) for one in _known(file)]
    chosen = next((one for one in (*known, *made) if _is_of(place, one)), None)
    if chosen is None and not place.is_versioned:
        chosen = newest(known)
    if chosen is not None:
        _keep_others(home, known, chosen)
        write_receipt(place, chosen, bundle_reader.read_branch(project.batch(chosen.batch)))
    elif place.receipt.exists():
        raise _nothing_tells(home, place.receipt)


def _nothing_tells(home: RunPaths, file: Path) -> FileError:
    return FileError(
        f"{file}: {trouble(file)}; nothing here tells what its video is",
        hint=f"{command('batch', home.id)}, which keeps these files in history/",
    )


def _mend_report(home: RunPaths, place: ResultPaths) -> None:
    """The side of a merge that is of the video beside it, else the newer one; what the other one tells is kept."""
    known, here = _known(place.report), read_receipt(place.receipt)
    of_video = (one for one in known if here is not None and one.video_sha256 == here.video_sha256)
    chosen = next(of_video, None) or newest(known) or here
    if chosen is None:
        raise _nothing_tells(home, place.report)
    _keep_others(home, known, chosen)
    write_text(place.report, receipt_text(chosen))


def _keep_others(home: RunPaths, known: Sequence[Receipt], chosen: Receipt) -> None:
    """What the other side of a merge tells goes to history/, though its video may lie nowhere here."""
    for other in known:
        kept = home.kept(other.batch)
        if other.batch != chosen.batch and is_id(other.batch) and read_receipt(kept.receipt) is None:
            write_text(kept.receipt, receipt_text(other))


def _known(file: Path) -> list[LocalReceipt]:
    return [one for side in _sides(file) if (one := receipt_of(side)) is not None]


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


def _failed_again(project: ProjectPaths, home: RunPaths, place: ResultPaths) -> Iterator[Failure]:
    """The newest failure of this run that no other receipt here tells of."""
    kept = (home.kept(name).failure for name in own.names(home.history) if is_id(name))
    told = {one.batch for file in kept if (one := read_failure(file))}
    for paths in reversed(states.batches(project)):
        try:
            batch = bundle_reader.read_batch(paths)
            state = read_progress(paths.events, batch.runs)
        except CosmosctlError:
            continue
        end = state.ends.get(home.id)
        if end is None or end.state == "done" or not batch.has(home.id) or batch.name in told:
            continue
        if is_place(batch, home, place):
            yield end_records.failure_for(batch, end)
            return
