"""A new project: the template's files, a project id, the schemas; with a demo, a scene of our own drawing."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import UsageError
from cosmosctl.io import own
from cosmosctl.io.given_path import cut, is_folder, is_there, no_path_words, require_cwd
from cosmosctl.io.os_error import file_error
from cosmosctl.io.own import write_text
from cosmosctl.io.shipped import template
from cosmosctl.schema import write_schemas

DEMO_SCENE = "inputs/videos/city"
PARTS = ("prompts", "runs", "inputs", "inputs/videos", ".cosmosctl")
"""The folders of every project."""

_ID_LINE = 'project: ""'


def init_project(folder: Path, *, demo: bool, progress: Callable[[int, int], None] | None = None) -> Path:
    """The root of the project, new or completed. Files that are there are not touched. Raises: FileError.

    `progress` hears (frames drawn, frames) of the demo's scene.
    """
    _refuse_place(folder)
    root = folder.resolve()
    if demo and (root / "runs").is_dir() and any((root / "runs").iterdir()):
        raise UsageError(f"{root} has runs already; the demo needs an empty project", hint="cosmosctl init DIR --demo")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for source, target in _files(root, demo):
            _copy(source, target)
    except OSError as e:
        raise file_error(root, e, doing="make a project") from e
    for part in PARTS:
        if not is_folder(root / part):
            own.make_folders(root / part)
    write_schemas(root)
    if demo:
        _draw_demo(root, progress)
    return root


def _refuse_place(folder: Path) -> None:
    """Nothing, when a project can be made there. Raises: UsageError before anything is written."""
    words = no_path_words(str(folder))
    if not folder.is_absolute():
        require_cwd()
    for place in (*reversed(folder.absolute().parents), folder.absolute(), *(folder / part for part in PARTS)):
        if not words and is_there(place) and not is_folder(place):
            words = f"{cut(str(place))} is no folder"
    if words:
        raise UsageError(f"no project can be made there: {words}")


def _files(root: Path, demo: bool) -> Iterator[tuple[Path, Path]]:
    for kind in ("project", "demo") if demo else ("project",):
        base = template(kind)
        for source in sorted(path for path in base.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            name = source.relative_to(base).as_posix()
            yield source, root / (".gitignore" if name == "gitignore" else name)


def _copy(source: Path, target: Path) -> None:
    if os.path.lexists(target):
        return
    own.make_folders(target.parent)
    if target.name == "cosmosctl.yaml":
        text = source.read_text(encoding="utf-8")
        write_text(target, text.replace(_ID_LINE, f'project: "{secrets.token_hex(4)}"', 1))
        return
    shutil.copyfile(source, target)


def _draw_demo(root: Path, progress: Callable[[int, int], None] | None) -> None:
    from cosmosctl.media.scene import draw_scene

    scene = ProjectPaths(root).root / DEMO_SCENE
    if not (scene / "color.mp4").exists():
        draw_scene(scene, progress=progress)
