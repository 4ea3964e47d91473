"""The events of a batch, copied while its host writes them."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from cosmosctl import schedulers, transport
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host.process import Answer, Unreachable, failure_of, rsync, script
from cosmosctl.host.shards import QUEUE_EVERY_S, follow_shards
from cosmosctl.host.streams import appending, told_of_full_disk
from cosmosctl.io import own
from cosmosctl.io.own import EVENTS_BYTES
from cosmosctl.log import debug

if TYPE_CHECKING:
    from invoke import Context

JOB_GONE, SHORTER = 3, 4
"""follow.sh: no job runs and the batch has not ended; the file there has fewer bytes than we have of it."""
FollowEnd = Literal["finished", "gone", "shorter", "dropped"]
"""How following ended: the batch has, its job is gone, the host's events are not those we have, the line dropped."""


def follow(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> FollowEnd:
    """Append the host's events to batches/B/events.jsonl until the batch ends, its job is gone or the line drops.

    May take as long as the batch. The caller holds the batch's lock. Raises: FileError, HostError.
    """
    if batch.shards:
        return _end_of(batch, follow_shards(c, project.batch(batch.name).events, batch, every_s=QUEUE_EVERY_S))
    with appending(project.batch(batch.name).events) as sink:
        keeper = schedulers.of(batch.host).keeper(batch.host)
        args = (str(batch.there.batch), str(sink.offset), "", shlex.join(keeper.alive) if keeper else "")
        answer = script(c, batch, "follow.sh", args, allowed=None, timeout_s=None, sink=sink)
    return _end_of(batch, answer)


def _end_of(batch: Batch, answer: Answer) -> FollowEnd:
    debug(f"follow ended with {answer.code}: {answer.stderr[-500:]}")
    ends: Mapping[int, FollowEnd] = {0: "finished", JOB_GONE: "gone", SHORTER: "shorter"}
    if answer.code in ends:
        return ends[answer.code]
    failure, was_killed = failure_of(batch, "follow", answer), answer.code < 0 or 128 < answer.code < 255
    if was_killed or isinstance(failure, Unreachable):
        return "dropped"
    raise failure


def copy_events(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> None:
    """Bring batches/B/events.jsonl up to date without waiting for more. The caller holds the batch's lock."""
    local = own.checked(project.batch(batch.name).events)
    if batch.shards:
        answer = follow_shards(c, local, batch, every_s=0)
        if answer.code not in (0, SHORTER):
            raise failure_of(batch, "fetch", answer)
        return
    source = transport.of(batch.host).rsync_source(batch.host, str(batch.there.events))
    options = ("-s", "--append", "--ignore-missing-args", "--no-links", f"--max-size={EVENTS_BYTES}")
    with told_of_full_disk(local):
        rsync(c, batch, (*options, "--", source, str(local)), local, what="fetch")


def set_events_aside(project: ProjectPaths, batch: Batch) -> None:
    """Start the copies of the host's events and logs anew: the host has others, or ours are damaged.

    The caller holds the batch's lock.
    """
    paths = project.batch(batch.name)
    if paths.events.exists():
        own.rename(paths.events, paths.events_before)
    own.discard(project.pulled(batch.name) / "logs")
