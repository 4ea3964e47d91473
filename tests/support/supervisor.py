"""The supervisor as shipped, and its modules one by one, for their pure parts."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

SUPERVISE = Path(__file__).parents[2] / "templates" / "launch" / "supervise"
"""The program; Python runs the folder."""


def part(name: str) -> ModuleType:
    """A module of the supervisor; nothing is left in its folder by that."""
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(SUPERVISE))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SUPERVISE))
        sys.dont_write_bytecode = write_bytecode
