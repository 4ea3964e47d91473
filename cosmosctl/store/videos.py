"""The videos that a prompt or a control names: found, and kept inside the project unless the project allows more."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.project import COLOR, VIDEO_SUFFIXES
from cosmosctl.io.given_path import is_file, is_folder, no_path_words, shown
from cosmosctl.io.os_error import os_words
from cosmosctl.store.root import OUTSIDE_COMMAND, may_be_linked

ALLOW_OUTSIDE = f"copy it into inputs/, or set allow_outside_inputs: true in cosmosctl.yaml and type {OUTSIDE_COMMAND}"
_SHOWN_FILES = 5


@dataclass(frozen=True)
class Scene:
    """Roles (color, and controls) -> project paths, or what is wrong; `hint` says what to do about it.

    `is_absent`: all that is wrong is that the videos are not here, as in a clone. `loose`: links in the folder that
    lead nowhere, as git-annex leaves them: what they name may come without a change of the folder.
    """

    videos: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    hint: str = ""
    is_absent: bool = False
    loose: tuple[str, ...] = ()


def path_words(root: Path, path: str, *, allow_outside: bool) -> str:
    """What is wrong with naming `path`, whether or not it exists; empty when nothing is."""
    words = no_path_words(path)
    if words or allow_outside:
        return words
    if path.startswith("/"):
        return f"'{path}' is an absolute path; paths are relative to the project"
    if os.path.normpath(path).split("/")[0] == "..":
        return f"'{path}' leaves the project"
    real, top = os.path.realpath(root / path), os.path.realpath(root)
    if os.path.commonpath((real, top)) == top or may_be_linked(real):
        return ""
    from cosmosctl.git.work_tree import is_kept_by_git

    if is_kept_by_git(Path(top), real):
        return ""
    folder = real if is_folder(real) else os.path.dirname(real)  # noqa: PTH120  # text in, text out
    way = command("host", "allow", "--folder", folder)
    return f"'{path}' leaves the project by a symbolic link, which {way} allows"


def outside_hint(path: str) -> str:
    """What to do about a path that `path_words` complains of; nothing helps a text that is no path."""
    return "" if no_path_words(path) else ALLOW_OUTSIDE


def find_scene(root: Path, folder: str, *, allow_outside: bool) -> Scene:
    """The videos of a scene folder: color.mp4, depth.mp4, segmentation.mp4, … with any of the known endings."""
    words = path_words(root, folder, allow_outside=allow_outside)
    if words:
        return Scene(mistakes=(words,), hint=outside_hint(folder))
    folder = os.path.normpath(folder)
    try:
        names = sorted(path.name for path in (root / folder).iterdir())
    except NotADirectoryError:
        return Scene(mistakes=(f"'{folder}' is a file; name its folder, or write {{color: {folder}}}",))
    except FileNotFoundError:
        return Scene(mistakes=(f"there is no folder {shown(folder)}{kept_elsewhere(root / folder)}",), is_absent=True)
    except OSError as error:
        return Scene(mistakes=(f"cannot read the folder {shown(folder)}: {os_words(error)}",))
    return _checked(root, _roles(folder, names), folder, names, allow_outside)


def find_files(root: Path, files: Mapping[str, str], *, allow_outside: bool) -> dict[str, str]:
    """Role -> what is wrong with its file, of the roles where something is."""
    found = {role: _file_words(root, path, allow_outside) for role, path in files.items()}
    return {role: words for role, words in found.items() if words}


def normal(path: str) -> str:
    """The same path without `.`, `//` and a `/` at its end."""
    return os.path.normpath(path)


def _stems() -> Mapping[str, tuple[str, ...]]:
    """What a scene folder may hold. Known videos are looked for by none of it: the families are imported late."""
    from cosmosctl.models import video_stems

    return video_stems()


def _roles(folder: str, names: Iterable[str]) -> dict[str, list[str]]:
    """Role -> the files in `folder` that could be it."""
    found: dict[str, list[str]] = {}
    for name in names:
        stem, suffix = Path(name).stem, Path(name).suffix
        for role, stems in _stems().items():
            if stem in stems and suffix.lower() in VIDEO_SUFFIXES:
                found.setdefault(role, []).append(normal(f"{folder}/{name}"))
    return found


def _checked(root: Path, roles: Mapping[str, list[str]], folder: str, names: list[str], allow_outside: bool) -> Scene:
    if "color" not in roles:
        kept = next((kept_elsewhere(root / folder / name[:-4]) for name in names if _is_kept_colour(name)), "")
        hint = _what_is_there(folder, names)
        return Scene(mistakes=(_no_colour(folder) + kept,), hint=hint, is_absent=True)
    mistakes = [
        f"'{folder}' holds more than one {role} video: {', '.join(Path(path).name for path in paths)}"
        for role, paths in roles.items()
        if len(paths) > 1
    ]
    videos = {role: roles[role][0] for role in _stems() if role in roles}
    wrong = find_files(root, videos, allow_outside=allow_outside)
    is_away = any(path_words(root, one, allow_outside=allow_outside) for one in videos.values())
    loose = tuple(videos[role] for role in wrong if is_gone(root, videos[role], allow_outside=allow_outside))
    return Scene(
        {} if mistakes or wrong else videos,
        (*mistakes, *wrong.values()),
        ALLOW_OUTSIDE if is_away else "",
        is_absent=bool(loose) and len(loose) == len(mistakes) + len(wrong),
        loose=loose,
    )


def is_gone(root: Path, path: str, *, allow_outside: bool) -> bool:
    """Whether all that is wrong with naming `path` is that nothing is there."""
    words = path_words(root, path, allow_outside=allow_outside)
    return not words and not os.path.exists(root / path)  # noqa: PTH110  # a folder that may not be read is no error


def _is_kept_colour(name: str) -> bool:
    """Whether it is what DVC leaves of a colour video."""
    return any(name == f"{stem}{suffix}.dvc" for stem in _stems()[COLOR] for suffix in VIDEO_SUFFIXES)


def _no_colour(folder: str) -> str:
    looked_for = [stem + suffix for stem in _stems()[COLOR] for suffix in VIDEO_SUFFIXES]
    return f"'{folder}' has no colour video; looked for {', '.join(looked_for)}"


def _what_is_there(folder: str, names: list[str]) -> str:
    if not names:
        return f"{folder} is empty"
    more = ", …" if len(names) > _SHOWN_FILES else ""
    return f"in {folder}: {', '.join(names[:_SHOWN_FILES])}{more}"


def _file_words(root: Path, path: str, allow_outside: bool) -> str:
    words = path_words(root, path, allow_outside=allow_outside)
    if words or is_file(root / path):
        return words
    if is_folder(root / path):
        return f"'{path}' is a folder, not a video"
    return f"there is no file {shown(path)}{kept_elsewhere(root / path)}"


def kept_elsewhere(file: Path) -> str:
    """The command that brings a video, or a folder of them, that another tool keeps, where traces of one lie in its
    place; "" if none do.
    """
    if is_file(Path(f"{file}.dvc")):
        return f"; DVC keeps it: dvc pull {file.name}.dvc, in its folder"
    with contextlib.suppress(OSError, ValueError):  # no link, or no path at all
        if "/annex/objects/" in str(file.readlink()):
            return f"; git-annex keeps it: git annex get {file.name}, in its folder"
    return ""


def named_paths(value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    """The control files that a run file names, as far as it is written as it should be: key path and text."""
    controls = value.get("controls") if isinstance(value, dict) else None
    for name, control in controls.items() if isinstance(controls, dict) else ():
        path = control.get("input") if isinstance(control, dict) else None
        if isinstance(path, str) and path != "auto":
            yield ("controls", name, "input"), path
