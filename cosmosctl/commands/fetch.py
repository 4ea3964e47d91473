"""Bring home what ended since, without waiting: one look at each host that has an unfinished batch of ours."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from cosmosctl import bundle, collect, remote, states, tasks
from cosmosctl.collect import Collected
from cosmosctl.commands.attach import ABANDONED, bring_home, bring_late, close
from cosmosctl.commands.follower import is_complete
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.ends import read_end
from cosmosctl.errors import HostError
from cosmosctl.events import progress, read_events
from cosmosctl.io.atomic import replace_with
from cosmosctl.io.lock import locked, locked_at_once
from cosmosctl.log import say
from cosmosctl.receipts import Receipt, read_receipt
from cosmosctl.store import find_root, load_all


def fetch_all(folder: Path, ids: Sequence[str]) -> tuple[Collected, ...]:
    """What was brought home: of the named batches and runs, else of every unfinished batch. Raises: HostError."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    waiting = [one.paths.name for one in states.open_batches(project)]
    known = {**dict.fromkeys(snapshot.run_ids, "run"), **{paths.name: "batch" for paths in states.batches(project)}}
    named = [resolve_id(word, known, what="run or batch") for word in ids]
    batches = [name for name in named if known[name] == "batch"] if named else waiting
    found = [one for name in batches for one in fetch_batch(project, name)]
    found += [restore(project, name) for name in named if known[name] == "run"]
    return tuple(found)


def fetch_batch(project: ProjectPaths, name: str) -> tuple[Collected, ...]:
    """The runs of one batch that ended and were not home yet; the batch is closed when its host ended it.

    Of a batch whose host was given up, what turned up since goes to history/. Raises: HostError.
    """
    batch = bundle.read_batch(project.batch(name))
    with locked_at_once(project.batch_lock(name)) as free:
        if not free:
            say(f"{name} is being followed by another cosmosctl, which brings its results")
            return ()
        end = read_end(project.batch(name).end)
        if end is not None:
            return bring_late(project, batch) if end.state == ABANDONED else ()
        remote.copy_events(tasks.context(), project, batch)
        state = progress(read_events(project.batch(name).events))
        if state.finished and not is_complete(batch, state):
            remote.set_events_aside(project, batch)
            remote.copy_events(tasks.context(), project, batch)
            state = progress(read_events(project.batch(name).events))
        home = collect.all_here(project, batch)
        before = set(home)
        bring_home(project, batch, state, home)
        if state.finished:
            close(project, batch, state, home)
        return tuple(one for run, one in home.items() if run not in before)


def restore(project: ProjectPaths, run: str) -> Collected:
    """The result of a run whose receipt is here and whose video is not: from history/, else from its host.

    Raises: HostError when neither has it.
    """
    place, receipt = _absent_result(project, run)
    if not states.is_present(place, receipt):
        with locked(project.lock):
            missing = [name for name in receipt.outputs if not _is_whole(place.outputs / name, receipt.outputs[name])]
            for name in missing:
                _copy_from_history(project, run, place, name, receipt.outputs[name])
        if not _is_whole(place.root / receipt.primary_output, _primary_digest(receipt)):
            _restore_from_host(project, run, place, receipt)
    return Collected(run, "done", "", "", place, receipt.warnings)


def _absent_result(project: ProjectPaths, run: str) -> tuple[ResultPaths, Receipt]:
    """The result that lacks its video; when none does, the one that is there. Raises: HostError when there is none."""
    paths = project.run(run)
    found = [(place, read_receipt(place.receipt)) for place in (paths.result, paths.preview)]
    there = [(place, receipt) for place, receipt in found if receipt is not None]
    if not there:
        raise HostError(f"run {run} has no result anywhere", hint=f"cosmosctl batch {run}")
    absent = [(place, receipt) for place, receipt in there if not states.is_present(place, receipt)]
    return (absent or there)[0]


def _primary_digest(receipt: Receipt) -> str:
    return receipt.outputs.get(Path(receipt.primary_output).name, "")


def _is_whole(file: Path, digest: str) -> bool:
    return file.is_file() and collect.sha256_of(file) == digest


def _copy_from_history(project: ProjectPaths, run: str, place: ResultPaths, name: str, digest: str) -> None:
    """Bring back a file of which history/ has the very content, under whatever batch."""
    for kept in sorted(project.run(run).history.glob(f"*/outputs*/{name}")):
        if _is_whole(kept, digest):
            with replace_with(place.outputs / name) as half:
                shutil.copyfile(kept, half)
            return


def _restore_from_host(project: ProjectPaths, run: str, place: ResultPaths, receipt: Receipt) -> None:
    batch = bundle.read_whereabouts(project.batch(receipt.batch))
    staged = project.staging / f"{run}.restored"
    try:
        remote.pull(tasks.context(), batch, [f"done/{receipt.run}/{name}" for name in receipt.outputs], staged)
        pulled = staged / "done" / receipt.run
        if not _is_whole(pulled / Path(receipt.primary_output).name, _primary_digest(receipt)):
            raise HostError(
                f"run {run}: its video is neither in history/ nor on host {receipt.host}",
                hint=f"cosmosctl batch {run}",
            )
        with locked(project.lock):
            for name, digest in receipt.outputs.items():
                if _is_whole(pulled / name, digest):
                    with replace_with(place.outputs / name) as half:
                        shutil.copyfile(pulled / name, half)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
