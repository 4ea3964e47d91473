"""`sweep NAME`: what is missing of a sweep into run files; what is there stays as it is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.commands.sweeps.drawing import Draw, accepted_in, drawn
from cosmosctl.commands.sweeps.expansion import EDITED, NEW, THERE, Expansion, expanded, is_unedited
from cosmosctl.commands.sweeps.given import Given, is_said_already, sweep_given
from cosmosctl.commands.sweeps.outlook import Outlook, outlook
from cosmosctl.commands.trash import Thrown, throw_away
from cosmosctl.domain.ids import checked_id, command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.project import Drafts, Host
from cosmosctl.domain.sweep import Sweep
from cosmosctl.errors import FilesError, UsageError, with_hint
from cosmosctl.io import own
from cosmosctl.opening.project import opened
from cosmosctl.schema import schema_line
from cosmosctl.state import states
from cosmosctl.store import Snapshot, load_all
from cosmosctl.store.drafts import run_mistakes, write_drafts
from cosmosctl.store.new_files import create_prompt, sweep_text

Agree = Callable[[str], bool]
"""Whether the user says yes to what is about to be done."""


@dataclass(frozen=True)
class Asked:
    """What `sweep` was asked to do."""

    name: str
    given: Given = field(default_factory=Given)
    draw: Draw | None = None
    remove: bool = False
    dry_run: bool = False
    host: str | None = None


@dataclass(frozen=True)
class Stray:
    """A run of the sweep at none of its points. `why` it stays when strays are removed; "" when it goes."""

    run: str
    why: str


@dataclass(frozen=True)
class Swept:
    """What became of a sweep, or would. `ahead`: what a batch of its runs without a result would take."""

    expansion: Expansion
    strays: tuple[Stray, ...]
    thrown: tuple[Thrown, ...]
    ahead: Outlook
    host: Host
    to_run: tuple[str, ...]


def write_sweep(folder: Path, asked: Asked, agree: Agree) -> Swept:
    """Have every run of the sweep, or with `dry_run` tell what would be. Raises: UsageError, FilesError."""
    project = opened(folder, may_write=not asked.dry_run)
    snapshot = load_all(project.root)
    sweep, text = _sweep(project, snapshot, asked)
    expansion = expanded(snapshot, sweep)
    known = snapshot.with_drafts(expansion.drafts)
    looked = _checked(project, known, expansion)
    host = snapshot.host(asked.host)
    to_run = _to_run(project, snapshot, expansion, host)
    unknown = tuple(run for run in to_run if run not in {spec.run for spec in looked.specs})
    more = prepare.look(project, known, unknown) if unknown else None
    specs = [*(s for s in looked.specs if s.run in to_run), *(more.specs if more else ())]
    found = replace(looked.found, files={**looked.found.files, **(more.found.files if more else {})})
    ahead = outlook(project, specs, found, host)
    strays = tuple(_stray(project, snapshot, run) for run in expansion.strays)
    thrown: tuple[Thrown, ...] = ()
    if not asked.dry_run:
        _ask(sweep, expansion, agree)
        _write(project, expansion, text)
        going = [one.run for one in strays if not one.why] if asked.remove else []
        thrown = throw_away(project, runs=going) if going else ()
    return Swept(expansion, strays, thrown, ahead, host, to_run)


def _sweep(project: ProjectPaths, snapshot: Snapshot, asked: Asked) -> tuple[Sweep, str]:
    """The sweep that is meant, and what its file has to hold; "" when that is so. Raises: UsageError, FilesError."""
    name = asked.name
    if not asked.given.is_new:
        name = _known(snapshot, name)
    sweep, text = _new(project, snapshot, asked) if asked.given.is_new else (snapshot.sweeps[name], "")
    if asked.draw is None:
        return sweep, text
    return drawn(project, snapshot, sweep, asked.draw, accepted_in(project, snapshot, sweep))


def _known(snapshot: Snapshot, word: str) -> str:
    """The name of a sweep that can be used."""
    if not snapshot.sweep_ids:
        raise UsageError(
            f"there is no sweep {word!r}", hint=f"{command('sweep', word)} --base RUN --grid guidance=3,5,7"
        )
    name = resolve_id(word, snapshot.sweep_ids, what="sweep")
    mistakes = [problem.words for problem in snapshot.mistakes_of_sweep(name)]
    if mistakes:
        raise FilesError(mistakes, hint=command("check", f"sweeps/{name}.yaml"))
    return name


def _new(project: ProjectPaths, snapshot: Snapshot, asked: Asked) -> tuple[Sweep, str]:
    name = checked_id(asked.name, what="sweep")
    there = snapshot.sweeps.get(name)
    base = asked.given.base or (there.base if there else None)
    if base is None:
        raise UsageError("name the run that is varied with --base RUN", hint="cosmosctl list runs")
    base = resolve_id(base, snapshot.run_ids, what="run")
    snapshot.require([base])
    seed = prepare.specs_of(snapshot, [base])[0].settings.get("seed", 1)
    made = sweep_given(name, base, asked.given, first_seed=int(seed))
    if there is not None and is_said_already(there, made):
        return there, ""
    if name in snapshot.sweep_ids:
        raise UsageError(
            f"{made.file} is there already and says something else",
            hint=f"edit it, then {command('sweep', name)}; or give another name",
        )
    return made, sweep_text(made, head=schema_line(project.root, "sweep", "../"))


def _checked(project: ProjectPaths, known: Snapshot, expansion: Expansion) -> prepare.Checked:
    """The runs that are new, looked at. Raises: FilesError with what `check` would say of them."""
    new = expansion.drafts.runs
    outside = known.config.allow_outside_inputs
    mistakes = [
        f"{expansion.sweep.file}: {run.id}: {with_hint(mistake.message, mistake.hint)}"
        for run in new
        for mistake in run_mistakes(project.root, run, outside=outside)
    ]
    looked = prepare.look(project, known, [run.id for run in new])
    mistakes += [line for lines in looked.left_out.values() for line in lines]
    if mistakes:
        raise FilesError(list(dict.fromkeys(mistakes)))
    return looked


def _to_run(project: ProjectPaths, snapshot: Snapshot, expansion: Expansion, host: Host) -> tuple[str, ...]:
    """The runs of the sweep that a batch would take: the new ones, and those without a result."""
    known = states.all_states(project, snapshot, preview=host.is_preview)
    waiting = [one.id for one in expansion.standing(THERE, EDITED) if known[one.id].state == "pending"]
    return (*(member.id for member in expansion.standing(NEW)), *waiting)


def _stray(project: ProjectPaths, snapshot: Snapshot, run: str) -> Stray:
    held = states.held_runs(project)
    if run in held:
        return Stray(run, f"is in batch {held[run]}, which has not ended")
    if any(name in snapshot.left.get(run, "").split() for name in ("outputs", "preview", "history", "result.yaml")):
        return Stray(run, "has a result")
    if run not in snapshot.runs or not is_unedited(project, snapshot.runs[run]):
        return Stray(run, "was edited")
    return Stray(run, "")


def _ask(sweep: Sweep, expansion: Expansion, agree: Agree) -> None:
    """Raises: UsageError unless a sweep of more runs than it may have is agreed to."""
    count, new = len(expansion.members), len(expansion.standing(NEW))
    if count <= sweep.most or not new:
        return
    if not agree(f"{sweep.name} is {counted(count, 'run')}, more than {sweep.most}; write {counted(new, 'new one')}?"):
        hint = f"--yes, or max: {count} in {sweep.file}"
        raise UsageError(
            f"{sweep.name} is {counted(count, 'run')}, more than {sweep.most}: nothing is written", hint=hint
        )


def _write(project: ProjectPaths, expansion: Expansion, text: str) -> None:
    """The sweep's file, the prompts of its scenes and its new runs, all of them or none. Raises: FileError."""
    with ExitStack() as undo:
        file = project.sweep(expansion.sweep.name)
        before = file.read_bytes() if file.is_file() else None
        if text:
            own.write_text(file, text)
            undo.callback(own.remove, file) if before is None else undo.callback(own.write_bytes, file, before)
        for name, (prompt, folder) in expansion.scenes.items():
            create_prompt(
                project.root,
                prompt.text,
                folder,
                name=name,
                negative_prompt=prompt.negative_prompt,
                tags=prompt.tags,
                notes=prompt.notes,
            )
            undo.callback(own.remove, project.prompt(name))
        write_drafts(project.root, Drafts(runs=expansion.drafts.runs))
        undo.pop_all()


def remove_words(sweep: str, strays: Sequence[Stray]) -> str:
    """What takes away the runs that no longer belong."""
    going = [one for one in strays if not one.why]
    return command("sweep", sweep, "--remove") if going else command("rm", strays[0].run)


def as_data(swept: Swept) -> Mapping[str, object]:
    """All of it as plain values, for programs."""
    ahead = swept.ahead
    return {
        "sweep": swept.expansion.sweep.name,
        "base": swept.expansion.sweep.base,
        "runs": [
            {"id": m.id, "standing": m.standing, "values": dict(m.point), "differs": list(m.differs)}
            for m in swept.expansion.members
        ],
        "strays": [{"id": one.run, "stays": one.why} for one in swept.strays],
        "removed": [one.name for one in swept.thrown],
        "to_run": list(swept.to_run),
        "loads": ahead.starts,
        "loads_saved": ahead.saved,
        "loads_warm": ahead.warm,
        "seconds": ahead.seconds,
        "bytes": ahead.bytes,
    }
