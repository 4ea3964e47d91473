"""Scheduler `toy`: its queue (`at_once.py`) starts every job at once, on this machine.

All that a new scheduler needs: this module, and its line in `schedulers.REGISTRY`, which `cosmosctl` beside it writes.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from cosmosctl import engines
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host
from cosmosctl.engines.protocol import Argv
from cosmosctl.models.protocol import Model
from cosmosctl.schedulers.protocol import Commands, Partition, Standing, Task

NAME = "toy"
listed: Argv = ("false",)


def commands(host: Host, folder: str) -> Commands:
    return Commands(
        submit=(*_queue(host), "submit", folder),
        running=(*_queue(host), "running", folder),
        query=(*_queue(host), "query"),
        ended=("false",),
        cancel=(*_queue(host), "cancel", folder),
        throttle=f"/{host.nodes or 1}",
        over=("ended", "killed"),
        cancelled="killed",
        forgotten="never heard of it",
    )


def questions(host: Host) -> Mapping[str, Argv]:
    return {"version": ("echo", "toy 1"), "test": ("true",), "limits": ("true",), "partitions": ("true",)}


def partition(said: str) -> Partition:
    return Partition()


def taken(said: str) -> str:
    return said


def trouble(host: Host, limits: str) -> str:
    return ""


def at_once(host: Host) -> Argv:
    return ("env",)


def gpus(host: Host) -> int:
    return 1


def limit_s(host: Host) -> int | None:
    return None


def script(host: Host, model: Model, batch_dir: PurePosixPath) -> str:
    *supervisor, _ = engines.of(host).supervisor(host, model, batch_dir)
    return f'exec {shlex.join(supervisor)} "shards/$1" >>"shards/$1/job.out" 2>&1\n'


def exported(batch: Batch, gpus: int, command: str) -> tuple[str, str]:
    return "job.toy", f"{command}\n"


def tasks(said: str) -> Sequence[Task]:
    found = (line.split("|") for line in said.splitlines())
    return tuple({int(number): Task(int(number), job, state) for job, number, state in found}.values())


def standing(task: Task) -> Standing:
    return "running" if task.state == "running" else "ended"


def words(task: Task) -> str:
    return f"a toy is {task.state}"


def is_away(said: str) -> bool:
    return False


def hint(said: str) -> str:
    return "wind it up" if "broken" in said else ""


def _queue(host: Host) -> Argv:
    return (sys.executable, str(Path(__file__).with_name("at_once.py")), f"{host.dir}/toy queue")
