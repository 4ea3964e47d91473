"""Results of exported batches out of a folder that somebody sent back. Nothing there is changed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.following.home import collected, refuse_stuck, settle
from cosmosctl.host.streams import EVENTS_BYTES
from cosmosctl.io import own
from cosmosctl.io.checked import read_bounded
from cosmosctl.io.lock import locked_at_once
from cosmosctl.log import say
from cosmosctl.plan import bundle_reader
from cosmosctl.results import collect
from cosmosctl.results.collect import Collected, Wanted
from cosmosctl.results.event_lines import shard_lines, shards_line
from cosmosctl.results.events import read_progress
from cosmosctl.state import states
from cosmosctl.state.opening import opened


def fetch_from(folder: Path, source: Path) -> tuple[Collected, ...]:
    """What was brought home of the batches that lie in `source`, or that `source` itself is. Raises: FileError."""
    project = opened(folder)
    open_ones = [bundle_reader.read_batch(one.paths) for one in states.open_batches(project)]
    pairs = [(batch, place) for batch in open_ones for place in _places(source, batch)]
    if not pairs:
        waiting = ", ".join(batch.there.folder for batch in open_ones) or "none"
        raise FileError(f"{source} holds no unfinished batch of this project; unfinished: {waiting}")
    return tuple(one for batch, place in pairs for one in _take_in(project, batch, place))


def _places(source: Path, batch: Batch) -> Iterator[Path]:
    """Where in `source` the batch lies: its folder has its name and its key."""
    name = batch.there.folder
    places = (source, source / name, source / "batches" / name)
    parts = [f"shards/{number}/events.jsonl" for number in range(batch.shards)] or ["events.jsonl"]
    known = (place for place in places if place.resolve().name == name)
    yield from [place for place in known if any(_is_own_file(place, part) for part in parts)][:1]


def _take_in(project: ProjectPaths, batch: Batch, place: Path) -> Sequence[Collected]:
    with locked_at_once(project.batch_lock(batch.name)) as free:
        if not free:
            say(f"{batch.name} is being followed by another cosmosctl")
            return ()
        _take_events(project, batch, place)
        state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
        _copy(place, project.pulled(batch.name), collect.files_to_fetch(project, batch))
        ready = [end for run, end in state.ends.items() if run not in home and run in batch.runs]
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
