"""The Python front door: the same steps as the command line, as calls.

project = cosmosctl.Project(".")
result = project.batch(["rs_x7m2ab"], name="urban_v1").wait()
print(result.duration_s, result.output_mapping)
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cosmosctl.commands.audience import Nobody, Unsummed, uncounted
from cosmosctl.commands.choose import rate, upscale
from cosmosctl.commands.look import compare, gallery, listing, show, status, sweep_rows
from cosmosctl.commands.run import batch, cancel, retry
from cosmosctl.commands.run.batch import Launched, Looked
from cosmosctl.commands.run.request import Request
from cosmosctl.commands.start import create
from cosmosctl.commands.start.given_controls import GivenControls
from cosmosctl.commands.sweeps import write
from cosmosctl.commands.sweeps.given import Given
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.errors import CosmosctlError, UsageError
from cosmosctl.events.progress import Progress
from cosmosctl.following import follow
from cosmosctl.following.watcher import Outcome
from cosmosctl.io.atomic import replace_with
from cosmosctl.io.given_path import no_path_words
from cosmosctl.opening.project import opened
from cosmosctl.results import batch_end
from cosmosctl.results.ratings import Opinion
from cosmosctl.store import find_project
from cosmosctl.store.drafts import write_drafts

JsonRow = Mapping[str, Any]
JsonRows = list[JsonRow]


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

    `refused` maps the runs of batches that their host did not take, which are free again, to what it said. `waiting`
    maps runs that need the result of another run, which another model makes first, to that run: `wait` batches them
    once it is there.
    """

    project: ProjectPaths
    names: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, CosmosctlError] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    _walk: tuple[Request, Looked] | None = field(default=None, repr=False)

    def wait(self) -> BatchResult:
        """Follow to the end and bring every run home. Raises: HostError when the host stays out of reach."""
        outcomes = batch.follow_all(self.project, self.names, follow.attach, Nobody())
        outputs: dict[str, Path | str] = dict.fromkeys(self.refused, batch_end.REFUSED)
        outputs |= {run: one.video if one.state == "done" else one.reason or one.state for run, one in _runs(outcomes)}
        result = BatchResult(
            batch=self.names[0] if self.names else "",
            duration_s=max((_duration_s(outcome.progress) for outcome in outcomes), default=0.0),
            output_mapping=outputs,
            warnings={run: one.warnings for run, one in _runs(outcomes) if one.warnings},
            left_out=self.left_out,
        )
        return result if self._walk is None else _with_next(result, self.project, *self._walk)


