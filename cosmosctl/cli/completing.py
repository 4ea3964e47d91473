"""Candidates for Tab: file names only, so that it is quick."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.io.given_path import is_file

FAMILIES = "transfer1, transfer2.5 or cosmos3"
"""What --model takes, for its help: importing the families takes longer than Tab may."""


def run_or_prompt_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs and prompts whose id starts with what is typed."""
    return [*run_ids(ctx, param, incomplete), *prompt_ids(ctx, param, incomplete)]


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs whose id starts with what is typed."""
    return _names(ctx, "runs", incomplete)


def prompt_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Prompts whose id starts with what is typed."""
    return _names(ctx, "prompts", incomplete, ending=".yaml")


def batch_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Batches whose name starts with what is typed."""
    return _names(ctx, "batches", incomplete)


def any_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs, prompts and batches."""
    return [*run_or_prompt_ids(ctx, param, incomplete), *batch_names(ctx, param, incomplete)]


def _names(ctx: click.Context, folder: str, incomplete: str, *, ending: str = "") -> list[CompletionItem]:
    """The names in a folder of the project that are ids: a shell puts them on its line as they are."""
    start = Path(str(ctx.find_root().params.get("folder", "."))).resolve()
    for root in (start, *start.parents):
        if is_file(root / CONFIG_FILE):
            names = [name.removesuffix(ending) for name in _listed(root / folder) if name.endswith(ending)]
            return [CompletionItem(name) for name in names if is_id(name) and name.startswith(incomplete)]
    return []


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
