"""`--version` beside `import click`, and Tab."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.timing import cosmosctl, medians
from tests.bench.trees import grow

RUNS = 15


def measure(folder: Path) -> Iterator[Mapping[str, float]]:
    """CPU seconds of both, and their ratio."""
    ours = medians(cosmosctl("--version"), cwd=folder, runs=RUNS)
    click = medians((sys.executable, "-c", "import click"), cwd=folder, runs=RUNS)
    yield {
        "version_cpu_s": round(ours.cpu_s, 4),
        "import_click_cpu_s": round(click.cpu_s, 4),
        "ratio (at most 1.5)": round(ours.cpu_s / click.cpu_s, 2),
    }
    grow(folder, runs=100)
    tab = {"_COSMOSCTL_COMPLETE": "bash_complete", "COMP_WORDS": "cosmosctl show rs_", "COMP_CWORD": "2"}
    completing = medians(cosmosctl(), cwd=folder, env=tab, runs=RUNS)
    yield {"tab_wall_s (at most 0.1)": round(completing.wall_s, 4)}
