"""Drafts of the runs that enlarge the result of another run, or a video, with the upscaler."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cosmosctl import models
from cosmosctl.commands.start.create import placed
from cosmosctl.domain.ids import Names
from cosmosctl.domain.project import UPSCALE, Control, Drafts, Prompt, Run, Setting
from cosmosctl.errors import UsageError
from cosmosctl.io.given_path import cut, is_file, no_path_words
from cosmosctl.store import Snapshot
from cosmosctl.store.drafts import prompt_mistakes

PROMPT = "A sharp, detailed, photorealistic video."
"""For a video of no prompt: the program needs one, its guardrail refuses an empty one."""


def upscale_runs(
    snapshot: Snapshot, sources: Sequence[str], weight: float, names: Names, *, prompt: str | None = None
) -> tuple[tuple[str, ...], Drafts]:
    """The ids of runs that upscale the results of these runs, and drafts of those that are not there yet.

    Raises: UsageError, FilesError.
    """
    drafts = Drafts()
    ids = []
    for source in sources:
        run = _upscaling(snapshot, source, weight)
        if prompt is not None:
            text = _prompt_with(snapshot, drafts, run.prompt, prompt, names)
            is_new = text.id not in snapshot.prompts and text not in drafts.prompts
            drafts = replace(drafts, prompts=(*drafts.prompts, text) if is_new else drafts.prompts)
            run = replace(run, prompt=text.id)
        same = _same(snapshot, run)
        run = replace(run, id=same or next(names.runs))
        ids.append(run.id)
        drafts = drafts if same else replace(drafts, runs=(*drafts.runs, run))
    return tuple(ids), drafts


def upscale_videos(
    snapshot: Snapshot, folder: Path, videos: Sequence[str], weight: float, names: Names, *, prompt: str | None = None
) -> Drafts:
    """Drafts of runs that upscale video files, with prompts of their own. Raises: UsageError with every mistake."""
    text, control = prompt or PROMPT, Control(UPSCALE, _checked(weight))
    prompts = [Prompt(next(names.prompts), text, {"color": _video(snapshot.root, folder, one)}) for one in videos]
    outside = snapshot.config.allow_outside_inputs
    mistakes = [one for draft in prompts for one in prompt_mistakes(snapshot.root, draft, outside=outside)]
    if mistakes:
        raise UsageError(
            "\n".join(mistake.message.removeprefix("video.color: ") for mistake in mistakes), hint=mistakes[0].hint
        )
    return Drafts(tuple(prompts), tuple(Run(next(names.runs), draft.id, (control,)) for draft in prompts))


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
    return {} if fps is None or fps == models.UPSCALER.SETTINGS["fps"].default else {"fps": fps}


def _prompt_with(snapshot: Snapshot, drafts: Drafts, prompt_id: str, text: str, names: Names) -> Prompt:
    """A prompt of that text with the videos of another one; the same one if there is one."""
    videos = snapshot.prompts[prompt_id].videos
    known = (*snapshot.prompts.values(), *drafts.prompts)
    same = [one for one in known if one.text == text and one.videos == videos]
    return same[0] if same else Prompt(next(names.prompts), text, dict(videos))


def _video(root: Path, folder: Path, video: str) -> str:
    path = "" if no_path_words(video) else placed(root, folder, video)
    if not path or not is_file(root / path):
        raise UsageError(f"there is no video {cut(video)}")
    return path
