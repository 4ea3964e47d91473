"""Prompts and runs that are in no file yet: read as their files would be, then written, all of them or none."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Prompt, Run
from cosmosctl.log import say
from cosmosctl.store.new_files import create_prompt, create_run, prompt_text, run_text

if TYPE_CHECKING:
    from cosmosctl.yaml.messages import Mistake
    from cosmosctl.yaml.reader import Document

HALF_A_PAIR = "is not Unicode: it holds half of a surrogate pair, or bytes that are not UTF-8"


def prompt_mistakes(root: Path, prompt: Prompt, *, folder: str = "", outside: bool) -> "tuple[Mistake, ...]":
    """What is wrong with the file of this prompt, which names its videos, or else the scene `folder`."""
    from cosmosctl.store.reading.parsing import prompt_in

    def text() -> str:
        return prompt_text(
            prompt.text, folder or dict(prompt.videos), prompt.negative_prompt, prompt.tags, prompt.notes
        )

    return _mistakes(text, lambda document: prompt_in(root, document, prompt.id, outside=outside).mistakes)


def run_mistakes(root: Path, run: Run, *, outside: bool) -> "tuple[Mistake, ...]":
    """What is wrong with the file of this run; its prompt is not looked for."""
    from cosmosctl.store.reading.parsing import run_in

    return _mistakes(lambda: run_text(run), lambda document: run_in(root, document, run.id, outside=outside).mistakes)


def write_drafts(root: Path, drafts: Drafts) -> None:
    """Every draft is a file with its id. On any error what was written is removed again. Raises: FileError."""
    project = ProjectPaths(root)
    with ExitStack() as undo:
        for prompt in drafts.prompts:
            create_prompt(
                root,
                prompt.text,
                dict(prompt.videos),
                name=prompt.id,
                negative_prompt=prompt.negative_prompt,
                tags=prompt.tags,
                notes=prompt.notes,
            )
            undo.callback(_remove, project.prompt(prompt.id))
        for run in drafts.runs:
            create_run(
                root,
                run.prompt,
                run.controls,
                name=run.id,
                model=run.model,
                settings=run.settings,
                tags=run.tags,
                notes=run.notes,
                quiet=run.quiet,
                sweep=run.sweep,
            )
            undo.callback(_remove, project.run(run.id).spec, project.run(run.id).root)
        undo.pop_all()


def _mistakes(text: Callable[[], str], read: "Callable[[Document], tuple[Mistake, ...]]") -> "tuple[Mistake, ...]":
    """What is wrong with a file of that text, found by its own reader."""
    from cosmosctl.yaml.messages import Mistake
    from cosmosctl.yaml.reader import parse_bytes

    try:
        data = text().encode()
    except UnicodeEncodeError:
        return (Mistake(0, 0, f"the text {HALF_A_PAIR}"),)
    return read(parse_bytes(data))


def _remove(file: Path, folder: Path | None = None) -> None:
    try:
        file.unlink()
        if folder is not None:
            folder.rmdir()
    except OSError:
        say(f"{file} was made before the error and could not be removed")
