"""Options, and one call into commands/ for each verb; what is printed is drawn in draw/."""

import gc

_KEPT: list[object] = []


def keep(value: object) -> None:
    """Have a value until the process ends, or the next one is kept: ten thousand runs take time to be taken apart."""
    _KEPT[:] = [value]


gc.set_threshold(100_000)  # what a command imports, and ten thousand runs, are no garbage: a fifth of `status`
