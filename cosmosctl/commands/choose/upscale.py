"""Runs that enlarge the result of another run, or a video, with the upscaler."""

from dataclasses import dataclass
from pathlib import Path

from cosmosctl import store
from cosmosctl.commands.audience import Audience
from cosmosctl.commands.run.batch import run_batch
from cosmosctl.commands.run.request import Request
from cosmosctl.commands.run.upscaled import upscale_runs, upscale_videos
from cosmosctl.commands.select import names_for
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.project import Drafts
from cosmosctl.errors import UsageError
from cosmosctl.state import states


@dataclass(frozen=True)
class Upscaling:
    """What the options of `upscale` say."""

    runs: tuple[str, ...]
    videos: tuple[str, ...]
    weight: float
    prompt: str | None
    host: str | None


def upscale_batch(folder: Path, given: Upscaling, *, detach: bool, audience: Audience) -> int:
    """Make the runs that enlarge, print them, and run them; the exit code. Raises: as `run_batch`."""
    ids, drafts = upscaling(folder, given)
    return run_batch(folder, request(ids, drafts, given, detach=detach), audience)


def request(ids: tuple[str, ...], drafts: Drafts, given: Upscaling, *, detach: bool) -> Request:
    """The walk of these runs."""
    return Request(ids, "upscale", given.host, detach=detach, drafts=drafts, upscales=True)


def upscaling(folder: Path, given: Upscaling) -> tuple[tuple[str, ...], Drafts]:
    """The runs to batch, sources too that have no result for that host, and drafts of those that are in no file yet.

    Raises: UsageError, FilesError.
    """
    if not given.runs and not given.videos:
        raise UsageError("name a run, or a video with --video")
    if given.prompt is not None and not given.prompt.strip():
        raise UsageError("--prompt is empty")
    project = store.find_project(folder)
    snapshot = store.load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(given.host).is_preview)
    names = names_for(snapshot)
    sources = [resolve_id(word, snapshot.run_ids, what="run") for word in dict.fromkeys(given.runs)]
    larger, of_runs = upscale_runs(snapshot, sources, given.weight, names, prompt=given.prompt)
    of_videos = upscale_videos(snapshot, folder, given.videos, given.weight, names, prompt=given.prompt)
    lacking = [source for source in sources if known[source].state != "done"]
    ids = dict.fromkeys([*lacking, *larger, *(run.id for run in of_videos.runs)])
    return tuple(ids), Drafts((*of_runs.prompts, *of_videos.prompts), (*of_runs.runs, *of_videos.runs))
