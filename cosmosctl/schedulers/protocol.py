"""What a scheduler has to say. Nothing here starts anything: argv and text only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, Protocol

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host
from cosmosctl.engines.protocol import Argv, Keeper
from cosmosctl.models.protocol import Model


@dataclass(frozen=True)
class Job:
    """`argv` creates the job, which `keeper` starts and keeps; without one it is the job, and runs to its end."""

    argv: Argv
    keeper: Keeper | None


class Scheduler(Protocol):
    """Whatever has jobs on a host. How the supervisor runs in them is the engine's."""

    def keeper(self, host: Host) -> Keeper | None:
        """The commands that look up, end and remove jobs there by their names; None where they are just processes."""

    def job(self, host: Host, model: Model, batch_dir: PurePosixPath) -> Job:
        """The job of the batch in `batch_dir` (a host path), named after that folder.

        Raises: FileError when the host's block lacks what it needs.
        """


@dataclass(frozen=True)
class Commands:
    """The commands of a queue, which the host's scripts take as data.

    `submit`: the array of a batch; which of its tasks and the script are put behind it; prints the number of the job.
    `running`: prints the numbers of all tasks of the batch that wait or run, by the batch's name alone. `query`: what
    became of all of its tasks, a line each; the numbers of its jobs are put behind its last word, commas between.
    `ended`: the same of jobs that the queue has forgotten, where anybody keeps books. `cancel`: ends all of its jobs.
    `throttle`: what goes behind the tasks, so that no more than the host's `nodes` run at once. `over`: the states in
    the answers to `query` of a task that neither waits nor runs, `cancelled` the one of a task that a person has ended.
    `forgotten`: what it says of jobs it does not know.
    """

    submit: Argv
    running: Argv
    query: Argv
    ended: Argv
    cancel: Argv
    throttle: str
    over: tuple[str, ...]
    cancelled: str
    forgotten: str


@dataclass(frozen=True)
class Task:
    """A task of a batch as the queue tells of it: `shard` is its number in the array, `starts` a time in its words."""

    shard: int
    job: str
    state: str
    reason: str = ""
    node: str = ""
    starts: str = ""


Standing = Literal["queued", "held", "running", "ended"]


@dataclass(frozen=True)
class Partition:
    """What jobs may be for: its name, its longest time as sbatch takes it, `gres` of one GPU there; "" is unknown."""

    name: str = ""
    time: str = ""
    gres: str = ""


class Queue(Protocol):
    """Whatever queues the jobs of a batch: an array, one task for each shard of its rows."""

    listed: Argv
    """A command that lists what there is of it on a machine, and fails without one."""

    def partition(self, said: str) -> Partition:
        """What jobs for GPUs are best for, by the lines of `listed` with `;` between."""

    def commands(self, host: Host, folder: str) -> Commands:
        """What is asked of it for the batch in that folder on `host`."""

    def questions(self, host: Host) -> Mapping[str, Argv]:
        """What `host check` asks: `version`; `test`, whether a job of that host would be taken, and when it may start;
        `limits`, those of what its jobs are for; `partitions`, a line for each thing that they could be for.
        """

    def taken(self, said: str) -> str:
        """What a good answer to `test` tells people of such a job; "" when nothing."""

    def trouble(self, host: Host, limits: str) -> str:
        """What keeps its jobs from ever starting by the answer to `limits`; "" when nothing does."""

    def at_once(self, host: Host) -> Argv:
        """What is put before a command to run it on a compute node, with what a job gets, and to wait for it."""

    def gpus(self, host: Host) -> int:
        """How many GPUs a task is given."""

    def limit_s(self, host: Host) -> int | None:
        """Seconds after which a task begins no other row; None where the host's block does not say."""

    def script(self, host: Host, model: Model, batch_dir: PurePosixPath) -> str:
        """The script of each task of the batch in `batch_dir` (a host path).

        Raises: FileError when the host's block lacks what it needs.
        """

    def exported(self, batch: Batch, gpus: int, command: str) -> tuple[str, str]:
        """(name, text) of a job script for an exported batch, that somebody submits who has no cosmosctl: one job with
        that many GPUs, which runs `command` (quoted for a shell) to its end.
        """

    def tasks(self, said: str) -> Sequence[Task]:
        """The tasks that an answer to `query` or `ended` tells of; one that stands there twice: its newest."""

    def standing(self, task: Task) -> Standing:
        """Where a task is."""

    def words(self, task: Task) -> str:
        """Where it is and why, for people."""

    def is_away(self, said: str) -> bool:
        """Whether nobody answered who could have refused anything: trying again is safe."""

    def hint(self, said: str) -> str:
        """What to do about what the queue said, or about the reason of a task; "" when nothing is known."""
