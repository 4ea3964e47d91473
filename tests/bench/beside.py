"""Commands of this version in turns with those of an earlier commit, each in a project of its own that is like the
other: what has become slower, or faster. CPU seconds, as both meet the same other work.

Takes five minutes on two processors: most of it are ten thousand runs that are made, and read anew.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.bench.timing import cosmosctl, environment, once
from tests.bench.trees import grow
from tests.support.earlier_version import Version, version_of
from tests.support.waiting import take

FEW, MANY = 1_000, 10_000
TURNS, FEW_TURNS = 9, 3
WARM: Mapping[str, tuple[int, Sequence[str]]] = {
    "version": (FEW, ("--version",)),
    "check": (FEW, ("check",)),
    "list_runs": (FEW, ("list", "runs")),
    "batch_dry_run": (FEW, ("batch", "--dry-run")),
    f"status_{FEW}_warm": (FEW, ("status",)),
    f"status_{MANY}_warm": (MANY, ("status",)),
}
COLD = {f"status_{FEW}_cold": (FEW, TURNS), f"status_{MANY}_cold": (MANY, FEW_TURNS)}

Program = tuple[str, ...]


def measure(folder: Path, commit: str) -> Iterator[Mapping[str, float]]:
    """Of each command the CPU seconds of now, those of `commit`, and how many times as long it takes now."""
    earlier = version_of(commit, folder / "earlier")
    programs = (cosmosctl(), earlier.argv)
    trees = {runs: _two_trees(folder / str(runs), earlier, runs) for runs in (FEW, MANY)}
    for name, (runs, words) in WARM.items():
        for program, tree in zip(programs, trees[runs], strict=True):
            once((*program, *words), cwd=tree)
            take(2.1)  # what was written within two seconds is not trusted to the index
            once((*program, *words), cwd=tree)
        yield _in_turns(name, programs, trees[runs], words, TURNS)
    for name, (runs, turns) in COLD.items():
        yield _in_turns(name, programs, trees[runs], ("status",), turns, cold=True)


def _two_trees(folder: Path, earlier: Version, runs: int) -> tuple[Path, Path]:
    """The same project twice, each as its own version makes it and knows its results."""
    ours, theirs = folder / "ours", folder / "theirs"
    grow(ours, runs=runs, with_results=True)
    made = f"grow(pathlib.Path({str(theirs)!r}), runs={runs}, with_results=True)"
    line = f"import pathlib; from tests.bench.trees import grow; {made}"
    subprocess.run(
        (str(earlier.python), "-c", line), cwd=earlier.source, env=environment(), check=True, capture_output=True
    )
    for tree in (ours, theirs):
        shutil.rmtree(tree / ".cosmosctl", ignore_errors=True)
    return ours, theirs


def _in_turns(
    name: str,
    programs: Sequence[Program],
    trees: Sequence[Path],
    words: Sequence[str],
    turns: int,
    *,
    cold: bool = False,
) -> Mapping[str, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for program, tree, found in zip(programs, trees, taken, strict=True):
            if cold:
                shutil.rmtree(tree / ".cosmosctl", ignore_errors=True)
            found.append(once((*program, *words), cwd=tree).cpu_s)
    now, then = map(median, taken)
    ratio = median(ours / theirs for ours, theirs in zip(*taken, strict=True))
    return {f"{name}_cpu_s": round(now, 3), f"{name}_earlier_cpu_s": round(then, 3), f"{name}_ratio": round(ratio, 2)}
