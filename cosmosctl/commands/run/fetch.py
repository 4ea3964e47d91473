"""Bring home what ended since, without waiting: one look at each host that has an unfinished batch of ours."""

from collections.abc import Sequence
from pathlib import Path

from cosmosctl.commands.on_end import tell_end
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.events.progress import read_progress
from cosmosctl.following.follower import is_complete
from cosmosctl.following.home import bring_home, bring_late, close, refuse_stuck
from cosmosctl.following.mend import mend_waiting
from cosmosctl.following.restore import report_all, restore
from cosmosctl.following.watcher import ABANDONED, Watcher
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import copy_events, set_events_aside
from cosmosctl.io.lock import locked_at_once
from cosmosctl.log import say
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_files, collect
from cosmosctl.results.batch_end import read_end
from cosmosctl.results.collect import Collected
from cosmosctl.state import states
from cosmosctl.store import load_all


def fetch_all(folder: Path, ids: Sequence[str], watch: Watcher) -> tuple[Collected, ...]:
    """What was brought home: of the named batches and runs, else of every unfinished batch. Raises: HostError."""
    project = opened(folder)
    mend_waiting(project)
    snapshot = load_all(project.root)
    waiting = [one.paths.name for one in states.open_batches(project) if not one.is_exported]
    known = {**dict.fromkeys(snapshot.run_ids, "run"), **{paths.name: "batch" for paths in states.batches(project)}}
    named = [resolve_id(word, known, what="run or batch") for word in ids]
    batches = [name for name in named if known[name] == "batch"] if named else bundle_reader.readable(project, waiting)
    found = [one for name in batches for one in fetch_batch(project, name, watch)]
    found += [restore(project, name) for name in named if known[name] == "run"]
    if not named:
        report_all(project, snapshot.run_ids)
    return tuple(found)


def fetch_batch(project: ProjectPaths, name: str, watch: Watcher) -> tuple[Collected, ...]:
    """The runs of one batch that ended and were not home yet; the batch is closed when its host ended it.

    Of a batch whose host was given up, what turned up since goes to history/. Raises: HostError.
    """
    batch = trust.allowed_batch(project.batch(name))
    with locked_at_once(project.batch_lock(name)) as free:
        if not free:
            say(f"{name} is being followed by another cosmosctl, which brings its results")
            return ()
        batch_files.mend(project.root, project.batch(name), batch)
        end = read_end(project.batch(name).end)
        if end is not None:
            return bring_late(project, batch, watch) if end.state == ABANDONED else ()
        copy_events(invoke_context(), project, batch)
        state = read_progress(project.batch(name).events, batch.runs)
        if state.finished and not is_complete(batch, state):
            set_events_aside(project, batch)
            copy_events(invoke_context(), project, batch)
            state = read_progress(project.batch(name).events, batch.runs)
        home = collect.all_here(project, batch)
        before = set(home)
        refuse_stuck(batch, bring_home(project, batch, state, home, watch))
        if state.finished:
            close(project, batch, state, home, with_logs=home.keys() == before)
            tell_end(project, name)
        return tuple(one for run, one in home.items() if run not in before)
