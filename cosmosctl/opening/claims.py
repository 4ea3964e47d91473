"""Results that came home while their run's folder was away (another branch, a new name): into it once it is there.

They wait in batches/BATCH/unclaimed/RUN. Every step may be cut off and repeated: all is copied (linked where the disk
can), the receipt last, and only then what waited goes.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import may_replace
from cosmosctl.domain.spec import spec_hash
from cosmosctl.errors import CosmosctlError, FileError
from cosmosctl.git import state as git_state
from cosmosctl.host.trust import was_made_here
from cosmosctl.io import own
from cosmosctl.io.moving import copy_whole, link_or_copy
from cosmosctl.io.os_error import is_there
from cosmosctl.io.own import replace_with
from cosmosctl.opening import older
from cosmosctl.opening.forward import is_forward
from cosmosctl.plan import bundle_reader
from cosmosctl.results import history, reports
from cosmosctl.results.receipts import LocalReceipt, read_failure, read_receipt, write_receipt
from cosmosctl.state.attempts import attempts
from cosmosctl.state.batch_list import BatchList, look
from cosmosctl.state.current import Current
from cosmosctl.state.states import held_runs
from cosmosctl.store import load_all

AWAY = "there is no run "
"""How the warning begins that a result is given which no run takes in."""


def catch_up(project: ProjectPaths, found: BatchList) -> None:
    """Write an earlier version's files forward and take in what waits. The caller holds the project's lock."""
    if not is_forward(project, found):
        older.write_forward(project, [one.paths for one in found.batches])
    if found.waiting:
        claim(project)


def claim(project: ProjectPaths) -> None:
    """Take in what waits for runs that are there. The caller holds the project's lock."""
    for batch, waiting in list(_waiting(look(project))):
        with suppress(FileError, OSError):
            home = _home(project, batch, waiting.id)
            if home is not None:
                _take_in(project, waiting, home, batch.name)


def waiting_for(project: ProjectPaths) -> Mapping[str, str]:
    """Run -> the folder below the project whose results the next command that may write gives it."""
    found: dict[str, str] = {}
    for batch, waiting in _waiting(look(project)):
        with suppress(FileError, OSError):
            home = _home(project, batch, waiting.id)
            if home is not None:
                found[home.id] = waiting.root.relative_to(project.root).as_posix()
    return found


def without_receipt(found: BatchList) -> Iterator[tuple[BatchPaths, RunPaths, ResultPaths]]:
    """Videos that wait and that no receipt tells of which can be read: nobody takes them in, or throws them away."""
    for batch, waiting in _folders(found):
        lacking = [one for one in _with_outputs(waiting) if not read_receipt(one.receipt)]
        if lacking and _made_for(batch, waiting.id):
            yield from ((batch, waiting, one) for one in lacking)


def _made_for(batch: BatchPaths, run: str) -> bool:
    with suppress(CosmosctlError):
        return bundle_reader.read_batch(batch).has(run)
    return False


def _with_outputs(waiting: RunPaths) -> list[ResultPaths]:
    return [one for one in (waiting.result, waiting.preview) if one.outputs.exists()]


def _waiting(found: BatchList) -> Iterator[tuple[BatchPaths, RunPaths]]:
    """What waits. Without a receipt or a failure of ours it was brought by git: it is nobody's result here."""
    return ((batch, one) for batch, one in _folders(found) if _holds_ours(one))


def _folders(found: BatchList) -> Iterator[tuple[BatchPaths, RunPaths]]:
    """Where results may wait of batches that have ended; a running one looks after its results itself.

    What lies so in a batch of another clone was brought by git: it is nobody's result here.
    """
    for batch in found.waiting:
        if batch.unclaimed.is_dir() and batch.end.exists() and was_made_here(batch):
            yield from ((batch, batch.waiting(run)) for run in own.names(batch.unclaimed) if is_id(run))


def _holds_ours(waiting: RunPaths) -> bool:
    told = (read_receipt(one.receipt) or read_failure(one.failure) for one in (waiting.result, waiting.preview))
    return any(told) or own.names(waiting.history) != []


