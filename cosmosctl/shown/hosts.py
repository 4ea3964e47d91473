"""The machines of a project as they are shown: what cosmosctl.yaml says of them, and when each was last seen."""

from collections.abc import Sequence
from typing import Any

from cosmosctl.domain.layout import BatchPaths
from cosmosctl.domain.project import Config
from cosmosctl.errors import FileError
from cosmosctl.plan import bundle_reader

RECENT = 50
"""Batches that are looked at, newest first."""


def host_facts(config: Config, batches: Sequence[BatchPaths]) -> list[dict[str, Any]]:
    """Each host by name. `seen`: when it last told anything that is here, in seconds since 1970; None: never."""
    seen: dict[str, tuple[float, str]] = {}
    for paths in reversed(batches[-RECENT:]):
        try:
            at, host = paths.events.stat().st_mtime, bundle_reader.read_head(paths).host.name
        except (OSError, FileError):
            continue
        seen[host] = max(seen.get(host, (0.0, "")), (round(at, 1), paths.name))
    return [
        {
            "id": host.name,
            "default": host.name == config.host,
            "engine": host.engine,
            "address": host.address or "",
            "gpus": [] if host.is_preview else list(host.gpus),
            "models": sorted(host.models),
            "seen": seen[host.name][0] if host.name in seen else None,
            "batch": seen[host.name][1] if host.name in seen else "",
        }
        for host in (config.hosts[name] for name in sorted(config.hosts))
    ]
