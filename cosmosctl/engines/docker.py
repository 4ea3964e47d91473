"""Engine `docker`: the model in a container of Docker's, GPUs through the NVIDIA Container Toolkit."""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host
from cosmosctl.engines import container
from cosmosctl.engines.protocol import Images, Keeper
from cosmosctl.models.protocol import Model

seen_dir = container.seen_dir
process = container.process
gpus = container.gpus


def command(host: Host) -> tuple[str, ...]:
    return host.engine_command or ("docker",)


def devices(host: Host) -> tuple[str, ...]:
    """`--gpus` takes a line of CSV: the quotes are part of it (docs.docker.com, docker container run --gpus)."""
    return ("--gpus", f'"device={",".join(map(str, host.gpus))}"') if host.gpus else ()


def keeper(host: Host) -> Keeper:
    return container.keeper(host, command(host))


def images(host: Host) -> Images:
    return Images(
        **container.questions(command(host)),
        same_users="podman" not in " ".join(command(host)),
        lingers=False,
        no_answer="sudo usermod -aG docker $USER, then log in anew; or engine_command: [sudo, -n, docker]",
        no_gpus="sudo nvidia-ctk runtime configure --runtime=docker, then restart docker",
        kept_in="",
    )


def trial(host: Host, model: Model, program: str) -> tuple[str, ...]:
    return (*command(host), *container.trial(host, model, program, devices(host)))


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return (*command(host), *container.create(host, model, batch_dir, devices(host)))
