"""Every module of cosmosctl in one process, for those that fork commands from it."""

import gc
import os
import pkgutil
import sys
import tempfile
from collections.abc import Mapping
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


def begin(out: int, err: int, env: Mapping[str, str], cwd: str) -> None:
    """Be in a fork as a process is that was just started: nothing to read, these descriptors to write to."""
    for number, handle in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate("rww"))  # noqa: PTH123, SIM115
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None
