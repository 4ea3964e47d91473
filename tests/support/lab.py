"""A project and its GPU host, with everything between them that can go wrong, for one case of a fault matrix.

The host is an sshd of its own behind a proxy; what runs there is the do-nothing preview, on the machine itself or in a
container. Whatever a case did, `Lab.assert_all_well` says what has to be true at its end.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from cosmosctl.results.receipts import read_receipt
from cosmosctl.state import states
from tests import clips
from tests.containers import IMAGE, Engine
from tests.proxy import Proxy, running_proxy
from tests.sshd import Sshd, running_sshd, write_client_config
from tests.support import aftermath
from tests.support.aftermath import PROMPTS, Client
from tests.support.tree import Done, Tree
from tests.support.waiting import PATIENCE_S, wait_until

SENT_BESIDE_BYTES = 20_000
"""About what a small batch sends beside its video."""
WATCH_S = 0.003
"""How often a moment is looked for."""

LINES = 14
"""Of the events of a batch of three runs that nothing befalls."""

T = TypeVar("T")


@dataclass
class Lab:
    """One case: `root` holds all of it; `moment` is what chance has drawn so far, in words."""

    root: Path
    tree: Tree
    sshd: Sshd
    line: Proxy
    chance: random.Random
    engine: Engine | None = None
    row_s: float = 0.15
    image: str = IMAGE
    faults: str = ""
    moment: list[str] = field(default_factory=list)

    @property
    def dir(self) -> Path:
        """The host's folder."""
        return self.root / "the host's dir"

    @property
    def tally(self) -> Path:
        return self.root / "tally" / "tally"

    def draw(self, what: str, low: float, high: float) -> float:
        """A number between these two, from the seed."""
        drawn = self.chance.uniform(low, high)
        self.moment.append(f"{drawn:.3f} {what}" if high < 1000 else f"{drawn:.0f} {what}")
        return drawn

    def pick(self, *choices: T) -> T:
        """One of these, from the seed."""
        chosen = self.chance.choice(choices)
        self.moment.append(str(chosen))
        return chosen

    def hold(self, *words: str) -> None:
        """From now on the rows with one of `words` in their prompts wait, once begun, until they are let go."""
        self.faults = ",".join(f"held:{word}" for word in words)
        self.configure()

    def hold_one(self) -> str:
        """Hold a drawn run's row; its run."""
        run = self.pick(*PROMPTS)
        self.hold(PROMPTS[run].split()[0])
        return run

    def until_held(self, run: str) -> None:
        """Go on once that row, which is held, has begun."""
        self.until(lambda: aftermath.rows_begun(self.tree).keys() >= aftermath.named([PROMPTS[run]]))

    def let_go(self) -> None:
        """The rows that are held go on, and none waits any more."""
        (self.tally.parent / "go").touch()

    def until_some_events(self, *, or_ended: Client) -> None:
        """Go on once the host has told a drawn number of events, or that command has ended."""
        lines = self.pick(*range(LINES))
        self.until(lambda: self.events_there().count("\n") >= lines, or_ended=or_ended)

    def freeze_in(self, client: Client, phase: str, low: int, high: int) -> None:
        """In that phase of the command, freeze the line after a drawn number of bytes, or when it has ended."""
        client.wait_for(f"phase: {phase}")
        upwards = phase in ("push", "launch")
        self.line.freeze_after(int(self.draw("more bytes", low, high)), upwards=upwards)
        self.until(lambda: self.line.is_frozen, or_ended=client)

    def configure(self, *, more: str = "") -> None:
        """Write cosmosctl.yaml for how the host is now."""
        config = write_client_config(self.sshd, port=self.line.port, name="line")
        env = {"COSMOSCTL_PREVIEW_ROW_S": str(self.row_s), "COSMOSCTL_PREVIEW_TALLY": str(self.tally)}
        env |= {"COSMOSCTL_PREVIEW_STATE": str(self.tally.parent), "COSMOSCTL_PREVIEW_FAULTS": self.faults}
        block = f"    dir: {json.dumps(str(self.dir))}\n    engine: preview\n    env: {json.dumps(env)}\n{more}"
        if self.engine:
            told = {"row_s": str(self.row_s), "faults": self.faults, "more": more}
            block = self.engine.block(dir=self.dir, tally=self.tally.parent, **told).replace(IMAGE, self.image)
        reached = self.sshd.block(config=config)
        self.tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{reached}{block}")

    def pad(self, size_bytes: int) -> None:
        """Make the colour video so much longer, by a box that every reader passes over."""
        video = self.tree.root / "inputs/videos/city/color.mp4"
        data = random.Random(size_bytes).randbytes(size_bytes)
        video.write_bytes(video.read_bytes() + struct.pack(">I4s", 8 + size_bytes, b"free") + data)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> Client:
        """A command that goes on while the case does."""
        return Client(self.tree, *args, env=env)

    def sending(self, padding_bytes: int) -> Client:
        """A batch, on a line that froze when a drawn part of a video that is so much longer had been sent."""
        self.pad(padding_bytes)
        client = self.start("batch")
        self.freeze_in(client, "push", 0, padding_bytes + SENT_BESIDE_BYTES)
        return client

    def end(self, client: Client, *codes: int) -> Done:
        """What a command left that has to end with one of these codes (0 if none is given)."""
        done = client.end()
        assert done.code in (codes or (0,)), f"{self.moment}: exit code {done.code}\n{done.err}"
        return done

    def launched(self) -> str:
        """The name of a batch of all runs that goes on by itself."""
        return self.tree.cli("batch", "--detach").out.strip()

    def batch_name(self) -> str:
        """The newest batch."""
        return self.tree.batches()[-1].name

    def catch_up(self) -> None:
        """What a person does next: attach, or batch anew when nothing was bundled."""
        if not states.open_batches(self.tree.paths) and set(self.states().values()) == {"pending"}:
            self.tree.cli("batch")
        if states.open_batches(self.tree.paths):
            self.tree.cli("attach")

    def states(self) -> dict[str, str]:
        return aftermath.states(self.tree)

    def folders(self) -> list[Path]:
        """The batches on the host."""
        return sorted((self.dir / "batches").glob("*"))

    def events_there(self) -> str:
        """The events of all batches on the host."""
        files = (self.dir / "batches").glob("*/events.jsonl")
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def until_there(self, text: str) -> None:
        """Go on once the host's events hold `text`."""
        self.until(lambda: text in self.events_there())

    def until(self, condition: Callable[[], bool], *, or_ended: Client | None = None) -> None:
        """Go on once `condition` holds, or that command has ended."""
        wait_until(lambda: condition() or (or_ended and or_ended.has_ended()), str(self.moment), look_s=WATCH_S)

    def tallied(self, what: str) -> int:
        """How often the model did that: load, start, done."""
        lines = self.tally.read_text().splitlines() if self.tally.exists() else []
        return sum(line.split()[0] == what for line in lines)

    def boxes(self, *args: str, expect: int | None = 0) -> None:
        """Have the engine do that to the containers of this host."""
        assert self.engine is not None
        own = {folder.name for folder in self.folders()} & set(self.engine.containers())
        if own:
            self.engine(*args, *own, expect=expect)

    def kill_sessions(self) -> int:
        """SIGKILL every ssh session of the host; how many there were."""
        sessions = self.sshd.sessions()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(sessions)

    def there(self, *words: str) -> list[int]:
        """The processes of the host whose command line holds one of `words`."""
        return [pid for pid, line in self._processes() if any(word in line for word in words)]

    def assert_all_well(self, prompts: Mapping[str, str] = PROMPTS) -> None:
        """Every run has its own result, each row was finished once, and nothing and nobody is left anywhere."""
        assert self.states() == dict.fromkeys(prompts, "done"), self.moment
        for run, prompt in prompts.items():
            self.assert_right(self.tree, run, prompt)
        assert aftermath.rows_done(self.tree) == Counter(aftermath.named(prompts.values())), self.moment
        self.assert_nothing_left()

    def assert_right(self, tree: Tree, run: str, prompt: str) -> None:
        """The run has its own result, by one of the batches of its project."""
        paths = tree.run_paths(run)
        place = paths.result if paths.result.receipt.exists() else paths.preview
        receipt = read_receipt(place.receipt)
        assert receipt is not None, f"{run}: no receipt"
        assert receipt.batch in {batch.name for batch in tree.batches()}
        aftermath.assert_right_result(place, run=run, batch=receipt.batch, prompt=prompt)

    def assert_nothing_left(self, *trees: Tree) -> None:
        """No process, lock, container, staging or half a file, here and on the host."""
        end_connections(self.tree)
        for tree in trees or (self.tree,):
            aftermath.assert_nothing_left_over(tree)
            assert_unlocked([tree.paths.lock, *(tree.paths.derived / "locks").glob("*")])
        self._assert_nobody_there()
        assert_unlocked([self.dir / "launch.lock", *self.dir.glob("batches/*/lock"), *self.dir.glob("locks/*")])
        for video in self.dir.glob("inputs/*/*.mp4"):
            assert hashlib.sha256(video.read_bytes()).hexdigest().startswith(video.parent.name), f"{video} is not whole"
        if self.engine:
            assert not {folder.name for folder in self.folders()} & set(self.engine.containers())

    def until_looked_around(self, times: int = 20) -> None:
        """Go on once the supervisors of this host have woken so often more: what they were about to do is done."""
        for pid in self._supervisors():
            enough = _wakes(pid) + times
            self.until(lambda pid=pid, enough=enough: _wakes(pid) >= enough)  # type: ignore[misc]

    def _supervisors(self) -> list[int]:
        """Also those in containers, which see other paths; without the shells that start them."""
        names = [f"/{folder.name}/supervise".encode() for folder in self.folders()]
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_bytes()
                is_python = (process / "comm").read_text(encoding="utf-8").startswith("python")
                found += [int(process.name)] if is_python and any(name in line for name in names) else []
        return found

    def _assert_nobody_there(self) -> None:
        wait_until(lambda: not self._processes(), f"the end of {self._processes()} {self.moment}", look_s=0.05)

    def _processes(self) -> list[tuple[int, str]]:
        """(pid, command line) of what runs on the host for us; its sshd, which listens, is none of them."""
        marks = [str(self.dir).encode(), str(self.sshd.home).encode()]
        listener = self.sshd.process.pid if self.sshd.process else 0
        found = []
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if not process.name.isdigit() or int(process.name) in (os.getpid(), listener):
                    continue
                line = (process / "cmdline").read_bytes()
                if line and any(mark in line or mark in (process / "environ").read_bytes() for mark in marks):
                    found.append((int(process.name), line.replace(b"\0", b" ").decode(errors="replace")))
        return found


