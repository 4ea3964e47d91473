"""A real Slurm on loopback, and a project whose host it is: two nodes with two GPUs each that are none."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sshd import Sshd
from tests.support import aftermath
from tests.support.held_model import HeldModel
from tests.support.tree import Tree
from tests.support.waiting import INSTALL_S, PATIENCE_S, wait_until

SCRIPTS = Path(__file__).parent / "slurm"
PACKAGES = ("slurm-wlm=sbatch", "munge=munged")
INSTALL = Path(__file__).resolve().parents[2] / ".ci" / "packages"
QUEUED = "cosmosctl-"


def missing() -> str:
    """What this machine lacks for a Slurm of the tests' own, once what may be installed was."""
    if os.geteuid() != 0:
        return "root, to start Slurm's daemons"
    done = subprocess.run(("sh", str(INSTALL), *PACKAGES), capture_output=True, text=True, timeout=INSTALL_S)
    return "" if done.returncode == 0 else done.stderr.strip()


@dataclass
class Bed:
    """A Slurm whose files lie in `folder`; `conf` tells its commands of it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    started: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def conf(self) -> Path:
        return self.folder / "slurm.conf"

    def start(self, **settings: str) -> None:
        """Bring it up; `settings` are those of up.sh without SLURM_BED_."""
        env = {**os.environ, **{f"SLURM_BED_{name}": value for name, value in settings.items()}}
        argv = ("bash", str(SCRIPTS / "up.sh"), str(self.folder))
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            pytest.skip(f"Slurm does not come up on this machine: {done.stderr[-500:]}")
        self.env = {"SLURM_CONF": str(self.conf)}

    def stop(self) -> None:
        """End what `start` started, by number, and what its jobs left."""
        subprocess.run(("bash", str(SCRIPTS / "down.sh"), str(self.folder)), check=False, timeout=PATIENCE_S)
        for process in self.started:
            process.wait(PATIENCE_S)

    def ask(self, *argv: str, ok: bool = True) -> str:
        """What one of Slurm's commands prints."""
        env = {**os.environ, **self.env}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert not ok or done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def tasks(self) -> dict[str, str]:
        """JOB_TASK -> state of all that waits or runs of the jobs of batches."""
        lines = self.ask("squeue", "-h", "-r", "-o", "%F_%K|%T|%j").splitlines()
        found = (line.split("|") for line in lines)
        return {job: state for job, state, name in found if name.startswith(QUEUED)}

    def until(self, state: str, count: int = 1) -> list[str]:
        """The tasks in that state, once there are so many."""
        wait_until(lambda: list(self.tasks().values()).count(state) >= count, f"{count} tasks {state}", look_s=0.05)
        return [task for task, one in self.tasks().items() if one == state]

    def until_empty(self) -> None:
        """Go on once no job of a batch is in the queue; one that has ended is there until its processes are."""
        wait_until(lambda: not self.tasks(), "the queue to be empty", look_s=0.1)

    def fill(self, *options: str) -> str:
        """A job of somebody else that has every GPU, once it runs; its number."""
        argv = (
            "sbatch",
            "--parsable",
            "-o",
            "/dev/null",
            "-N",
            "2",
            "--gres=gpu:2",
            *options,
            "--wrap",
            "exec sleep 900",
        )
        job = self.ask(*argv).strip()
        wait_until(lambda: self.ask("squeue", "-h", "-j", job, "-o", "%T").strip() == "RUNNING", "the job", look_s=0.1)
        return job

    def stop_controller(self) -> None:
        """It is away until `start_controller`; nodes and jobs go on."""
        pid = self.pid("slurmctld")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}/environ").exists() or _is_zombie(pid), "slurmctld to end")

    def start_node(self, number: int) -> None:
        """Its daemon once more, and the node as if nothing had been."""
        with (self.folder / "log" / f"slurmd{number}.out").open("a") as log:
            argv = ("slurmd", "-D", "-N", f"gpu{number}")
            process = subprocess.Popen(argv, env={**os.environ, **self.env}, cwd="/", stdout=log, stderr=log)
        self.started.append(process)
        (self.folder / f"slurmd{number}.own-pid").write_text(f"{process.pid}\n")
        wait_until(
            lambda: self.mended() and "idle" in self.ask("sinfo", "-h", "-n", f"gpu{number}", "-o", "%t"), "the node"
        )

    def mended(self) -> bool:
        """What an administrator does after a fault: nodes resume, held jobs are released."""
        for node in ("gpu1", "gpu2"):
            self.ask("scontrol", "update", f"nodename={node}", "state=resume", ok=False)
        for line in self.ask("squeue", "-h", "-r", "-o", "%F_%K|%r", ok=False).splitlines():
            if "held" in line:
                self.ask("scontrol", "release", line.partition("|")[0], ok=False)
        return True

    def start_controller(self) -> None:
        """It comes back with all that it knew, and answers."""
        with (self.folder / "log" / "slurmctld.out").open("a") as log:
            argv = ("slurmctld", "-D", "-i")
            process = subprocess.Popen(argv, env={**os.environ, **self.env}, cwd="/", stdout=log, stderr=log)
        self.started.append(process)
        (self.folder / "slurmctld.own-pid").write_text(f"{process.pid}\n")
        wait_until(
            lambda: self.ask("sinfo", "-h", "-o", "%D", ok=False).strip(), "the controller to answer", look_s=0.1
        )

    def pid(self, daemon: str) -> int:
        return int((self.folder / f"{daemon}.own-pid").read_text())


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def running_bed(folder: Path, **settings: str) -> Iterator[Bed]:
    """A Slurm in `folder` that runs until the block is left."""
    if why := missing():
        pytest.skip(f"SKIPPED on this machine: tests on a real Slurm, which lack {why}")
    bed = Bed(folder)
    bed.start(**settings)
    try:
        yield bed
    finally:
        bed.stop()


