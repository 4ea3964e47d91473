"""git for NVIDIA Cosmos Transfer runs: `cosmosctl.Project` is the Python front door."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cosmosctl.api import Project, write_jsonl

__all__ = ["Project", "__version__", "write_jsonl"]


def __getattr__(name: str) -> object:
    """The API is imported when first asked for: `cosmosctl --version` and Tab do without it."""
    if name in ("Project", "write_jsonl"):
        from cosmosctl import api

        return getattr(api, name)
    raise AttributeError(f"module 'cosmosctl' has no attribute {name!r}")
