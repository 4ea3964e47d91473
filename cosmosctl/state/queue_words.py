"""What the queue of a host last said of the jobs of a batch, in words. Pure: whoever shows it says how old it is."""

from collections import Counter
from collections.abc import Sequence

from cosmosctl import schedulers
from cosmosctl.domain.plurals import counted
from cosmosctl.events.progress import Progress, QueueSeen
from cosmosctl.io.visible import visible
from cosmosctl.schedulers.protocol import Queue, Task


def queue_words(seen: Progress) -> str:
    """How its jobs stand, in one line: `2 jobs queued (Priority; starts about 14:20), 1 running`; "" where none is."""
    if seen.queue is None or seen.queue.by not in schedulers.REGISTRY:
        return ""
    queue = schedulers.REGISTRY[seen.queue.by]
    groups = Counter(_words(queue, task) for task in queue.tasks(seen.queue.answer) if not _is_over(queue, task))
    found = [f"{count} {words}" for words, count in groups.items()]
    if found:
        found[0] = f"{counted(groups[next(iter(groups))], 'job')} {next(iter(groups))}"
    return visible(", ".join([*found, *_silence(seen.queue)]))


def queue_hints(seen: Progress) -> Sequence[str]:
    """What to do about jobs that wait for a person, or about a queue that does not answer; each once."""
    if seen.queue is None or seen.queue.by not in schedulers.REGISTRY:
        return ()
    queue = schedulers.REGISTRY[seen.queue.by]
    reasons = [task.reason for task in queue.tasks(seen.queue.answer) if queue.standing(task) in ("held", "queued")]
    said = [*reasons, *([seen.queue.said] if seen.queue.code else [])]
    return tuple(dict.fromkeys(filter(None, map(queue.hint, said))))


def _words(queue: Queue, task: Task) -> str:
    return "running" if queue.standing(task) == "running" else queue.words(task)


def _is_over(queue: Queue, task: Task) -> bool:
    return queue.standing(task) == "ended"


def _silence(queue: QueueSeen) -> list[str]:
    if not queue.code:
        return []
    said = [line.strip() for line in queue.said.splitlines() if line.strip()][-1:]
    return [f"the queue does not answer ({''.join(said) or f'exit code {queue.code}'}), which ends no job"]
