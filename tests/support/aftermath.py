"""What has to be true after bad luck, whatever it was: results right and their own, nothing left over, nobody left."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cosmosctl.domain.layout import ResultPaths
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state.states import all_states
from cosmosctl.store import load_all
from tests.stage import call_log
from tests.support import killed_client
from tests.support.killed_client import Moment
from tests.support.tree import TIMEOUT_S, Done, Tree
from tests.support.waiting import wait_until as wait_until  # others find it here

PROMPTS: Mapping[str, str] = {"rs_a": "first words", "rs_b": "second words", "rs_c": "third words"}
"""Runs of the projects that bad luck comes to, each with a prompt of its own."""


def swift(tree: Tree, **env: str) -> Tree:
    """The same project, where a row takes next to nothing and a tally counts what models do; more for their `env`."""
    tree.home.mkdir(exist_ok=True)
    state = tree.home / "state"
    state.mkdir(exist_ok=True)
    own = {"COSMOSCTL_PREVIEW_ROW_S": "0.01", "COSMOSCTL_PREVIEW_TALLY": str(tree.home / "tally")}
    return replace(tree, env={**own, "COSMOSCTL_PREVIEW_STATE": str(state), **env})


def write_runs(tree: Tree) -> None:
    """The runs of PROMPTS, as a user might write them."""
    for run, prompt in PROMPTS.items():
        tree.prompt(f"ps_{run}", prompt)
        tree.run(run, prompt=f"ps_{run}")


def states(tree: Tree) -> dict[str, str]:
    """Run -> its state, or the reason why it failed, as `list runs` says for a host that makes previews."""
    found = all_states(tree.paths, load_all(tree.root), preview=True)
    return {run: state.reason or state.state for run, state in found.items()}


def assert_right_result(place: ResultPaths, *, run: str, batch: str, prompt: str) -> None:
    """`place` holds the whole result of `run` by `batch`, made from `prompt`, with its logs."""
    assert_right_video(place, run=run, batch=batch, prompt=prompt)
    assert place.execution_log.read_text(encoding="utf-8").count("Saved prompt to ") == 1
    assert place.batch_log.is_file()


def assert_right_video(place: ResultPaths, *, run: str, batch: str, prompt: str) -> None:
    """`place` holds outputs, manifest and receipt of `run` by `batch`, made from `prompt`."""
    receipt = read_receipt(place.receipt)
    assert receipt is not None, f"{place.receipt} is missing or damaged"
    assert (receipt.run, receipt.batch, receipt.prompt) == (run, batch, prompt)
    video = place.root / receipt.primary_output
    from cosmosctl.media.probe import probe

    assert probe(video).frames == 8
    assert (place.outputs / "prompt.txt").read_bytes() == prompt.encode()
    assert prompt.encode() in video.read_bytes()  # the idle preview writes the row into its video
    lines = place.manifest.read_text(encoding="utf-8").splitlines()[1:]
    listed = {Path(line.split()[3]).name: line.split()[0] for line in lines}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in place.outputs.iterdir()}
    assert listed == found == dict(receipt.outputs)


class Client:
    """A command of cosmosctl that goes on while the test does, in a session of its own, telling of its phases."""

    def __init__(
        self, tree: Tree, *args: str, env: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
    ) -> None:
        folder = Path(tempfile.mkdtemp(dir=tree.home))
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                (*before, sys.executable, "-m", "cosmosctl", *args),
                cwd=tree.root,
                env=tree.environment({"COSMOSCTL_LOG_LEVEL": "DEBUG", **(env or {})}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def wait_for(self, text: str) -> None:
        """Go on once the command has written `text` to stderr."""
        wait_until(lambda: self.has_told(text) or self.has_ended(), text)
        assert self.has_told(text), self._err.read_text(encoding="utf-8")

    def has_told(self, text: str, times: int = 1) -> bool:
        """Whether the command has written `text` to stderr, so often."""
        return self._err.read_text(encoding="utf-8").count(text) >= times

    def has_printed(self, text: str) -> bool:
        """Whether the command has written `text` to stdout."""
        return text in self._out.read_text(encoding="utf-8")

    def send(self, number: signal.Signals, *, alone: bool = False) -> None:
        """To the command and all that it started, as a terminal does; `alone`: to nobody but the command."""
        if alone:
            os.kill(self._process.pid, number)
        else:
            os.killpg(self._process.pid, number)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> Done:
        """What the command left, once it has ended."""
        code = self._process.wait(TIMEOUT_S)
        return Done(code, self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8"))


def killed(
    tree: Tree, moment: Moment, *args: str, env: Mapping[str, str] | None = None, dir: Path | None = None
) -> str:
    """Run a command until it is killed at that moment; the phase it was in. `dir`: the host's, if not the built-in."""
    process, facts = struck(tree, moment, *args, env=env, dir=dir)
    assert process.returncode == -signal.SIGKILL, f"{moment} did not come: {facts}\n{process.stderr}"
    return str(facts["killed_in"])


