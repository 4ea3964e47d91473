"""Records a half-done batch of the version that is checked out: `python -m tests.support.earlier.record FOLDER`.

FOLDER gets `project/`, as the client left it, and `home/`, where the built-in host keeps its things. The first of three
runs is done; the supervisor and the model of the second were killed. What is different in each place stands there as
a word between `@`, which `tests.support.earlier.restore` replaces; what is derived is left out.
"""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

from tests.support import aftermath
from tests.support.tree import REPOSITORY, Tree, on_this_machine

WORK = Path("/tmp/earlier")
"""Videos and logs hold paths that cannot be changed afterwards: these are nobody's."""
LEFT_OUT = (".cosmosctl", "locks", "launch.lock", "lock", "state", "tally", "tmp")


def record(target: Path, work: Path) -> None:
    """The folders `project` and `home` in `target`; the batch runs in `work`."""
    tree = _half_done(work)
    for name, source in (("project", tree.root), ("home", tree.home)):
        shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for file in (path for path in sorted(target.rglob("*")) if path.suffix != ".mp4" and path.is_file()):
        text = file.read_text(encoding="utf-8")
        told = as_long(text, REPOSITORY) if file.suffix == ".log" else nowhere(text, tree)
        file.write_text(told, encoding="utf-8")


def _half_done(work: Path) -> Tree:
    tree = aftermath.swift(on_this_machine(work, {}))
    tree.scene(width=64, height=48, frames=8)
    aftermath.write_runs(tree)
    tree.cli("batch", "--batch-name", "earlier", "--detach", env=aftermath.faults("held:second"))
    events = aftermath.host_folder(tree) / "events.jsonl"
    aftermath.wait_until(lambda: '{"ev":"run_done"' in events.read_text(encoding="utf-8"), "the end of the first run")
    aftermath.kill_supervisor(tree)
    for pid in aftermath.pids(tree, sys.executable):
        os.kill(pid, signal.SIGKILL)
    aftermath.assert_nobody_left(tree)
    return tree


def as_long(text: str, checkout: Path) -> str:
    """A log with nothing in it of this machine; events name its parts by their bytes."""
    there = str(checkout).strip("/")
    return text.replace(there, "checkout".ljust(len(there), "_")[: len(there)])


def nowhere(text: str, tree: Tree, *more: tuple[Path, str]) -> str:
    """`text` with nothing in it of this machine; a word for each of `more` places too."""
    own = ((tree.home, "@HOME@"), (tree.root, "@PROJECT@"), (Path(sys.executable), "@PYTHON@"))
    for place, word in (*own, *more):
        text = text.replace(str(place), word)
    text = text.replace(os.uname().nodename, "machine")
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-0000-0000-000000000000", text)


if __name__ == "__main__":
    WORK.mkdir()
    try:
        record(Path(sys.argv[1]), WORK)
    finally:
        shutil.rmtree(WORK)
