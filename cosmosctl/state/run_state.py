"""The state of one run."""

from typing import NamedTuple


class RunState(NamedTuple):
    """`detail` completes the word: the reason of a failure, what changed, the first mistake. `share` is 0..1.

    `place` is where the result that counts lies below the run's folder: "" or "preview". `is_reported`: git's
    result.yaml tells of it, if git versions one.
    """

    run: str
    state: str
    detail: str = ""
    reason: str = ""
    batch: str = ""
    changed: tuple[str, ...] = ()
    share: float | None = None
    previewed: bool = False
    earlier_kept: bool = False
    place: str = ""
    is_reported: bool = True
