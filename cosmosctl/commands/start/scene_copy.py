"""A scene from anywhere, copied into inputs/videos/."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.project import VIDEO_SUFFIXES
from cosmosctl.errors import UsageError
from cosmosctl.io.copying import copy_into_new_folder
from cosmosctl.io.given_path import is_file, is_there
from cosmosctl.store.videos import find_scene

SCENES = "inputs/videos"


@dataclass(frozen=True)
class SceneCopy:
    """`folder` of the project is to hold copies of `files` (name -> file)."""

    folder: str
    files: Mapping[str, Path]


def planned(root: Path, scene: str) -> SceneCopy:
    """What copying a scene folder, or one colour video, would make. Raises: UsageError."""
    source = root / scene
    name = source.stem if is_file(source) else source.resolve().name
    folder = f"{SCENES}/{name}"
    if is_there(root / folder):
        hint = f"cosmosctl create prompt TEXT {folder} takes what is there; or rename the folder that you copy from"
        raise UsageError(f"{folder} is there already: nothing was copied", hint=hint)
    if is_file(source):
        if source.suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"{scene} is no video: none of {', '.join(VIDEO_SUFFIXES)}")
        return SceneCopy(folder, {f"color{source.suffix.lower()}": source})
    found = find_scene(root, scene, allow_outside=True)
    return SceneCopy(folder, {Path(path).name: root / path for path in found.videos.values()})


@contextlib.contextmanager
def made(root: Path, copy: SceneCopy | None) -> Iterator[None]:
    """The copy is there; when the block fails it is removed again. Raises: FileError."""
    if copy is None:
        yield
        return
    copy_into_new_folder(copy.files, root / copy.folder)
    try:
        yield
    except BaseException:
        shutil.rmtree(root / copy.folder, ignore_errors=True)
        raise
