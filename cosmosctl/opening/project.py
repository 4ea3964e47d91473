"""The project that a command works on, its runs with all that waited for them."""

from contextlib import suppress
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.opening.forward import is_forward
from cosmosctl.state import batch_list
from cosmosctl.state.batch_list import BatchList
from cosmosctl.store import find_project


def opened(folder: Path, *, may_write: bool = True) -> ProjectPaths:
    """The project that `folder` lies in, its runs with all that waited for them. Raises: FileError when there is none.

    What cannot be taken in now (a read-only disk, another command at work) goes on waiting; all of it where nothing
    may be written.
    """
    return opened_with_batches(folder, may_write=may_write)[0]


def opened_with_batches(folder: Path, *, may_write: bool = True) -> tuple[ProjectPaths, BatchList]:
    """The same and what lies in its batches/, which is looked at once. Raises: FileError."""
    project = find_project(folder)
    found = batch_list.look(project)
    if may_write and (found.waiting or not _is_forward(project, found)):
        from cosmosctl.io.lock import locked_at_once
        from cosmosctl.opening.claims import catch_up

        with suppress(FileError, OSError), locked_at_once(project.lock) as free:
            if free:
                catch_up(project, found)
                found = batch_list.look(project) if found.batches or found.waiting else found
    return project, found


def _is_forward(project: ProjectPaths, found: BatchList) -> bool:
    try:
        return is_forward(project, found)
    except (FileError, OSError):
        return False
