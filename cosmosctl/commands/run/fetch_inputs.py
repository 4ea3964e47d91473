"""Source videos that are gone from here, out of the pools of the hosts that had them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import VIDEO_SUFFIXES, Run
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.pool import fetch_from_pool, pool_folder
from cosmosctl.io import copying, own
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.given_path import is_there
from cosmosctl.models import video_stems
from cosmosctl.opening.project import opened
from cosmosctl.results.receipts import read_receipt
from cosmosctl.schema.values import prompt_of
from cosmosctl.store import Snapshot, hash_files, load_all
from cosmosctl.store.videos import path_words
from cosmosctl.yaml.reader import MAX_BYTES, parse_bytes

INPUTS = "inputs"


@dataclass(frozen=True)
class Lacking:
    """A video that a run's files name and that is not here: where it lay, what it was, who had it.

    `path` ends where the ending is not known: that is the pool's.
    """

    run: str
    path: str
    sha256: str
    host: str


@dataclass(frozen=True)
class Brought:
    """What became of it: the path that it has now, or why it has none."""

    lacking: Lacking
    path: str
    why: str = ""


def fetch_inputs(folder: Path, ids: Sequence[str]) -> tuple[Brought, ...]:
    """Every lacking source video of these runs, or of all. Raises: UsageError, NotAllowed, HostError, FileError."""
    project = opened(folder)
    snapshot = load_all(project.root)
    runs = [resolve_id(word, snapshot.run_ids, what="run") for word in ids] or list(snapshot.run_ids)
    wanted: dict[str, Lacking] = {}
    for run in runs:
        for one in lacking(project, snapshot, run):
            wanted.setdefault(one.path, one)
    hosts = dict.fromkeys(one.host for one in wanted.values())
    return tuple(
        brought
        for host in hosts
        for brought in _from_host(project, snapshot, host, [one for one in wanted.values() if one.host == host])
    )


def only_on_hosts(project: ProjectPaths, snapshot: Snapshot) -> set[str]:
    """sha256 of the source videos of which receipts tell and that no file here has where the run names it."""
    named = {one for run in snapshot.run_ids for one in _told(project, snapshot, run)}
    here = {one: file for one in named if (file := _any_ending(project.root, one.path)) is not None}
    digests = hash_files(project.root, here.values())
    return {one.sha256 for one in named} - {one.sha256 for one, file in here.items() if digests[file] == one.sha256}


def lacking(project: ProjectPaths, snapshot: Snapshot, run: str) -> Iterator[Lacking]:
    """The videos below inputs/ that the run's own files name, that are not here, and that its receipt tells of."""
    return (one for one in _told(project, snapshot, run) if not _is_here(project.root, one.path))


def _told(project: ProjectPaths, snapshot: Snapshot, run: str) -> Iterator[Lacking]:
    """The same, whether they are here or not."""
    paths = project.run(run)
    files = (paths.result.report, paths.result.receipt, paths.preview.receipt)
    receipt = next((one for file in files if (one := read_receipt(file)) is not None), None)
    if receipt is None:
        return
    for role, path in _named(project, snapshot.seen_run(run)).items():
        digest = receipt.inputs.get(role)
        is_ours = path.split("/")[0] == INPUTS and not path_words(project.root, path, allow_outside=False)
        if digest and is_ours:
            yield Lacking(run, path, digest, receipt.host)


def _named(project: ProjectPaths, run: Run) -> Mapping[str, str]:
    """Role -> path of each video that the run and its prompt name; in a folder the name's ending is left out."""
    own_files = {one.name: one.input for one in run.controls if one.input not in (None, "auto")}
    computed = {one.name for one in run.controls if one.preset is not None}
    found = {**_of_prompt(project, run.prompt), **own_files}
    return {role: os.path.normpath(path) for role, path in found.items() if role not in computed and path}


def _of_prompt(project: ProjectPaths, prompt: str) -> Mapping[str, str]:
    try:
        values = prompt_of(parse_bytes(read_bounded(project.prompt(prompt), MAX_BYTES))).value
    except (OSError, Unreadable):
        return {}
    if values is None or not values.folder:
        return {} if values is None else values.files
    return {role: f"{values.folder}/{stems[0]}" for role, stems in video_stems().items()}


def _is_here(root: Path, path: str) -> bool:
    """Whether there is a file of that path; where the ending is left out, one with any that a video may have."""
    return any(is_there(root / f"{path}{ending}") for ending in _endings(path))


def _any_ending(root: Path, path: str) -> Path | None:
    return next((root / f"{path}{ending}" for ending in _endings(path) if (root / f"{path}{ending}").is_file()), None)


def _endings(path: str) -> tuple[str, ...]:
    return ("",) if Path(path).suffix.lower() in VIDEO_SUFFIXES else VIDEO_SUFFIXES


def _from_host(project: ProjectPaths, snapshot: Snapshot, name: str, wanted: Sequence[Lacking]) -> Iterator[Brought]:
    if name not in snapshot.config.hosts:
        yield from (Brought(one, "", f"its host {name} is not in cosmosctl.yaml") for one in wanted)
        return
    host = trust.allowed_host(project.root, snapshot.config.hosts[name])
    staged = project.staging / "inputs.pool"
    own.discard(staged)
    pool = fetch_from_pool(invoke_context(), host, [one.sha256 for one in wanted], staged)
    for one in wanted:
        yield _put(project, pool, one)
    own.discard(staged)


def _put(project: ProjectPaths, pool: Path, one: Lacking) -> Brought:
    """The video into its place, once its content is what the receipt says."""
    folder = pool / pool_folder(one.sha256)
    files = [folder / name for name in own.names(folder) if name.startswith("video.")]
    if not files:
        return Brought(one, "", f"its host {one.host} has it no more")
    if hash_files(project.root, [files[0]])[files[0]] != one.sha256:
        return Brought(one, "", f"what its host {one.host} has under its name is another file")
    path = one.path if "" in _endings(one.path) else f"{one.path}{files[0].suffix}"
    target = project.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    copying.copy_new_file(files[0], target)
    return Brought(one, path)
