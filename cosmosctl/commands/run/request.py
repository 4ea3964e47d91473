"""What is asked of a walk."""

from dataclasses import dataclass, field
from pathlib import Path

from cosmosctl.commands.select import Wanted
from cosmosctl.domain.project import Drafts


@dataclass(frozen=True)
class Request:
    """What `batch`, `inference`, `upscale`, `retry` and `watch` ask of a walk.

    `form`: the queue that an export is for.
    """

    ids: tuple[str, ...] = ()
    batch_name: str | None = None
    host: str | None = None
    model: str | None = None
    dry_run: bool = False
    wanted: Wanted = field(default_factory=Wanted)
    detach: bool = False
    from_jsonl: Path | None = None
    export: Path | None = None
    upscale_weight: float | None = None
    only_well: bool = False
    roots: tuple[str, ...] = ()
    drafts: Drafts = field(default_factory=Drafts)
    upscales: bool = False
    if_needed: bool = False
    yes: bool = False
    sweep: str | None = None
    form: str | None = None

    @property
    def takes_what_is_well(self) -> bool:
        """Whether runs with mistakes are left out: nobody named them one by one."""
        return self.only_well or (not self.ids and self.from_jsonl is None)
