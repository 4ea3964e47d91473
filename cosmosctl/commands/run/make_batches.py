"""Selected runs into batches: one per model family, planned and bundled under the project's lock."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from cosmosctl.commands.prepare import Checked
from cosmosctl.domain.batch import MOST_RUNS, AllowedBatch
from cosmosctl.domain.ids import checked_id, command, is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.project import AllowedHost
from cosmosctl.errors import FileError, UsageError
from cosmosctl.git import state as git_state
from cosmosctl.host import trust
from cosmosctl.io import own
from cosmosctl.io.atomic import STALE_S
from cosmosctl.io.lock import locked, locked_at_once
from cosmosctl.log import debug
from cosmosctl.plan import bundle
from cosmosctl.plan.planner import Plan
from cosmosctl.results import batch_end
from cosmosctl.state import batch_list, states
from cosmosctl.state.attempts import past

DEFAULT_TITLE = "batch"
_MARK_CHARS = 16


def make_batches(
    project: ProjectPaths,
    checked: Checked,
    plans: Sequence[Plan],
    host: AllowedHost,
    *,
    project_id: str,
    title: str | None,
) -> tuple[AllowedBatch, ...]:
    """Bundle the plans of these runs, for that host. Raises: UsageError when an unfinished batch has one already."""
    name, runs = _told_apart(project, checked_title(title)), [spec.run for spec in checked.specs]
    refuse_too_many(runs)
    with locked(project.lock):
        refuse_held(project, runs)
        debug("phase: bundle")
        _sweep(project)
        before = past(project, runs)
        known = [one.number for one in batch_list.look(project).batches]
        number = max([before.number, *(one + 1 for one in known)])
        halves = [
            bundle.write_bundle(
                project,
                replace(plan, host=host),
                project_id=project_id,
                title=name if len(plans) == 1 else f"{name}-{plan.model.NAME}",
                key=secrets.token_hex(4),
                moment=datetime.now(UTC),
                warnings=checked.warning_lines,
                number=number + position,
                parents=before.parents,
                branch=git_state.branch(project.root),
            )
            for position, plan in enumerate(plans)
        ]
        made: list[AllowedBatch] = []
        with _all_or_none(project, made):
            for half in halves:
                made.append(put_in_place(project, half))
        return tuple(made)


def put_in_place(project: ProjectPaths, half: BatchPaths) -> AllowedBatch:
    """A bundle as a batch that was made here; noted first, so that none is here that nobody believes."""
    trust.note_made(half)
    return trust.allowed_batch(bundle.put_in_place(project, half))


@contextmanager
def _all_or_none(project: ProjectPaths, made: Sequence[AllowedBatch]) -> Iterator[None]:
    """What keeps one of several batches from being bundled (a full disk, Ctrl-C) frees the runs of the others."""
    try:
        yield
    except BaseException:
        for one in made:
            batch_end.free(project, one)
        raise


def _told_apart(project: ProjectPaths, title: str) -> str:
    """The title with the name of a second work tree of git: two of them may make a batch within one second."""
    tree = git_state.second_tree(project.root)
    if not tree:
        return title
    mark = tree if is_id(tree) and len(tree) <= _MARK_CHARS else hashlib.sha256(tree.encode()).hexdigest()[:6]
    return checked_id(f"{title}-{mark}", what="batch")


def checked_title(title: str | None) -> str:
    """The start of the batches' names. Raises: UsageError for one that can be no folder's name."""
    return DEFAULT_TITLE if title is None else checked_id(title, what="batch")


def refuse_too_many(runs: Sequence[str]) -> None:
    """Raises: UsageError when these runs are more than a batch takes."""
    if len(runs) > MOST_RUNS:
        words = ("list", "runs", "--status", "pending", "--ids", "--limit")
        raise UsageError(
            f"a batch takes at most {MOST_RUNS:,} runs, these are {len(runs):,}",
            hint=" | ".join((command(*words, str(MOST_RUNS)), command("batch", "--stdin"))),
        )


def refuse_held(project: ProjectPaths, runs: Sequence[str]) -> None:
    """Raises: UsageError when an unfinished batch holds one of `runs`; FileError when nobody can look at them all."""
    listed = batch_list.look(project)
    if listed.open_passed_over:
        raise FileError(f"batches/: {batch_list.passed_over_words(listed)}; they may hold any run", hint="git status")
    held = {run: batch.paths.name for batch in states.open_batches(project, listed) for run in batch.runs}
    taken = [f"{run} is in batch {held[run]}, which has not ended" for run in runs if run in held]
    if taken:
        batch = held[next(run for run in runs if run in held)]
        raise UsageError("\n".join(taken), hint=f"{command('attach', batch)}, or {command('cancel', batch)}")


def _sweep(project: ProjectPaths) -> None:
    """Remove what killed commands left in .cosmosctl: halves of bundles, what was on its way for ended batches.

    The caller holds the project's lock, so nobody is at a bundle.
    """
    own.remove_temps(project.derived, unused_for_s=STALE_S)
    for folder in (project.staging, project.batches):
        for name in own.names(folder):
            if name.endswith(bundle.HALF) and is_id(name.removeprefix(".").removesuffix(bundle.HALF)):
                own.discard(folder / name)
    for paths in states.batches(project):
        lock = project.batch_lock(paths.name)
        if paths.end.exists() and (lock.exists() or project.staged(paths.name).exists()):
            with locked_at_once(lock) as held:
                if held:
                    own.discard(project.staged(paths.name))
                    own.remove(lock)
