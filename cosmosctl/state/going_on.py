"""How far an unfinished batch is, by what its host has told so far."""

import time

from cosmosctl.state.states import OpenBatch


def eta_s(batch: OpenBatch) -> float | None:
    """Seconds that the rest of a running batch may take, by the runs it has finished; None before the first."""
    seen = batch.progress
    done = [end.seconds for end in seen.ends.values() if end.state == "done"]
    if not done or seen.started is None:
        return None
    gpus = seen.places
    rest = len(batch.runs) - len(seen.ends) - sum(seen.running.values())
    return max(0.0, rest * sum(done) / len(done) / gpus)


def share(batch: OpenBatch) -> float:
    """How much of a batch is through, 0..1."""
    return (len(batch.progress.ends) + sum(batch.progress.running.values())) / max(1, len(batch.runs))


def last_word_s(batch: OpenBatch) -> float:
    """Seconds since its copy of the host's events last grew."""
    return max(0.0, time.time() - batch.paths.events.stat().st_mtime) if batch.paths.events.exists() else 0.0
