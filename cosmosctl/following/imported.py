"""Results of exported batches out of a folder that somebody sent back, or that rsync reaches. It is not changed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.events.lines import shard_lines, shards_line
from cosmosctl.events.progress import read_progress
from cosmosctl.following.home import collected, refuse_stuck, settle
from cosmosctl.host.bring import bring, is_address, last_part
from cosmosctl.io import own
from cosmosctl.io.checked import read_bounded
from cosmosctl.io.lock import locked_at_once
from cosmosctl.io.own import EVENTS_BYTES
from cosmosctl.log import say
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.results import collect
from cosmosctl.results.collect import Collected, Wanted
from cosmosctl.state import states


def fetch_from(folder: Path, source: str) -> tuple[Collected, ...]:
    """What was brought home of the batches that lie in `source`, or that `source` itself is: a folder here, or one of
    another machine, which rsync reaches. Raises: FileError, HostError.
    """
    project = opened(folder)
    open_ones = [bundle_reader.read_batch(one.paths) for one in states.open_batches(project)]
    if not is_address(source):
        return _fetched(project, open_ones, Path(source), source, None)
    stage = project.staging / "from" / last_part(source)
    own.discard(stage.parent)
    try:
        _bring_events(source, stage, open_ones)
        return _fetched(project, open_ones, stage, source, stage)
    finally:
        own.discard(stage.parent)


def _fetched(
    project: ProjectPaths, open_ones: Sequence[Batch], place: Path, source: str, stage: Path | None
) -> tuple[Collected, ...]:
    """`stage`: where the rest of what lies at the address `source` is brought, as it is wanted."""
    pairs = [(batch, found) for batch in open_ones for found in _places(place, batch)]
    if not pairs:
        waiting = ", ".join(batch.there.folder for batch in open_ones) or "none"
        raise FileError(f"{source} holds no unfinished batch of this project; unfinished: {waiting}")
    found: list[Collected] = []
    for batch, own_place in pairs:
        address = "" if stage is None else f"{source.rstrip('/')}/{own_place.relative_to(stage)}"
        found += _take_in(project, batch, own_place, address)
    return tuple(found)


def _bring_events(source: str, stage: Path, open_ones: Sequence[Batch]) -> None:
    names = [batch.there.folder for batch in open_ones]
    files = [
        f"{prefix}{part}"
        for name, batch in zip(names, open_ones, strict=True)
        for prefix in ("", f"{name}/", f"batches/{name}/")
        for part in _event_files(batch)
    ]
    bring(source, stage, tuple(dict.fromkeys(files)), most_bytes=EVENTS_BYTES)


def _event_files(batch: Batch) -> Sequence[str]:
    return [f"shards/{number}/events.jsonl" for number in range(batch.shards)] or ["events.jsonl"]


def _places(source: Path, batch: Batch) -> Iterator[Path]:
    """Where in `source` the batch lies: its folder has its name and its key."""
    name = batch.there.folder
    places = (source, source / name, source / "batches" / name)
    parts = _event_files(batch)
    known = (place for place in places if place.resolve().name == name)
    yield from [place for place in known if any(_is_own_file(place, part) for part in parts)][:1]


def _take_in(project: ProjectPaths, batch: Batch, place: Path, address: str) -> Sequence[Collected]:
    with locked_at_once(project.batch_lock(batch.name)) as free:
        if not free:
            say(f"{batch.name} is being followed by another cosmosctl")
            return ()
        _take_events(project, batch, place)
        state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
        wanted = collect.files_to_fetch(project, batch)
        if address and wanted.files:
            bring(address, place, tuple(wanted.files), most_bytes=wanted.most_bytes)
        _copy(place, project.pulled(batch.name), wanted)
        ready = [end for run, end in state.ends.items() if run not in home and batch.has(run)]
        found, stuck = collected(project, batch, ready, state, is_last=True)
        refuse_stuck(batch, stuck)
        if state.finished:
            settle(project, batch, state, home | found)
            own.discard(project.staged(batch.name))
        else:
            say(f"{batch.name} has not ended where this comes from")
        return tuple(found.values())


def _take_events(project: ProjectPaths, batch: Batch, place: Path) -> None:
    events = project.batch(batch.name).events
    if not batch.shards:
        own.copy_file(place / "events.jsonl", events)
        return
    parts = [(number, f"shards/{number}/events.jsonl") for number in range(batch.shards)]
    there = [(number, place / name) for number, name in parts if _is_own_file(place, name)]
    lines = [line for number, file in there for line in shard_lines(number, read_bounded(file, EVENTS_BYTES))]
    own.write_text(events, b"".join((shards_line(batch.shards), *lines)).decode("ascii", errors="replace"))


def _copy(place: Path, target: Path, wanted: Wanted) -> None:
    """Copy these files; what is not there, too large or behind a link is left out."""
    for name in wanted.files:
        if _is_own_file(place, name) and (place / name).stat().st_size <= wanted.most_bytes:
            own.copy_file(place / name, target / name)


def _is_own_file(place: Path, name: str) -> bool:
    """Whether a regular file lies there, with no link on the way to it."""
    return (place / name).is_file() and (place / name).resolve() == place.resolve() / name
