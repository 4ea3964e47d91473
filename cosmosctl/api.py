"""The Python front door: the same steps as the command line, as calls.

project = cosmosctl.Project(".")
result = project.batch(["rs_x7m2ab"], name="urban_v1").wait()
print(result.duration_s, result.output_mapping)
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cosmosctl.commands import batch, prepare, select
from cosmosctl.commands.create import GivenRun, create_prompt, create_run
from cosmosctl.commands.given_controls import GivenControls
from cosmosctl.commands.prepare import Checked
from cosmosctl.domain.ids import Names
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Host, Setting
from cosmosctl.errors import CosmosctlError, UsageError
from cosmosctl.following import follow, starting
from cosmosctl.following.follow import Outcome
from cosmosctl.host import trust
from cosmosctl.io.atomic import replace_with
from cosmosctl.io.given_path import no_path_words
from cosmosctl.plan.planner import Plan
from cosmosctl.results import batch_end
from cosmosctl.results.events import Progress
from cosmosctl.state.claims import opened
from cosmosctl.state.states import all_states
from cosmosctl.store import Snapshot, find_root, load_all, write_drafts

JsonRow = Mapping[str, Any]


@dataclass(frozen=True)
class BatchResult:
    """An ended batch. `duration_s` is from the job's start to its end on the host.

    `output_mapping` maps each run id to the path of its video, or to the reason why there is none. `left_out` maps the
    runs that were not taken to the reasons: mistakes, receipts that cannot be read.
    """

    batch: str
    duration_s: float
    output_mapping: Mapping[str, Path | str]
    warnings: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every run has its video, and none was left out."""
        return not self.left_out and all(isinstance(output, Path) for output in self.output_mapping.values())


@dataclass(frozen=True)
class RunningBatch:
    """Batches that were launched; one for each model family among their runs, none when nothing is pending.

    `refused` maps the runs of batches that their host did not take, which are free again, to what it said.
    """

    project: ProjectPaths
    names: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, CosmosctlError] = field(default_factory=dict)

    def wait(self) -> BatchResult:
        """Follow to the end and bring every run home. Raises: HostError when the host stays out of reach."""
        outcomes = [follow.follow(self.project, name, follow.Unwatched()) for name in self.names]
        outputs: dict[str, Path | str] = dict.fromkeys(self.refused, batch_end.REFUSED)
        outputs |= {run: one.video if one.state == "done" else one.reason or one.state for run, one in _runs(outcomes)}
        return BatchResult(
            batch=self.names[0] if self.names else "",
            duration_s=sum(_duration_s(outcome.progress) for outcome in outcomes),
            output_mapping=outputs,
            warnings={run: one.warnings for run, one in _runs(outcomes) if one.warnings},
            left_out=self.left_out,
        )


