"""--model: its help and Tab name the families there are, which are imported for that alone."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cosmosctl.cli.ids import FAMILY

F = TypeVar("F", bound=Callable[..., Any])


class FamilyOption(click.Option):
    """An option whose help is finished when it is printed."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from cosmosctl.models import REGISTRY

        *first, last = REGISTRY
        self.help = (self.help or "").format(families=" or ".join((", ".join(first), last)))
        return super().get_help_record(ctx)


def family_option(text: str) -> Callable[[F], F]:
    """`--model` with that help, in which `{families}` stands for their names."""
    return click.option("--model", cls=FamilyOption, metavar="MODEL", type=FAMILY, help=text)
