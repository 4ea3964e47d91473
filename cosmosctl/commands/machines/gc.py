"""Remove from a host what is safely here, and from here what a killed command left."""

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import schedulers
from cosmosctl.commands.run.fetch_inputs import only_on_hosts
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import ID_PATTERN, command
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.project import AllowedHost, Config
from cosmosctl.engines.pulled import is_pulled, place_of
from cosmosctl.errors import FileError, HostError, UsageError
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.pool import pool_folder
from cosmosctl.host.process import host_script
from cosmosctl.io import own
from cosmosctl.io.checked import whole_in
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_end, collect
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state import states
from cosmosctl.store import hash_files, load_all, load_config

if TYPE_CHECKING:
    from invoke import Context

DAY_S = 86_400
_HALF_BATCH = re.compile(rf"{ID_PATTERN}_\d{{8}}_\d{{6}}|\.{ID_PATTERN}\.new")
"""A batch that is not whole: as versions before made them, and one on its way from another disk."""
_STAGED = re.compile(rf"{ID_PATTERN}\.(new|restored|logs-\d+)|dry-run")
AT_ONCE = 500
"""Folders named in one call: ssh hands all arguments on as one word, of at most 128 KiB (execve(2), MAX_ARG_STRLEN)."""
MOST_WORDS = 100_000
"""Bytes of names in one argument (the same limit); of more inputs the pool is left as it is."""
GC_S = 600
"""Limit of a call: removing thousands of files takes its time on a network disk."""


@dataclass(frozen=True)
class Removed:
    """What was removed, or would be: `kind` is batch, input, image or leftover (of this machine)."""

    kind: str
    name: str
    kib: int


@dataclass(frozen=True)
class Kept:
    """A batch of this project that stays on its host, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Swept:
    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]


def collect_garbage(folder: Path, name: str, *, dry_run: bool) -> Swept:
    """What was removed from the host of that name, and what stays. Raises: UsageError, NotAllowed, HostError."""
    project = opened(folder, may_write=not dry_run)
    config = load_config(project.root)
    if name not in config.hosts:
        raise UsageError(
            f"there is no host {name!r}; known: {', '.join(sorted(config.hosts))}", hint="cosmosctl host list"
        )
    c, host = invoke_context(), trust.allowed_host(project.root, config.hosts[name])
    there = _listed(c, host)
    ours = {batch.there.folder: batch for batch in _batches(project, host)}
    reasons = {folder: _why_kept(project, ours[folder]) for project_id, folder in there if folder in ours}
    free = [folder for project_id, folder in there if project_id == config.project and reasons.get(folder) == ""]
    kept = tuple(Kept(folder, why) for folder, why in reasons.items() if why)
    keep = _kept_inputs(project, _images(config, host))
    return Swept((*_removed(c, host, free, keep, dry_run=dry_run), *leftovers(project, dry_run=dry_run)), kept)


def _listed(c: "Context", host: AllowedHost) -> list[tuple[str, str]]:
    """(project, folder) of every batch there that has ended and was left alone for a day."""
    lines = _gc(c, host, ("list", host.dir))
    return [(line[0], line[1]) for line in lines if len(line) == 3]


def _images(config: Config, host: AllowedHost) -> set[str]:
    """The images that this project's hosts would pull into the folder of that one."""
    named = [model.image or "" for one in config.hosts.values() if one.dir == host.dir for model in one.models.values()]
    return {place_of(host, image).rpartition("/")[2] for image in named if is_pulled(image)}


def _kept_inputs(project: ProjectPaths, images: set[str]) -> str:
    """The pool's folders of source videos that only hosts have any more, and these images, as gc.sh takes them."""
    gone = only_on_hosts(project, load_all(project.root))
    words = ",".join([*sorted(images), *sorted(map(pool_folder, gone))])
    return words if len(words) <= MOST_WORDS else "*"


