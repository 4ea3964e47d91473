"""The one file beside an exported batch that somebody else's queue takes: a job script of Slurm, a task of SkyPilot.

Each runs `run.sh` in the batch's folder, which starts the batch and waits for its end. Pure.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host
from cosmosctl.schedulers import slurm

RUN = "run.sh"
SLURM, SKYPILOT = "slurm", "skypilot"


def _slurm(batch: Batch) -> tuple[str, str]:
    """The options of jobs that cosmosctl submits itself; what the site wants beside them are arguments of sbatch."""
    host = replace(batch.host, gres=f"gpu:{_gpus(batch.host)}")
    lines = (
        "#!/bin/bash",
        f"# Batch {batch.name}: sbatch [OPTION]... THIS. Submitted or requeued again, it goes on where it was.",
        *(f"#SBATCH {option}" for option in slurm.options(host, batch.there.folder)),
        slurm.PATH_LINE,
        f"exec sh {shlex.quote(f'{batch.there.batch}/{RUN}')}",
    )
    return "job.sbatch", "".join(f"{line}\n" for line in lines)


def _skypilot(batch: Batch) -> tuple[str, str]:
    """JSON is YAML: strings of any kind need no other quoting."""
    facts = {
        "name": slurm.job_name(batch.there.folder),
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


def _gpus(host: Host) -> int:
    return max(len(host.gpus), host.gpus_per_video or 1)
