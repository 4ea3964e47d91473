"""Whether this machine's packages are those that the program was written for. Nothing is loaded from a checkpoint."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
from typing import Any, Dict, Iterable

FAMILIES = {"transfer2.5": "transfer25", "cosmos3": "cosmos3"}
"""Name of a family -> the module that makes its rows."""

DIFFUSERS = "0.42.1"
"""The one version whose classes, inputs and order of work were read and tried."""
NEEDED = ("torch", "torchvision", "diffusers", "transformers", "accelerate", "safetensors", "av", "cv2", "numpy")
_DISTRIBUTIONS = {"cv2": "opencv-python-headless"}

mend = "cosmosctl host setup HOST"
fetch = f"{mend} --weights"
"""What to type on the other machine where packages, or weights, are missing here."""


class Unfit(Exception):
    """In a sentence and a command: why nothing can be made here."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(f"{what}; {do or mend}")


def require_versions() -> None:
    """Raises: Unfit naming what is not installed, or is another version."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Unfit(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed in this Python")
    found = _version("diffusers")
    if found != DIFFUSERS:
        raise Unfit(f"diffusers {found} is installed, and {DIFFUSERS} is what this program was written for")


def versions() -> Dict[str, str]:
    """Package -> its version, of those that decide what a video is made of."""
    return {name: _version(name) for name in ("diffusers", "torch", "transformers")}


def family(name: str) -> Any:
    """The module of a family. Raises: Unfit when its classes cannot be imported."""
    try:
        return importlib.import_module(FAMILIES[name])
    except (ImportError, RuntimeError, AttributeError) as error:
        raise Unfit(f"the classes of diffusers cannot be imported: {type(error).__name__}: {error}") from error


def require_parameters(what: str, function: Any, names: Iterable[str]) -> None:
    """Raises: Unfit when `function` does not take each of `names`."""
    taken = inspect.signature(inspect.unwrap(function)).parameters
    lacking = [name for name in names if name not in taken]
    if lacking:
        raise Unfit(f"{what} of diffusers takes no {', '.join(lacking)}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(name, name))
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