@dataclass
class Site:
    """A project whose host is that Slurm. The model is `quick_model`: it notes each row that it begins."""

    tree: Tree
    bed: Bed
    dir: Path
    box: Sshd | None = None

    @property
    def model(self) -> Path:
        """Where the model notes its rows, and is held."""
        return self.dir.parent / "model"

    def configure(self, *, nodes: int = 2, more: str = "", engine: str = "bare") -> None:
        """Write cosmosctl.yaml; with engine preview the model is that."""
        self.model.mkdir(exist_ok=True)
        reached = "" if self.box is None else self.box.block()
        block = (
            f"    dir: {json.dumps(str(self.dir))}\n    engine: {engine}\n    scheduler: slurm\n    nodes: {nodes}\n"
        )
        if engine != "preview":
            block += f"    models: {{transfer1: {{command: {HeldModel(self.model).command}}}}}\n"
        block += more
        self.tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: site\nhosts:\n  site:\n{reached}{block}")

    def names(self) -> set[str]:
        """The names of the jobs of batches."""
        return {name for name in self.bed.ask("squeue", "-h", "-o", "%j").split() if name.startswith(QUEUED)}

    def queued(self) -> str:
        """A batch that waits, as somebody has every GPU: the number of that job."""
        job = self.bed.fill()
        self.tree.cli("batch", "--detach")
        self.bed.until("PENDING")
        return job

    def runs(self, count: int) -> list[str]:
        """That many runs of one group, each with a prompt of its own."""
        names = [f"rs_{number:03d}" for number in range(count)]
        for name in names:
            self.tree.prompt(name.replace("rs", "ps"), text=f"row {name}")
            self.tree.run(name, prompt=name.replace("rs", "ps"))
        return names

    def hold(self) -> None:
        """Each row that is begun from now on waits."""
        HeldModel(self.model).hold()

    def let_go(self) -> None:
        HeldModel(self.model).let_go()

    def begun(self) -> Counter[str]:
        """How often the model began each run."""
        return HeldModel(self.model).begun()

    def end(self) -> None:
        """End what a test left: its jobs, and what was started for it."""
        self.bed.ask("scancel", "-u", "root", ok=False)
        self.bed.until_empty()
        aftermath.end_processes(self.tree)

    def folder(self) -> Path:
        """The batch on the host."""
        return max((self.dir / "batches").glob("*"), key=lambda path: path.stat().st_mtime)

    def assert_well(self, runs: Sequence[str], twice: Mapping[str, int] | None = None) -> None:
        """Each run is done, was computed once (or as often as `twice` says), and no job is left."""
        assert self.tree.states() == dict.fromkeys(runs, "done")
        assert self.begun() == Counter({**dict.fromkeys(runs, 1), **(twice or {})})
        self.bed.until_empty()

    def assert_drained(self, runs: Sequence[str], in_hand: AbstractSet[str]) -> None:
        """Each run is done; what jobs had in hand when their time was up was computed once, and so was all the rest but
        what a model began in the moment in which it was told to end.
        """
        told = Counter(event["ev"] for event in self.tree.events())
        assert told["batch_start"] == 2 + told["interrupted"]
        again = {run: count for run, count in self.begun().items() if count > 1}
        assert not in_hand & set(again)
        assert sum(again.values()) - len(again) <= told["interrupted"]
        self.assert_well(runs, again)


def site_on(bed: Bed, folder: Path, box: Sshd | None = None) -> Site:
    """A project in `folder`, with a scene and no runs."""
    tree = Tree(folder / "project", folder / "home", {} if box else bed.env)
    tree.root.mkdir(parents=True)
    tree.home.mkdir()
    site = Site(tree, bed, folder / "the site's dir", box)
    site.configure()
    tree.scene()
    return site


def attached(site: Site) -> aftermath.Client:
    """A command that follows the batch, whose rows in hand wait."""
    site.hold()
    client = aftermath.Client(site.tree, "batch")
    wait_until(lambda: len(site.begun()) == 2, "both jobs to begin a row")
    return client
