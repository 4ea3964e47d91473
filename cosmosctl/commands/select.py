"""What the ids and flags of a command line mean: runs, in the order given, none twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosmosctl import models
from cosmosctl.domain.ids import Names, command, draft_ids, new_ids, resolve_id
from cosmosctl.domain.project import Control, Drafts, Run
from cosmosctl.errors import FilesError
from cosmosctl.state.states import RunState
from cosmosctl.store import Snapshot


@dataclass(frozen=True)
class Wanted:
    """Which states a bare command takes besides `pending`."""

    changed: bool = False
    failed: bool = False
    everything: bool = False

    @property
    def states(self) -> frozenset[str]:
        if self.everything:
            return frozenset({"pending", "changed", "failed", "cancelled", "absent", "done", "invalid"})
        more = {"changed": self.changed, "failed": self.failed, "cancelled": self.failed}
        return frozenset({"pending", "invalid", *(state for state, wanted in more.items() if wanted)})


def split_ids(snapshot: Snapshot, ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(run ids, prompt ids) that the words name, exactly or by a unique prefix.

    Raises: UsageError, FilesError for a prompt that cannot be used.
    """
    known = {**dict.fromkeys(snapshot.prompt_ids, "prompt"), **dict.fromkeys(snapshot.run_ids, "run")}
    found = [resolve_id(word, known, what="run or prompt") for word in ids]
    runs = tuple(dict.fromkeys(name for name in found if known[name] == "run"))
    prompts = tuple(dict.fromkeys(name for name in found if known[name] == "prompt"))
    mistakes = [problem.words for prompt in prompts for problem in snapshot.mistakes_of_prompt(prompt)]
    if mistakes:
        raise FilesError(mistakes, hint="cosmosctl check")
    return runs, prompts


def sweep_named(snapshot: Snapshot, word: str) -> str:
    """The sweep that a word names: one of a file, or that runs say they are of. Raises: UsageError."""
    named = {*snapshot.sweep_ids, *(snapshot.seen_run(run).sweep for run in snapshot.run_ids)} - {""}
    return resolve_id(word, named, what="sweep")


def names_for(snapshot: Snapshot, *, placeholders: bool = False) -> Names:
    """Ids for prompts and runs that are made; placeholders for a dry run, which makes none."""
    ids = draft_ids if placeholders else new_ids
    return Names(ids("ps", snapshot.prompt_ids), ids("rs", snapshot.run_ids))


def drafts_for_prompts(prompts: Sequence[str], names: Names, family: str) -> Drafts:
    """A new run with the balanced weights for each prompt; nothing is written."""
    controls = tuple(Control(name, weight) for name, weight in models.balanced(models.get(family).CONTROLS).items())
    return Drafts(runs=tuple(Run(next(names.runs), prompt, controls) for prompt in prompts))


def bare(states: Mapping[str, RunState], wanted: Wanted) -> tuple[str, ...]:
    """The runs that a command without ids takes, by id."""
    return tuple(run for run, state in states.items() if state.state in wanted.states)


def damaged(states: Mapping[str, RunState]) -> Mapping[str, tuple[str, ...]]:
    """The runs that no bare command takes because nobody can tell what they have, and what mends each."""
    return {
        run: (f"{state.detail}; {command('fetch', run)}",) for run, state in states.items() if state.state == "damaged"
    }


def nothing_to_do(states: Mapping[str, RunState]) -> str:
    """Why a bare batch has nothing to run, and the flag for what there is."""
    flags = {"changed": "--changed", "failed": "--failed", "cancelled": "--failed", "done": "--all", "absent": "--all"}
    flags |= {"damaged": "cosmosctl fetch RUN", "queued": "cosmosctl attach", "running": "cosmosctl attach"}
    counts = {name: sum(state.state == name for state in states.values()) for name in flags}
    there = [f"{count} {name} ({flags[name]})" for name, count in counts.items() if count]
    return "nothing is pending" + (f"; there are {', '.join(there)}" if there else "; cosmosctl create run makes a run")
