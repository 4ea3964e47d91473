"""A batch folder as it lies on a host, with the stand-in for a model, and the supervisors that run it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import killed_supervisor
from tests.support.supervisor import SUPERVISE
from tests.support.waiting import PATIENCE_S, wait_until

LAUNCH = Path(__file__).parents[2] / "templates" / "launch"
STANDIN = Path(__file__).parent / "standin.py"
WAIT_S = PATIENCE_S

Event = dict[str, Any]

LAYOUTS = [
    {
        "started": "out/video_{i}",
        "marker": "out/video_{i}/prompt.txt",
        "folder": "out/video_{i}",
        "primary": "output.mp4",
    },
    *(
        {
            "marker": None,
            "files": {f"out/video_{number}.mp4": "output.mp4", f"out/video_{number}.txt": "prompt.txt"},
            "primary": "output.mp4",
        }
        for number in ("{i:03d}", "{i}")
    ),
]
PATTERNS = {
    "loaded": r"Reading batch inputs from path: ",
    "row_start": r"\brunning preprocessor\b",
    "row_end": r"Saved prompt to ",
    "progress": r"Completed diffusion sampling",
    "reasons": [["blocked", r"Guardrail blocked generation|is not safe"], ["gpu-oom", r"CUDA out of memory"]],
}


@dataclass
class HostBatch:
    """A batch folder whose model is the stand-in, and the supervisors started on it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Eight digits that no other batch of the tests has."""
        return hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:8]

    @property
    def gpu_locks(self) -> Path:
        """Where GPUs are locked, in place of the folder for all users of the machine."""
        return self.folder.parent.parent / "locks"

    @property
    def tally_file(self) -> Path:
        return self.folder.parent.parent / "tally"

    def plan(self, *groups: Sequence[str], **facts: Any) -> None:
        """plan.json with these groups of run ids; the prompt of run r is `<r>`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = {
            "format": 1,
            "batch": "city",
            "key": self.key,
            "project": "5f3a91c2",
            "gpus": [None],
            "stall_s": 3600,
            "grace_s": 2,
            "gpu_locks": str(self.gpu_locks),
            "inputs": [],
            "groups": [_group(f"{n:02d}-edge", runs) for n, runs in enumerate(groups, start=1)],
        }
        (self.folder / "plan.json").write_text(json.dumps({**whole, **facts}))

    def replan(self, change: Callable[[Event], object]) -> None:
        """plan.json after `change` was applied to it."""
        plan = json.loads((self.folder / "plan.json").read_text())
        change(plan)
        (self.folder / "plan.json").write_text(json.dumps(plan))

    def hold(self) -> None:
        """From now on every row that a model begins waits until it is let go."""
        self._go.mkdir(parents=True, exist_ok=True)
        self.env["STANDIN_GO"] = str(self._go)

    def let_go(self, *names: str) -> None:
        """Let the rows of these runs, or prompts, go on whenever they have begun; all of them if none is named."""
        for name in names or ("all",):
            (self._go / name).touch()

    @property
    def _go(self) -> Path:
        return self.folder.parent.parent / "go"

    def start(self, **env: str) -> subprocess.Popen[bytes]:
        """A supervisor on this batch, detached as launch.sh detaches it."""
        process = subprocess.Popen(
            [sys.executable, "-B", str(SUPERVISE), str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "STANDIN_TALLY": str(self.tally_file), **self.env, **env},
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def start_to_be_killed(self, step: int) -> None:
        """A supervisor on this batch, which is killed right before its `step`-th step: see killed_supervisor."""
        killed = (sys.executable, str(Path(killed_supervisor.__file__)), str(step), str(SUPERVISE), str(self.folder))
        process = subprocess.Popen(
            killed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "STANDIN_TALLY": str(self.tally_file), **self.env},
            start_new_session=True,
        )
        self.started.append(process)
        assert process.wait(WAIT_S) == -signal.SIGKILL, f"it ended before step {step}"

    def run(self, **env: str) -> list[Event]:
        """All events, after a supervisor ran to its end."""
        assert self.start(**env).wait(WAIT_S) == 0
        return self.events()

    def events(self, *names: str) -> list[Event]:
        """The whole events so far, of these names only."""
        path = self.folder / "events.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        parsed = [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        return [event for event in parsed if not names or event["ev"] in names]

    def until(self, name: str, count: int = 1) -> Event:
        """The `count`th event of that name, once it is there."""
        wait_until(lambda: len(self.events(name)) >= count, f"event {name} number {count}")
        return self.events(name)[count - 1]

    def ends(self) -> dict[str, str]:
        """run -> done, cancelled or the reason."""
        found = self.events("run_done", "run_failed", "run_cancelled")
        assert len({event["run"] for event in found}) == len(found), "a run has two ends"
        return {event["run"]: event.get("reason", event["ev"][4:]) for event in found}

    def failed(self, run: str) -> Event:
        return next(event for event in self.events("run_failed") if event["run"] == run)

    def tally(self, what: str) -> Counter[str]:
        """How often the stand-in noted `what`, by run."""
        lines = self.tally_file.read_text().splitlines() if self.tally_file.exists() else []
        notes = [json.loads(line) for line in lines]
        return Counter(note["prompt"].strip("<>") for note in notes if note["what"] == what)

    def close(self) -> None:
        """Kills, by their numbers, what is left of it."""
        for process in self.started:
            process.kill()
            process.wait()
        for pid in survivors(self):
            os.kill(pid, signal.SIGKILL)

    def log(self, event: Event) -> str:
        """The part of a log that an event names."""
        part = event["log"]
        whole: bytes = (self.folder / part["file"]).read_bytes()
        return whole[part["begin"] : part["end"]].decode()


def _group(name: str, runs: Sequence[str]) -> Event:
    flags = {
        "--controlnet_specs": "{work}/controlnet_spec.json",
        "--batch_input_path": "{work}/batch.jsonl",
        "--video_save_folder": "{work}/out",
    }
    return {
        "name": name,
        "argv": [sys.executable, str(STANDIN), *(part for flag in flags.items() for part in flag)],
        "cwd": None,
        "env": {"PYTHONUNBUFFERED": "1"},
        "files": {"controlnet_spec.json": "{}"},
        "rows_file": "batch.jsonl",
        "rows": [_row(run) for run in runs],
        "layouts": LAYOUTS,
        "patterns": PATTERNS,
    }


def _row(run: str, frames: int = 121) -> Event:
    prompt = f"<{run}>"
    return {"run": run, "line": json.dumps({"prompt": prompt}), "frames": frames, "steps": 1, "prompt": prompt}


def alive(pid: int, batch: HostBatch) -> bool:
    """Whether that process still runs as a model of this batch."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"COSMOSCTL_PROCESS={batch.key}/".encode() in environ


def survivors(batch: HostBatch) -> list[int]:
    """Everything that descends from a model of this batch and lives."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and alive(int(path.name), batch)]


def faults(**by_run: str) -> str:
    return json.dumps({run if run == "load" else f"<{run}>": fault for run, fault in by_run.items()})


def runs(count: int) -> list[str]:
    return [f"r{n}" for n in range(1, count + 1)]