def _wakes(pid: int) -> int:
    """How often that process gave up the processor of its own accord; one that has ended did so without bound."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))
    return 1 << 62


def end_connections(tree: Tree) -> None:
    """End the masters that wait for a next command, as they would by themselves after a while."""
    for socket in Path(tree.env["XDG_RUNTIME_DIR"], "cosmosctl").glob("*-*"):
        argv = ("ssh", "-o", f"ControlPath={socket}", "-O", "exit", "box")
        subprocess.run(argv, capture_output=True, timeout=PATIENCE_S)


def assert_unlocked(files: Sequence[Path]) -> None:
    """Nobody holds one of these locks."""
    for file in files:
        if file.exists():
            with file.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def running_lab(
    root: Path, chance: random.Random, *, engine: Engine | None = None, row_s: float = 0.15
) -> Iterator[Lab]:
    """A project of three runs with a prompt each, on a host of its own."""
    (root / "project").mkdir(parents=True)
    (root / "tally").mkdir()
    with (
        tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets,  # control sockets need short paths
        running_sshd(root / "sshd") as sshd,
        running_proxy(sshd.port) as line,
    ):
        tree = aftermath.swift(Tree(root / "project", root / "home"))
        own = {"COSMOSCTL_PREVIEW_TALLY": str(root / "tally/tally"), "XDG_RUNTIME_DIR": sockets}
        tree = replace(tree, env={**tree.env, **own})
        lab = Lab(root, tree, sshd, line, chance, engine, row_s)
        lab.configure()
        clips.scene(tree.root / "inputs/videos/city")
        aftermath.write_runs(tree)
        try:
            yield lab
        finally:
            end_connections(tree)
            _end_all(lab)


def _end_all(lab: Lab) -> None:
    """What a case that failed left running."""
    for pid in [*lab.there(""), *aftermath.pids(lab.tree, "")]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
