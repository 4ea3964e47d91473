"""How many examples a property is tried with: few on each save, many more in `make soak`, which draws others."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings

IS_SOAK = "COSMOSCTL_SOAK" in os.environ
TIMES = 40


def examples(count: int, *, suppress: Sequence[HealthCheck] = ()) -> settings:
    """So many of them; `TIMES` as many in `make soak`."""
    times = TIMES if IS_SOAK else 1
    return settings(max_examples=count * times, deadline=None, suppress_health_check=suppress)
