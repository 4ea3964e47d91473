"""Records a project that another version worked in: `python -m tests.support.earlier.record_finished FOLDER CHECKOUT`.

CHECKOUT is that version, where `make install` was typed. FOLDER gets `project/` and `home/`, as `record` has it: two
results of rs_a, one on top of the other, a result of rs_b, a preview of rs_a, and a result of rs_c that nobody fetched.
`finished/` was made so by commit 2018003, whose marks were the files that git versions.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import aftermath
from tests.support.earlier.record import LEFT_OUT as DERIVED
from tests.support.earlier.record import WORK, as_long, nowhere
from tests.support.held_model import HeldModel
from tests.support.tree import REPOSITORY, TIMEOUT_S, Tree
from tests.support.waiting import wait_until

LEFT_OUT = (*DERIVED, "supervise.py", "supervise.out", "follow.sh", "transfer1_warm.py", "work", "model")
"""What nobody needs any more once a batch is over, and takes room."""


@dataclass(frozen=True)
class Earlier:
    """A project in the hands of that version."""

    checkout: Path
    tree: Tree

    def __call__(self, *args: str) -> None:
        argv = (str(self.checkout / ".venv/bin/cosmosctl"), *args)
        env = aftermath.swift(self.tree).environment({"XDG_STATE_HOME": str(self.tree.home / "state")})
        subprocess.run(argv, cwd=self.tree.root, env=env, check=True, timeout=TIMEOUT_S)

    def write(self, run: str, weight: float) -> None:
        self.tree.run(run, controls=f"{{edge: {weight}}}")


def record(target: Path, work: Path, checkout: Path) -> None:
    """The folders `project` and `home` in `target`; the project is made in `work`."""
    tree = Tree(work / "project", work / "home")
    (tree.home / "model").mkdir(parents=True)
    tree.root.mkdir()
    gpu = HeldModel(tree.home / "model").host(tree.home / "gpu")
    tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: gpu\nhosts:\n  gpu:\n{gpu}")
    tree.scene(width=64, height=48, frames=8)
    tree.prompt("ps_a")
    _work_in(Earlier(checkout, tree))
    for name, source in (("project", tree.root), ("home", tree.home)):
        shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for file in (path for path in sorted(target.rglob("*")) if path.suffix != ".mp4" and path.is_file()):
        text, python = file.read_text(encoding="utf-8"), checkout / ".venv/bin/python"
        here = ((python, "@PYTHON@"), (REPOSITORY, "@CHECKOUT@"))
        told = as_long(text, checkout) if file.suffix == ".log" else nowhere(text, tree, *here)
        file.write_text(told, encoding="utf-8")


def _work_in(cosmosctl: Earlier) -> None:
    for run in ("rs_a", "rs_b"):
        cosmosctl.write(run, 0.5)
    cosmosctl("batch", "--batch-name", "first")
    cosmosctl.write("rs_a", 0.6)
    cosmosctl("batch", "rs_a", "--batch-name", "second")
    cosmosctl("batch", "rs_a", "--host", "local", "--batch-name", "look")
    cosmosctl.write("rs_c", 0.7)
    cosmosctl("batch", "rs_c", "--batch-name", "left", "--detach")
    (there,) = (cosmosctl.tree.home / "gpu/batches").glob("left_*")
    events = there / "events.jsonl"
    wait_until(lambda: '{"ev":"batch_done"' in events.read_text(encoding="utf-8"), "the end of the batch")


if __name__ == "__main__":
    WORK.mkdir()
    try:
        record(Path(sys.argv[1]), WORK, Path(sys.argv[2]).resolve())
    finally:
        shutil.rmtree(WORK)
