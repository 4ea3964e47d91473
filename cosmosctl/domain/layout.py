"""Where the files of a project lie, and those of a batch on its host.

What git may take is a copy. git versions the user's files and two reports of ours, result.yaml of a run and batch.yaml
of a batch; a checkout, a merge, a stash or a clean takes them away, brings them back or brings those of another branch,
at any moment. Nothing that we know rests on them. Beside each lies a file that git ignores, which holds the same text
and, below it, what is so on this machine alone:

| file | says | who may take it away | written again from |
|---|---|---|---|
| batch.local.yaml | this batch is whole; written last | nobody | |
| batch.yaml | the same, for people and other clones | git | batch.local.yaml |
| plan.json, events.jsonl, end.yaml, … | what a batch is, and what became of it | nobody | end.yaml: events.jsonl |
| result.local.yaml | whose the video beside it is; written last | moves with its video to history/ | events.jsonl |
| result.yaml in the run's folder | what git says the run's result is | git | result.local.yaml |
| result.yaml in preview/, history/, unclaimed/ | whose the video beside it is, as git ignores these | nobody | |
| manifest.txt, logs/ | of the video beside them | move with it | |

So a run has up to two answers, git's (result.yaml) and that of the video here (result.local.yaml), and `states` says
what they come to. A report is written again only where git cannot be about to bring it back: git/state.py.
`git clean -x` and `git stash -a` take what git ignores: they delete, and only what the host still has comes back.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosmosctl.domain.project import Host

CONFIG_FILE = "cosmosctl.yaml"
RESULT, LOCAL_RESULT = "result.yaml", "result.local.yaml"
PRIMARY = "output.mp4"
"""The video of a finished row, whatever its model calls it."""


@dataclass(frozen=True)
class ResultPaths:
    """One result in a folder: a run's own, its preview, or one kept in history.

    `is_versioned`: git versions a copy of its receipt, as it does in a run's own folder.
    """

    root: Path
    is_versioned: bool = False

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def batch_log(self) -> Path:
        return self.logs / "batch.log"

    @property
    def execution_log(self) -> Path:
        return self.logs / "execution.log"

    @property
    def failure(self) -> Path:
        """Receipt of an attempt without a video."""
        return self.logs / "failure.yaml"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.txt"

    @property
    def receipt(self) -> Path:
        """Whose the video beside it is. git ignores it."""
        return self.root / (LOCAL_RESULT if self.is_versioned else RESULT)

    @property
    def report(self) -> Path:
        """result.yaml: what git says; in a folder that git ignores the receipt itself."""
        return self.root / RESULT

    @property
    def parts(self) -> tuple[Path, ...]:
        """What a result is made of, in the order in which it is moved; the receipt is last, the report stays."""
        return (self.outputs, self.logs, self.manifest, self.receipt)


@dataclass(frozen=True)
class RunPaths:
    """runs/RUN/, or a folder like it that git ignores."""

    root: Path
    is_versioned: bool = True

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def spec(self) -> Path:
        return self.root / "run.yaml"

    @property
    def ratings(self) -> Path:
        """What people think of its videos."""
        return self.root / "ratings.yaml"

    @property
    def result(self) -> ResultPaths:
        return ResultPaths(self.root, self.is_versioned)

    @property
    def preview(self) -> ResultPaths:
        return ResultPaths(self.root / "preview")

    @property
    def history(self) -> Path:
        return self.root / "history"

    def kept(self, batch: str) -> ResultPaths:
        """history/BATCH/"""
        return ResultPaths(self.history / batch)


@dataclass(frozen=True)
class BatchPaths:
    """batches/BATCH/"""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def whole(self) -> Path:
        """batch.local.yaml: written last, and git ignores it."""
        return self.root / "batch.local.yaml"

    @property
    def report(self) -> Path:
        """batch.yaml: what people and other clones read."""
        return self.root / "batch.yaml"

    @property
    def plan(self) -> Path:
        return self.root / "plan.json"

    @property
    def events(self) -> Path:
        """A byte-exact copy of the beginning of the host's events.jsonl."""
        return self.root / "events.jsonl"

    @property
    def events_before(self) -> Path:
        """A copy that was set aside: the host had lost those events, or the copy was damaged."""
        return self.root / "events-before.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "batch.log"

    @property
    def end(self) -> Path:
        """end.yaml: how the batch ended; while it is not there, the batch holds its runs."""
        return self.root / "end.yaml"

    @property
    def launch(self) -> Path:
        """launch.yaml: that the host was asked to launch it, or that it was exported."""
        return self.root / "launch.yaml"

    @property
    def inputs_list(self) -> Path:
        return self.root / "inputs.txt"

    @property
    def rows_list(self) -> Path:
        return self.root / "rows.txt"

    @property
    def unclaimed(self) -> Path:
        """Results of runs whose folder is gone, or has another branch's result."""
        return self.root / "unclaimed"

    def waiting(self, run: str) -> RunPaths:
        """unclaimed/RUN/"""
        return RunPaths(self.unclaimed / run, is_versioned=False)


