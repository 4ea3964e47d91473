"""What `list` prints: one mapping a prompt, run or batch, newest last."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.commands.look.looks import differences
from cosmosctl.commands.look.runs_wanted import ID, NEWEST, RunsWanted, rank, texts_of
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths
from cosmosctl.domain.plurals import some
from cosmosctl.domain.project import Prompt
from cosmosctl.errors import FileError
from cosmosctl.events.progress import Progress, read_progress
from cosmosctl.host.launches import read_launch
from cosmosctl.host.trust import allow_batch_command, was_made_here
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_files
from cosmosctl.results.batch_end import read_end
from cosmosctl.results.ratings import UNRATED, Opinion
from cosmosctl.state import states
from cosmosctl.state.rated import opinions
from cosmosctl.state.states import OpenBatch
from cosmosctl.store import Snapshot, find_project, load_all

Rows = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Wanted:
    """Which prompts or runs: those that hold all `words` and have the tag, of these the newest `limit`."""

    words: tuple[str, ...] = ()
    tag: str | None = None
    limit: int | None = None

    def takes(self, texts: Iterable[str], tags: Collection[str]) -> bool:
        """Whether what has these texts and tags is wanted."""
        if self.tag is not None and self.tag not in tags:
            return False
        if not self.words:
            return True
        text = "\n".join((*texts, *tags)).casefold()
        return all(word.casefold() in text for word in self.words)


ALL = Wanted()
ANY_RUNS = RunsWanted()


def prompt_rows(folder: Path, wanted: Wanted = ALL) -> Rows:
    """id, prompt, scene, videos, number of runs of each prompt; of one with mistakes what can be read, and they."""
    project = find_project(folder)
    snapshot = load_all(project.root)
    counts: dict[str, int] = {}
    for run in snapshot.run_ids:
        counts[snapshot.prompt_of(run)] = counts.get(snapshot.prompt_of(run), 0) + 1
    seen = {name: snapshot.seen_prompt(name) for name in snapshot.prompt_ids}
    found = [name for name, prompt in seen.items() if wanted.takes(_texts(prompt), prompt.tags)]
    chosen = _newest(found, wanted.limit, [project.prompt(name) for name in found])
    return tuple(
        {
            "id": prompt.id,
            "status": "invalid" if snapshot.mistakes_of_prompt(prompt.id) else "well",
            "prompt": prompt.text,
            "scene": prompt.scene,
            "videos": dict(prompt.videos),
            "negative_prompt": prompt.negative_prompt,
            "tags": list(prompt.tags),
            "runs": counts.get(prompt.id, 0),
            "mistakes": [problem.words for problem in snapshot.mistakes_of_prompt(prompt.id)],
        }
        for prompt in (seen[name] for name in chosen)
    )


def run_rows(folder: Path, wanted: Wanted = ALL, which: RunsWanted = ANY_RUNS, *, host: str | None = None) -> Rows:
    """id, prompt_id, status, weights, batch, settings, output, rating of each run. Raises: UsageError."""
    project = opened(folder)
    snapshot = load_all(project.root)
    which = which.checked(snapshot)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    said = opinions(project, known)
    names = [
        name
        for name, one in known.items()
        if which.takes(snapshot, one, said.get(name, UNRATED))
        and _takes(wanted, snapshot, name, said.get(name, UNRATED))
    ]
    chosen = _ordered(project, names, said, which.order)[-wanted.limit if wanted.limit else 0 :]
    apart = differences(snapshot, known, weights=False)
    return tuple(
        _run_row(project, snapshot, known[name], said.get(name, UNRATED)) | {"differs": apart.get(name, "")}
        for name in chosen
    )


def _ordered(project: ProjectPaths, names: Sequence[str], said: Mapping[str, Opinion], order: str) -> list[str]:
    """By the times of their files, by what people said, the best last, or by id."""
    if order == ID:
        return sorted(names)
    newest = _newest(names, None, [project.run(name).spec for name in names])
    return newest if order == NEWEST else sorted(newest, key=lambda name: rank(said.get(name, UNRATED)))


def _takes(wanted: Wanted, snapshot: Snapshot, name: str, opinion: Opinion) -> bool:
    if wanted.tag is None and not wanted.words:
        return True
    run = snapshot.seen_run(name)
    return wanted.takes(texts_of(snapshot, name, opinion), {*run.tags, *snapshot.seen_prompt(run.prompt).tags})


def _texts(prompt: Prompt) -> tuple[str, ...]:
    return (prompt.id, prompt.text, prompt.scene, prompt.notes)


def batch_rows(folder: Path, *, limit: int | None) -> Rows:
    """id, status, host, model, size, done, created, runs of each batch."""
    project = find_project(folder)
    found = states.batches(project)
    return tuple(_batch_row(paths) for paths in found[-limit if limit else 0 :])


def foreign_words(folder: Path) -> str:
    """Which batches were made elsewhere and have not ended, and what lets them be followed; "" without any."""
    found = states.foreign_batches(find_project(folder))
    if not found:
        return ""
    named = some([paths.name for paths in found], "batch", "batches")
    return f"{named}: made elsewhere, so that they hold no run here; to follow one: {allow_batch_command(found[0])}"


def _run_row(project: ProjectPaths, snapshot: Snapshot, state: states.RunState, opinion: Opinion) -> dict[str, Any]:
    """Every key is there and of one kind, also for a run that cannot be used: then what can be read of it."""
    run = snapshot.seen_run(state.run)
    prompt = snapshot.seen_prompt(run.prompt)
    row: dict[str, Any] = {"id": state.run, "prompt_id": run.prompt, "status": state.state}
    row |= {"weights": dict(run.weights), "batch": state.batch or None, "detail": state.detail}
    row |= {"reason": state.reason or None, "output": None, "settings": dict(run.settings)}
    if state.state == "done":
        folder = ResultPaths(project.run(state.run).root / state.place)
        row["output"] = (folder.outputs / "output.mp4").relative_to(project.root).as_posix()
    row |= {"model": run.model or snapshot.config.model, "tags": list(run.tags), "sweep": run.sweep or None}
    row |= {"rating": opinion.words, "stars": opinion.stars, "accepted": opinion.accepted}
    return row | {"scene": prompt.scene, "prompt": prompt.text}


def _batch_row(paths: BatchPaths) -> dict[str, Any]:
    troubles = batch_files.troubles(paths)
    try:
        batch = bundle_reader.read_batch(paths)
    except FileError as e:
        is_here = paths.plan.exists()
        mistakes = [*troubles, *([e.line] if is_here and not any("/plan.json: " in one for one in troubles) else [])]
        return {**_far_row(paths), "status": "unreadable" if is_here else "elsewhere", "mistakes": mistakes}
    try:
        state = read_progress(paths.events, batch.runs)
    except FileError:
        state = Progress()
    end = read_end(paths.end)
    ends = end.runs.values() if end else (one.state for one in state.ends.values())
    standing = OpenBatch(paths, batch.runs, state, read_launch(paths.launch)).standing or "running"
    standing = standing if was_made_here(paths) else "elsewhere"
    words = end.state if end else "damaged" if paths.end.exists() else standing
    return {
        "id": paths.name,
        "status": words,
        "host": batch.host.name,
        "model": batch.model,
        "size": len(batch.rows),
        "done": sum(one == "done" for one in ends),
        "created": batch.created,
        "runs": list(batch.runs),
        "mistakes": list(troubles),
    }


def _far_row(paths: BatchPaths) -> dict[str, Any]:
    """What batch.yaml tells of a batch whose plan is not here or cannot be read."""
    row: dict[str, Any] = {"id": paths.name, "status": "", "host": None, "model": None, "size": None, "done": None}
    with suppress(FileError):
        head = bundle_reader.read_head(paths)
        row |= {"host": head.host.name, "model": head.model, "created": head.created}
    return row


def _newest(names: Iterable[str], limit: int | None, files: Sequence[Path]) -> list[str]:
    """Names in the order in which their files were last written, the newest `limit` of them."""
    aged = sorted(zip((_written(file) for file in files), names, strict=True))
    return [name for _, name in aged[-limit if limit else 0 :]]


def _written(file: Path) -> int:
    """When a file was last written; what is not there counts as the oldest."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
