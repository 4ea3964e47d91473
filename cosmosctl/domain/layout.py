"""Where the files of a project lie, and those of a batch on its host."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosmosctl.domain.project import Host

CONFIG_FILE = "cosmosctl.yaml"


@dataclass(frozen=True)
class ResultPaths:
    """One result in a folder: a run's own, its preview, or one kept in history."""

    root: Path

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
        return self.root / "result.yaml"

    @property
    def parts(self) -> tuple[Path, ...]:
        """What a result is made of, in the order in which it is moved; the receipt is last."""
        return (self.outputs, self.logs, self.manifest, self.receipt)


@dataclass(frozen=True)
class RunPaths:
    """runs/RUN/"""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def spec(self) -> Path:
        return self.root / "run.yaml"

    @property
    def result(self) -> ResultPaths:
        return ResultPaths(self.root)

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
        """batch.yaml: written last, so a folder without it is no batch."""
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
        """Results of runs whose folder is gone."""
        return self.root / "unclaimed"


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
    def batches(self) -> Path:
        return self.root / "batches"

    @property
    def derived(self) -> Path:
        """Disposable, never versioned."""
        return self.root / ".cosmosctl"

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
    def videos_index(self) -> Path:
        """What probing found, by sha256."""
        return self.derived / "videos.json"

    @property
    def lock(self) -> Path:
        """Held by whoever plans a batch or moves results."""
        return self.derived / "lock"

    def batch_lock(self, batch: str) -> Path:
        """Held by the one command that follows a batch."""
        return self.derived / "locks" / batch

    def prompt(self, prompt: str) -> Path:
        return self.prompts / f"{prompt}.yaml"

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
