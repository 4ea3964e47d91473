"""What tests and benchmarks put on in previews: faults, a tally, rows that do nothing. Found in a checkout alone.

`cosmosctl.preview.stage` looks for it. `COSMOSCTL_PREVIEW_FAULTS` names what goes wrong (see `faults`),
`COSMOSCTL_PREVIEW_LOAD_S` adds seconds to loading, `COSMOSCTL_PREVIEW_ROW_S` replaces the work on each row by that many
seconds of sleep and a tiny video (see `sleep_model`), `COSMOSCTL_PREVIEW_TALLY` counts (see `call_log`).
`COSMOSCTL_GPU_LOCKS` is the folder on the host where its GPUs are locked; in a container, that of the host's `env`.
"""

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from cosmosctl import engines
from cosmosctl.domain.project import Host
from cosmosctl.preview.drawing.row_picture import Studio
from cosmosctl.preview.stage import Stage
from tests.stage import call_log, faults
from tests.stage.faults import Faults
from tests.stage.sleep_model import SleepStudio
from tests.support.waiting import take

_LOCKS = "COSMOSCTL_GPU_LOCKS"


class Rehearsal:
    """What the environment of this process asks for."""

    def __init__(self, asked: Faults) -> None:
        self.asked = asked
        self.of_process = asked.of_process
        self.of_row = asked.of_row
        self.interrupt = asked.interrupt

    def load(self, checkpoint: str) -> None:
        call_log.load()
        if self.asked.of_process("before-first"):
            raise FileNotFoundError(2, "No such file or directory", checkpoint)
        take(float(os.environ.get("COSMOSCTL_PREVIEW_LOAD_S", "0")))

    def start(self, row: Mapping[str, Any]) -> None:
        call_log.start(row)

    def done(self, row: Mapping[str, Any]) -> None:
        call_log.done(row)

    def studio(self) -> Studio | None:
        row_s = os.environ.get("COSMOSCTL_PREVIEW_ROW_S")
        return SleepStudio(float(row_s)) if row_s else None


def put_on() -> Stage:
    """What this process shall do. Raises: ValueError for a fault that is none."""
    return Rehearsal(faults.asked_for(os.environ))


def plan_facts(host: Host) -> Mapping[str, str]:
    """The folder of the locks, where one is named that the supervisor of that host can see."""
    contained = engines.get(host.engine).seen_dir(host) != PurePosixPath(host.dir)
    folder = host.env.get(_LOCKS) or ("" if contained else os.environ.get(_LOCKS, ""))
    return {"gpu_locks": folder} if folder else {}
