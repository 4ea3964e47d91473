"""Engine `bare`: the model's own command, straight on the host, in its repository."""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines.protocol import Process
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model

DETACHES = False


def seen_dir(host: Host) -> PurePosixPath:
    return PurePosixPath(host.dir)


def process(host: Host, model: Model) -> Process:
    block = host.models.get(model.NAME, HostModel())
    if block.repo is None and not block.command:
        raise FileError(
            f"host {host.name}: models.{model.NAME} has neither repo nor command, so there is nothing to run",
            hint=f"set hosts.{host.name}.models.{model.NAME}.repo in cosmosctl.yaml",
        )
    env = {} if block.repo is None else {"PYTHONPATH": block.repo}
    return Process(block.command or model.LAUNCHER, block.checkpoints or "checkpoints", block.repo, {**env, **host.env})


def gpus(host: Host) -> tuple[int | None, ...]:
    return host.gpus or (None,)


def supervisor(host: Host, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return ("python3", str(batch_dir / "supervise.py"), str(batch_dir))
