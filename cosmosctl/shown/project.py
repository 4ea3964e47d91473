"""All that is to be shown of a project: runs, prompts, batches, the videos that they name. The one reading for all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.reasons import REASONS
from cosmosctl.plan.bundle_reader import read_runs
from cosmosctl.shown import batches, runs
from cosmosctl.shown.discreet import discreet
from cosmosctl.shown.hosts import host_facts
from cosmosctl.shown.memory import Ground, Memory
from cosmosctl.shown.videos import Video, Wanted
from cosmosctl.state import states
from cosmosctl.state.current import Current
from cosmosctl.store import Snapshot, load_all

FORMAT = 1
"""Of the facts that pages read."""


@dataclass(frozen=True)
class Chosen:
    """What is shown: runs and batches by name."""

    runs: tuple[str, ...]
    batches: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """`facts` is what JSON holds; `videos` by key; the logs by name, none unless they are wanted."""

    facts: Mapping[str, Any]
    videos: Mapping[str, Video]
    run_logs: Mapping[str, Path]
    batch_logs: Mapping[str, Path]


def chosen(project: ProjectPaths, snapshot: Snapshot, words: Sequence[str]) -> Chosen:
    """What these words name, all without any. Raises: UsageError for one that names nothing."""
    known = {paths.name: "batch" for paths in states.batches(project)} | dict.fromkeys(snapshot.run_ids, "run")
    if not words:
        return Chosen(snapshot.run_ids, tuple(name for name, kind in known.items() if kind == "batch"))
    named = [resolve_id(word, known, what="run or batch") for word in words]
    found = dict.fromkeys(name for name in named if known[name] == "run")
    wanted = tuple(dict.fromkeys(name for name in named if known[name] == "batch"))
    for name in wanted:
        there = read_runs(project.batch(name))[0]
        found |= dict.fromkeys(run for run in there if run in snapshot.run_ids)
    return Chosen(tuple(found), wanted)


def shown(project: ProjectPaths, words: Sequence[str], memory: Memory, *, with_logs: bool) -> Shown:
    """What is to be shown of what these words name. `with_logs`: also what may name paths and machines.

    `memory` is of facts of the same kind. Raises: UsageError, FileError.
    """
    unfinished = states.open_batches(project)
    snapshot = load_all(project.root)
    picked = chosen(project, snapshot, words)
    known = states.all_states(project, snapshot, preview=snapshot.host().is_preview, unfinished=unfinished)
    wanted = Wanted(project.root)
    reading = runs.Reading(project, snapshot, known, Current(project, snapshot), wanted, with_logs)
    going_on = {one.paths.name: one for one in unfinished}
    memory.begin(snapshot)
    ground = Ground(project, snapshot, wanted)
    told = {run: memory.told(ground, known[run], partial(runs.told, reading, run)) for run in picked.runs}
    of_runs = [one.facts for one in told.values()]
    of_prompts = [prompt_facts(reading, one) for one in dict.fromkeys(facts["prompt"] for facts in of_runs) if one]
    if not words:
        of_prompts += [prompt_facts(reading, one) for one in snapshot.prompt_ids if one not in _ids(of_prompts)]
    paths = [project.batch(name) for name in picked.batches]
    videos = wanted.found()
    ratings = runs.ratings_of(project)
    facts = {
        "format": FORMAT,
        "project": snapshot.config.project,
        "title": project.root.name,
        "runs": [runs.with_keys(one, videos, ratings) for one in of_runs],
        "prompts": [one | {"videos": _keyed(one["videos"], videos)} for one in of_prompts],
        "batches": [_batch(memory, one, going_on, set(picked.runs), with_logs=with_logs) for one in paths],
        "hosts": host_facts(snapshot.config, states.batches(project)) if with_logs else [],
        "reasons": dict(REASONS),
    }
    memory.keep()
    batch_logs = {one.name: one.log for one in paths if with_logs and one.log.exists()}
    run_logs = {run: project.root / one.log for run, one in told.items() if one.log}
    return Shown(facts, {video.key: video for video in videos.values()}, run_logs, batch_logs)


def prompt_facts(reading: runs.Reading, name: str) -> dict[str, Any]:
    """One prompt; videos are named by project path."""
    prompt = reading.snapshot.seen_prompt(name)
    mistakes = [reading.said(one.words) for one in reading.snapshot.mistakes_of_prompt(name)]
    usable = name in reading.snapshot.prompts
    videos = [
        [role, reading.wanted.input(path, f"{name}-{role}") if usable else ""] for role, path in prompt.videos.items()
    ]
    return {
        "id": name,
        "text": prompt.text,
        "negative": prompt.negative_prompt or "",
        "scene": discreet(prompt.scene),
        "tags": list(prompt.tags),
        "notes": prompt.notes,
        "videos": videos,
        "mistakes": mistakes,
    }


def _batch(
    memory: Memory,
    paths: BatchPaths,
    going_on: Mapping[str, states.OpenBatch],
    runs: Collection[str],
    *,
    with_logs: bool,
) -> dict[str, Any]:
    """One batch; rows of `runs` alone."""
    facts = memory.of_batch(paths, lambda: batches.batch_facts(paths, going_on.get(paths.name), with_logs=with_logs))
    return facts | {"rows": [row for row in facts["rows"] if row["run"] in runs]}


def _ids(found: Sequence[Mapping[str, Any]]) -> Collection[str]:
    return {one["id"] for one in found}


def _keyed(named: Sequence[Sequence[str]], videos: Mapping[str, Video]) -> list[list[str]]:
    return [[role, videos[path].key if path in videos else ""] for role, path in named]
