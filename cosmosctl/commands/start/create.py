"""New prompts and runs as YAML files. All that is given is checked as `check` would, before a file is written."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import models, store
from cosmosctl.commands import prepare
from cosmosctl.commands.start import scene_copy
from cosmosctl.commands.start.given_controls import GivenControls, controls_of
from cosmosctl.commands.sweeps.given import given_value
from cosmosctl.domain.ids import checked_id, command, new_id, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Place, Prompt, Run, Setting
from cosmosctl.errors import FileError, FilesError, UsageError, with_hint
from cosmosctl.io.given_path import cut, is_file, is_folder, is_there, no_path_words
from cosmosctl.log import say
from cosmosctl.schema import axes, schema_line
from cosmosctl.store import Snapshot, drafts, new_files
from cosmosctl.store.videos import path_words

if TYPE_CHECKING:
    from cosmosctl.yaml.messages import Mistake

COPY = "--copy copies its videos into inputs/videos/"
OUTSIDE = f"{COPY}; or set allow_outside_inputs: true in cosmosctl.yaml and type {store.OUTSIDE_COMMAND}"


@dataclass(frozen=True)
class GivenRun:
    """What is said of a new run; the rest comes from the run that is copied, or is left out of the file.

    `values`: KEY=VALUE, the key as in a run's file: guidance=7, edge=0.4, edge.preset=low.
    """

    controls: GivenControls = field(default_factory=GivenControls)
    model: str | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


def create_prompt(
    folder: Path,
    text: str,
    video_dir: str,
    *,
    name: str | None,
    negative_prompt: str | None,
    tags: Sequence[str],
    copy: bool = False,
) -> str:
    """The id of a new prompt. `video_dir` is relative to `folder` or to the project; `copy` copies it into inputs/.

    Raises: UsageError, FileError.
    """
    root = store.find_root(folder)
    outside = store.load_config(root).allow_outside_inputs
    _refuse_empty(text, negative_prompt)
    scene = _scene(root, folder, text, video_dir)
    prompt_id = _free_prompt_id(root, name)
    draft = Prompt(prompt_id, text, {"color": scene} if is_file(root / scene) else {}, negative_prompt, tuple(tags))
    if not copy:
        _refuse_as_scene(root, scene, outside)
    found = drafts.prompt_mistakes(root, draft, folder="" if draft.videos else scene, outside=outside or copy)
    _refuse(found)
    planned = scene_copy.planned(root, scene) if copy else None
    with scene_copy.made(root, planned):
        video = planned.folder if planned else scene
        return new_files.create_prompt(
            root, text, video, name=prompt_id, negative_prompt=negative_prompt, tags=draft.tags
        )


def create_run(
    folder: Path, prompt: str | None, given: GivenRun, *, name: str | None, source: str | None = None
) -> str:
    """The id of a new run of `prompt`, or of a copy of the run `source` (ids or unique prefixes).

    Raises: UsageError, FilesError with all that `check` would say of it.
    """
    root = store.find_root(folder)
    known = store.load_all(root)
    base = _copied(known, source, prompt)
    prompt_id = base.prompt if prompt is None else _prompt_named(known, prompt)
    run_id = _free_run_id(root, known, name)
    model = given.model or base.model
    family = models.get(model or known.config.model)
    _refuse_settings(given.settings, family.NAME)
    run = Run(
        id=run_id,
        prompt=prompt_id,
        controls=controls_of(base.controls, given.controls, family, lambda path: placed(root, folder, path)),
        model=model,
        settings={**base.settings, **given.settings},
        tags=given.tags or base.tags,
        quiet=base.quiet,
        places={"": Place("the new run", 0, 0)},
    )
    run = with_values(run, given.values)
    _refuse(drafts.run_mistakes(root, run, outside=known.config.allow_outside_inputs))
    _refuse_as_check(root, known, run)
    new_files.put_run(root, run_id, lambda: _text(root, base, run))
    return run_id


def with_values(run: Run, words: Sequence[str]) -> Run:
    """`run` with what KEY=VALUE says, one after the other. Raises: UsageError."""
    for word in words:
        name, there, text = word.partition("=")
        axis = axes.axes().get(name)
        if not there:
            raise UsageError(f"--set {word}: write KEY=VALUE")
        if axis is None or axis.kind == axes.SCENE:
            raise UsageError(f"--set {word}: {axes.unknown(name)}")
        if not axes.has_place_for(run, axis):
            raise UsageError(f"--set {word}: {axis.name} is not among what the run has; give it a weight first")
        run = axes.with_value(run, axis, given_value(f"--set {word}", name, text))
    return run


def _text(root: Path, base: Run, run: Run) -> str:
    """The file of a new run: that of the run that is copied with other values, so that its comments are kept."""
    if not base.id:
        return new_files.run_text(run, head=schema_line(root, "run", "../../"))
    from cosmosctl.store.run_edit import copied_text

    try:
        return copied_text(ProjectPaths(root).run(base.id).spec.read_text(encoding="utf-8-sig"), base, run)
    except FileError as e:
        say(f"the comments of {base.id} are not kept: {e.message}")
        return new_files.run_text(run, head=schema_line(root, "run", "../../"))


def placed(root: Path, folder: Path, path: str) -> str:
    """A path of the command line as project files write it: relative to the project when it lies inside.

    It is relative to `folder` if there is something, else to the project.
    """
    bases = [base / path for base in (folder.absolute(), root) if is_there(base / path)]
    full = os.path.normpath(bases[0] if bases else root / path)
    for there, top in ((full, os.path.normpath(root)), (os.path.realpath(full), os.path.realpath(root))):
        if Path(there).is_relative_to(top):
            return Path(there).relative_to(top).as_posix()
    return full


def _scene(root: Path, folder: Path, text: str, video_dir: str) -> str:
    """The scene that was given, as project files write it. Raises: UsageError."""
    scene = "" if no_path_words(video_dir) else placed(root, folder, video_dir)
    if scene and is_there(root / scene):
        return scene
    if not no_path_words(text) and is_there(root / placed(root, folder, text)):
        hint = f"the text comes first: cosmosctl create prompt TEXT {shlex.quote(cut(text))}"
        raise UsageError(f"the arguments are swapped: {cut(text)} is the scene, not the prompt's text", hint=hint)
    hint = "put the scene's color.mp4 into inputs/videos/SCENE/"
    raise UsageError(f"there is no folder {cut(video_dir)}", hint=hint)


def _refuse_as_scene(root: Path, scene: str, outside: bool) -> None:
    if is_file(root / scene):
        around = Path(scene).parent.as_posix()
        what = f"name its folder, {around}" if Path(scene).stem == "color" else COPY.replace("videos", "video", 1)
        raise UsageError(f"{scene} is a file, not a scene's folder", hint=what)
    words = path_words(root, scene, allow_outside=outside)
    if words:
        raise UsageError(f"{scene} lies outside of the project" if scene.startswith("/") else words, hint=OUTSIDE)


def _refuse_empty(text: str, negative_prompt: str | None) -> None:
    if not text.strip():
        raise UsageError("the prompt's text is empty")
    if negative_prompt is not None and not negative_prompt.strip():
        raise UsageError("--negative-prompt is empty: leave it out for the model's own")


def _free_prompt_id(root: Path, name: str | None) -> str:
    prompts = ProjectPaths(root).prompts
    if name is None:
        return new_id("ps", {path.stem for path in prompts.iterdir()} if is_folder(prompts) else ())
    checked_id(name, what="prompt")
    if is_there(ProjectPaths(root).prompt(name)):
        raise UsageError(f"there is a prompt {name!r} already", hint=command("show", name))
    refuse_twin(name, [path.stem for path in prompts.iterdir()] if is_folder(prompts) else [])
    return name


def _free_run_id(root: Path, known: Snapshot, name: str | None) -> str:
    if name is None:
        return new_id("rs", known.run_ids)
    checked_id(name, what="run")
    if is_there(ProjectPaths(root).run(name).root):
        raise UsageError(f"there is a folder runs/{name} already", hint=command("show", name))
    refuse_twin(name, known.run_ids)
    return name


def refuse_twin(name: str, taken: Iterable[str]) -> None:
    """Raises: UsageError for an id that differs from another one by case alone."""
    twin = next((one for one in taken if one != name and one.casefold() == name.casefold()), None)
    if twin is not None:
        raise UsageError(f"{name!r} and {twin!r} would be one file where case does not count, as on macOS and Windows")


def _copied(known: Snapshot, source: str | None, prompt: str | None) -> Run:
    """The run that is copied; without one, a run that says nothing."""
    if source is None:
        if prompt is None:
            raise UsageError("name a prompt, or a run to copy with --from", hint="cosmosctl list prompts")
        return Run("", "", ())
    run = resolve_id(source, known.run_ids, what="run")
    known.require([run])
    return known.runs[run]


def _prompt_named(known: Snapshot, word: str) -> str:
    runs = [run for run in known.run_ids if run == word]
    if runs and word not in known.prompt_ids:
        raise UsageError(f"{word} is a run, not a prompt", hint=command("create", "run", "--from", word))
    return resolve_id(word, known.prompt_ids, what="prompt")


def _refuse_settings(settings: Mapping[str, Setting], family: str) -> None:
    """Raises: UsageError with every setting of the command line that the family does not have or not so."""
    rules = models.get(family).SETTINGS
    mistakes = [
        f"--{key.replace('_', '-')} {mistake}"
        for key, value in settings.items()
        if (mistake := rules[key].mistake(value) if key in rules else f"is not a setting of {family}")
    ]
    if mistakes:
        raise UsageError("\n".join(mistakes))


def _refuse(mistakes: "Sequence[Mistake]") -> None:
    if len(mistakes) == 1:
        raise UsageError(mistakes[0].message, hint=mistakes[0].hint)
    if mistakes:
        raise UsageError("\n".join(with_hint(mistake.message, mistake.hint) for mistake in mistakes))


def _refuse_as_check(root: Path, known: Snapshot, run: Run) -> None:
    try:
        prepare.check(ProjectPaths(root), known.with_drafts(Drafts(runs=(run,))), [run.id])
    except FilesError as error:
        raise FilesError(error.messages, hint="" if error.hint == "cosmosctl check" else error.hint) from error
