"""What nobody needs any more on this machine: the trash, look copies of no video, old and rejected results."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cosmosctl.commands.machines.gc import Removed, leftovers
from cosmosctl.commands.trash import bytes_of
from cosmosctl.domain.batch import TIME_FORMAT
from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import UsageError
from cosmosctl.io import own
from cosmosctl.io.lock import locked
from cosmosctl.opening.project import opened
from cosmosctl.results.ratings import Rating, opinion_of, read_ratings
from cosmosctl.results.receipts import Receipt
from cosmosctl.state.attempts import Attempt, attempts
from cosmosctl.state.states import RunState, all_states, held_runs
from cosmosctl.store import Snapshot, hash_files, load_all
from cosmosctl.store.looks import DIGITS

DAY_S = 86_400
TRASH, LOOK, HISTORY, REJECTED = "trash", "look copy", "earlier result", "rejected result"

Agree = Callable[[str], bool]
"""Whether the user says yes to what is about to be done."""


@dataclass(frozen=True)
class Which:
    """What is to go beside the trash and look copies of no video: earlier results that are older, rejected results."""

    older_than_days: float | None = None
    rejected: bool = False


@dataclass(frozen=True)
class _Going:
    kind: str
    name: str
    path: Path

    @property
    def removed(self) -> Removed:
        return Removed(self.kind, self.name, bytes_of(self.path) // 1024)


def tidy(folder: Path, which: Which, agree: Agree, *, dry_run: bool) -> tuple[Removed, ...]:
    """What was removed here, or would be. Raises: UsageError when nobody agrees, FileError."""
    project = opened(folder)
    snapshot = load_all(project.root)
    going = [*_trash(project), *_looks(project, snapshot), *_results(project, snapshot, which)]
    told = tuple(one.removed for one in going)
    if not dry_run and going:
        _ask(told, agree)
        with locked(project.lock):
            for one in going:
                own.remove(one.path)
    return (*told, *leftovers(project, dry_run=dry_run))


def _ask(told: Sequence[Removed], agree: Agree) -> None:
    """Look copies are made again; of the rest there is no other copy here."""
    counts = {kind: sum(one.kind == kind for one in told) for kind in (TRASH, HISTORY, REJECTED)}
    words = ", ".join(f"{count} x {kind}" for kind, count in counts.items() if count)
    mib = sum(one.kib for one in told) / 1024
    if words and not agree(f"remove {words}, {mib:,.1f} MiB, for good?"):
        raise UsageError(f"nothing is removed: {words}", hint="cosmosctl gc --yes does not ask, --dry-run shows each")


def _trash(project: ProjectPaths) -> Iterator[_Going]:
    for name in own.names(project.trash):
        yield _Going(TRASH, name, project.trash / name)


def _looks(project: ProjectPaths, snapshot: Snapshot) -> Iterator[_Going]:
    names = own.names(project.looks)
    known = {digest[:DIGITS] for digest in _videos(project, snapshot)} if names else set()
    for name in names:
        if name[:DIGITS] not in known and all(char in "0123456789abcdef" for char in name[:DIGITS]):
            yield _Going(LOOK, name, project.looks / name)


def _videos(project: ProjectPaths, snapshot: Snapshot) -> Iterator[str]:
    """sha256 of every video that is a result of a run, or an input."""
    for run in snapshot.run_ids:
        for one in attempts(project, run):
            if isinstance(one.receipt, Receipt):
                yield from (*one.receipt.outputs.values(), *one.receipt.inputs.values())
    named = [project.root / path for prompt in snapshot.prompts.values() for path in prompt.videos.values()]
    named += [
        project.root / control.input
        for run in snapshot.runs.values()
        for control in run.controls
        if control.input is not None and not run.upscales
    ]
    yield from hash_files(project.root, [path for path in named if path.is_file()]).values()


def _results(project: ProjectPaths, snapshot: Snapshot, which: Which) -> Iterator[_Going]:
    if which.older_than_days is None and not which.rejected:
        return
    held = held_runs(project)
    states = all_states(project, snapshot, preview=snapshot.host().is_preview)
    for run in (run for run in snapshot.run_ids if run not in held):
        said = read_ratings(project.run(run).ratings)
        for one in attempts(project, run):
            yield from _of_attempt(project, one, said, states[run], which)


def _of_attempt(
    project: ProjectPaths, one: Attempt, said: Sequence[Rating], state: RunState, which: Which
) -> Iterator[_Going]:
    """A kept result that is old or rejected goes whole; of a present one that is rejected only the videos go."""
    folder, is_kept = one.place.root, one.place.root.parent.name == "history"
    accepted = opinion_of(said, one.receipt.video_sha256).accepted if isinstance(one.receipt, Receipt) else None
    is_needed = f"history/{folder.name}" in state.detail
    name = folder.relative_to(project.root).as_posix()
    if which.rejected and accepted is False and one.is_here:
        path = folder if is_kept and is_id(folder.name) else one.place.outputs
        if path.exists() and not (is_kept and is_needed):
            yield _Going(REJECTED, path.relative_to(project.root).as_posix(), path)
    elif is_kept and accepted is not True and not is_needed and _is_older(one, which.older_than_days):
        yield _Going(HISTORY, name, folder)


def _is_older(one: Attempt, days: float | None) -> bool:
    if days is None:
        return False
    try:
        ended = datetime.strptime(one.receipt.ended, TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        ended = one.place.root.lstat().st_mtime
    return time.time() - ended > days * DAY_S
