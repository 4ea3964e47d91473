"""Every module of cosmosctl in one process, for those that fork commands from it."""

import gc
import pkgutil
from importlib import import_module

import cosmosctl


def import_all() -> None:
    """Import all there is; what needs an extra that is not installed is left out, as it is for the commands."""
    for module in pkgutil.walk_packages(cosmosctl.__path__, "cosmosctl."):
        if module.name.endswith("__main__"):
            continue
        try:
            import_module(module.name)
        except ModuleNotFoundError as e:
            if (e.name or "").startswith("cosmosctl"):
                raise
    gc.freeze()
