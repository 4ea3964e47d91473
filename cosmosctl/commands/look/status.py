"""Where every run and every unfinished batch stands."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.plurals import some
from cosmosctl.domain.project import Host
from cosmosctl.errors import MOST_SHOWN
from cosmosctl.io import links
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.opening.project import opened_with_batches
from cosmosctl.state import states
from cosmosctl.state.batch_list import BatchList, passed_over_words
from cosmosctl.state.states import OpenBatch, RunState
from cosmosctl.store import Index, Snapshot, load_all
from cosmosctl.store.reading.left import MANIFEST
from cosmosctl.store.run_line import RunLine

WORDS_OF_PROMPT = 6
LOOKS = 1000
"""Of so many runs it is said what tells them apart; of more it is nobody's reading, and costs time."""


@dataclass(frozen=True)
class Overview:
    """All that `status` shows. `foreign`: batches of other clones, which hold no run here.

    `snapshot` is what it was told from: who ends anyway does not wait until it is taken apart.
    """

    project: ProjectPaths
    host: Host
    runs: Mapping[str, RunState]
    snapshot: Snapshot = field(repr=False, compare=False)
    looks: Mapping[str, str]
    open_batches: tuple[OpenBatch, ...]
    problems: tuple[str, ...]
    leftovers: tuple[str, ...] = ()
    foreign: tuple[BatchPaths, ...] = ()
    _labels: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def label(self, run: str) -> str:
        """Scene and first words of the prompt of a run: told when asked, as of ten thousand runs few are shown."""
        prompt = self.snapshot.prompt_of(run)
        if prompt not in self._labels:
            self._labels[prompt] = _label(self.snapshot, prompt)
        return self._labels[prompt]


def overview(folder: Path, host: str | None) -> Overview:
    """The state of the project that `folder` lies in. Raises: FileError, UsageError."""
    project, listed = opened_with_batches(folder)
    unfinished = states.unfinished(project, listed)
    open_ones = states.opened_batches(unfinished.ours)
    index = Index.open(project.root)
    with index.saved_once():
        snapshot = load_all(project.root, index)
        chosen = snapshot.host(host)
        runs = states.all_states(project, snapshot, preview=chosen.is_preview, unfinished=open_ones)
        problems = (
            *_mistakes(snapshot, runs),
            *_strange_batches(listed),
            *_damaged_batches(snapshot, listed),
            *_damaged_manifests(snapshot, runs),
            *_damaged_waiting(project, listed),
        )
        looks = _looks(snapshot, runs) if len(runs) <= LOOKS else {}
    told = (looks, open_ones, problems, snapshot.leftovers, unfinished.foreign)
    return Overview(project, chosen, runs, snapshot, *told)


def _looks(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Mapping[str, str]:
    from cosmosctl.commands.look.looks import differences

    return differences(snapshot, runs)


def _mistakes(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Iterator[str]:
    """What is wrong with the files. That videos are not here is no mistake while it keeps no run from anything."""
    if not snapshot.problems:
        return iter(())
    known = [run for run, state in runs.items() if state.state != "invalid" and snapshot.lacks_videos(run)]
    stopped = {snapshot.prompt_of(run) for run, state in runs.items() if state.state == "invalid"}
    quiet = {f"prompts/{snapshot.prompt_of(run)}" for run in known if snapshot.prompt_of(run) not in stopped}
    return (problem.words for problem in snapshot.problems if problem.subject not in quiet)


def _damaged_batches(snapshot: Snapshot, listed: BatchList) -> Iterator[str]:
    """What is wrong with files of batches."""
    if not listed.batches:
        return iter(())
    from cosmosctl.commands.look.damaged_batches import damaged_batches

    return damaged_batches(listed.batches, snapshot.index)


def _damaged_manifests(snapshot: Snapshot, runs: Mapping[str, RunState]) -> Iterator[str]:
    """What is wrong with manifests; that one is well is remembered while it stays."""
    index, root = snapshot.index, str(snapshot.root)
    for run, state in runs.items():
        if not state.batch:
            continue
        line = index.run(run)
        if not line.left or (state.place == "preview" and line.inside_key and MANIFEST not in line.inside):
            continue  # the folder, which was looked at just now, has none, or nothing that one is of
        file = f"runs/{run}/{state.place}/{MANIFEST}" if state.place else f"runs/{run}/{MANIFEST}"
        if words := _manifest_trouble(index, line, f"{root}/{file}"):
            yield f"{file}: {words}; {command('fetch', run)}"


def _damaged_waiting(project: ProjectPaths, listed: BatchList) -> Iterator[str]:
    """Videos that wait for a run, and nothing tells whose they are."""
    if not listed.waiting:
        return
    from cosmosctl.opening.claims import without_receipt

    for _, _, place in without_receipt(listed):
        where = place.root.relative_to(project.root).as_posix()
        yield f"{where}: a video waits here, and no receipt of it can be read; {command('fetch')}"


def _manifest_trouble(index: Index, line: RunLine, file: str) -> str:
    try:
        status = os.lstat(file)
    except OSError:
        status = None
    key, now_ns = stat_key(status) if status is not None else "", time.time_ns()
    if line.manifest == key:
        return ""
    from cosmosctl.results import manifests

    words = manifests.trouble_of(Path(file))
    if not words:
        line.manifest = key if status is not None and is_settled(status, now_ns) else ""
        index.changed()
    return words


def _strange_batches(listed: BatchList) -> Iterator[str]:
    """What lies in batches/ and is passed over: names that no batch has, links, more than is looked at."""
    if listed.nameless:
        names = [ascii(name) for name in listed.nameless]
        yield f"batches/: {some(names, 'name')} that is no id, and passed over"
    if listed.passed_over:
        yield f"batches/: {passed_over_words(listed)}"
    for place in listed.links[:MOST_SHOWN]:
        yield f"batches/{place.name}: {links.LINK_WORDS}; {links.link_hint(place)}"
    if len(listed.links) > MOST_SHOWN:
        yield f"batches/: {len(listed.links) - MOST_SHOWN} more symbolic links, which are passed over"


def _label(snapshot: Snapshot, prompt_id: str) -> str:
    if prompt_id not in snapshot.prompts:
        return ""
    prompt = snapshot.prompts[prompt_id]
    words = prompt.text.split()
    tail = " …" if len(words) > WORDS_OF_PROMPT else ""
    return f"{prompt.scene}: {' '.join(words[:WORDS_OF_PROMPT])}{tail}"
