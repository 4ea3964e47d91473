"""Engine `podman`: the model in a container of Podman's, GPUs by their names in the Container Device Interface."""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host
from cosmosctl.engines import container
from cosmosctl.engines.protocol import Images, Keeper
from cosmosctl.models.protocol import Model

seen_dir = container.seen_dir
process = container.process
gpus = container.gpus


def command(host: Host) -> tuple[str, ...]:
    return host.engine_command or ("podman",)


def devices(host: Host) -> tuple[str, ...]:
    """Names of `nvidia-ctk cdi generate`. SELinux would hide both them and the mounts (NVIDIA's own advice)."""
    named = [part for gpu in host.gpus for part in ("--device", f"nvidia.com/gpu={gpu}")]
    return ("--security-opt", "label=disable", *named)


def keeper(host: Host) -> Keeper:
    return container.keeper(host, command(host))


def images(host: Host) -> Images:
    return Images(
        **container.questions(command(host)),
        same_users=False,
        lingers="sudo" not in host.engine_command,
        no_answer="apt-get install podman",
        no_gpus="sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        kept_in="",
    )


def trial(host: Host, model: Model, program: str) -> tuple[str, ...]:
    return (*command(host), *container.trial(host, model, program, devices(host)))


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return (*command(host), *container.create(host, model, batch_dir, devices(host)))
