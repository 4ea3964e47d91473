"""Where every run and every unfinished batch stands."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.plurals import some
from cosmosctl.domain.project import Host
from cosmosctl.io import own
from cosmosctl.results import batch_files, manifests
from cosmosctl.results.batch_end import is_ended
from cosmosctl.state import states
from cosmosctl.state.claims import opened
from cosmosctl.state.states import OpenBatch, RunState
from cosmosctl.store import Snapshot, load_all

WORDS_OF_PROMPT = 6
LOOKS = 1000
"""Of so many runs it is said what tells them apart; of more it is nobody's reading, and costs time."""


@dataclass(frozen=True)
class Overview:
    """All that `status` shows. `foreign`: batches of other clones, which hold no run here."""

    project: ProjectPaths
    host: Host
    runs: Mapping[str, RunState]
    labels: Mapping[str, str]
    looks: Mapping[str, str]
    open_batches: tuple[OpenBatch, ...]
    problems: tuple[str, ...]
    leftovers: tuple[str, ...] = ()
    foreign: tuple[BatchPaths, ...] = ()


def overview(folder: Path, host: str | None) -> Overview:
    """The state of the project that `folder` lies in. Raises: FileError, UsageError."""
    project = opened(folder)
    open_ones = states.open_batches(project)
    snapshot = load_all(project.root)
    chosen = snapshot.host(host)
    runs = states.all_states(project, snapshot, preview=chosen.is_preview, unfinished=open_ones)
    problems = (
        *_mistakes(snapshot, runs),
        *_damaged_batches(project),
        *_damaged_manifests(snapshot, runs),
        *_nameless(project),
        *_linked(project),
    )
    looks = _looks(snapshot, runs) if len(runs) <= LOOKS else {}
    labels = _labels(snapshot, runs)
    foreign = states.foreign_batches(project)
    return Overview(project, chosen, runs, labels, looks, open_ones, problems, snapshot.leftovers, foreign)


def _looks(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Mapping[str, str]:
    from cosmosctl.commands.looks import differences

    return differences(snapshot, runs)


def _mistakes(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Iterator[str]:
    """What is wrong with the files. That videos are not here is no mistake while it keeps no run from anything."""
    if not snapshot.problems:
        return iter(())
    known = [run for run, state in runs.items() if state.state != "invalid" and snapshot.lacks_videos(run)]
    stopped = {snapshot.prompt_of(run) for run, state in runs.items() if state.state == "invalid"}
    quiet = {f"prompts/{snapshot.prompt_of(run)}" for run in known if snapshot.prompt_of(run) not in stopped}
    return (problem.words for problem in snapshot.problems if problem.subject not in quiet)


def _damaged_batches(project: ProjectPaths) -> Iterator[str]:
    """What is wrong with files of batches. An unfinished one whose plan is damaged is told where it stands."""
    for paths in states.batches(project):
        found = batch_files.troubles(paths)
        yield from found if is_ended(paths) else (line for line in found if "/plan.json: " not in line)


def _damaged_manifests(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Iterator[str]:
    """What is wrong with manifests; that one is well is remembered while it stays."""
    index, root = snapshot.index, str(snapshot.root)
    for run, state in runs.items():
        if not state.batch:
            continue
        file = f"runs/{run}/{state.place}/manifest.txt" if state.place else f"runs/{run}/manifest.txt"
        if words := index.fact(index.notes(run), "manifest", f"{root}/{file}", _manifest_trouble):
            index.note(index.notes(run), "manifest", None)
            yield f"{file}: {words}; {command('fetch', run)}"
    index.save()


def _manifest_trouble(file: str) -> str:
    return manifests.trouble_of(Path(file))


def _nameless(project: ProjectPaths) -> Iterator[str]:
    """What lies in batches/ under names that no batch has: told once, and passed over by everything."""
    names = states.nameless_batches(project)
    if names:
        yield f"batches/: {some([ascii(name) for name in names], 'name')} that is no id, and passed over"


def _linked(project: ProjectPaths) -> Iterator[str]:
    """Batches that are links, each with what to type about it."""
    for place in states.linked_batches(project):
        yield f"batches/{place.name}: {own.LINK_WORDS}; {own.link_hint(place)}"


def eta_s(batch: OpenBatch) -> float | None:
    """Seconds that the rest of a running batch may take, by the runs it has finished; None before the first."""
    seen = batch.progress
    done = [end.seconds for end in seen.ends.values() if end.state == "done"]
    if not done or seen.started is None:
        return None
    gpus = len({process.get("gpu") for process in seen.processes}) or 1
    rest = len(batch.runs) - len(seen.ends) - sum(seen.running.values())
    return max(0.0, rest * sum(done) / len(done) / gpus)


def share(batch: OpenBatch) -> float:
    """How much of a batch is through, 0..1."""
    return (len(batch.progress.ends) + sum(batch.progress.running.values())) / max(1, len(batch.runs))


def last_word_s(batch: OpenBatch) -> float:
    """Seconds since its copy of the host's events last grew."""
    return max(0.0, time.time() - batch.paths.events.stat().st_mtime) if batch.paths.events.exists() else 0.0


def _labels(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Mapping[str, str]:
    """Scene and first words of the prompt of each run."""
    words: dict[str, str] = {}
    labels = {}
    for run in runs:
        prompt_id = snapshot.prompt_of(run)
        if prompt_id not in words:
            words[prompt_id] = _words(snapshot, prompt_id)
        labels[run] = words[prompt_id]
    return labels


def _words(snapshot: Snapshot, prompt_id: str) -> str:
    if prompt_id not in snapshot.prompts:
        return ""
    prompt = snapshot.prompts[prompt_id]
    parts: Sequence[str] = prompt.text.split()
    tail = " …" if len(parts) > WORDS_OF_PROMPT else ""
    return f"{prompt.scene}: {' '.join(parts[:WORDS_OF_PROMPT])}{tail}"
