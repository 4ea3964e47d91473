"""plan.json as values: groups of rows that share a model start, where their outputs lie, what the log says.

The other side is cosmosctl/models/protocol.py; a field that this side does not know is a mistake and ends the start.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from files import files_below

GPU_LOCKS = "/var/tmp/cosmosctl"
CONTROL_VIDEO = "_input_control_"
"""In the names of videos beside a result that are none themselves."""


@dataclass(frozen=True)
class Row:
    """A run of the plan: its line in the model's input, and what its result is known by. It reads that of `after`."""

    run: str
    line: str
    frames: int = 0
    steps: int = 0
    prompt: Optional[str] = None
    name: str = ""
    after: Optional[str] = None


@dataclass(frozen=True)
class Layout:
    """Where the outputs of a row may lie below its process's work folder: `{i}` is its index, `{name}` its name.

    `only`: a folder with a single video of any name. `is_named`: `{name}` is in every path and proves whose it is.
    """

    primary: str
    started: str = ""
    marker: str = ""
    folder: str = ""
    files: Dict[str, str] = field(default_factory=dict)
    only: str = ""
    is_named: bool = False

    def of(self, i: int, name: str) -> Layout:
        """The same for row i, whose name is `name`."""
        fill = {"i": i, "name": name}
        places = (self.started, self.marker, self.folder, self.only)
        started, marker, folder, only = (place.format(**fill) for place in places)
        files = {place.format(**fill): output for place, output in self.files.items()}
        return Layout(self.primary, started, marker, folder, files, only, self.is_named)

    def seen(self, work: Path) -> Layout:
        """The same; of the folder `only` the one video in it, whatever its name, with the files beside it."""
        if not self.only:
            return self
        beside = [file for file in files_below(work / self.only) if file.parent == work / self.only]
        videos = [file for file in beside if file.suffix.lower() == ".mp4" and CONTROL_VIDEO not in file.name]
        if len(videos) != 1 or videos[0].name == self.primary:
            return Layout(self.primary)
        files = {f"{self.only}/{file.name}": self.primary if file == videos[0] else file.name for file in beside}
        return Layout(self.primary, files=files)

    def place(self, output: str) -> str:
        """Where that output is to be found; "" when this layout has none of that name."""
        if self.folder:
            return f"{self.folder}/{output}"
        return next((place for place, name in self.files.items() if name == output), "")


@dataclass(frozen=True)
class Patterns:
    """Regular expressions over lines of the log; "" never matches. The first of `reasons` that is found counts.

    With `chunk`, found once for each chunk of a row, the numbers of `progress` count within a chunk. `passed_over` is
    the reason of a row that the program left without a video and without a word. `row_failed`: the row has ended
    without a video, whatever becomes of the process. `unfit`: said before the first row, the program cannot serve them.
    `prefix`: what a logger puts before the words of a line.
    """

    loaded: str = ""
    row_start: str = ""
    row_end: str = ""
    progress: str = ""
    chunk: str = ""
    reasons: Sequence[Tuple[str, str]] = ()
    passed_over: str = "bad-output"
    row_failed: str = ""
    unfit: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Wrapping:
    """Of a program whose own command puts it into a container: variables for inside have names that begin with the
    first of `prefixes`, those of the file `env_file` too. `digests`: where that of `image` is kept. `repo`: its source.
    Without `prefixes` there is no container, just an `env_file`.
    """

    prefixes: Sequence[str]
    image: str
    digests: str
    env_file: str = ""
    repo: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that share a model start, and that start.

    `{work}` in argv and env is the work folder of the process, `{batch}` that of the batch. `fallback`: groups of the
    same rows for another program, for when this one says that it cannot serve them.
    """

    name: str
    argv: List[str]
    rows_file: str
    rows: List[Row]
    layouts: List[Layout]
    patterns: Patterns
    cwd: Optional[str] = None
    env: Dict[str, str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    fallback: Sequence[Group] = ()
    wrapping: Optional[Wrapping] = None


@dataclass(frozen=True)
class Plan:
    """A whole batch: `gpus` has an entry for each model process that may run at once: its GPU, or the list of its GPUs,
    none of which another entry has; None is one without.

    `home`: of a shard, which is a job of its own, where the folder of the batch lies from its own; "" where that is it.
    """

    key: str
    stall_s: float
    grace_s: float
    gpus: Sequence[Union[int, Sequence[int], None]]
    inputs: Sequence[Dict[str, Any]]
    groups: Sequence[Group]
    gpu_locks: str = GPU_LOCKS
    home: str = ""


class Strange(ValueError):
    """A plan with something in it that nobody here knows how to obey."""


def read_plan(path: Path) -> Plan:
    """The plan in that file. Raises: Strange for what a newer version may have written."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    plan: Plan = _filled(Plan, {**facts, "groups": [group_of(group) for group in facts["groups"]]})
    sets = [gpus_of(one) for one in plan.gpus if isinstance(one, list)]
    shared = [gpu for gpu, times in Counter(gpu for one in sets for gpu in one).items() if times > 1]
    if shared:
        raise Strange(f"plan.json: GPU {shared[0]} is in two sets: no process of one could run beside the other's")
    return plan


def gpus_of(entry: Union[int, Sequence[int], None]) -> Tuple[int, ...]:
    """The GPUs of an entry of `Plan.gpus`."""
    return () if entry is None else (entry,) if isinstance(entry, int) else tuple(entry)


def group_of(facts: Dict[str, Any]) -> Group:
    """A group as plan.json tells it. Raises: Strange."""
    rows = [_filled(Row, row) for row in facts["rows"]]
    layouts = [known(Layout, layout) for layout in facts["layouts"]]
    patterns = known(Patterns, facts["patterns"])
    wrapping = known(Wrapping, facts["wrapping"]) if facts.get("wrapping") else None
    whole = {row["run"]: row for row in facts["rows"]}
    fallback = [
        group_of({**native, "rows": [{**whole[row["run"]], **row} for row in native["rows"]]})
        for native in facts.get("fallback", ())
    ]
    made = {"rows": rows, "layouts": layouts, "patterns": patterns, "fallback": fallback, "wrapping": wrapping}
    group: Group = _filled(Group, {**facts, **made})
    return group


def known(kind: Any, facts: Dict[str, Any]) -> Any:
    """A `kind` made of all these facts; null counts as not given. Raises: Strange for one that it has no field for."""
    strange = sorted(facts.keys() - {one.name for one in fields(kind)})
    if strange:
        raise Strange(
            f"plan.json: {kind.__name__} has no field {', '.join(strange)}: this supervisor is of another version"
        )
    return _filled(kind, facts)


def _filled(kind: Any, facts: Dict[str, Any]) -> Any:
    """A `kind` made of those facts that it has a field for: a row and a batch are told to clients too."""
    names = {one.name for one in fields(kind)}
    return kind(**{name: fact for name, fact in facts.items() if name in names and fact is not None})


def shared_out(rows: List[Row], workers: int) -> List[List[Row]]:
    """`rows` in at most `workers` shares of about the same length: longest row first, each share in plan order."""
    shares: List[List[int]] = [[] for _ in range(max(1, min(workers, len(rows))))]
    frames = [0] * len(shares)
    for i in sorted(range(len(rows)), key=lambda i: -rows[i].frames):
        least = frames.index(min(frames))
        shares[least].append(i)
        frames[least] += max(1, rows[i].frames)
    return [[rows[i] for i in sorted(share)] for share in shares]
