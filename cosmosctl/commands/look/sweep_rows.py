"""What `list sweeps` prints: one mapping a sweep, by name."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmosctl.opening.project import opened
from cosmosctl.results.ratings import Opinion
from cosmosctl.state import states
from cosmosctl.state.rated import opinions
from cosmosctl.state.states import RunState
from cosmosctl.store import Snapshot, load_all

WITHOUT_FILE = "no file"
"""Runs say that they are of it, and it has no file (any more)."""


def sweep_rows(folder: Path, *, host: str | None = None) -> tuple[dict[str, Any], ...]:
    """id, status, base, number of values of each axis, runs of each sweep. Raises: UsageError for an unknown host."""
    project = opened(folder)
    snapshot = load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    said = opinions(project, known)
    members = defaultdict[str, list[str]](list)
    for run in snapshot.run_ids:
        members[snapshot.seen_run(run).sweep].append(run)
    named = sorted({*snapshot.sweep_ids, *members} - {""})
    return tuple(_row(snapshot, name, members[name], known, said) for name in named)


def _row(
    snapshot: Snapshot, name: str, runs: list[str], known: Mapping[str, RunState], said: Mapping[str, Opinion]
) -> dict[str, Any]:
    """Every key is there and of one kind, also for a sweep that cannot be used."""
    sweep = snapshot.sweeps.get(name)
    mistakes = [problem.words for problem in snapshot.mistakes_of_sweep(name)]
    status = "invalid" if mistakes else "well" if sweep is not None else WITHOUT_FILE
    axes = {**sweep.grid, **sweep.zipped} if sweep is not None else {}
    return {
        "id": name,
        "status": status,
        "base": sweep.base if sweep is not None else "",
        "axes": {axis: len(values) for axis, values in axes.items()},
        "runs": len(runs),
        "done": sum(known[run].state == "done" for run in runs),
        "accepted": sum(run in said and said[run].accepted is True for run in runs),
        "members": runs,
        "mistakes": mistakes,
    }
