"""The events of a batch that several jobs share, in one stream, and what their queue says of them."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import schedulers
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.host.process import SHORT_S, Answer, script
from cosmosctl.host.streams import appending
from cosmosctl.io import own

if TYPE_CHECKING:
    from invoke import Context

QUEUE_EVERY_S = 15
"""Between two questions to a queue: administrators block whoever asks more often."""
_LINE = re.compile(rb'^\{"shard":(\d{1,4}),"end":(\d{1,15}),', re.MULTILINE)


def follow_shards(c: "Context", events: Path, batch: AllowedBatch, *, every_s: int) -> Answer:
    """Append to `events` what it lacks, until the batch ends; with `every_s` 0 what there is now. One connection.

    The caller holds the batch's lock. Raises: FileError, HostError.
    """
    queue = schedulers.queue(batch.host)
    assert queue is not None
    asked = queue.commands(batch.host, batch.there.folder)
    have = ",".join(f"{shard}:{end}" for shard, end in _ends_of(events).items())
    words = (batch.host.scheduler or "", " ".join(asked.over), asked.cancelled, asked.forgotten)
    args = (str(batch.there.batch), str(batch.shards), have, str(every_s), *words)
    with appending(events) as sink:
        commands = ("--", *asked.query, "--", *asked.ended)
        limit_s = None if every_s else SHORT_S
        return script(c, batch, "follow_shards.py", (*args, *commands), allowed=None, timeout_s=limit_s, sink=sink)


def _ends_of(events: Path) -> dict[int, int]:
    """Up to where each shard's file was copied. A line that was cut off is taken away."""
    try:
        with own.opened(events, os.O_RDWR) as descriptor:
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            os.ftruncate(descriptor, data.rfind(b"\n") + 1)
    except FileNotFoundError:
        return {}
    return {int(found[1]): int(found[2]) for found in _LINE.finditer(data[: data.rfind(b"\n") + 1])}
