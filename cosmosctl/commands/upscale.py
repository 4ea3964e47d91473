"""Runs that enlarge the result of another run, or a video, with transfer1's upscaler."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cosmosctl import models, states, store
from cosmosctl.domain.ids import draft_ids, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import UPSCALE, Control, Drafts, Run, Setting
from cosmosctl.errors import UsageError
from cosmosctl.models import transfer1
from cosmosctl.store import Snapshot

PROMPT = "A sharp, detailed, photorealistic video."
"""For a video of no prompt: the program needs one, its guardrail refuses an empty one."""


def upscale_run(folder: Path, word: str, weight: float, *, prompt: str | None = None) -> tuple[str, str]:
    """(source, run): a run that upscales the result of the run that `word` names; the same one if there is one.

    Raises: UsageError.
    """
    root = store.find_root(folder)
    snapshot = store.load_all(root)
    source = resolve_id(word, snapshot.run_ids, what="run")
    run = _upscaling(snapshot, source, weight)
    prompt_id = run.prompt if prompt is None else _prompt_with(root, snapshot, run.prompt, prompt)
    same = _same(snapshot, replace(run, prompt=prompt_id))
    return source, same or store.create_run(root, prompt_id, run.controls, settings=run.settings)


def upscale_drafts(snapshot: Snapshot, sources: Sequence[str], weight: float) -> tuple[tuple[str, ...], Drafts]:
    """The ids of runs that upscale these results, and drafts of those that `upscale_run` would make."""
    names = draft_ids("rs", set(snapshot.run_ids))
    wanted = [_upscaling(snapshot, source, weight) for source in sources]
    drafts = [replace(run, id=_same(snapshot, run) or next(names)) for run in wanted]
    new = tuple(run for run in drafts if run.id not in snapshot.runs)
    return tuple(run.id for run in drafts), Drafts(runs=new)


def upscale_video(folder: Path, video: str, weight: float, *, prompt: str | None = None) -> str:
    """A run that upscales a video file, with a prompt of its own. Raises: UsageError, FileError."""
    root = store.find_root(folder)
    full = (folder / video).resolve()
    if not full.is_file():
        raise UsageError(f"there is no video {video}")
    path = full.relative_to(root.resolve()).as_posix() if full.is_relative_to(root.resolve()) else str(full)
    prompt_id = store.create_prompt(root, prompt or PROMPT, {"color": path})
    return store.create_run(root, prompt_id, (Control(UPSCALE, _checked(weight)),))


def with_sources(folder: Path, pairs: Sequence[tuple[str, str]], host: str | None) -> tuple[str, ...]:
    """The runs to batch for these (source, upscaling run): a source too that has no result for that host."""
    project = ProjectPaths(store.find_root(folder))
    snapshot = store.load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    lacking = [source for source, _ in pairs if known[source].state != "done"]
    return tuple(dict.fromkeys([*lacking, *(run for _, run in pairs)]))


def _upscaling(snapshot: Snapshot, source: str, weight: float) -> Run:
    """A run, without an id yet, that upscales the result of `source`. Raises: FilesError, UsageError."""
    snapshot.require([source])
    run = snapshot.runs[source]
    if models.source_of(run) is not None or [control.name for control in run.controls] == [UPSCALE]:
        raise UsageError(f"run {source} upscales already", hint="cosmosctl upscale the run that it enlarges")
    control = Control(UPSCALE, _checked(weight), input=source)
    return Run("", run.prompt, (control,), settings=_rate(snapshot, source))


def _same(snapshot: Snapshot, run: Run) -> str:
    """The id of a run of the same controls and prompt; "" when there is none."""
    found = (one.id for one in snapshot.runs.values() if one.controls == run.controls and one.prompt == run.prompt)
    return next(found, "")


def _checked(weight: float) -> float:
    if not 0 < weight <= 1:
        raise UsageError(f"--weight must be above 0 and at most 1, got {weight:g}")
    return weight


def _rate(snapshot: Snapshot, source: str) -> dict[str, Setting]:
    """The rate that the source's result has, where that is known and not the upscaler's own default."""
    run = snapshot.runs[source]
    spec = models.spec_of(run, snapshot.prompts[run.prompt], snapshot.config)
    fps = spec.settings.get("fps")
    return {} if fps is None or fps == transfer1.SETTINGS["fps"].default else {"fps": fps}


def _prompt_with(root: Path, snapshot: Snapshot, prompt_id: str, text: str) -> str:
    """A prompt of that text with the videos of another one; the same one if there is one."""
    videos = snapshot.prompts[prompt_id].videos
    same = [one.id for one in snapshot.prompts.values() if one.text == text and one.videos == videos]
    return same[0] if same else store.create_prompt(root, text, dict(videos))
