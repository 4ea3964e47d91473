"""The videos of a batch: found, hashed, decoded once, controls computed. What was learnt is kept by content."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.domain.inputs import Input
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.spec import Spec
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.signed import read_cache, write_cache
from cosmosctl.media.versions import CONTROL_VERSION
from cosmosctl.models.protocol import Clip
from cosmosctl.plan.planner import Sources
from cosmosctl.store import hash_file
from cosmosctl.store.videos import kept_elsewhere

if TYPE_CHECKING:
    from cosmosctl.media.video_info import VideoInfo

Recipe = tuple[str, str, str]
"""(video path, control, preset) of a control that is computed here."""

ControlProgress = Callable[[Recipe, int, int], None]


@dataclass(frozen=True)
class Found:
    """What looking at files found: videos by project path, mistakes and remarks by the same path."""

    files: Mapping[str, Input]
    mistakes: Mapping[str, tuple[Mistake, ...]]
    remarks: Mapping[str, tuple[str, ...]]


NOTHING_FOUND = Found({}, {}, {})


def find(project: ProjectPaths, paths: Iterable[str]) -> Found:
    """Hash and decode each video. A mistake is told under its path, never raised: all of them at once."""
    index = _read_index(project.videos_index)
    before = dict(index)
    files, mistakes, remarks = {}, {}, {}
    for path in dict.fromkeys(paths):
        try:
            files[path], problems, remarks[path] = _look(project, path, index)
        except FileError as e:
            file = project.root / path
            problems = (f"{e.line.replace(str(file), path)}{'' if file.exists() else kept_elsewhere(file)}",)
        if problems:
            mistakes[path] = tuple(_mistake(path, words) for words in problems)
    if index != before:
        with contextlib.suppress(FileError):  # a read-only project, a full disk: decoded again next time
            write_cache(project.videos_index, index)
    return Found(files, mistakes, remarks)


def _mistake(path: str, words: str) -> Mistake:
    """What is wrong with a video, which is named in the words."""
    return Mistake(path, 0, 0, words.removeprefix(f"{path}: "), words)


def recipes(specs: Sequence[Spec]) -> tuple[Recipe, ...]:
    """The controls that have to be computed for these runs, none twice."""
    made = [(s.video, c.name, c.preset) for s in specs for c in s.controls if c.preset is not None and not c.is_native]
    return tuple(dict.fromkeys(made))


def control_file(project: ProjectPaths, video: Input, control: str, preset: str) -> Path:
    """Where a computed control is kept: named by the content of its video and what was done to it."""
    return kept_control(project, video.sha256, control, preset)


def kept_control(project: ProjectPaths, sha256: str, control: str, preset: str) -> Path:
    """The same of the video with that sha256."""
    return project.controls / f"{sha256[:32]}-{control}-{preset}-{CONTROL_VERSION}.mp4"


def compute(
    project: ProjectPaths, files: Mapping[str, Input], wanted: Sequence[Recipe], *, progress: ControlProgress
) -> Mapping[Recipe, Input]:
    """Make the controls that are not kept yet. Raises: FileError when one cannot be written."""
    computed, made = {}, _made_here(project)
    for recipe in wanted:
        video, control, preset = recipe
        target = control_file(project, files[video], control, preset)
        if not own.is_file(target) or hash_file(project.root, target) != made.get(target.name):
            _write_control(files[video].file, target, recipe, progress)
            made[target.name] = hash_file(project.root, target)
            with contextlib.suppress(FileError):
                write_cache(project.controls_index, made)
        path = target.relative_to(project.root).as_posix()
        computed[recipe] = find(project, [path]).files[path]
    return computed


def _made_here(project: ProjectPaths) -> dict[str, str]:
    """Name -> sha256 of the controls that were computed on this machine: what git brought under such a name is none."""
    made = read_cache(project.controls_index)
    return made if isinstance(made, dict) else {}


def sources(project: ProjectPaths, found: Found, specs: Sequence[Spec], *, progress: ControlProgress) -> Sources:
    """All videos that a plan of these runs needs."""
    return Sources(found.files, compute(project, found.files, recipes(specs), progress=progress))


def clip(video: Input) -> Clip:
    """What a model's check needs of a video."""
    return Clip(video.width, video.height, video.fps, video.frames)


def _write_control(source: Path, target: Path, recipe: Recipe, progress: ControlProgress) -> None:
    from cosmosctl.media.control import write_control

    own.make_folders(target.parent)
    write_control(recipe[1], recipe[2], source, target, progress=lambda done, total: progress(recipe, done, total))


def _look(
    project: ProjectPaths, path: str, index: dict[str, dict[str, object]]
) -> tuple[Input, tuple[str, ...], tuple[str, ...]]:
    from cosmosctl.media import probe, video_info

    file = project.root / path
    digest = hash_file(project.root, file)
    info = _remembered(index.get(digest))
    if info is None:
        info = probe.probe(file)
        index[digest] = video_info.to_json(info)
    remarks = tuple(f"{path}: {remark}" for remark in video_info.remarks(info))
    return _input(path, file, digest, info), video_info.problems(info, Path(path)), remarks


def _remembered(facts: dict[str, object] | None) -> "VideoInfo | None":
    """What an earlier look wrote down; None when there is nothing, or less than is asked today."""
    from cosmosctl.media import video_info

    try:
        return None if facts is None else video_info.from_json(facts)
    except (TypeError, KeyError, ValueError):
        return None


def _input(path: str, file: Path, digest: str, info: "VideoInfo") -> Input:
    return Input(path, file, digest, file.stat().st_size, info.width, info.height, float(info.fps), info.frames)


def _read_index(path: Path) -> dict[str, dict[str, object]]:
    index = read_cache(path)
    return index if isinstance(index, dict) else {}
