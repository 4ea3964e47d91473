"""A project in git on one machine: work trees, a clone, a host whose model does next to nothing, and what must hold.

Commands run in this process, git and the host's job are real.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.cli.main import exit_code
from cosmosctl.domain.layout import ProjectPaths, RunPaths
from cosmosctl.opening.project import opened
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state.states import RunState, all_states
from cosmosctl.store import Snapshot, load_all
from tests import clips
from tests.support.held_model import HeldModel
from tests.support.tree import TIMEOUT_S
from tests.support.waiting import wait_until

RUNS = ("rs_a", "rs_b")
PREVIEW = "engine: preview"


@dataclass(frozen=True)
class Work:
    """A work tree or a clone."""

    root: Path
    made: "World"

    @property
    def paths(self) -> ProjectPaths:
        return ProjectPaths(self.root)

    def run(self, name: str) -> RunPaths:
        return self.paths.run(name)

    def cli(self, *args: str, expect: int | None = 0) -> str:
        """What a command prints, stderr too."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            with redirect_stdout(out), redirect_stderr(out):
                code = exit_code(["-C", str(self.root), *args])
            out.seek(0)
            said = out.read()
        assert code != 70, f"{args}: {said}"
        assert expect is None or code == expect, f"{args}: {code}\n{said}"
        return said

    def git(self, *args: str, expect: int | None = 0) -> str:
        done = subprocess.run(("git", *args), cwd=self.root, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert expect is None or done.returncode == expect, f"git {args}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def commit(self, message: str = "more") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message, expect=None)

    def write(self, run: str, weight: float, more: str = "") -> None:
        """The file of a run, as a user writes it."""
        spec = self.run(run).spec
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_text(f"prompt: ps_{run}\ncontrols: {{edge: {weight}}}\n{more}", encoding="utf-8")

    def states(self) -> Mapping[str, RunState]:
        return all_states(self.paths, load_all(self.root), preview=False)

    def state(self, run: str) -> str:
        return self.states()[run].state

    def video(self, run: str) -> Path:
        return self.run(run).result.outputs / "output.mp4"

    def batches(self) -> list[str]:
        return sorted(path.name for path in self.paths.batches.glob("*_*") if path.is_dir())

    def videos(self) -> dict[Path, str]:
        """sha256 of every video of a run that lies here."""
        found = [*self.paths.runs.rglob("*output.mp4"), *self.paths.batches.rglob("*output.mp4")]
        found += self.paths.staging.rglob("*output.mp4")
        return {path: sha256(path) for path in found}


@dataclass
class World:
    """Everything below `folder`; the model's rows wait while `hold` is on."""

    folder: Path
    works: dict[str, Work] = field(default_factory=dict)

    @property
    def host(self) -> Path:
        return self.folder / "host"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def hold(self) -> None:
        HeldModel(self.model).hold()

    def release(self) -> None:
        """Let the model go on, until no batch runs on the host."""
        HeldModel(self.model).let_go()
        wait_until(lambda: not any(self._runs(folder) for folder in self._batches()), "the host to end its batches")

    def _batches(self) -> Iterator[Path]:
        yield from (self.host / "batches").glob("*-????????")

    def _runs(self, folder: Path) -> bool:
        """Whether a batch there was launched and has not ended."""
        events = folder / "events.jsonl"
        return events.exists() and '{"ev":"batch_done"' not in events.read_text(encoding="utf-8")

    def rows(self) -> list[dict[str, object]]:
        """What the model was given, in the order in which it began."""
        file = self.model / "rows"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def videos(self) -> dict[Path, str]:
        return {path: sha256(path) for path in self.host.rglob("*output.mp4")}

    def grow_old(self) -> None:
        """Everything on the host, and what a command left here, was touched three days ago."""
        then = time.time() - 3 * 86_400
        places = [self.host, *(work.paths.batches for work in self.works.values())]
        for place in (one for one in places if one.is_dir()):
            for path in (place, *place.rglob("*")):
                os.utime(path, (then, then), follow_symlinks=False)

    def worktree(self, name: str, branch: str) -> Work:
        self.works["one"].git("worktree", "add", "-q", "-b", branch, str(self.folder / name))
        return self._with_inputs(name)

    def clone(self, name: str) -> Work:
        self.works["one"].git("clone", "-q", str(self.works["one"].root), str(self.folder / name))
        return self._with_inputs(name)

    def _with_inputs(self, name: str) -> Work:
        shutil.copytree(self.works["one"].root / "inputs", self.folder / name / "inputs", dirs_exist_ok=True)
        return self.works.setdefault(name, Work(self.folder / name, self))


def world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project with two runs, committed on branch main; its host counts as one with a model."""
    (folder / "gitconfig").write_text(
        "[init]\n\tdefaultBranch = main\n[user]\n\tname = t\n\temail = t@example.invalid\n"
    )
    for name, value in {
        "HOME": str(folder / "home"),
        "XDG_DATA_HOME": str(folder / "data"),
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
        "COSMOSCTL_GPU_LOCKS": str(folder / "locks"),
        "COSMOSCTL_ALLOW_HOSTS": "*",
    }.items():
        monkeypatch.setenv(name, value)
    made = World(folder)
    made.model.mkdir()
    one = made.works["one"] = Work(folder / "one", made)
    exit_code(["init", str(one.root)])
    config = re.sub(r"^host: local", "host: gpu", one.paths.config.read_text(encoding="utf-8"), flags=re.MULTILINE)
    one.paths.config.write_text(f"{config}\nhosts:\n  gpu:\n{HeldModel(made.model).host(made.host)}", encoding="utf-8")
    clips.scene(one.root / "inputs/videos/s", width=64, height=48, frames=8)
    for run in RUNS:
        one.paths.prompt(f"ps_{run}").write_text(f"text: look of {run}\nvideo: inputs/videos/s\n", encoding="utf-8")
        one.write(run, 0.5)
    one.git("init", "-q")
    one.commit("base")
    return made


Key = tuple[int, int, int, int]


@cache
def _sha256(path: str, key: Key) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def sha256(path: Path) -> str:
    return _sha256(str(path), _key(path))


def _key(path: Path) -> Key:
    """Changes with the file."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


Spec = tuple[str, float]
"""The prompt and the weight that a video is made from."""


def made_from(video: Path) -> Spec:
    """The prompt and the weight that a video of the quick model was made from."""
    return _made_from(str(video), _key(video))


@cache
def _made_from(path: str, key: Key) -> Spec:
    facts = json.loads(Path(path).read_bytes().rpartition(b"free")[2])
    return facts["prompt"], facts["controls"]["edge"]["control_weight"]


def wanted(found: Snapshot, run: str) -> Spec | None:
    """The prompt and the weight that a run's file says; None where its files cannot be used."""
    if run not in found.runs:
        return None
    return found.prompts[found.runs[run].prompt].text, found.runs[run].weights["edge"]


class Truth:
    """What has to hold after each step, whatever the steps are."""

    def __init__(self, made: World) -> None:
        self._world = made
        self._seen: dict[str, set[str]] = {}
        self._batches: dict[str, set[str]] = {}
        self.asked: Counter[tuple[str, Spec]] = Counter()

    def check(self, touched: Work | None = None) -> None:
        """`touched`: the one work tree in which something was done since, if only one; there `status` is typed.

        Raises: AssertionError.
        """
        everywhere = {*self._world.videos().values()}
        for name, work in self._world.works.items():
            videos = work.videos()
            here = {*videos.values()}
            lost = self._seen.setdefault(name, set()) - here
            assert not lost, f"{name} lost {lost}"
            self._seen[name] |= here
            everywhere |= here
            if touched in (None, work):
                work.cli("status", expect=None)
            computed = self._check_batches(name, work)
            self._check_states(name, work, {made_from(path) for path in videos}, computed)
        lost = self._seen.setdefault("", set()) - everywhere
        assert not lost, f"nobody has {lost} any more"
        self._seen[""] |= everywhere
        self._check_rows()

    def _check_batches(self, name: str, work: Work) -> set[Spec]:
        """What the batches of this work tree have computed, or compute. Raises: AssertionError for one that is gone."""
        here = {batch for batch in work.batches() if work.paths.batch(batch).plan.is_file()}
        mine = self._batches.setdefault(name, set())
        mine |= here  # what git brings of others has no plan
        computed = {batch: spec for batch, spec in self._rows() if batch in mine}
        assert computed.keys() <= here, f"{name} has no plan any more of {computed.keys() - here}"
        return {spec for batch, spec in self._rows() if batch in mine}

    def _rows(self) -> list[tuple[str, Spec]]:
        return [(_batch_of(row), spec_of(row)) for row in self._world.rows()]

    def _check_states(self, name: str, work: Work, had: set[Spec], computed: set[Spec]) -> None:
        found = load_all(opened(work.root).root)
        for run, state in all_states(work.paths, found, preview=False).items():
            now = wanted(found, run)
            if state.state == "done":
                video = work.run(run).root / state.place / "outputs/output.mp4"
                assert now == made_from(video), f"{name}: {run} is done by the video of {made_from(video)}"
                report = read_receipt(work.run(run).result.report)
                is_told = report is not None and report.video_sha256 == sha256(video)
                assert is_told == state.is_reported, f"{name}: {run} {state} {report}"
            if state.state in ("pending", "changed"):
                assert now not in had, f"{name}: {run} is {state.state}, and its video is here"
                assert now not in computed, f"{name}: {run} is {state.state}, and a batch of it was started here"

    def _check_rows(self) -> None:
        counts = Counter(
            (name, spec) for batch, spec in self._rows() for name in self._world.works if batch in self._batches[name]
        )
        for (name, spec), count in counts.items():
            most = 1 + self.asked[name, spec]
            assert count <= most, f"{name} had {spec} computed {count} times, asked for {most}"


def spec_of(row: Mapping[str, Any]) -> Spec:
    return row["prompt"], row["controls"]["edge"]["control_weight"]


def _batch_of(row: Mapping[str, object]) -> str:
    """The name of the batch that a row belongs to, from where the model writes: …/batches/NAME-KEY/GROUP/out."""
    return next(part for part in Path(str(row["out"])).parts if re.fullmatch(r".*_\d{8}_\d{6}-[0-9a-f]{8}", part))[:-9]
