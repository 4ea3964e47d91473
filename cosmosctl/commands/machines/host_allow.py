"""Say that a project's host, batch, folder or link may be used on this machine."""

from pathlib import Path

from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.errors import FileError, UsageError
from cosmosctl.host import trust
from cosmosctl.host.trust import Leave
from cosmosctl.store import find_root, load_config


def host_leave(folder: Path, name: str) -> Leave:
    """The block of that name in cosmosctl.yaml. Raises: UsageError when there is none, or it needs no leave."""
    root = find_root(folder)
    hosts = load_config(root).hosts
    if name not in hosts:
        raise UsageError(f"there is no host {name!r}; known: {', '.join(sorted(hosts))}", hint="cosmosctl host list")
    if trust.is_built_in(hosts[name]):
        raise UsageError(f"host {name} is the built-in preview, which needs no leave")
    return trust.host_leave(root, hosts[name])


def batch_leave(folder: Path, name: str) -> Leave:
    """A batch of another clone: its plan, or only its host where no plan is here. Raises: UsageError, FileError."""
    root = find_root(folder)
    paths = ProjectPaths(root).batch(name)
    try:
        trust.allowed_whereabouts(root, paths)
    except trust.NotAllowed as e:
        return e.leave
    raise UsageError(f"batch {name} needs no leave: it was made or allowed here")


def outside_leave(folder: Path) -> Leave:
    """Videos from outside of the project."""
    return trust.outside_leave(find_root(folder))


def folder_leave(folder: Path) -> Leave:
    """The project in `folder`, whoever owns it; where there is none, a folder of videos that links may lead to.

    Raises: FileError.
    """
    root = folder.resolve()
    return trust.folder_leave(root) if (root / CONFIG_FILE).is_file() else trust.inputs_leave(root)


def link_leave(folder: Path, link: Path) -> Leave:
    """A link below the project. Raises: FileError when it is none of the project's."""
    root = find_root(folder)
    place = (folder.resolve() / link).parent.resolve() / link.name
    if not place.is_relative_to(root):
        raise FileError(f"{place}: lies outside of the project {root}")
    return trust.link_leave(place)
