"""The model families: one module of pure functions each, listed in `REGISTRY`."""

from collections.abc import Mapping

from cosmosctl.errors import UsageError
from cosmosctl.models import transfer1
from cosmosctl.models.protocol import Model

REGISTRY: Mapping[str, Model] = {"transfer1": transfer1}


def get(name: str) -> Model:
    """The model family of that name. Raises: UsageError naming the ones there are."""
    if name in REGISTRY:
        return REGISTRY[name]
    raise UsageError(f"there is no model {name!r}; known: {', '.join(REGISTRY)}")
