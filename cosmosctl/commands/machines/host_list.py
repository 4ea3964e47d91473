"""The hosts of a project as rows; none is asked anything."""

from pathlib import Path
from typing import Any

from cosmosctl.store import find_root, load_config


def host_rows(folder: Path) -> list[dict[str, Any]]:
    """One row a host, the built-in one included, by name; `default` marks the project's."""
    config = load_config(find_root(folder))
    return [
        {
            "id": host.name,
            "default": host.name == config.host,
            "engine": host.engine,
            "address": host.address,
            "dir": host.dir,
            "gpus": [] if host.is_preview else list(host.gpus),
            "models": sorted(host.models),
        }
        for host in (config.hosts[name] for name in sorted(config.hosts))
    ]
