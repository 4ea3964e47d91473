"""The Python front door: the same steps as the command line, as calls.

project = cosmosctl.Project(".")
result = project.batch(["rs_x7m2ab"], name="urban_v1").wait()
print(result.duration_s, result.output_mapping)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl import bundle
from cosmosctl.commands import attach, batch, prepare, select
from cosmosctl.commands.attach import Outcome
from cosmosctl.commands.create import create_prompt, create_run
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.errors import UsageError
from cosmosctl.events import Progress
from cosmosctl.planner import Plan
from cosmosctl.states import all_states
from cosmosctl.store import find_root, load_all

JsonRow = Mapping[str, Any]


@dataclass(frozen=True)
class BatchResult:
    """An ended batch. `duration_s` is from the job's start to its end on the host.

    `output_mapping` maps each run id to the path of its video, or to the reason why there is none.
    """

    batch: str
    duration_s: float
    output_mapping: Mapping[str, Path | str]
    warnings: Mapping[str, tuple[str, ...]]

    @property
    def ok(self) -> bool:
        """Whether every run has its video."""
        return all(isinstance(output, Path) for output in self.output_mapping.values())


@dataclass(frozen=True)
class RunningBatch:
    """Batches that were launched; one for each model family among their runs."""

    project: ProjectPaths
    names: tuple[str, ...]

    def wait(self) -> BatchResult:
        """Follow to the end and bring every run home. Raises: HostError when the host stays out of reach."""
        outcomes = [attach.follow(self.project, name, attach.Unwatched()) for name in self.names]
        outputs = {run: one.video if one.state == "done" else one.reason or one.state for run, one in _runs(outcomes)}
        return BatchResult(
            batch=self.names[0],
            duration_s=sum(_duration_s(outcome.progress) for outcome in outcomes),
            output_mapping=outputs,
            warnings={run: one.warnings for run, one in _runs(outcomes) if one.warnings},
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
        self, prompt: str, weights: Sequence[float] | None = None, *, id: str | None = None, **settings: Setting
    ) -> str:
        """The id of a new run; `weights` are vis, edge, depth, seg. Raises: UsageError, FileError."""
        return create_run(self.root, prompt, weights, name=id, model=None, settings=settings, preset=None, tags=())

    def pending(self, *, host: str | None = None) -> tuple[str, ...]:
        """The runs that a bare batch would take."""
        snapshot = load_all(self.root)
        preview = snapshot.host(host).is_preview
        return select.bare(all_states(self._paths, snapshot, preview=preview), select.Wanted())

    def batch(
        self,
        ids: Sequence[str] = (),
        *,
        name: str | None = None,
        host: str | None = None,
        model: str | None = None,
    ) -> RunningBatch:
        """Bundle and launch runs (for a prompt's id, a new run), or what is pending.

        Raises: CosmosctlError; UsageError also for a run that has to wait for the result of another one.
        """
        snapshot = load_all(self.root)
        chosen = snapshot.host(host)
        runs = self._selected(ids, host)
        batch.refuse_held(self._paths, runs)
        checked = prepare.check(self._paths, load_all(self.root), runs, model=model)
        for run, source in prepare.waits(checked).items():
            raise UsageError(
                f"{run} upscales the result of {source}, which another model makes",
                hint=f"batch {source} first, and {run} when it is done",
            )
        made = batch.make_batches(
            self._paths,
            checked,
            chosen,
            project_id=snapshot.config.project,
            title=name,
            progress=prepare.silent,
        )
        attach.start_all(self._paths, made, attach.Unwatched())
        return RunningBatch(self._paths, tuple(one.name for one in made))

    def jsonl(self, ids: Sequence[str] = (), *, host: str | None = None) -> list[JsonRow]:
        """The rows that a batch of these runs would give the model, in order, groups one after the other."""
        import json

        return [json.loads(bundle.line_text(row, "BATCH")) for plan in self._plans(ids, host) for row in plan.rows]

    def _plans(self, ids: Sequence[str], host: str | None) -> tuple[Plan, ...]:
        snapshot = load_all(self.root)
        chosen = snapshot.host(host)
        runs, _ = select.split_ids(snapshot, ids) if ids else (self.pending(host=host), ())
        checked = prepare.check(self._paths, snapshot, runs)
        return prepare.plans(self._paths, checked, chosen, progress=prepare.silent)

    def _selected(self, ids: Sequence[str], host: str | None) -> tuple[str, ...]:
        if not ids:
            return self.pending(host=host)
        runs, prompts = select.split_ids(load_all(self.root), ids)
        return (*runs, *select.runs_for_prompts(self._paths, prompts))


def write_jsonl(rows: Iterable[JsonRow], path: str | Path) -> None:
    """Write rows as the models read them: ASCII, one object a line, no blank line."""
    import jsonlines

    with jsonlines.open(path, mode="w", dumps=_ascii_json) as writer:
        writer.write_all(rows)


def _ascii_json(row: object) -> str:
    import json

    return json.dumps(row, ensure_ascii=True)


def _runs(outcomes: Sequence[Outcome]) -> list[tuple[str, Any]]:
    return [item for outcome in outcomes for item in outcome.runs.items()]


def _duration_s(progress: Progress) -> float:
    return max(0.0, (progress.ended or 0) - (progress.started or 0))
