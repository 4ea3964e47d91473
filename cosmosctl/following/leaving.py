"""Ctrl-C while batches are sent and followed: what runs goes on. What is said of each is read from what was noted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import Interrupted
from cosmosctl.events.progress import read_progress
from cosmosctl.host.launches import ASKED, LAUNCHED, read_launch
from cosmosctl.results.batch_end import is_ended

UNSENT, FINISHED, ENDED = "unsent", "finished", "ended"
STATUS_TELLS = "cosmosctl status tells where the runs stand"


class NothingLeft(Interrupted):
    """Ctrl-C when every batch had ended: what was at work besides may have better words."""


@contextmanager
def leaving(project: ProjectPaths, batches: Sequence[Batch]) -> Iterator[None]:
    """Ctrl-C in here only ends our watching; where something deeper has better words, those stand."""
    try:
        yield
    except KeyboardInterrupt:
        raise left(project, batches) from None


def left(project: ProjectPaths, batches: Sequence[Batch], *, words: str = "", hint: str = "") -> Interrupted:
    """What is true of these batches when nobody watches them any more, after `words` and `hint` of others."""
    standing = [(standing_of(project, batch), batch) for batch in batches]
    said, typed = [words] if words else [], [hint] if hint else []
    for what, tell in _TELL.items():
        if found := [batch for one, batch in standing if one == what]:
            its_words, its_hint = tell(found)
            said.append(its_words if said or what in (UNSENT, ASKED) else f"stopped watching; {its_words}")
            typed.append(its_hint)
    if not said:
        ended = [batch for one, batch in standing if one == ENDED]
        return NothingLeft(f"interrupted; {_names(ended)} had ended" if ended else "interrupted", hint=STATUS_TELLS)
    return Interrupted("; ".join(said), hint="; ".join(typed))


def standing_of(project: ProjectPaths, batch: Batch) -> str:
    """unsent, asked, launched, finished, exported or ended, as far as this machine knows."""
    paths = project.batch(batch.name)
    if is_ended(paths):
        return ENDED
    progress = read_progress(paths.events, batch.runs)
    if progress.launched:
        return FINISHED if progress.finished else LAUNCHED
    launch = read_launch(paths.launch)
    return launch.how if launch else UNSENT


def _unsent(batches: Sequence[Batch]) -> tuple[str, str]:
    was, its, it = ("was", "its", "it") if len(batches) == 1 else ("were", "their", "them")
    words = f"stopped before {_names(batches)} {was} launched"
    return words, f"{_attach(batches)} sends {it}, {_cancel(batches)} frees {its} runs"


def _asked(batches: Sequence[Batch]) -> tuple[str, str]:
    were = "was" if len(_hosts(batches)) == 1 else "were"
    it, them = ("it", "it") if len(batches) == 1 else ("they", "them")
    words = f"stopped while {', '.join(_hosts(batches))} {were} asked to launch {_names(batches)}"
    hint = f"{_attach(batches)} tells, and starts {them} if not; {_cancel(batches)} ends {them}"
    return f"{words}; {it} may have been started", hint


def _launched(batches: Sequence[Batch]) -> tuple[str, str]:
    goes, ends = ("goes on by itself", "ends it") if len(batches) == 1 else ("go on by themselves", "end them")
    words = f"{_names(batches)} {goes} on {', '.join(_hosts(batches))}"
    return words, f"{_attach(batches)} comes back, {_cancel(batches)} {ends}"


def _finished(batches: Sequence[Batch]) -> tuple[str, str]:
    words = f"{_names(batches)} ended on {', '.join(_hosts(batches))} and not everything is home"
    return words, f"{_attach(batches)} brings it"


_TELL: Mapping[str, Callable[[Sequence[Batch]], tuple[str, str]]] = {
    UNSENT: _unsent,
    ASKED: _asked,
    LAUNCHED: _launched,
    FINISHED: _finished,
}


def _attach(batches: Sequence[Batch]) -> str:
    return command("attach", *(batch.name for batch in batches[:1] if len(batches) == 1))


def _cancel(batches: Sequence[Batch]) -> str:
    return ", ".join(command("cancel", batch.name) for batch in batches)


def _names(batches: Sequence[Batch]) -> str:
    return ", ".join(batch.name for batch in batches)


def _hosts(batches: Sequence[Batch]) -> list[str]:
    return list(dict.fromkeys(batch.host.name for batch in batches))
