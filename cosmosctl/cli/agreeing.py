"""Whether the user agrees to what is about to be done."""

import sys
from collections.abc import Callable

import click


def agreeing(yes: bool) -> Callable[[str], bool]:
    """Asks at a terminal; elsewhere nobody agrees who did not say --yes."""
    is_asked = sys.stdin.isatty() and sys.stderr.isatty()
    return lambda question: yes or (is_asked and click.confirm(question, err=True))
