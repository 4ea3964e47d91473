"""The past of a run, or of all: which batches took it and what came of it, also what was moved to history/."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host.trust import allow_batch_command
from cosmosctl.opening.project import opened
from cosmosctl.plan.bundle_reader import read_runs
from cosmosctl.results.ratings import opinion_of, read_ratings
from cosmosctl.results.receipts import Failure, Receipt
from cosmosctl.state import states
from cosmosctl.state.attempts import Attempt, attempts
from cosmosctl.store import load_all


@dataclass(frozen=True)
class Entry:
    """One attempt: `state` is done, cancelled, unfinished, made elsewhere or a reason.

    `video` is a path below the project, or "".
    """

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
    rating: str = ""


def entries(folder: Path, words: Sequence[str]) -> tuple[Entry, ...]:
    """Every attempt of the named runs, of all without any, newest first; unfinished ones before all."""
    project = opened(folder)
    snapshot = load_all(project.root)
    runs = [resolve_id(word, snapshot.run_ids, what="run") for word in words] or list(snapshot.run_ids)
    named, held = frozenset(runs), states.held_runs(project)
    waiting = [Entry(run, held[run], "", "unfinished") for run in runs if run in held]
    waiting += [
        Entry(run, paths.name, "", "made elsewhere", detail=allow_batch_command(paths))
        for paths in states.foreign_batches(project)
        for run in read_runs(paths)[0]
        if run in named
    ]
    past = [(one.age, run, one) for run in dict.fromkeys(runs) for one in attempts(project, run)]
    past.sort(key=lambda each: each[:2], reverse=True)
    return (*waiting, *(_entry(project, run, one) for _, run, one in past))


def _entry(project: ProjectPaths, run: str, one: Attempt) -> Entry:
    if isinstance(one.receipt, Receipt):
        return _of_receipt(project, run, one, one.receipt)
    return _of_failure(run, one.receipt)


def _of_receipt(project: ProjectPaths, run: str, one: Attempt, receipt: Receipt) -> Entry:
    video = one.place.root / receipt.primary_output
    return Entry(
        run=run,
        batch=receipt.batch,
        ended=receipt.ended,
        state="done",
        model=receipt.model,
        host=receipt.host,
        seed="" if receipt.seed is None else str(receipt.seed),
        video_s=receipt.video_s,
        video=video.relative_to(project.root).as_posix() if one.is_here and video.is_file() else "",
        preview=receipt.preview,
        rating=opinion_of(read_ratings(project.run(run).ratings), receipt.video_sha256).words,
    )


def _of_failure(run: str, failure: Failure) -> Entry:
    state = failure.reason or failure.state
    return Entry(run, failure.batch, failure.ended, state, detail=failure.detail, preview=failure.preview)
