"""Several batches at once, each in a thread of its own, so that none waits for the end of another to come home."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cosmosctl.following.watcher import Outcome
from cosmosctl.log import say

Follow = Callable[[str], Outcome]
"""Follows the batch of that name to its end."""

LOOK_EVERY_S = 0.2


@dataclass
class _Followed:
    """What became of following one batch, once it is over."""

    name: str
    outcome: Outcome | None = None
    error: Exception | None = None
    over: threading.Event = field(default_factory=threading.Event)


def follow_together(names: Sequence[str], follow: Follow) -> Iterator[Outcome]:
    """The outcome of each batch, in the order of `names`, as soon as it and those before it have one.

    A single one needs no thread. Raises: the first error, after all others have ended
    and the errors among them were told; KeyboardInterrupt, which the threads outlive.
    """
    if len(names) == 1:
        yield follow(names[0])
        return
    followed = [_Followed(name) for name in names]
    for one in followed:
        threading.Thread(target=_work, args=(one, follow), name=f"together {one.name}", daemon=True).start()
    for one in followed:
        while not one.over.wait(LOOK_EVERY_S):
            pass  # in pieces, so that Ctrl-C is heard
        if one.outcome is not None:
            yield one.outcome
    errors = {one.name: one.error for one in followed if one.error is not None}
    for name in list(errors)[1:]:
        say(f"{name}: {errors[name]}")
    for error in errors.values():
        raise error


def _work(one: _Followed, follow: Follow) -> None:
    try:
        one.outcome = follow(one.name)
    except Exception as e:  # told by the main thread, whatever it is
        one.error = e
    finally:
        one.over.set()