@dataclass(frozen=True)
class ProjectPaths:
    """The project tree below `root`."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / CONFIG_FILE

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def sweeps(self) -> Path:
        return self.root / "sweeps"

    @property
    def batches(self) -> Path:
        return self.root / "batches"

    @property
    def derived(self) -> Path:
        """Disposable, never versioned."""
        return self.root / ".cosmosctl"

    @property
    def schemas(self) -> Path:
        """JSON Schemas for editors, versioned: written by `init` alone."""
        return self.root / "schemas" / "cosmosctl"

    def schema(self, kind: str) -> Path:
        return self.schemas / f"{kind}.json"

    @property
    def offered_ids(self) -> Path:
        """What the versioned schema of runs looks for: the ids that this project has."""
        return self.derived / "prompts.json"

    @property
    def forward(self) -> Path:
        """That what versions before left was looked through and written as this one does."""
        return self.derived / "forward"

    @property
    def staging(self) -> Path:
        return self.derived / "staging"

    @property
    def controls(self) -> Path:
        return self.derived / "controls"

    @property
    def controls_index(self) -> Path:
        """sha256 of each control that was computed here, by its name."""
        return self.derived / "controls.json"

    @property
    def looks(self) -> Path:
        """What pages show of videos: a small copy, a still, a sheet of each, by sha256."""
        return self.derived / "looks"

    @property
    def looks_index(self) -> Path:
        """Which of them are whole, and of what."""
        return self.derived / "looks.json"

    def shown_index(self, *, with_logs: bool) -> Path:
        """What pages were told of each run."""
        return self.derived / ("shown-with-logs.json" if with_logs else "shown.json")

    @property
    def videos_index(self) -> Path:
        """What probing found, by sha256."""
        return self.derived / "videos.json"

    @property
    def lock(self) -> Path:
        """Held by whoever plans a batch or moves results."""
        return self.derived / "lock"

    @property
    def ratings_lock(self) -> Path:
        """Held while ratings are added: whoever rates does not wait for results on their way."""
        return self.derived / "ratings.lock"

    @property
    def trash(self) -> Path:
        """What was thrown away, until `gc`: TIME/runs/RUN, TIME/prompts/PROMPT.yaml."""
        return self.derived / "trash"

    def batch_lock(self, batch: str) -> Path:
        """Held by the one command that follows a batch."""
        return self.derived / "locks" / batch

    def prompt(self, prompt: str) -> Path:
        return self.prompts / f"{prompt}.yaml"

    def sweep(self, sweep: str) -> Path:
        return self.sweeps / f"{sweep}.yaml"

    def run(self, run: str) -> RunPaths:
        return RunPaths(self.runs / run)

    def batch(self, batch: str) -> BatchPaths:
        return BatchPaths(self.batches / batch)

    def staged(self, batch: str) -> Path:
        """Whatever is on its way to or from a batch's host; nobody misses it once the batch has ended."""
        return self.staging / batch

    def pulled(self, batch: str) -> Path:
        """Where a batch's files arrive before they are checked: done/RUN/ and logs/ as on the host."""
        return self.staged(batch) / "pulled"

    def streamed(self, batch: str, pid: int) -> Path:
        """Where `logs -f` of that process keeps what it shows: its own, as others close the batch meanwhile."""
        return self.staging / f"{batch}.logs-{pid}"

    def sharded(self, batch: str) -> Path:
        """What the jobs of a queue are sent beside the bundle."""
        return self.staged(batch) / "shards"

    def pushed(self, batch: str) -> Path:
        """The tree of links that rsync sends."""
        return self.staged(batch) / "push"


@dataclass(frozen=True)
class HostPaths:
    """A batch on its host, named NAME-KEY there; `seen` paths are the same files as the model's process sees them."""

    dir: PurePosixPath
    folder: str

    @property
    def batch(self) -> PurePosixPath:
        return self.dir / "batches" / self.folder

    @property
    def incoming(self) -> PurePosixPath:
        return self.batch / "incoming"

    @property
    def events(self) -> PurePosixPath:
        return self.batch / "events.jsonl"


def on_host(host: Host, batch: str, key: str) -> HostPaths:
    """Where the batch with that name and key lies on `host`."""
    return HostPaths(PurePosixPath(host.dir), f"{batch}-{key}")
