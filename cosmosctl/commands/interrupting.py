"""What a verb says when Ctrl-C ends it: what was done, what goes on, how to come back."""

from collections.abc import Iterator
from contextlib import contextmanager

from cosmosctl.errors import Interrupted


@contextmanager
def on_ctrl_c(words: str, *, hint: str = "") -> Iterator[None]:
    """Ctrl-C in here as an error with these words; where something deeper has better ones, those stand."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(words, hint=hint) from None
