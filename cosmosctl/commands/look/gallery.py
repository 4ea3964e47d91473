"""`gallery`: results as a folder that any browser opens, with what has to be computed for it computed now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.plurals import counted
from cosmosctl.opening.project import opened
from cosmosctl.shown import folder as gallery_folder
from cosmosctl.shown.folder import Gallery
from cosmosctl.shown.memory import Memory
from cosmosctl.shown.project import Shown, shown
from cosmosctl.store.looks import Look, Looks

NAME = "gallery"
"""The folder in the project, if no other is named."""

Progress = Callable[[str, int, int], None]
_PARTS = 1000


@dataclass(frozen=True)
class Wish:
    """What was asked for: `words` name runs and batches, all without any."""

    words: Sequence[str] = ()
    target: Path | None = None
    copies: bool = False
    with_logs: bool = False
    zipped: bool = False


@dataclass(frozen=True)
class Written:
    """What is there now. `made`: so many look copies were made for it; `unlinked`: no link leads to the originals."""

    index: Path
    zip: Path | None
    runs: int
    videos: int
    made: int
    unlinked: bool


def write_gallery(folder: Path, wish: Wish, progress: Progress) -> Written:
    """Write the gallery. Raises: UsageError for a folder that is none, FileError."""
    project = opened(folder)
    target = (wish.target or project.root / NAME).absolute()
    target = target.parent.resolve() / target.name
    gallery_folder.refuse_target(target, project.root)
    memory = Memory(project, with_logs=wish.with_logs)
    found = shown(project, wish.words, memory, with_logs=wish.with_logs)
    looks = Looks(project)
    with looks.keeping():
        known, made = looks_of(found, looks, progress)
    gallery = Gallery(target, project.root, found, looks, known, wish.copies)
    gallery_folder.write(gallery)
    packed = target.with_name(f"{target.name}.zip") if wish.zipped else None
    if packed is not None:
        gallery_folder.write_zip(gallery, packed)
    unlinked = not wish.copies and not gallery.links_out
    return Written(target / gallery_folder.INDEX, packed, len(found.facts["runs"]), len(known), made, unlinked)


def looks_of(found: Shown, looks: Looks, progress: Progress) -> tuple[Mapping[str, Look], int]:
    """The look copy of each video by key, and how many had to be made. Raises: FileError."""
    known = {key: looks.known(video.sha256) for key, video in found.videos.items()}
    missing = [key for key, look in known.items() if look is None]
    what = f"look copies of {counted(len(missing), 'video')}"
    for number, key in enumerate(missing):
        video = found.videos[key]

        def tell(done: int, total: int, number: int = number) -> None:
            progress(what, number * _PARTS + done * _PARTS // total, len(missing) * _PARTS)

        known[key] = looks.made(video.sha256, video.file, tell)
    return {key: look for key, look in known.items() if look is not None}, len(missing)
