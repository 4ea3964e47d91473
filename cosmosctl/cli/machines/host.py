"""`host list|add|check|allow|setup`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmosctl.cli.family_option import family_option
from cosmosctl.cli.ids import HOST
from cosmosctl.domain.ids import command
from cosmosctl.errors import EXIT_HOST, EXIT_OK
from cosmosctl.io.streams import json_text, style

if TYPE_CHECKING:
    from cosmosctl.commands.machines.host_findings import Finding

_COLORS = {"PASS": "green", "WARN": "yellow", "FAIL": "red", "SKIP": "bright_black"}


@click.group()
def host() -> None:
    """List the machines that run models, add, check, allow or set up one."""


@host.command(name="list", short_help="List the hosts of the project.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def list_hosts(folder: Path, as_json: bool) -> None:
    """List the hosts of the project; the star marks the one that batches use."""
    from cosmosctl.cli.draw.tables import Table, print_rows
    from cosmosctl.commands.machines.host_list import host_rows

    rows = host_rows(folder)
    if not as_json:
        rows = [_in_words(row) for row in rows]
    columns = ("", "id", "engine", "GPUs", "models", "address", "dir")
    print_rows(rows, as_json=as_json, table=Table(columns, {"dir": 20}, ("dir", "address", "models")))


@host.command(short_help="Look at a machine and write it into cosmosctl.yaml.")
@click.argument("name")
@click.argument("address")
@click.option("--ssh-arg", "ssh_args", multiple=True, metavar="ARG", help="One more argument for ssh; may be repeated.")
@click.option("--dir", "folder_there", metavar="DIR", help="Where inputs and batches are kept there.")
@family_option("The model family to set up: {families}. Default: the project's.")
@click.pass_obj
def add(
    folder: Path, name: str, address: str, ssh_args: tuple[str, ...], folder_there: str | None, model: str | None
) -> None:
    """Look at the machine behind ADDRESS and write it into cosmosctl.yaml as NAME.

    ADDRESS is anything that ssh takes: me@gpu-box, ssh://me@gpu-box:2222, an alias of ~/.ssh/config. Each key gets a
    comment; what could not be found out is a guess and says so.
    """
    from cosmosctl.commands.machines.host_add import add_host

    guesses = add_host(folder, name, address, ssh_args=ssh_args, dir=folder_there, model=model)
    for guess in guesses:
        click.echo(f"to be corrected: {guess}", err=True)
    click.echo(f"hosts.{name} is in cosmosctl.yaml; next: {command('host', 'check', name)}", err=True)


@host.command(short_help="Allow hosts of this project on this machine.")
@click.argument("names", nargs=-1, metavar="[HOST]...", type=HOST)
@click.option("--batch", "batches", multiple=True, metavar="BATCH", help="A batch that was made in another clone.")
@click.option("--outside-inputs", is_flag=True, help="Videos from outside of the project: allow_outside_inputs.")
@click.option(
    "--folder",
    "folders",
    multiple=True,
    metavar="DIR",
    help="A project of another user, or a folder of videos that links may lead to.",
)
@click.option("--link", "links", multiple=True, metavar="LINK", help="A link of the project to another disk.")
@click.pass_obj
def allow(
    folder: Path,
    names: tuple[str, ...],
    batches: tuple[str, ...],
    outside_inputs: bool,
    folders: tuple[str, ...],
    links: tuple[str, ...],
) -> None:
    """Allow hosts of this project on this machine, as their blocks stand now.

    A host's block says what is run here and there, so it counts only once you have seen it. Prints what it allows.
    A block that changes, or a file of the project that it names, has to be allowed again.
    """
    from cosmosctl.commands.machines import host_allow
    from cosmosctl.host import trust

    wanted = [host_allow.host_leave(folder, name) for name in names]
    wanted += [host_allow.batch_leave(folder, name) for name in batches]
    wanted += [host_allow.folder_leave(folder / name) for name in folders]
    wanted += [host_allow.link_leave(folder, Path(name)) for name in links]
    wanted += [host_allow.outside_leave(folder)] if outside_inputs else []
    if not wanted:
        raise click.UsageError("name what to allow: a host, --batch, --outside-inputs, --folder or --link")
    for leave in wanted:
        trust.allow(leave)
        click.echo(f"allowed: {leave.what.rstrip(',')}\n{leave.text}")


@host.command(short_help="Check everything that a batch needs of a host.")
@click.argument("name", type=HOST)
@family_option("The model family to look for: {families}. Default: the project's.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def check(folder: Path, name: str, model: str | None, as_json: bool) -> int:
    """Check everything that a batch needs of a host, and say what mends it.

    Exit code 4 when a check failed. Warnings do not stop a batch.
    """
    from dataclasses import asdict

    from cosmosctl.commands.machines.host_check import check_host
    from cosmosctl.commands.machines.host_findings import worst

    found = check_host(folder, name, model=model)
    if as_json:
        click.echo(json_text([asdict(one) for one in found]))
    else:
        for one in found:
            _print(one)
    return EXIT_HOST if worst(found) == "FAIL" else EXIT_OK


@host.command(short_help="Make the environment of a -diffusers family on a host.")
@click.argument("name", type=HOST)
@click.option(
    "--weights", is_flag=True, help="Fetch the weights from the Hub too, with HF_TOKEN of the host's env_file."
)
@click.option("--remove", is_flag=True, help="Remove the environment; not while a batch runs with it.")
@family_option("The model family to set up: {families}. Default: the first of the host's that can be.")
@click.pass_obj
def setup(folder: Path, name: str, weights: bool, remove: bool, model: str | None) -> None:
    """Make the Python environment of a -diffusers family on a host, from PyPI.

    Exact versions, in the host's dir; what is whole is left alone, what was cut off goes on.
    """
    from cosmosctl.commands.machines.host_setup import setup_host

    if weights and remove:
        raise click.UsageError("--weights fetches what --remove does not: give one of them")
    setup_host(folder, name, model=model, weights=weights, remove=remove, say=lambda line: click.echo(line, err=True))


def _print(one: "Finding") -> None:
    click.echo(f"{style(one.verdict, _COLORS[one.verdict])} {one.name:<13} {one.words}")
    if one.mend:
        click.echo(f"     {'':<13} {one.mend}")


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A host for people: which GPUs by their numbers, its models with commas, a star where it is the project's."""
    gpus = [str(number) for number in row["gpus"]]
    named = f"GPU{'s' if len(gpus) > 1 else ''} {', '.join(gpus)}" if gpus else None
    marked = "*" if row["default"] else None
    return {**row, "GPUs": named, "models": ", ".join(row["models"]), "": marked}
