"""Ids as people give them: the id, or the path of its file or folder, as git, shells and editors name it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosmosctl.cli import completing
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.io.given_path import is_there

RUN, PROMPT, BATCH, SWEEP = "run", "prompt", "batch", "sweep"
_FOLDERS = {"runs": RUN, "prompts": PROMPT, "batches": BATCH, "sweeps": SWEEP}
_FILES = (PROMPT, SWEEP)
"""Kinds of which each is a file."""
_COMPLETED = {
    RUN: completing.run_ids,
    PROMPT: completing.prompt_ids,
    BATCH: completing.batch_names,
    SWEEP: completing.sweep_names,
}


if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Words = click.ParamType[str]
else:
    Words = click.ParamType


class Offered(Words):
    """Any word; Tab offers those that there are."""

    name = "word"

    def __init__(self, offered: "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]") -> None:
        self._offered = offered

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        return self._offered(ctx, param, incomplete)


HOST, FAMILY, STATE = (
    Offered(offered) for offered in (completing.host_names, completing.family_names, completing.status_names)
)


class Ids(Words):
    """The ids of these kinds. A path that lies in the project becomes the id that it belongs to."""

    name = "id"

    def __init__(self, *kinds: str, config: bool = False, as_paths: tuple[str, ...] = ()) -> None:
        """`as_paths`: kinds that a path alone stands for, as their names may be those of others."""
        self.kinds = kinds
        self.takes_config = config
        self.as_paths = as_paths

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is None or ("/" not in value and not is_there(Path(value))):
            return value
        root, path = _in_project(value, ctx)
        if path is None:
            return value if "/" not in value else self.fail(f"{value!r} is no path in the project {root}", param, ctx)
        kind, name = _meant(path)
        if kind in self.as_paths:
            return path.as_posix()
        if kind in self.kinds or (kind == CONFIG_FILE and self.takes_config):
            return name
        if "/" not in value:
            return value
        return self.fail(f"{value!r} is no path of a {' or '.join(self.kinds)}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        if "/" in incomplete:
            from click.shell_completion import CompletionItem

            return [CompletionItem(incomplete, type="file")]
        return [item for kind in self.kinds for item in _COMPLETED[kind](ctx, param, incomplete)]


RUNS, PROMPTS, BATCHES, SWEEPS = Ids(RUN), Ids(PROMPT), Ids(BATCH), Ids(SWEEP)
RUNS_AND_PROMPTS, RUNS_AND_BATCHES = Ids(RUN, PROMPT), Ids(RUN, BATCH)
ALL = Ids(RUN, PROMPT, BATCH)
FILES = Ids(RUN, PROMPT, config=True, as_paths=(SWEEP,))


def _in_project(value: str, ctx: click.Context) -> tuple[str, Path | None]:
    """(root, `value` relative to it): a path of the folder that the command works on, else of the current one."""
    folder = os.path.realpath(str(ctx.find_root().params.get("folder") or "."))
    root = completing.root_of(ctx) or Path(folder)
    found = [Path(os.path.normpath(Path(base, value))) for base in (folder, os.path.realpath("."))]
    inside = [path.relative_to(root) for path in found if path.is_relative_to(root)]
    there = [path for path in inside if is_there(root / path)]
    return str(root), next(iter([*there, *inside]), None)


def _meant(path: Path) -> tuple[str, str]:
    """The kind and the id that a path in the project belongs to; ("", "") for one of nobody's."""
    parts = path.parts
    if parts == (CONFIG_FILE,):
        return CONFIG_FILE, CONFIG_FILE
    if len(parts) < 2 or parts[0] not in _FOLDERS:
        return "", ""
    kind = _FOLDERS[parts[0]]
    if kind not in _FILES:
        return kind, parts[1]
    return (kind, parts[1].removesuffix(".yaml")) if len(parts) == 2 else ("", "")
