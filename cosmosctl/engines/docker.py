"""Engine `docker`: the model in a container of Docker's, GPUs through the NVIDIA Container Toolkit."""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host
from cosmosctl.engines import container
from cosmosctl.models.protocol import Model

seen_dir = container.seen_dir
process = container.process
gpus = container.gpus


def command(host: Host) -> tuple[str, ...]:
    return host.engine_command or ("docker",)


def devices(host: Host) -> tuple[str, ...]:
    """`--gpus` takes a line of CSV: the quotes are part of it (docs.docker.com, docker container run --gpus)."""
    return ("--gpus", f'"device={",".join(map(str, host.gpus))}"') if host.gpus else ()


def trial(host: Host, model: Model, program: str) -> tuple[str, ...]:
    return container.trial(host, model, program, devices(host))


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return container.create(host, model, batch_dir, devices(host))
