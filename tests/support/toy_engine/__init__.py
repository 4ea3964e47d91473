"""Engine `toy`: jobs kept by name by a small program (`keep.py`), with no container around them.

All that a new engine needs: this module, and its line in `engines.REGISTRY`, which `cosmosctl` beside it writes.
"""

import sys
from pathlib import Path, PurePosixPath

from cosmosctl.domain.project import Host
from cosmosctl.engines import bare
from cosmosctl.engines.protocol import SUPERVISOR, Argv, Images, Keeper
from cosmosctl.models.protocol import Model

seen_dir = bare.seen_dir
process = bare.process
gpus = bare.gpus
trial = bare.trial


def keeper(host: Host) -> Keeper:
    verbs = ("start", "alive", "logs", "remove", "made-of")
    start, alive, logs, remove, made_of = ((*_command(host), verb) for verb in verbs)
    env_files = (host.env_file,) if host.env_file else ()
    return Keeper(start, alive, logs, remove, made_of, env_files)


def images(host: Host) -> Images | None:
    return None


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> Argv:
    job = (sys.executable, "-B", str(batch_dir / SUPERVISOR), str(batch_dir))
    return (*_command(host), "create", batch_dir.name, host.env_file or "", *job)


def _command(host: Host) -> Argv:
    return host.engine_command or (sys.executable, str(Path(__file__).with_name("keep.py")), f"{host.dir}/kept jobs")
