"""`status` of 10,000 runs, half of them done, beside `git status` of the same tree; of 1,000 read anew."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.timing import cosmosctl, medians, once
from tests.bench.trees import grow

WARM_RUNS = 10_000
COLD_RUNS = 1_000
COLD_TRIES = 3


def measure(folder: Path) -> Iterator[Mapping[str, float]]:
    """Wall seconds."""
    warm = grow(folder / "warm", runs=WARM_RUNS, with_results=True).root
    for argv in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "a"),
    ):
        subprocess.run(("git", *argv), cwd=warm, check=True, capture_output=True)
    ours = medians(cosmosctl("status"), cwd=warm)
    git = medians(("git", "status"), cwd=warm)
    yield {
        f"{WARM_RUNS}_runs_warm_s (at most 0.4)": round(ours.wall_s, 3),
        "git_status_same_tree_s": round(git.wall_s, 3),
    }
    cold = grow(folder / "cold", runs=COLD_RUNS, with_results=True).root
    first = []
    for _ in range(COLD_TRIES):
        shutil.rmtree(cold / ".cosmosctl", ignore_errors=True)
        first.append(once(cosmosctl("status"), cwd=cold).wall_s)
    yield {f"{COLD_RUNS}_runs_cold_s (at most 2)": round(sorted(first)[COLD_TRIES // 2], 3)}
