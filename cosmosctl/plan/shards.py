"""The rows of a batch shared out over the jobs of a queue, and what each of these jobs is given. Pure.

A shard is the plan of the batch with a part of its rows: the supervisor runs it as it runs any, but its events lie in a
folder of its own. Its groups have names of their own, so that their logs and work folders can lie together.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cosmosctl import models, schedulers
from cosmosctl.domain.batch import Batch

if TYPE_CHECKING:
    from cosmosctl.plan.planner import Group, Row

HOME = "../.."
"""Of a shard's folder, the folder of the batch."""
SCRIPT = "job.sh"

Shards = tuple[tuple[str, ...], ...]


def shared_out(groups: Sequence["Group"], width: int) -> Shards:
    """The runs of each of at most `width` shards of about the same length, in the order of the plan.

    A group is parted no more than it has to be: each part of it loads the model once more.
    """
    chains = list(_chains([row for group in groups for row in group.rows]))
    total = sum(map(_length, chains))
    count = max(1, min(width, len(chains)))
    shares: list[list[Row]] = [[]]
    done = 0.0
    for chain in chains:
        middle = done + _length(chain) / 2
        if len(shares) < count and shares[-1] and middle > total * len(shares) / count:
            shares.append([])
        shares[-1].extend(chain)
        done += _length(chain)
    return tuple(tuple(row.run for row in share) for share in shares)


def _chains(rows: Sequence["Row"]) -> Iterator[Sequence["Row"]]:
    """Each row that reads no other's result, with those that read its own."""
    readers: dict[str, list[Row]] = {}
    for row in rows:
        if row.after is not None:
            readers.setdefault(row.after.run, []).append(row)
    for row in rows:
        if row.after is None:
            yield [row, *_after(readers, row.run)]


def _after(readers: Mapping[str, Sequence["Row"]], run: str) -> Iterator["Row"]:
    for row in readers.get(run, ()):
        yield row
        yield from _after(readers, row.run)


def _length(rows: Sequence["Row"]) -> int:
    return sum(max(1, row.frames) for row in rows)


def shard_files(batch: Batch, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, text) of what the jobs of a queue need in the folder of the batch beside its own files."""
    queue = schedulers.queue(batch.host)
    if queue is None or not batch.shards:
        return
    batch_dir = PurePosixPath(batch.there.batch)
    yield SCRIPT, queue.script(batch.host, models.get(batch.model), batch_dir)
    for number, runs in enumerate(plan["shards"]):
        yield f"shards/{number}/plan.json", json.dumps(_shard(plan, number, frozenset(runs)), ensure_ascii=True) + "\n"


def _shard(plan: Mapping[str, Any], number: int, runs: frozenset[str]) -> dict[str, Any]:
    inputs = [{**one, "runs": [run for run in one["runs"] if run in runs]} for one in plan["inputs"]]
    groups = [_part(group, number, runs) for group in plan["groups"]]
    return {
        **{key: value for key, value in plan.items() if key != "shards"},
        "key": f"{plan['key']}-{number}",
        "home": HOME,
        "gpus": [None],
        "inputs": [one for one in inputs if one["runs"]],
        "groups": [group for group in groups if group["rows"]],
    }


def _part(group: Mapping[str, Any], number: int, runs: frozenset[str]) -> dict[str, Any]:
    part = {
        **group,
        "name": f"{group['name']}-{number}",
        "rows": [row for row in group["rows"] if row["run"] in runs],
    }
    if "fallback" in group:
        natives = [_part(native, number, runs) for native in group["fallback"]]
        part["fallback"] = [native for native in natives if native["rows"]]
    return part
