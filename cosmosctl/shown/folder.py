"""A gallery: the page, its data and pictures as a folder that any browser opens, and as a zip. Whole or not at all."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cosmosctl.domain.project import VIDEO_SUFFIXES
from cosmosctl.errors import UsageError
from cosmosctl.io import atomic, own
from cosmosctl.io.given_path import is_folder, is_there, no_path_words
from cosmosctl.io.os_error import file_error
from cosmosctl.io.shipped import page
from cosmosctl.shown.project import Shown
from cosmosctl.shown.videos import Video
from cosmosctl.store.looks import COPY, SHEET, STILL, Look, Looks

INDEX, DATA = "index.html", "data.js"
_MARK = b'<meta name=generator content="cosmosctl gallery">'
_ZIP_MARK = b"cosmosctl gallery"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip: the same gallery has the same bytes."""
_HALF = ".cosmosctl-half"
_KEPT = ("runs", "prompts", "batches", "inputs", ".cosmosctl", ".git")
"""Folders of a project in which none is written."""


@dataclass(frozen=True)
class Gallery:
    """What goes into the folder `target`. `copies`: the original videos too."""

    target: Path
    root: Path
    shown: Shown
    looks: Looks
    known: Mapping[str, Look]
    copies: bool

    @property
    def links_out(self) -> bool:
        """Whether links may lead to the project's own videos: from within it or beside it they tell no path."""
        return self.target.is_relative_to(self.root) or self.target.parent == self.root.parent


def refuse_target(target: Path, root: Path) -> None:
    """Nothing, when a gallery may be written there. Raises: UsageError."""
    words = no_path_words(str(target))
    if not words and target.is_symlink():
        words = f"{target} is a symbolic link"
    if not words and is_there(target) and not (is_folder(target) and is_gallery(target)):
        words = f"{target} is there and is no gallery; nothing of it is overwritten"
    inside = target.relative_to(root).parts if target.is_relative_to(root) else ("",)
    if not words and (not inside or inside[0] in _KEPT or root.is_relative_to(target)):
        words = f"{target} is a folder of the project's own"
    if words:
        raise UsageError(words, hint="cosmosctl gallery -o FOLDER")


def is_gallery(folder: Path) -> bool:
    """Whether a gallery, or nothing at all, is in the folder."""
    index = folder / INDEX
    if index.is_file() and not index.is_symlink():
        with index.open("rb") as file:
            return _MARK in file.read(2000)
    return not any(folder.iterdir())


