"""The preset controls of runs, computed and named."""

from collections.abc import Sequence
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.domain.ids import resolve_id
from cosmosctl.plan import inputs
from cosmosctl.plan.inputs import ControlProgress
from cosmosctl.store import find_project, load_all


def make_controls(
    folder: Path, words: Sequence[str], *, progress: ControlProgress
) -> tuple[tuple[str, str, str, str], ...]:
    """(run, control, preset, project path) of every computed control of these runs. Raises: FilesError, UsageError."""
    project = find_project(folder)
    snapshot = load_all(project.root)
    runs = [resolve_id(word, snapshot.run_ids, what="run") for word in words]
    checked = prepare.check(project, snapshot, runs)
    computed = inputs.compute(project, checked.found.files, inputs.recipes(checked.specs), progress=progress)
    return tuple(
        (spec.run, control.name, control.preset, computed[spec.video, control.name, control.preset].path)
        for spec in checked.specs
        for control in spec.controls
        if control.preset is not None and not control.is_native
    )
