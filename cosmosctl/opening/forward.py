"""Whether anything of an earlier version is left in a project, told without what could write it forward.

A clone, and a project whose .cosmosctl was deleted, ask it once; in nearly all of them nothing is left.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ProjectPaths, RunPaths
from cosmosctl.io import own
from cosmosctl.io.own import write_text
from cosmosctl.state.batch_list import BatchList

_ALL = "1\n"
_HERE = RunPaths(Path()).result
_OUTPUTS, _RECEIPT = _HERE.outputs.name, _HERE.receipt.name
"""Text, not paths: thousands are looked for."""


def is_forward(project: ProjectPaths, found: BatchList) -> bool:
    """Whether nothing is left; that it was looked for is noted. Raises: FileError, OSError."""
    if project.forward.exists():
        return True
    if found.batches or next(old_runs(project), None) is not None:
        return False
    note(project)
    return True


def note(project: ProjectPaths) -> None:
    """Remember that nothing is left. Raises: FileError, OSError."""
    write_text(project.forward, _ALL, durable=False)


def old_runs(project: ProjectPaths) -> Iterator[RunPaths]:
    """The runs that have a video of their own and no receipt of this machine beside it."""
    base = str(project.runs)
    for run in filter(is_id, own.names(project.runs)):
        place = f"{base}/{run}"
        if os.path.isdir(f"{place}/{_OUTPUTS}") and not os.path.exists(f"{place}/{_RECEIPT}"):  # noqa: PTH110, PTH112
            yield project.run(run)