def _home(project: ProjectPaths, batch: BatchPaths, run: str) -> RunPaths | None:
    """The run's folder, or the only one that it can have been renamed to; None while there is none."""
    own, known = project.run(run), bundle_reader.read_batch(batch)
    if not known.has(run):
        return None
    if is_there(own.spec) and not _is_of_others(project, batch, run):
        return own
    snapshot, held = load_all(project.root), held_runs(project)
    current, wanted = Current(project, snapshot), spec_hash(known.row(run).facts)
    if is_there(own.spec):
        return own if run in snapshot.runs and _spec_hash(current, run) == wanted else None
    free = [one for one in snapshot.runs if one not in known.runs and one not in held]
    fresh = (one for one in free if next(attempts(project, one), None) is None)
    twins = [one for one in fresh if _spec_hash(current, one) == wanted]
    return project.run(twins[0]) if len(twins) == 1 else None


def _is_of_others(project: ProjectPaths, batch: BatchPaths, run: str) -> bool:
    """Whether a result stands there which is another branch's than the one that the batch was made on."""
    there = project.run(run).result
    is_taken = there.receipt.exists() or there.report.exists()
    return is_taken and git_state.is_elsewhere(project.root, bundle_reader.read_branch(batch))


def _spec_hash(current: Current, run: str) -> str:
    with suppress(FileError):
        return current.spec_hash(run)
    return ""


def _take_in(project: ProjectPaths, waiting: RunPaths, home: RunPaths, batch: str) -> None:
    for source, place in ((waiting.result, home.result), (waiting.preview, home.preview)):
        receipt = read_receipt(source.receipt)
        if receipt is not None:
            _take_result(project, source, home, place, receipt)
        elif source.failure.exists():
            _take_failure(source, home, place, batch)
    for kept in own.names(waiting.history):
        if not (home.history / kept).exists():
            copy_whole(own.checked(waiting.history / kept), home.history / kept, linked=True)
    if not all(read_receipt(one.receipt) for one in _with_outputs(waiting)):
        return  # nothing tells of them, and nobody has them elsewhere
    gone = waiting.root.with_name(f".{waiting.id}.gone")
    own.remove(gone)
    own.rename(waiting.root, gone)
    own.remove(gone)
    with suppress(OSError):
        gone.parent.rmdir()  # the last one


def _take_result(
    project: ProjectPaths, source: ResultPaths, home: RunPaths, place: ResultPaths, receipt: LocalReceipt
) -> None:
    there = read_receipt(place.receipt) or read_receipt(place.report)
    if there is not None and there.batch == receipt.batch:
        return
    if there is not None and there.run in (home.id, receipt.run) and not may_replace(receipt, there):
        place = home.kept(receipt.batch)
    if not _holds(place, receipt):
        history.retire(home, place)
        copy_whole(own.checked(source.outputs), place.outputs, linked=True)
    _copy_files(source.logs, place.logs)
    _copy_file(source.manifest, place.manifest)
    warnings = tuple(line for line in receipt.warnings if not line.startswith(AWAY))
    receipt = replace(receipt, warnings=warnings)
    reports.write_new(project, place, receipt, receipt.branch)
    write_receipt(place, receipt, receipt.branch)


def _take_failure(source: ResultPaths, home: RunPaths, place: ResultPaths, batch: str) -> None:
    """A failure never touches a result: beside one it goes to history/."""
    there = read_failure(place.failure)
    if there is not None and there.batch == batch:
        return
    stands = (place.receipt, place.report, place.outputs)
    place = home.kept(batch) if any(part.exists() for part in stands) else place
    if place.failure.exists():
        history.retire(home, place)
    _copy_files(source.logs, place.logs)


def _holds(place: ResultPaths, receipt: LocalReceipt) -> bool:
    """Whether the outputs are there already, and no receipt: somebody was killed in between."""
    outputs, is_left = place.outputs, place.outputs.is_dir() and not place.receipt.exists()
    return is_left and all(history.is_file_with(outputs / name, digest) for name, digest in receipt.outputs.items())


def _copy_files(source: Path, target: Path) -> None:
    """The files of a folder; failure.yaml, by which the others count, last."""
    found = [source / name for name in own.names(source)]
    for file in sorted(found, key=lambda one: one.suffix == ".yaml"):
        _copy_file(file, target / file.name)


def _copy_file(source: Path, target: Path) -> None:
    if own.is_file(source):
        with replace_with(target) as half:
            half.unlink()
            link_or_copy(source, half)
