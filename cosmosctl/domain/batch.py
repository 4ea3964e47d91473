"""A batch that was bundled: its names, its frozen host, its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NewType

from cosmosctl.domain.ids import BatchNumber, Count, FilePath, GroupName, Id, Key, PoolName, Sha256
from cosmosctl.domain.layout import HostPaths, on_host
from cosmosctl.domain.project import Host, Setting

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

MOST_SHARDS = 1000
"""Jobs of a batch: an array takes no more where nobody set Slurm's MaxArraySize otherwise."""
MOST_RUNS = 50_000
"""A batch takes no more: what others may write in its files is read within bounds that follow from it."""


@dataclass(frozen=True)
class BatchRow:
    """One run of a batch: its group, prompt as used, fingerprint and what its result has to look like.

    `parents`: the batches that had left something for it when this one was planned, and theirs.
    """

    run: Id
    prompt_id: Id
    group: GroupName
    text: str
    frames: Count
    spec_hash: str
    facts: Mapping[str, Setting]
    sources: Mapping[str, str]
    inputs: Mapping[str, str]
    video: str
    warnings: tuple[str, ...] = ()
    parents: tuple[Id, ...] = ()


@dataclass(frozen=True)
class Sent:
    """A video that the host needs: its project path here, its name in the pool there, its content."""

    source: FilePath
    pool_name: PoolName
    sha256: Sha256
    bytes: Count


@dataclass(frozen=True)
class Batch:
    """batches/NAME/ as written by bundle. `host` is the one it was made for, whatever cosmosctl.yaml says now.

    `number` is above those of all batches that were known when it was planned; 0 in a batch of an earlier version.
    `shards`: how many jobs share its rows, each with an events file of its own; 0 where it is one job with one.
    """

    name: Id
    key: Key
    project: Id
    created: str
    model: str
    host: Host
    rows: tuple[BatchRow, ...]
    inputs: tuple[Sent, ...]
    number: BatchNumber = 0
    shards: Count = 0

    @cached_property
    def runs(self) -> tuple[str, ...]:
        return tuple(row.run for row in self.rows)

    @cached_property
    def _by_run(self) -> Mapping[str, BatchRow]:
        """Looked into for each run again and again while a batch is followed."""
        return {row.run: row for row in self.rows}

    def has(self, run: str) -> bool:
        """Whether `run` is one of its runs."""
        return run in self._by_run

    @property
    def there(self) -> HostPaths:
        """Its files on the host."""
        return on_host(self.host, self.name, self.key)

    def row(self, run: str) -> BatchRow:
        return self._by_run[run]


AllowedBatch = NewType("AllowedBatch", Batch)
"""A batch that was made, or allowed, on this machine: only `trust` makes one, and the steps on hosts take no other."""


def stamp(moment: datetime) -> str:
    """A moment as the tool's files write it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def stamp_of(epoch_s: float) -> str:
    """Seconds since 1970 as the tool's files write them."""
    return stamp(datetime.fromtimestamp(epoch_s, tz=UTC))


def batch_name(title: str, moment: datetime) -> str:
    """TITLE_YYYYMMDD_HHMMSS, local time: what a person looks for in a listing."""
    return f"{title}_{moment.astimezone():%Y%m%d_%H%M%S}"
