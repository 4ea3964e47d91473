"""Engine `preview`: our CPU stand-in for the model's program, with the same command line and files."""

import sys
from pathlib import PurePosixPath

from cosmosctl.domain.project import Host
from cosmosctl.engines.gpu_sets import GpuSet
from cosmosctl.engines.protocol import SUPERVISOR, Images, Keeper, Process
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model


def seen_dir(host: Host) -> PurePosixPath:
    return PurePosixPath(host.dir)


def process(host: Host, model: Model) -> Process:
    if not model.PREVIEW:
        raise FileError(
            f"{model.NAME} has no CPU preview; its networks run on a host that has them (docs/diffusers.md)",
            hint="cosmosctl batch --host HOST, one of: cosmosctl host list",
        )
    return Process((python(host), "-m", model.PREVIEW), model.CHECKPOINTS, None, host.env)


def gpus(host: Host) -> tuple[GpuSet, ...]:
    return (None,)


def keeper(host: Host) -> Keeper | None:
    return None


def images(host: Host) -> Images | None:
    return None


def trial(host: Host, model: Model, program: str) -> tuple[str, ...]:
    return ()


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
    return (python(host), "-B", str(batch_dir / SUPERVISOR), str(batch_dir))


def python(host: Host) -> str:
    """The interpreter that has cosmosctl: ours on this machine, the one in PATH elsewhere."""
    return sys.executable if host.address is None else "python3"