class Project:
    """A project folder. Nothing is cached: each call reads the files as they are."""

    def __init__(self, folder: str | Path = ".") -> None:
        """Raises: FileError when `folder` lies in no project."""
        self._paths = find_project(Path(folder))

    @property
    def root(self) -> Path:
        return self._paths.root

    def create_prompt(
        self, text: str, video_dir: str, *, id: str | None = None, negative_prompt: str | None = None
    ) -> str:
        """The id of a new prompt. Raises: UsageError, FileError."""
        return create.create_prompt(self.root, text, video_dir, name=id, negative_prompt=negative_prompt, tags=())

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
        given = create.GivenRun(GivenControls(weights), model, settings)
        return create.create_run(self.root, prompt, given, name=id)

    def run(self, id: str) -> Mapping[str, Any]:
        """What `show RUN --json` says. Raises: UsageError, FileError."""
        return show.facts(self.root, id, ("run",))

    def prompt(self, id: str) -> Mapping[str, Any]:
        """What `show PROMPT --json` says. Raises: UsageError, FileError."""
        return show.facts(self.root, id, ("prompt",))

    def status(self, *, host: str | None = None) -> status.Overview:
        """The state of each run, unfinished batches and mistakes. Raises: UsageError, FileError."""
        return status.overview(self.root, host)

    def list(self, what: Literal["prompts", "runs", "sweeps", "batches"] = "runs") -> Sequence[Mapping[str, Any]]:
        """What `list --json` says, newest last. Raises: FileError."""
        if what == "batches":
            return listing.batch_rows(self.root, limit=None)
        if what == "sweeps":
            return sweep_rows.sweep_rows(self.root)
        return (listing.prompt_rows if what == "prompts" else listing.run_rows)(self.root)

    def pending(self, *, host: str | None = None) -> tuple[str, ...]:
        """The runs that a bare batch would take: pending, with no mistake in their files and videos."""
        opened(self.root)
        looked = batch.look(self.root, Request(host=host, dry_run=True), Nobody())
        return tuple(spec.run for spec in looked.checked.specs if spec.run not in looked.waits)

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
        Raises: CosmosctlError, also what a host says that refuses all.
        """
        return _launched(self.root, Request(tuple(ids), name, host, model))

    def upscale(self, runs: Sequence[str], *, weight: float = 0.5, host: str | None = None) -> RunningBatch:
        """Enlarge the results of these runs three times, with transfer1's upscaler; as `batch` otherwise."""
        given = upscale.Upscaling(tuple(runs), (), weight, None, host)
        ids, drafts = upscale.upscaling(self.root, given)
        return _launched(self.root, upscale.request(ids, drafts, given, detach=False))

    def retry(self, ids: Sequence[str] = (), *, host: str | None = None) -> RunningBatch:
        """Unfinished batches that are named go on, what has no result runs again; nothing named: all that failed."""
        again = retry.meant(self.root, ids, host)
        found = RunningBatch(self._paths, again.unfinished, again.damaged)
        if not again.runs:
            return found
        more = _launched(self.root, retry.request(again.runs, ids, host, detach=False))
        left_out = {**found.left_out, **more.left_out}
        return replace(more, names=(*found.names, *more.names), left_out=left_out)

    def cancel(self, batch: str, *, abandon: bool = False) -> Outcome | None:
        """End a batch and bring home what is finished; None when nothing of it ever ran. Raises: HostError, UsageError.

        `abandon`: the host is gone for good and is not asked.
        """
        return cancel.cancel_batch(self._paths, batch, Unsummed(), abandon=abandon)

    def sweep(
        self,
        name: str,
        *,
        base: str | None = None,
        grid: Mapping[str, Sequence[Setting]] | None = None,
        zip: Mapping[str, Sequence[Setting]] | None = None,
        seeds: int | None = None,
        max: int | None = None,
        dry_run: bool = False,
    ) -> Mapping[str, Any]:
        """Write what is missing of a sweep, and what `sweep --json` says of it; with `base` its file too.

        Raises: UsageError, also for more runs than `max`, 64 if neither it nor the file says another number; FileError.
        """
        given = Given(base, _axes(grid), _axes(zip), (), seeds, max)
        swept = write.write_sweep(self.root, write.Asked(name, given, dry_run=dry_run), lambda question: False)
        return write.as_data(swept)

    def rate(
        self,
        runs: Sequence[str],
        *,
        stars: int | None = None,
        accepted: bool | None = None,
        note: str | None = None,
        frame: int | None = None,
        clear: bool = False,
        author: str | None = None,
    ) -> Mapping[str, Opinion]:
        """Rate the videos that runs have now; what everybody says of each after that. Raises: UsageError, FileError."""
        given = rate.Given(stars, accepted, note, frame, clear, author)
        return {one.run: one.opinion for one in rate.rate(self.root, tuple(runs), given)}

    def compare(
        self,
        runs: Sequence[str],
        path: str | Path,
        *,
        layout: str | None = None,
        at_s: float | None = None,
        force: bool = False,
    ) -> Path:
        """`path`, a video (.mp4) or picture (.png) of these results, labelled with what differs.

        Raises: UsageError, FileError.
        """
        return compare.compare(self.root, compare.Asked(tuple(runs), Path(path), layout, at_s, force))

    def gallery(
        self,
        words: Sequence[str] = (),
        folder: str | Path | None = None,
        *,
        copies: bool = False,
        with_logs: bool = False,
        zipped: bool = False,
    ) -> Path:
        """index.html of a gallery of these runs and batches, all without any. Raises: UsageError, FileError."""
        target = None if folder is None else Path(folder)
        wish = gallery.Wish(tuple(words), target, copies, with_logs, zipped)
        return gallery.write_gallery(self.root, wish, uncounted).index

    def jsonl(self, ids: Sequence[str] = (), *, host: str | None = None) -> JsonRows:
        """The rows that a batch of these runs would give the model, in order, groups one after the other."""
        import json

        opened(self.root)
        looked = batch.look(self.root, Request(tuple(ids), host=host, dry_run=True), Nobody())
        return [json.loads(row.line_in("BATCH")) for plan in looked.plans for row in plan.rows]


def _axes(values: Mapping[str, Sequence[Setting]] | None) -> tuple[str, ...]:
    """As the command line takes them: what a value may be is asked in one place."""
    words = {
        axis: [str(one).lower() if isinstance(one, bool) else str(one) for one in several]
        for axis, several in (values or {}).items()
    }
    return tuple(f"{axis}={','.join(several)}" for axis, several in words.items())


def _launched(root: Path, request: Request) -> RunningBatch:
    """The walk of a batch up to its launch. Raises: CosmosctlError, also what a host says that refuses all."""
    looked = batch.look(root, request, Nobody())
    project = looked.project
    write_drafts(root, looked.drafts)
    made = batch.make(looked, request.batch_name) if looked.plans else ()
    launched = batch.launch(project, made, Nobody()) if made else Launched(())
    names = tuple(one.name for one in made if one.name not in launched.refused)
    for error in launched.refused.values() if not names else ():
        raise error
    runs = {run: launched.refused[one.name] for one in made if one.name in launched.refused for run in one.runs}
    left_out = {run: tuple(why) for run, why in {**looked.checked.left_out, **looked.damaged}.items()}
    return RunningBatch(project, names, left_out, runs, looked.waits, (request, looked))


def _with_next(result: BatchResult, project: ProjectPaths, request: Request, looked: Looked) -> BatchResult:
    """The same after the runs that waited were batched too; those whose source has no result keep waiting."""
    ready = batch.ready_after(looked)
    waiting = {run: f"waits for the result of {source}" for run, source in looked.waits.items() if run not in ready}
    result = replace(result, output_mapping={**result.output_mapping, **waiting})
    if not ready:
        return result
    after = _launched(project.root, batch.next_request(request, ready)).wait()
    return replace(
        result,
        batch=result.batch or after.batch,
        duration_s=result.duration_s + after.duration_s,
        output_mapping={**result.output_mapping, **after.output_mapping},
        warnings={**result.warnings, **after.warnings},
        left_out={**result.left_out, **after.left_out},
    )


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


def _runs(outcomes: Sequence[Outcome]) -> list[tuple[str, Any]]:
    return [item for outcome in outcomes for item in outcome.runs.items()]


def _duration_s(progress: Progress) -> float:
    return round(progress.elapsed.seconds, 3)
