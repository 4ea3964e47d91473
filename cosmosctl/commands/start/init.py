"""A new project, or an older one brought up to date: the template's files, an id, schemas; a demo has a scene too."""

import os
import secrets
from collections.abc import Iterator
from filecmp import cmp
from pathlib import Path

from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.errors import UsageError
from cosmosctl.git.files import NAMES, write_git_files
from cosmosctl.io import own
from cosmosctl.io.given_path import cut, is_file, is_folder, is_there, no_path_words, require_cwd
from cosmosctl.io.lock import locked
from cosmosctl.io.os_error import file_error
from cosmosctl.io.own import write_text
from cosmosctl.io.shipped import template
from cosmosctl.log import say
from cosmosctl.schema import versioned_schemas, write_schemas
from cosmosctl.schema.editors import versioned
from cosmosctl.store import find_project, load_all

DEMO_SCENE = "inputs/videos/city"
PARTS = ("prompts", "runs", "inputs", "inputs/videos", ".cosmosctl")
"""The folders of every project."""

TASKS, EDITOR = "tasks.py", ".vscode/settings.json"
NAMESPACE_LINE = "from cosmosctl.tasks import namespace"

_ID_LINE = 'project: ""'


def init_project(folder: Path, *, demo: bool) -> Path:
    """The root of the project, new or completed. The user's files that are there are not touched. Raises: FileError."""
    _refuse_place(folder)
    root = folder.resolve()
    _refuse_nested(root)
    if demo and (root / "runs").is_dir() and any((root / "runs").iterdir()):
        raise UsageError(f"{root} has runs already; the demo needs an empty project", hint="cosmosctl init DIR --demo")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for source, target in _files(root, demo):
            _copy(source, target)
        write_git_files(root)
    except OSError as e:
        raise file_error(root, e, doing="make a project") from e
    for part in PARTS:
        if not is_folder(root / part):
            own.make_folders(root / part)
    _write_schemas(root)
    return root


def _write_schemas(root: Path) -> None:
    """The derived ones, and those that git versions: where cosmosctl.yaml is wrong, which `check` tells, only new ones.

    Raises: FileError.
    """
    snapshot = load_all(root)
    config = snapshot.config
    outside = config.allow_outside_inputs
    write_schemas(root, model=config.model, prompts=snapshot.prompt_ids, outside=outside)
    if config.project or not is_there(ProjectPaths(root).schemas):
        for words in versioned.write(root, versioned_schemas(config)):
            say(words)


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


def _refuse_nested(root: Path) -> None:
    """Raises: UsageError for a folder within another project, which would take it for part of its own."""
    around = next((one for one in root.parents if is_file(one / CONFIG_FILE)), None)
    if around is not None and not is_file(root / CONFIG_FILE):
        raise UsageError(
            f"{root} lies in the project {around}; a project within a project would be taken for a part of it",
            hint="cosmosctl init in a folder beside it",
        )


def notes(root: Path) -> Iterator[str]:
    """What the user has to do about files that were there before. Raises: FileError."""
    for name, line, words in (
        (TASKS, NAMESPACE_LINE, f"for inv add this line to it: {NAMESPACE_LINE}"),
        (EDITOR, "schemas/cosmosctl/", "for files without a first line name schemas/cosmosctl/*.json in yaml.schemas"),
    ):
        file = root / name
        if is_file(file) and line not in file.read_text(encoding="utf-8", errors="replace"):
            yield f"{name} was there and is kept; {words}"


def renewed(folder: Path) -> str:
    """A new id for the project that `folder` lies in: a copy that is a project of its own. Raises: FileError."""
    from cosmosctl.yaml.edit import set_in_file

    project = find_project(folder)
    name = secrets.token_hex(4)
    with locked(project.lock):
        set_in_file(project.config, ("project",), name)
    return name


def _files(root: Path, demo: bool) -> Iterator[tuple[Path, Path]]:
    has_scene = demo and _has_scene(root)
    for kind in ("project", "demo") if demo else ("project",):
        base = template(kind)
        for source in sorted(path for path in base.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            name = source.relative_to(base).as_posix()
            if name not in NAMES.values() and not (has_scene and name.startswith(DEMO_SCENE)):
                yield source, root / name


def _has_scene(root: Path) -> bool:
    """Whether a colour clip is there that is not the demo's, so that the demo's depth would not go with it."""
    color = root / DEMO_SCENE / "color.mp4"
    return is_there(color) and not (is_file(color) and cmp(color, template("demo", DEMO_SCENE, color.name), False))


def _copy(source: Path, target: Path) -> None:
    """What is there is kept, unless an earlier version wrote it and nobody changed it since."""
    if os.path.lexists(target) and not _is_earlier(target):
        return
    if target.name == "cosmosctl.yaml":
        text = source.read_text(encoding="utf-8")
        write_text(target, text.replace(_ID_LINE, f'project: "{secrets.token_hex(4)}"', 1))
        return
    own.copy_file(source, target)


def _is_earlier(target: Path) -> bool:
    earlier = template("earlier", target.name)
    return is_file(earlier) and is_file(target) and cmp(target, earlier, False)