def struck(
    tree: Tree, moment: Moment, *args: str, env: Mapping[str, str] | None = None, dir: Path | None = None
) -> "tuple[subprocess.CompletedProcess[str], dict[str, object]]":
    """A command that met that moment, as it ended, and what is known of the moment: killed_in, or that it never was."""
    report, folder = tree.home / "report", dir or tree.home / "cosmosctl"
    process = subprocess.run(
        (sys.executable, str(Path(killed_client.__file__)), moment.to_json(), str(folder), str(report), *args),
        cwd=tree.root,
        env=tree.environment({"COSMOSCTL_LOG_LEVEL": "DEBUG", **(env or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        start_new_session=True,
    )
    return process, json.loads(report.read_text(encoding="utf-8"))


def in_two_projects(
    folder: Path, moments: Sequence[Moment], walk: Callable[[Path, Sequence[Moment]], Sequence[str]]
) -> Counter[str]:
    """How many of the moments fell into each phase: `walk` tells it of each half, in a folder of its own."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(walk, folder / str(number), moments[number::2]) for number in (0, 1)]
        return Counter(phase for future in futures for phase in future.result())


def rows_done(tree: Tree) -> Counter[str]:
    """How often the model finished a row, by the sha256 of its prompt."""
    return Counter(line.split()[1] for line in _tally(tree) if line.startswith("done "))


def rows_begun(tree: Tree) -> Counter[str]:
    """How often the model began a row, by the sha256 of its prompt."""
    return Counter(line.split()[1] for line in _tally(tree) if line.startswith("start "))


def model_starts(tree: Tree) -> int:
    """How often a model was loaded."""
    return _tally(tree).count("load")


def named(prompts: Iterable[str]) -> set[str]:
    """What the tally calls these prompts."""
    return {call_log.sha256(prompt) for prompt in prompts}


def assert_nothing_left_over(tree: Tree) -> None:
    """No staging, no half of a bundle, no file that is half written, no process."""
    assert list(tree.paths.staging.rglob("*")) == []
    assert list(tree.root.rglob(".*.new")) == []
    assert_nobody_left(tree)


def assert_nobody_left(tree: Tree) -> None:
    """Every process that was started for this project has ended, or does so soon."""
    wait_until(lambda: not processes(tree), f"the end of {processes(tree)}", look_s=0.05)


def processes(tree: Tree) -> list[str]:
    """The command lines of the processes that were started for this project."""
    return [line for _, line in _processes(tree)]


def pids(tree: Tree, start: str) -> list[int]:
    """The processes of this project whose command line starts so."""
    return [pid for pid, line in _processes(tree) if line.startswith(start)]


def end_processes(tree: Tree) -> None:
    """kill -9 of every process of this project, by its id."""
    for pid, _ in _processes(tree):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def host_folder(tree: Tree) -> Path:
    """The folder of the only batch on the built-in host."""
    [folder] = (tree.home / "cosmosctl" / "batches").iterdir()
    return folder


def until_told(folder: Path, event: str, times: int = 1) -> None:
    """Go on once the batch in that folder of a host has told of this so often. It may have no events yet."""
    events, sign = folder / "events.jsonl", f'"ev":"{event}"'.encode()
    wait_until(lambda: events.exists() and events.read_bytes().count(sign) >= times, f"{event} of {folder.name}")


def kill_supervisor(tree: Tree) -> int:
    """kill -9 of the supervisor, while the model it started lives on; how many of them there were."""
    found = [pid for pid, line in _processes(tree) if "/supervise " in line and not line.startswith("sh ")]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def faults(text: str) -> dict[str, str]:
    """The environment in which the preview fails like this: see cosmosctl/preview/faults.py."""
    return {"COSMOSCTL_PREVIEW_FAULTS": text}


def let_go(tree: Tree, *words: str) -> None:
    """Let the rows go on that the fault `held:WORD` keeps; all that are held if no word is given."""
    for name in [f"go-{word}" for word in words] or ["go"]:
        Path(tree.env["COSMOSCTL_PREVIEW_STATE"], name).touch()


def programs(tree: Tree, **scripts: str) -> dict[str, str]:
    """A PATH where each of these programs first does what its shell script says."""
    folder = tree.home / "bin"
    folder.mkdir()
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\n{script}\nexec {shutil.which(name)} "$@"\n')
        program.chmod(0o755)
    return {"PATH": f"{folder}:{tree.environment()['PATH']}"}


def half_written(tree: Tree) -> list[Path]:
    """The files that writers who were killed left behind."""
    return sorted(path for path in tree.root.rglob(".cosmosctl-*.tmp"))


def _processes(tree: Tree) -> list[tuple[int, str]]:
    mark, found = f"XDG_DATA_HOME={tree.home}".encode(), []
    for process in Path("/proc").iterdir() if Path("/proc/self").exists() else ():
        try:
            if process.name.isdigit() and mark in (process / "environ").read_bytes().split(b"\0"):
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(process.name), line))
        except OSError:  # it has ended, or is another user's
            continue
    return [(pid, line) for pid, line in found if line]


def _tally(tree: Tree) -> list[str]:
    file = Path(tree.env["COSMOSCTL_PREVIEW_TALLY"])
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