class Project:
    """A project folder. Nothing is cached: each call reads the files as they are."""

    def __init__(self, folder: str | Path = ".") -> None:
        """Raises: FileError when `folder` lies in no project."""
        self._paths = ProjectPaths(find_root(Path(folder)))

    @property
    def root(self) -> Path:
        return self._paths.root

    def create_prompt(
        self, text: str, video_dir: str, *, id: str | None = None, negative_prompt: str | None = None
    ) -> str:
        """The id of a new prompt. Raises: UsageError, FileError."""
        return create_prompt(self.root, text, video_dir, name=id, negative_prompt=negative_prompt, tags=())

    def create_run(
        self,
        prompt: str,
        weights: Sequence[float] | None = None,
        *,
        id: str | None = None,
        model: str | None = None,
        **settings: Setting,
    ) -> str:
        """The id of a new run; `weights` are vis, edge, depth, seg.

        Raises: UsageError; FilesError with all that `check` would say of it. Nothing is written then.
        """
        return create_run(self.root, prompt, GivenRun(GivenControls(weights), model, settings), name=id)

    def _opened(self) -> Snapshot:
        """The files as they are, after results that waited for a run's folder were taken in."""
        opened(self.root)
        return load_all(self.root)

    def pending(self, *, host: str | None = None) -> tuple[str, ...]:
        """The runs that a bare batch would take: pending, with no mistake in their files and videos."""
        snapshot = self._opened()
        checked = self._checked(snapshot, (), snapshot.host(host), None)
        return tuple(spec.run for spec in checked.specs)

    def batch(
        self,
        ids: Sequence[str] = (),
        *,
        name: str | None = None,
        host: str | None = None,
        model: str | None = None,
    ) -> RunningBatch:
        """Bundle and launch runs (for a prompt's id, a new run), or what is pending and well.

        Of several batches those that were launched are returned, with what was said of the others in `refused`.
        Raises: CosmosctlError, also what a host says that refuses all; UsageError also for a named run that has to
        wait for the result of another one.
        """
        snapshot = self._opened()
        chosen = trust.allowed_host(self.root, snapshot.host(host))
        batch.checked_title(name)
        checked, drafts = self._looked(snapshot, ids, chosen, model, select.names_for(snapshot))
        plans = prepare.plans(self._paths, checked, chosen, progress=prepare.silent)
        write_drafts(self.root, drafts)
        made = batch.make_batches(self._paths, checked, plans, chosen, project_id=snapshot.config.project, title=name)
        refused = starting.start_all(self._paths, made, follow.Unwatched())
        launched = tuple(one.name for one in made if one.name not in refused)
        for error in refused.values() if not launched else ():
            raise error
        runs = {run: refused[one.name] for one in made if one.name in refused for run in one.runs}
        return RunningBatch(self._paths, launched, checked.left_out, runs)

    def jsonl(self, ids: Sequence[str] = (), *, host: str | None = None) -> list[JsonRow]:
        """The rows that a batch of these runs would give the model, in order, groups one after the other."""
        import json

        return [json.loads(row.line_in("BATCH")) for plan in self._plans(ids, host) for row in plan.rows]

    def _plans(self, ids: Sequence[str], host: str | None) -> tuple[Plan, ...]:
        snapshot = self._opened()
        chosen = snapshot.host(host)
        checked, _ = self._looked(snapshot, ids, chosen, None, select.names_for(snapshot, placeholders=True))
        return prepare.plans(self._paths, checked, chosen, progress=prepare.silent)

    def _looked(
        self, snapshot: Snapshot, ids: Sequence[str], host: Host, model: str | None, names: Names
    ) -> tuple[Checked, Drafts]:
        """What these ids mean, looked at, and drafts of the runs that prompts among them get."""
        runs, prompts = select.split_ids(snapshot, ids)
        drafts = select.drafts_for_prompts(prompts, names)
        named = (*runs, *(run.id for run in drafts.runs))
        return self._checked(snapshot.with_drafts(drafts), named, host, model), drafts

    def _checked(self, snapshot: Snapshot, named: Sequence[str], host: Host, model: str | None) -> Checked:
        """The named runs, all well, or without any those of the pending ones that are."""
        if named:
            batch.refuse_held(self._paths, named)
            checked = prepare.check(self._paths, snapshot, named, model=model)
            for run, source in prepare.waits(checked).items():
                raise UsageError(_waits(run, source), hint=f"batch {source} first, and {run} when it is done")
            return checked
        known = all_states(self._paths, snapshot, preview=host.is_preview)
        runs = select.bare(known, select.Wanted())
        checked = prepare.check_well(self._paths, snapshot, runs, host, model=model)
        waiting = {run: (_waits(run, source),) for run, source in prepare.waits(checked).items()}
        ready = tuple(spec for spec in checked.specs if spec.run not in waiting)
        return replace(checked, specs=ready, left_out={**checked.left_out, **waiting, **select.damaged(known)})


def write_jsonl(rows: Iterable[JsonRow], path: str | Path) -> Path:
    """`path`, which holds the rows as the models read them: ASCII, one object a line, no blank line.

    The file is whole or not there. Raises: UsageError for rows that are no JSON objects; FileError.
    """
    import json

    import jsonlines

    file, lines = Path(path), list(rows)
    words = no_path_words(str(path))
    if words:
        raise UsageError(words)
    for number, row in enumerate(lines, start=1):
        if not isinstance(row, Mapping):
            raise UsageError(f"row {number} must be a mapping, got {type(row).__name__}")
    ascii_json = functools.partial(json.dumps, ensure_ascii=True, allow_nan=False)
    try:
        with replace_with(file) as temp, jsonlines.open(temp, mode="w", dumps=ascii_json) as writer:
            writer.write_all(lines)
    except (TypeError, ValueError) as e:
        raise UsageError(f"{file}: a row is no JSON: {e}") from e
    return file


def _waits(run: str, source: str) -> str:
    return f"{run} upscales the result of {source}, which another model makes"


def _runs(outcomes: Sequence[Outcome]) -> list[tuple[str, Any]]:
    return [item for outcome in outcomes for item in outcome.runs.items()]


def _duration_s(progress: Progress) -> float:
    return round(progress.elapsed.seconds, 3)
