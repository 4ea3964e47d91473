"""Runs one batch to its end on its host: `python3 -B supervise BATCH_DIR`, in the container or on the bare machine.

It reads BATCH_DIR/plan.json, runs one model process per GPU, watches logs and files, and is the only author of
events.jsonl, logs/, done/ and failed/ there. It knows no model: what a finished row looks like is in the plan.
All that it knows of the past is in events.jsonl, so it may be killed at any moment and started again at any time:
a model that still lives is adopted, a finished row is never computed again, after `batch_done` nothing happens.
The file BATCH_DIR/cancel asks for the end. SIGTERM or SIGINT without it only interrupts: the next start goes on.

SIGUSR1 says that the time of the job is nearly up: the row in hand ends, then all of it, and the next start goes on.
BATCH_DIR may be a shard, a part of a batch that is a job of its own: its plan says where the batch's folder lies, which
holds logs/, done/ and failed/ of all shards. Where locks are not shared between nodes the newest start has the shard.

Exit codes: 0 the batch has ended, or another supervisor has it that is no shard, 75 the time was up before it has,
76 another supervisor has the shard, 128+n interrupted by signal n, 1 it cannot go on (stderr says why), 2 usage.
Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import List

from batch import SUPERSEDED, Batch
from files import opened
from gpu_lock import locked
from plan import Strange, read_plan
from wrapping import Unfit, require_secrets

LOCK_WAIT_S = 2.0
"""Followers test the lock for an instant; whoever holds it longer is another supervisor."""


def main(argv: List[str]) -> int:
    """The exit code of running the batch in the folder argv[1]."""
    if len(argv) != 2 or not Path(argv[1], "plan.json").is_file():
        print("usage: supervise BATCH_DIR (a folder with plan.json)", file=sys.stderr)
        return 2
    folder = Path(os.path.abspath(argv[1]))
    try:
        plan = read_plan(folder / "plan.json")
        if not (folder / "cancel").exists():
            require_secrets(plan)  # before the lock is ours: who starts us takes that as having begun
    except (Strange, Unfit) as error:
        print(f"supervise: {error}", file=sys.stderr)
        return 1
    try:
        lock = opened(folder / "lock", os.O_RDWR | os.O_CREAT)
        if not locked(lock, LOCK_WAIT_S):
            return SUPERSEDED if plan.home else 0
        return to_its_end(Batch(folder, plan))
    except OSError as error:
        print(f"supervise: {error}; started again, it goes on", file=sys.stderr)
        return 1


def to_its_end(batch: Batch) -> int:
    """The exit code of a batch that is ours alone, or of what interrupted it. No model of it runs afterwards."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, frame: setattr(batch, "signal", signum))
    signal.signal(signal.SIGUSR1, lambda signum, frame: setattr(batch, "drains", True))
    try:
        return batch.run()
    finally:
        batch.abandon()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
