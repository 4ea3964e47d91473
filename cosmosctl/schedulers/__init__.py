"""Who starts the job of a batch on its host, looks it up and ends it: a module of pure functions each.

`none`: a job is started at once, by its engine or by itself. Those in `REGISTRY` queue jobs; a host names one of them.
"""

from collections.abc import Mapping

from cosmosctl.domain.project import Host
from cosmosctl.schedulers import none, slurm
from cosmosctl.schedulers.protocol import Queue, Scheduler

REGISTRY: Mapping[str, Queue] = {"slurm": slurm}


def of(host: Host) -> Scheduler:
    """The scheduler of that host, where nothing queues its jobs."""
    return none


def queue(host: Host) -> Queue | None:
    """What queues jobs there; None where they start at once."""
    return None if host.scheduler is None else REGISTRY[host.scheduler]
