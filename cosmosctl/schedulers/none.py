"""No scheduler: a job is started at once, and kept by the engine where that keeps jobs."""

from pathlib import PurePosixPath

from cosmosctl import engines
from cosmosctl.domain.project import Host
from cosmosctl.engines.protocol import Keeper
from cosmosctl.models.protocol import Model
from cosmosctl.schedulers.protocol import Job


def keeper(host: Host) -> Keeper | None:
    return engines.of(host).keeper(host)


def job(host: Host, model: Model, batch_dir: PurePosixPath) -> Job:
    return Job(engines.of(host).supervisor(host, model, batch_dir), keeper(host))