def _removed(c: "Context", host: AllowedHost, free: Sequence[str], keep: str, *, dry_run: bool) -> Iterator[Removed]:
    """Asks in parts, the last of which sweeps the pool too; without a batch to remove the pool is swept alone."""
    parts = [tuple(free[at : at + AT_ONCE]) for at in range(0, len(free), AT_ONCE)] or [()]
    seen = set()
    keeper, what = schedulers.of(host).keeper(host), "would" if dry_run else "remove"
    for part in parts:
        for line in _gc(c, host, (what, host.dir, shlex.join(keeper.remove) if keeper else "", keep, *part)):
            size = whole_in(line[2]) if len(line) == 3 else None
            if size is not None and (line[0], line[1]) not in seen:
                seen.add((line[0], line[1]))
                yield Removed(line[0], line[1], size)


def _gc(c: "Context", host: AllowedHost, args: tuple[str, ...]) -> list[list[str]]:
    answer = host_script(c, host, "gc.sh", args, timeout_s=GC_S)
    if answer.code != 0:
        raise HostError(f"host {host.name}: gc failed ({answer.code}): {answer.stderr.strip()[-300:]}")
    return [line.split("\t") for line in answer.stdout.splitlines()]


def _batches(project: ProjectPaths, host: AllowedHost) -> Iterator[Batch]:
    """The batches of this project that were made for the folder of that host."""
    for paths in states.batches(project):
        try:
            batch = bundle_reader.read_batch(paths)
        except FileError:
            continue  # made in another clone: that one knows what came of it
        if (batch.host.address, batch.host.dir) == (host.address, host.dir):
            yield batch


def _why_kept(project: ProjectPaths, batch: Batch) -> str:
    """Why the host's copy of a batch is still needed; "" when everything that came of it is here."""
    end = batch_end.read_end(project.batch(batch.name).end)
    if end is None:
        return "its results are not fetched: cosmosctl fetch"
    away = [run for run, word in end.runs.items() if word == "done" and not _is_here(project, batch, run)]
    if away:
        return f"the videos of {', '.join(away[:3])} are not here: {command('fetch', away[0])}"
    is_over = end.state in ("done", "cancelled", batch_end.REFUSED)
    return "" if is_over else f"it was {end.state}: {command('fetch', batch.name)}"


def _is_here(project: ProjectPaths, batch: Batch, run: str) -> bool:
    """Whether every output of a run's result by that batch is here, with the sha256 that its receipt names."""
    found = collect.already_here(project, batch, run)
    if found is None:
        return False
    receipt = read_receipt(found.folder.receipt) or read_receipt(found.folder.report)
    if receipt is None:
        return False
    wanted = {found.folder.outputs / name: digest for name, digest in receipt.outputs.items()}
    return hash_files(project.root, [file for file in wanted if file.is_file()]) == wanted


def leftovers(project: ProjectPaths, *, dry_run: bool) -> Iterator[Removed]:
    """Halves of batches that a killed command left here a day ago or earlier."""
    halves = [path for path in _made_by_us(project.batches, _HALF_BATCH) if _is_half(BatchPaths(path))]
    for path in (*halves, *_made_by_us(project.staging, _STAGED)):
        if time.time() - path.lstat().st_mtime < DAY_S:
            continue
        bytes_ = sum(file.lstat().st_size for file in path.rglob("*"))
        if not dry_run:
            own.remove(path)
        yield Removed("leftover", path.relative_to(project.root).as_posix(), bytes_ // 1024)


def _is_half(paths: BatchPaths) -> bool:
    """Whether a folder never became a batch: nothing that git may take away counts, nor a plan that is damaged."""
    came = (paths.events, paths.end, paths.launch, paths.unclaimed)
    return not (bundle_reader.is_whole(paths) or trust.was_made_here(paths) or any(path.exists() for path in came))


def _made_by_us(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The folders in `parent` whose names only this tool gives. Raises: NotOwn when it lies behind a link."""
    found = (parent / name for name in own.names(parent) if pattern.fullmatch(name))
    return [path for path in found if path.is_dir() and not path.is_symlink()]
