"""Ids as people give them: the id, or the path of its file or folder, as git, shells and editors name it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosmosctl.cli import completing
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.io.given_path import is_there

RUN, PROMPT, BATCH = "run", "prompt", "batch"
_FOLDERS = {"runs": RUN, "prompts": PROMPT, "batches": BATCH}
_COMPLETED = {RUN: completing.run_ids, PROMPT: completing.prompt_ids, BATCH: completing.batch_names}


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

    def __init__(self, *kinds: str, config: bool = False) -> None:
        self.kinds = kinds
        self.takes_config = config

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is None or ("/" not in value and not is_there(Path(value))):
            return value
        root, path = _in_project(value, ctx)
        if path is None:
            return value if "/" not in value else self.fail(f"{value!r} is no path in the project {root}", param, ctx)
        kind, name = _meant(path)
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


RUNS, PROMPTS, BATCHES = Ids(RUN), Ids(PROMPT), Ids(BATCH)
RUNS_AND_PROMPTS, RUNS_AND_BATCHES = Ids(RUN, PROMPT), Ids(RUN, BATCH)
ALL = Ids(RUN, PROMPT, BATCH)
FILES = Ids(RUN, PROMPT, config=True)


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
    if kind != PROMPT:
        return kind, parts[1]
    return (PROMPT, parts[1].removesuffix(".yaml")) if len(parts) == 2 else ("", "")
