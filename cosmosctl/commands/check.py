"""Look at everything that could go wrong before a batch, without making one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.commands.git_files import stale
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.surprises import Told
from cosmosctl.errors import FileError, FilesError
from cosmosctl.store import find_root, load_all


@dataclass(frozen=True)
class CheckedProject:
    """How much was looked at, and what is surprising."""

    runs: int
    videos: int
    warnings: tuple[Told, ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """That all is well, in words that claim no more than was looked at."""
        return f"no mistakes in {counted(self.runs, 'run')} and {counted(self.videos, 'video')}"


def check_project(folder: Path, words: Sequence[str], *, model: str | None) -> CheckedProject:
    """Check the named runs, or every file of the project. Raises: FilesError with every mistake."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    runs = [resolve_id(word, snapshot.run_ids, what="run") for word in words] or list(snapshot.run_ids)
    elsewhere = () if words else tuple(problem.words for problem in snapshot.problems)
    try:
        checked = prepare.check(project, snapshot, runs, model=model)
    except FilesError as e:
        raise FilesError(tuple(dict.fromkeys([*elsewhere, *e.messages]))) from e
    if elsewhere:
        raise FilesError(elsewhere)
    notes = tuple(
        f"{name} is not that of this version: cosmosctl init brings it up to date" for name in _stale(project)
    )
    return CheckedProject(len(runs), len(checked.found.files), prepare.to_be_told(snapshot, checked), notes)


def _stale(project: ProjectPaths) -> list[str]:
    """The files of git's that an earlier version wrote; none where they cannot be read."""
    try:
        return stale(project.root)
    except FileError:
        return []
