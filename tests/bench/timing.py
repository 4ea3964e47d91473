"""Times of whole commands: wall and CPU seconds, the median of several runs after one that does not count."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

RUNS = 5


@dataclass(frozen=True)
class Taken:
    """Seconds of one command: on the clock and of the processors."""

    wall_s: float
    cpu_s: float


def cosmosctl(*args: str) -> tuple[str, ...]:
    """argv of a cosmosctl command in this interpreter."""
    return (sys.executable, "-m", "cosmosctl", *args)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured command: byte code is cached, as it is for an installed package."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COSMOSCTL_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **(more or {})}


def once(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Taken:
    """What one run of `argv` takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=environment(env), check=True, capture_output=True, stdin=subprocess.DEVNULL)
    wall_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def medians(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, runs: int = RUNS, warm_up: bool = True
) -> Taken:
    """The medians of `runs` runs, the first of which is left out when it only warms up."""
    if warm_up:
        once(argv, cwd=cwd, env=env)
    taken = [once(argv, cwd=cwd, env=env) for _ in range(runs)]
    return Taken(median(one.wall_s for one in taken), median(one.cpu_s for one in taken))
