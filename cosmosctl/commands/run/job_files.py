"""The one file beside an exported batch that somebody else's queue takes: a job script of Slurm, a task of SkyPilot.

Each runs `run.sh` in the batch's folder, which starts the batch and waits for its end. Pure.
"""

import json
import shlex
from collections.abc import Callable, Mapping

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host

RUN = "run.sh"
SLURM, SKYPILOT = "slurm", "skypilot"


def _slurm(batch: Batch) -> tuple[str, str]:
    """The job goes on where it was when it is requeued; what the site wants beside it are arguments of sbatch."""
    host = batch.host
    given = {
        "partition": host.partition,
        "account": host.account,
        "qos": host.qos,
        "time": host.time,
        "constraint": host.constraint,
    }
    lines = (
        "#!/bin/bash",
        f"# Batch {batch.name}: sbatch [OPTION]... THIS. Submitted or requeued again, it goes on where it was.",
        f"#SBATCH --job-name={_name(batch)}",
        f"#SBATCH --gres={host.gres or f'gpu:{_gpus(host)}'}",
        *(f"#SBATCH --{key}={value}" for key, value in given.items() if value),
        *("#SBATCH --requeue", "#SBATCH --output=/dev/null", "#SBATCH --open-mode=append"),
        *host.prolog,
        f"exec sh {shlex.quote(f'{batch.there.batch}/{RUN}')}",
    )
    return "job.sbatch", "".join(f"{line}\n" for line in lines)


def _skypilot(batch: Batch) -> tuple[str, str]:
    """JSON is YAML: strings of any kind need no other quoting."""
    facts = {
        "name": _name(batch),
        "resources": {"accelerators": f"H100:{_gpus(batch.host)}"},
        "file_mounts": {batch.host.dir: "."},
        "run": f"sh {shlex.quote(f'{batch.there.batch}/{RUN}')}",
    }
    head = f"# Batch {batch.name}: sky launch THIS, in this folder. Set accelerators to what you have.\n"
    return "task.yaml", head + "".join(
        f"{key}: {json.dumps(value, ensure_ascii=True)}\n" for key, value in facts.items()
    )


FORMS: Mapping[str, Callable[[Batch], tuple[str, str]]] = {SLURM: _slurm, SKYPILOT: _skypilot}
"""What `--as` takes -> the file's name and text."""


def _name(batch: Batch) -> str:
    """What everybody on a site can read: of the batch only its key."""
    return f"cosmosctl-{batch.there.folder.rpartition('-')[2]}"


def _gpus(host: Host) -> int:
    return max(len(host.gpus), host.gpus_per_video or 1)
