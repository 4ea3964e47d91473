"""Runs and prompts into the trash, after it was said what goes with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.commands.trash import Thrown, bytes_of, throw_away
from cosmosctl.domain.ids import command, is_id, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted, some
from cosmosctl.errors import UsageError
from cosmosctl.io import own
from cosmosctl.opening.project import opened
from cosmosctl.state.states import held_runs
from cosmosctl.store import Snapshot, load_all

Agree = Callable[[str], bool]
"""Whether the user says yes to what is about to be done."""


@dataclass(frozen=True)
class Going:
    """A run or prompt that is to be thrown away, what of it there is, and its bytes."""

    kind: str
    name: str
    parts: tuple[str, ...]
    bytes: int

    @property
    def words(self) -> str:
        """In a line."""
        parts = f" with {', '.join(self.parts)}" if self.parts else ""
        return f"{self.kind} {self.name}{parts} ({self.bytes / 1e6:,.1f} MB)"


def remove(folder: Path, words: Sequence[str], agree: Agree) -> tuple[Thrown, ...]:
    """What was thrown away. Raises: UsageError when something needs it, or nobody agrees; FileError."""
    project = opened(folder)
    snapshot = load_all(project.root)
    leftovers = [name for name in snapshot.leftovers if is_id(name)]
    known = {**dict.fromkeys(snapshot.prompt_ids, "prompt"), **dict.fromkeys([*snapshot.run_ids, *leftovers], "run")}
    names = list(dict.fromkeys(resolve_id(word, known, what="run or prompt") for word in words))
    runs = [name for name in names if known[name] == "run"]
    prompts = [name for name in names if known[name] == "prompt"]
    _refuse(project, snapshot, runs, prompts)
    going = [_run(project, run) for run in runs] + [_prompt(project, prompt) for prompt in prompts]
    told = "\n".join(one.words for one in going)
    if not agree(f"{told}\nthrow {'it' if len(going) == 1 else 'them'} away?"):
        raise UsageError(f"nothing is thrown away:\n{told}", hint=f"{command('rm', '--yes', *names)} does not ask")
    return throw_away(project, runs=runs, prompts=prompts)


def _refuse(project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], prompts: Sequence[str]) -> None:
    """Raises: UsageError for what a batch holds, and for what runs that stay are made from."""
    held = held_runs(project)
    taken = [f"{run} is in batch {held[run]}, which has not ended" for run in runs if run in held]
    if taken:
        raise UsageError("\n".join(taken), hint=command("cancel", held[next(run for run in runs if run in held)]))
    staying = [run for run in snapshot.run_ids if run not in runs]
    needed = {prompt: [run for run in staying if snapshot.prompt_of(run) == prompt] for prompt in prompts}
    needed |= {run: _enlarging(snapshot, run, staying) for run in runs}
    lines = [f"{name} is used by {some(users, 'run')}" for name, users in needed.items() if users]
    if lines:
        users = dict.fromkeys(user for several in needed.values() for user in several)
        raise UsageError("\n".join(lines), hint=command("rm", *runs, *prompts, *users))


def _enlarging(snapshot: Snapshot, source: str, staying: Sequence[str]) -> list[str]:
    """The runs that enlarge the result of `source`."""
    inputs: Mapping[str, list[str | None]] = {
        run: [control.input for control in snapshot.runs[run].controls]
        for run in staying
        if run in snapshot.runs and snapshot.runs[run].upscales
    }
    return [run for run, named in inputs.items() if source in named]


def _run(project: ProjectPaths, run: str) -> Going:
    home = project.run(run)
    kept = own.names(home.history)
    parts = {
        "its result": home.result.outputs.is_dir(),
        "its preview": home.preview.outputs.is_dir(),
        counted(len(kept), "earlier result"): bool(kept),
        "what people said of it": home.ratings.is_file(),
    }
    return Going("run", run, tuple(words for words, is_there in parts.items() if is_there), bytes_of(home.root))


def _prompt(project: ProjectPaths, prompt: str) -> Going:
    return Going("prompt", prompt, (), bytes_of(project.prompt(prompt)))
