"""What a batch of some runs would take: model starts, time and disk, before one of them is in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosmosctl import models
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.domain.spec import Spec, with_warm
from cosmosctl.plan import planner
from cosmosctl.plan.inputs import Found
from cosmosctl.state import estimates, states


@dataclass(frozen=True)
class Outlook:
    """`starts`: how often a model is loaded; `warm`: how often with `warm: true`. Seconds and bytes are None where
    nothing like it ran on the host yet.
    """

    runs: int
    starts: int
    warm: int
    seconds: float | None
    bytes: int | None

    @property
    def saved(self) -> int:
        """Loads that are saved as runs share one."""
        return self.runs - self.starts


def outlook(project: ProjectPaths, specs: Sequence[Spec], found: Found, host: Host) -> Outlook:
    """Of these runs as one batch, a plan for each family. The host has to know how to start them."""
    of_family: dict[str, list[Spec]] = {}
    for spec in specs:
        of_family.setdefault(spec.model, []).append(spec)
    ended = [paths for paths in states.batches(project) if paths.end.exists()]
    starts = {name: planner.starts(several, host) for name, several in of_family.items()}
    seconds, size = 0.0, 0.0
    is_known = bool(specs)
    for name, several in of_family.items():
        past = estimates.past(ended, host=host.name, model=name)
        frame_bytes = estimates.frame_bytes(project, ended, host=host.name, model=name)
        frames = sum(_frames(spec, found) for spec in several)
        is_known = is_known and past is not None and frame_bytes is not None
        seconds += past.total_s(starts[name], frames, len(host.gpus)) if past else 0
        size += frames * (frame_bytes or 0)
    return Outlook(
        runs=len(specs),
        starts=sum(starts.values()),
        warm=sum(planner.starts([with_warm(spec, True) for spec in several], host) for several in of_family.values()),
        seconds=seconds if is_known else None,
        bytes=round(size) if is_known else None,
    )


def _frames(spec: Spec, found: Found) -> int:
    """Frames of the result; of an upscaled one those of the video it is made from."""
    counts: Mapping[str, int] = {
        "color": found.files[spec.input_paths[0]].frames,
        **{c.name: found.files[c.path].frames for c in spec.controls if c.path is not None},
    }
    return models.get(spec.model).frames(spec, counts)
