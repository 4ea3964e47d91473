"""Engine `bare`: the model's own command, straight on the host, in its repository."""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import travelling
from cosmosctl.engines.caches import cache_env
from cosmosctl.engines.gpu_sets import GpuSet, gpu_sets
from cosmosctl.engines.protocol import SUPERVISOR, Images, Keeper, Process, Wrapping
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model


def seen_dir(host: Host) -> PurePosixPath:
    return PurePosixPath(host.dir)


def process(host: Host, model: Model) -> Process:
    block = host.models.get(model.NAME, HostModel())
    own = {**(cache_env(host.cache) if host.cache else {}), **host.env}
    secrets = Wrapping((), "", "", host.env_file) if host.env_file else None
    if model.HOME.program:
        python = f"{travelling.environment(host, model)}/bin/python"
        launcher = travelling.launcher(host, model, python=python)
        return Process(launcher, block.checkpoints or model.CHECKPOINTS, None, own, secrets)
    if block.repo is None and not block.command:
        raise FileError(
            f"host {host.name}: models.{model.NAME} has neither repo nor command, so there is nothing to run",
            hint=f"set hosts.{host.name}.models.{model.NAME}.repo in cosmosctl.yaml",
        )
    path = {} if block.repo is None else {"PYTHONPATH": block.repo}
    launcher = block.command or model.LAUNCHER
    return Process(launcher, block.checkpoints or model.CHECKPOINTS, block.repo, {**path, **own}, secrets)


def gpus(host: Host) -> tuple[GpuSet, ...]:
    return gpu_sets(host, host.gpus)


def keeper(host: Host) -> Keeper | None:
    return None


def images(host: Host) -> Images | None:
    return None


def trial(host: Host, model: Model, program: str) -> tuple[str, ...]:
    return ()


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return ("python3", "-B", str(batch_dir / SUPERVISOR), str(batch_dir))
