"""Candidates for Tab: file names only, so that it is quick."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.errors import CosmosctlError
from cosmosctl.io.given_path import is_file

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_STATES = ("pending", "queued", "running", "done", "changed", "failed", "cancelled", "absent", "damaged", "invalid")
STATES = " or ".join((", ".join(_STATES[:-1]), _STATES[-1])).replace("done", "done (or completed)")
"""What --status takes, for its help."""


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Runs whose id starts with what is typed."""
    return _names(ctx, "runs", incomplete)


def prompt_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Prompts whose id starts with what is typed."""
    return _names(ctx, "prompts", incomplete, ending=".yaml")


def batch_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Batches whose name starts with what is typed."""
    return _names(ctx, "batches", incomplete)


def sweep_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Sweeps whose name starts with what is typed."""
    return _names(ctx, "sweeps", incomplete, ending=".yaml")


def host_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The built-in host, and those of cosmosctl.yaml as far as it can be read."""
    root = root_of(ctx)
    return _starting(["local", *(_hosts(root / CONFIG_FILE) if root else ())], incomplete)


def family_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The model families."""
    from cosmosctl.models import REGISTRY

    return _starting(REGISTRY, incomplete)


def status_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The states that a run may be in."""
    return _starting((*_STATES, "completed"), incomplete)


def _hosts(config: Path) -> list[str]:
    from cosmosctl.io.checked import read_bounded
    from cosmosctl.yaml.reader import MAX_BYTES, parse_bytes

    try:
        document = parse_bytes(read_bounded(config, MAX_BYTES))
    except (OSError, CosmosctlError):
        return []
    hosts = document.value.get("hosts") if isinstance(document.value, dict) else None
    return [name for name in hosts if isinstance(name, str)] if isinstance(hosts, dict) else []


def root_of(ctx: click.Context) -> Path | None:
    """The project that a command line is about, whoever owns it; None where there is none."""
    start = Path(str(ctx.find_root().params.get("folder") or ".")).resolve()
    return next((folder for folder in (start, *start.parents) if is_file(folder / CONFIG_FILE)), None)


def _starting(names: Iterable[str], incomplete: str) -> "list[CompletionItem]":
    """A shell puts them on its line as they are: only what is an id."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if is_id(name) and name.startswith(incomplete)]


def _names(ctx: click.Context, folder: str, incomplete: str, *, ending: str = "") -> "list[CompletionItem]":
    """The names in a folder of the project that are ids."""
    root = root_of(ctx)
    listed = _listed(root / folder) if root else []
    return _starting([name.removesuffix(ending) for name in listed if name.endswith(ending)], incomplete)


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
