"""`make bench`: each figure beside what it is compared with, measured in the same run, printed and stored as JSON.

Figures are for reading; nothing here fails because something was slow. Each is stored as soon as it is measured:
whatever ends the command, the file holds those so far. What a machine lacks is skipped, what breaks is told, by name.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.io.atomic import write_text
from tests import containers, sshd
from tests.bench import batching, beside, bundling, networks, page, preview, remote, slurm, startup, status, warm
from tests.support.surroundings import own_surroundings

Measure = Callable[[Path], Iterator[Mapping[str, Any]]]
"""Yields figures as it has them; takes a folder of its own."""


@dataclass(frozen=True)
class Part:
    """Figures that are measured together, and what the machine lacks for them."""

    measure: Measure
    missing: Callable[[], Sequence[str]] = list


def _programs(*names: str) -> Callable[[], Sequence[str]]:
    return lambda: [name for name in names if shutil.which(name) is None]


PARTS: Mapping[str, Part] = {
    "version": Part(startup.measure),
    "status": Part(status.measure, _programs("git")),
    "bundle": Part(bundling.measure),
    "preview": Part(preview.measure_demo),
    "batch": Part(batching.measure, _programs("rsync")),
    "remote": Part(remote.measure, sshd.missing),
    "containers": Part(remote.measure_containers, lambda: [*sshd.missing(), *containers.missing()]),
    "warm": Part(warm.measure),
    "slurm": Part(slurm.measure, sshd.missing),
    "networks": Part(networks.measure, networks.missing),
    "page": Part(page.measure),
}


@dataclass
class Report:
    """What there is so far, stored anew with each figure; `file` None stores nothing."""

    file: Path | None
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, part: str, figures: Mapping[str, Any]) -> None:
        """Print these figures, or words, and keep them under the name of their part."""
        self.facts.setdefault(part, {}).update(figures)
        for key, value in figures.items():
            print(f"  {key:<44} {value}", flush=True)
        if self.file:
            write_text(self.file, json.dumps(self.facts, indent=2) + "\n")


def main() -> int:
    """0; 1 when a part broke. All the others are measured all the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="where to store the figures")
    parser.add_argument("names", nargs="*", choices=[*PARTS, []], help="which to measure; all by default")
    parser.add_argument("--beside", metavar="COMMIT", help="only commands, in turns with those of an earlier commit")
    options = parser.parse_args()
    own_surroundings()
    report = Report(options.json)
    report.add("machine", {"python": platform.python_version(), "system": platform.platform()})
    parts = {name: PARTS[name] for name in options.names or PARTS}
    if options.beside:
        parts = {f"beside {options.beside}": Part(partial(beside.measure, commit=options.beside), _programs("git"))}
    for name, part in parts.items():
        print(f"\n{name}", flush=True)
        _measure(name, part, report)
    return 1 if "failed" in report.facts else 0


def _measure(name: str, part: Part, report: Report) -> None:
    missing = part.missing()
    if missing:
        report.add("skipped", {name: f"needs {', '.join(dict.fromkeys(missing))}"})
        return
    try:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name.partition(' ')[0]}-") as folder:
            for figures in part.measure(Path(folder)):
                report.add(name, figures)
    except pytest.skip.Exception as e:  # what the tests cannot do here, this cannot do either
        report.add("skipped", {name: str(e)})
    except Exception as e:  # whatever it is, the other parts go on, and the exit code tells
        report.add("failed", {name: _told(e)})


def _told(error: Exception) -> str:
    """An error in one line, with the last lines that a command wrote to stderr."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    return "; ".join([f"{type(error).__name__}: {error}", *map(str.strip, text.strip().splitlines()[-3:])])


if __name__ == "__main__":
    sys.exit(main())
