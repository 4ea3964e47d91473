"""The one file beside an exported batch that somebody else's queue takes: a scheduler's job script, a task of SkyPilot.

Each runs `run.sh` in the batch's folder, which starts the batch and waits for its end. Pure.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from functools import partial

from cosmosctl import schedulers
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host
from cosmosctl.schedulers.naming import job_name
from cosmosctl.schedulers.protocol import Queue

RUN = "run.sh"


def _queued(queue: Queue, batch: Batch) -> tuple[str, str]:
    return queue.exported(batch, _gpus(batch.host), f"sh {shlex.quote(f'{batch.there.batch}/{RUN}')}")


def _skypilot(batch: Batch) -> tuple[str, str]:
    """JSON is YAML: strings of any kind need no other quoting."""
    facts = {
        "name": job_name(batch.there.folder),
        "resources": {"accelerators": f"H100:{_gpus(batch.host)}"},
        "file_mounts": {batch.host.dir: "."},
        "run": f"sh {shlex.quote(f'{batch.there.batch}/{RUN}')}",
    }
    head = f"# Batch {batch.name}: sky launch THIS, in this folder. Set accelerators to what you have.\n"
    return "task.yaml", head + "".join(
        f"{key}: {json.dumps(value, ensure_ascii=True)}\n" for key, value in facts.items()
    )


FORMS: Mapping[str, Callable[[Batch], tuple[str, str]]] = {
    **{name: partial(_queued, queue) for name, queue in schedulers.REGISTRY.items()},
    "skypilot": _skypilot,
}
"""What `--as` takes -> the file's name and text."""


def _gpus(host: Host) -> int:
    return max(len(host.gpus), host.gpus_per_video or 1)