def write(gallery: Gallery) -> None:
    """Have the gallery in its folder; one that was there is replaced. Raises: FileError."""
    with _replaced(gallery.target) as half:
        names = _names(gallery) if gallery.copies else {}
        for file in sorted(page().rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                _copy(file, half / file.relative_to(page()))
        atomic.write_text(half / ".gitignore", "*\n", durable=False)
        for key, video in gallery.shown.videos.items():
            for kind in (COPY, STILL, SHEET) if not gallery.known[key].problem else ():
                _link(gallery.looks.file(video.sha256, kind), half / _media(key, kind))
        for key, name in names.items():
            _copy(gallery.shown.videos[key].file, half / name)
        for name, log in (*_logs(gallery.shown.run_logs), *_logs(gallery.shown.batch_logs)):
            _copy_own(log, half / name)
        atomic.write_text(half / DATA, data_text(facts(gallery, names, linked=gallery.links_out)), durable=False)


def write_zip(gallery: Gallery, target: Path) -> None:
    """Have the gallery, which is written, as a zip that stands alone. Raises: FileError, UsageError."""
    if is_there(target) and not _is_zip(target):
        raise UsageError(f"{target} is there and is no zip of a gallery", hint="cosmosctl gallery -o FOLDER --zip")
    alone = data_text(facts(gallery, _names(gallery) if gallery.copies else {}, linked=False))
    with atomic.replace_with(target, durable=False) as temp, zipfile.ZipFile(temp, "w") as made:
        made.comment = _ZIP_MARK
        for file in sorted(gallery.target.rglob("*")):
            if file.is_symlink() or not file.is_file() or file.name == ".gitignore":
                continue
            name = file.relative_to(gallery.target).as_posix()
            data = alone.encode() if name == DATA else file.read_bytes()
            info = zipfile.ZipInfo(f"{gallery.target.name}/{name}", _ZIP_TIME)
            info.external_attr = 0o100644 << 16
            packs = file.suffix in (".js", ".css", ".html", ".txt")
            made.writestr(info, data, zipfile.ZIP_DEFLATED if packs else zipfile.ZIP_STORED)


def facts(gallery: Gallery, names: Mapping[str, str], *, linked: bool) -> dict[str, Any]:
    """What data.js says. `names`: original videos that lie in the gallery; `linked`: links lead to the others."""
    media = {key: _media_facts(gallery, key, names, linked=linked) for key in gallery.shown.videos}
    runs = [_with_log(run, gallery.shown.run_logs) for run in gallery.shown.facts["runs"]]
    batches = [_with_log(batch, gallery.shown.batch_logs) for batch in gallery.shown.facts["batches"]]
    return {**gallery.shown.facts, "runs": runs, "batches": batches, "media": media}


def data_text(known: Mapping[str, Any]) -> str:
    """A script of one assignment. No text in it can end the script or begin a tag."""
    text = json.dumps(known, ensure_ascii=True, separators=(",", ":"))
    return f"window.COSMOS={text.replace('<', chr(92) + 'u003c')};\n"


def _media_facts(gallery: Gallery, key: str, names: Mapping[str, str], *, linked: bool) -> dict[str, Any]:
    video, look = gallery.shown.videos[key], gallery.known[key]
    found = look_facts(key, look)
    if look.problem:
        return found
    original = names.get(key) or (_way(gallery, video) if linked and video.may_go else "")
    return found | ({"original": quote(original)} if original else {})


def look_facts(key: str, look: Look) -> dict[str, Any]:
    """What a page is told of a look copy."""
    if look.problem:
        return {"problem": look.problem, "width": 16, "height": 9, "frames": 1, "fps": [24, 1], "plays": False}
    over, _, under = look.fps.partition("/")
    found: dict[str, Any] = {"width": look.width, "height": look.height, "frames": look.frames}
    found |= {"fps": [int(over), int(under or 1)], "plays": look.plays, "look": _media(key, COPY)}
    return found | {"still": _media(key, STILL), "sheet": _media(key, SHEET)}


def _way(gallery: Gallery, video: Video) -> str:
    return os.path.relpath(gallery.root / video.path, gallery.target)


def _media(key: str, kind: str) -> str:
    return f"media/{key}{kind}"


def _names(gallery: Gallery) -> dict[str, str]:
    """Key -> where the original of each video that may go lies in the gallery: named by its run, none twice."""
    found: dict[str, str] = {}
    for key, video in sorted(gallery.shown.videos.items(), key=lambda one: one[1].path):
        suffix = video.file.suffix.lower()
        ending = suffix if suffix in VIDEO_SUFFIXES else ".mp4"
        name = f"videos/{video.name}{ending}"
        if video.may_go:
            found[key] = name if name not in found.values() else f"videos/{video.name}-{key[:8]}{ending}"
    return found


def _logs(logs: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    return ((f"logs/{name}.txt", log) for name, log in logs.items())


def _with_log(one: Mapping[str, Any], logs: Mapping[str, Path]) -> dict[str, Any]:
    return {**one, "logFile": f"logs/{one['id']}.txt"} if one["id"] in logs else dict(one)


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place when the block ends well."""
    half = target.with_name(f".{target.name}{_HALF}")
    old = target.with_name(f".{target.name}{_HALF}-old")
    try:
        for left in (half, old):
            shutil.rmtree(left, ignore_errors=True)
        half.mkdir(parents=True)
        yield half
        if target.exists():
            target.rename(old)
        half.rename(target)
    except OSError as e:
        raise file_error(target, e, doing="write") from e
    finally:
        for left in (half, old):
            shutil.rmtree(left, ignore_errors=True)


def _link(file: Path, target: Path) -> None:
    """A second name, where the disk makes such: a thousand look copies are a gigabyte."""
    target.parent.mkdir(exist_ok=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _copy_own(file: Path, target: Path) -> None:
    """A copy of a file of the tool's. Raises: NotOwn where a link lies in its place."""
    target.parent.mkdir(exist_ok=True)
    with (
        own.opened(file, os.O_RDONLY) as descriptor,
        open(descriptor, "rb", closefd=False) as source,
        target.open("wb") as made,
    ):
        shutil.copyfileobj(source, made)


def _is_zip(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as found:
            return found.comment == _ZIP_MARK
    except (OSError, zipfile.BadZipFile):
        return False
