"""`make bench`: each figure beside what it is compared with, measured in the same run, printed and stored as JSON.

Figures are for reading; nothing here fails because something was slow.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.bench import batching, bundling, preview, remote, startup, status, warm

Measure = Callable[[Path], Mapping[str, Any]]

MEASURES: Mapping[str, Measure] = {
    "version": startup.measure,
    "status": status.measure,
    "bundle": bundling.measure,
    "preview": preview.measure_demo,
    "batch": batching.measure,
    "remote": remote.measure,
    "containers": remote.measure_containers,
    "warm": warm.measure,
}


def main() -> None:
    """Measure all that was asked for, print each figure as it comes, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to store the figures")
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], help="which to measure; all by default")
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": {"python": platform.python_version(), "system": platform.platform()}}
    for name in options.names or MEASURES:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            figures[name] = dict(MEASURES[name](Path(folder)))
        print(f"\n{name}", flush=True)
        for key, value in figures[name].items():
            print(f"  {key:<44} {value}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
