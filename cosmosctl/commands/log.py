"""The past of a run, or of all: which batches took it and what came of it, also what was moved to history/."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.receipts import Failure, Receipt, read_failure, read_receipt
from cosmosctl.states import held_runs
from cosmosctl.store import find_root, load_all


@dataclass(frozen=True)
class Entry:
    """One attempt: `state` is done, cancelled, unfinished or a reason. `video` is a path below the project, or ""."""

    run: str
    batch: str
    ended: str
    state: str
    model: str = ""
    host: str = ""
    seed: str = ""
    video_s: float | None = None
    video: str = ""
    detail: str = ""
    preview: bool = False


def entries(folder: Path, words: Sequence[str]) -> tuple[Entry, ...]:
    """Every attempt of the named runs, of all without any, newest first; unfinished ones before all."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    runs = [resolve_id(word, snapshot.run_ids, what="run") for word in words] or list(snapshot.run_ids)
    held = held_runs(project)
    waiting = [Entry(run, held[run], "", "unfinished") for run in runs if run in held]
    past = [entry for run in dict.fromkeys(runs) for entry in _past(project, run)]
    return (*waiting, *sorted(past, key=lambda entry: (entry.ended, entry.run), reverse=True))


def _past(project: ProjectPaths, run: str) -> Iterator[Entry]:
    paths = project.run(run)
    kept = sorted(paths.history.iterdir()) if paths.history.is_dir() else []
    places = (paths.result, paths.preview, *map(ResultPaths, kept))
    for place in places:
        receipt, failure = read_receipt(place.receipt), read_failure(place.failure)
        if receipt is not None:
            yield _of_receipt(project, run, place, receipt)
        if failure is not None:
            yield _of_failure(run, failure)


def _of_receipt(project: ProjectPaths, run: str, place: ResultPaths, receipt: Receipt) -> Entry:
    video = place.root / receipt.primary_output
    return Entry(
        run=run,
        batch=receipt.batch,
        ended=receipt.ended,
        state="done",
        model=receipt.model,
        host=receipt.host,
        seed="" if receipt.seed is None else str(receipt.seed),
        video_s=receipt.video_s,
        video=video.relative_to(project.root).as_posix() if video.is_file() else "",
        preview=receipt.preview,
    )


def _of_failure(run: str, failure: Failure) -> Entry:
    state = failure.reason or failure.state
    return Entry(run, failure.batch, failure.ended, state, detail=failure.detail, preview=failure.preview)
