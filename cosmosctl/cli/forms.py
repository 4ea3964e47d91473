"""--as: its help, its values and Tab know the forms there are, which are imported for that alone."""

from typing import TYPE_CHECKING, Any

import click

from cosmosctl.cli.ids import Words

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Form(Words):
    """One of the queues that a job file can be written for."""

    name = "choice"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(_forms().convert(value, param, ctx))

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(_forms().choices)}]"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        return _forms().shell_complete(ctx, param, incomplete)


FORM = Form()


def _forms() -> "click.Choice[str]":
    from cosmosctl.commands.run.job_files import FORMS

    return click.Choice(tuple(FORMS))
