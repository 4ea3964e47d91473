"""The job of a batch on its host, started or found started."""

import shlex
from typing import TYPE_CHECKING

from cosmosctl import models, schedulers
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.engines.protocol import Keeper
from cosmosctl.errors import HostError
from cosmosctl.host.launches import ASKED, LAUNCHED, note_launch, read_launch
from cosmosctl.host.process import Answer, Unreachable, failure_of, one_line, script

if TYPE_CHECKING:
    from invoke import Context

MISSING, HELD, NAMED, NOT_STARTED = 75, 76, 77, 70
"""launch.sh: the host lacks files; another unfinished batch there has one of the runs; another batch of this project
has the name; the job did not come up.
"""


class NotStarted(HostError):
    """The host was asked to start the job, and it did not come up."""


class NameTaken(HostError):
    """Another clone of the project made a batch of that name within the same second."""


class MissingInputs(HostError):
    """The host lacks files that it needs; pushing mends it. `folder_lost`: even the bundle, so all it knew is gone."""

    def __init__(self, message: str, *, hint: str, folder_lost: bool) -> None:
        super().__init__(message, hint=hint)
        self.folder_lost = folder_lost


def launch(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> str:
    """Start the job, or find it started: "launched" or "finished"; noted in launch.yaml, before and after.

    Raises: HostError, MissingInputs.
    """
    if c.config.run.dry:
        return _launched(c, project, batch)
    note = project.batch(batch.name).launch
    known = read_launch(note)
    if known is None or known.how != LAUNCHED:
        note_launch(note, ASKED, batch.host.name)
    word = _launched(c, project, batch)
    note_launch(note, LAUNCHED, batch.host.name)
    return word


def launch_args(batch: Batch) -> tuple[str, ...]:
    """The arguments of launch.sh that start the job of a batch."""
    queue = schedulers.queue(batch.host)
    if queue is not None and batch.shards:
        asked = queue.commands(batch.host, batch.there.folder)
        kept = ("queue", str(batch.shards), shlex.join(asked.running), asked.throttle)
        return (batch.host.dir, batch.there.folder, *kept, "--", *asked.submit)
    job = schedulers.of(batch.host).job(batch.host, models.get(batch.model), batch.there.batch)
    return (batch.host.dir, batch.there.folder, *_kept_by(job.keeper), "--", *job.argv)


def _kept_by(keeper: Keeper | None) -> tuple[str, ...]:
    if keeper is None:
        return ("detach",)
    words = (keeper.start, keeper.alive, keeper.logs, keeper.remove, keeper.made_of, keeper.env_files)
    return tuple(map(shlex.join, words))


def _launched(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> str:
    answer = script(c, batch, "launch.sh", launch_args(batch), allowed=(MISSING, HELD, NAMED, NOT_STARTED))
    words = answer.stdout.split()
    if answer.code == NAMED:
        there = f"host {batch.host.name} has a batch of that name, {one_line(answer.stdout).removeprefix('named ')}"
        raise NameTaken(f"{there}, which another clone of this project made", hint=command("attach", batch.name))
    if answer.code == HELD:
        raise _held(project, batch, answer)
    if answer.code == MISSING:
        lost = "bundle/plan.json" in words
        message, hint = f"host {batch.host.name}: {one_line(answer.stdout)}", command("attach", batch.name)
        raise MissingInputs(message, hint=hint, folder_lost=lost)
    if answer.code == NOT_STARTED:
        failure = failure_of(batch, "launch", answer)
        if (queue := schedulers.queue(batch.host)) is not None and queue.is_away(answer.stderr):
            raise Unreachable(f"{failure.message}: its queue does not answer now", hint=failure.hint)
        raise NotStarted(failure.message, hint="; ".join(filter(None, (_queue_hint(batch, answer), failure.hint))))
    return words[-1] if words else "launched"


def _queue_hint(batch: Batch, answer: Answer) -> str:
    """What to do about what the host's queue said when it was asked to take the jobs."""
    queue = schedulers.queue(batch.host)
    return "" if queue is None else queue.hint(answer.stderr)


def _held(project: ProjectPaths, batch: Batch, answer: Answer) -> HostError:
    """launch.sh names them: "held RUN FOLDER" for each, a folder being a batch's name and key."""
    held = [words for line in answer.stdout.splitlines() if len(words := line.split()) == 3 and words[0] == "held"]
    ours = {folder for _, _, folder in held if _is_here(project, folder.rpartition("-")[0])}
    copy = f", a batch of another copy of this project ({batch.project}),"
    lines = [
        f"{run} is in {folder} there{',' if folder in ours else copy} which has not ended" for _, run, folder in held
    ]
    others = ", ".join(dict.fromkeys(folder.rpartition("-")[0] for _, _, folder in held))
    way = f"wait for {others} or cancel it, then {command('attach', batch.name)}"
    apart = f"; a copy that is to be a project of its own: {command('init', '--new-id')}"
    return HostError(
        "\n".join(f"host {batch.host.name}: {line}" for line in lines),
        hint=way if len(ours) == len({folder for _, _, folder in held}) else f"wait for {others}{apart}",
    )


def _is_here(project: ProjectPaths, name: str) -> bool:
    """Whether a batch that the host names is one of this copy of the project."""
    return is_id(name) and project.batch(name).root.is_dir()
