"""How many examples a property is tried with: few on each save, many more in `make soak`, which draws others."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings

IS_SOAK = "COSMOSCTL_SOAK" in os.environ
TIMES = 40
SPEED = (HealthCheck.too_slow,)
"""What no test may end by: how fast the machine is."""


def examples(count: int, *, suppress: Sequence[HealthCheck] = ()) -> settings:
    """So many of them; `TIMES` as many in `make soak`."""
    times = TIMES if IS_SOAK else 1
    return settings(max_examples=count * times, suppress_health_check=(*SPEED, *suppress))
