"""Candidates for Tab: file names only, so that it is quick."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from cosmosctl.io.given_path import is_file, is_folder


def run_or_prompt_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs and prompts whose id starts with what is typed."""
    return [*run_ids(ctx, param, incomplete), *prompt_ids(ctx, param, incomplete)]


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs whose id starts with what is typed."""
    return _names(ctx, "runs", incomplete)


def prompt_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Prompts whose id starts with what is typed."""
    return [CompletionItem(item.value.removesuffix(".yaml")) for item in _names(ctx, "prompts", incomplete)]


def batch_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Batches whose name starts with what is typed."""
    return _names(ctx, "batches", incomplete)


def any_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs, prompts and batches."""
    return [*run_or_prompt_ids(ctx, param, incomplete), *batch_names(ctx, param, incomplete)]


def _names(ctx: click.Context, folder: str, incomplete: str) -> list[CompletionItem]:
    start = Path(str(ctx.find_root().params.get("folder", "."))).resolve()
    for root in (start, *start.parents):
        if is_file(root / "cosmosctl.yaml"):
            there = sorted((root / folder).glob("*")) if is_folder(root / folder) else []
            return [CompletionItem(path.name) for path in there if path.name.startswith(incomplete)]
    return []
