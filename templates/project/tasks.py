"""The remote steps of this project's batches as Invoke tasks: inv --list."""

from cosmosctl.tasks import namespace

__all__ = ["namespace"]
