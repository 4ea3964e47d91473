"""A batch as an earlier version left it: its project and its host's folder, recorded by `record`."""

import shutil
import subprocess
import sys
from pathlib import Path

from cosmosctl.host import trust
from tests.support import aftermath
from tests.support.tree import Tree

RECORDED = Path(__file__).parent / "recorded"


def restored(folder: Path) -> Tree:
    """The project in `folder`, with its batch known as made here; nothing of it runs."""
    tree = Tree(folder / "project", folder / "home")
    shutil.copytree(RECORDED / "project", tree.root)
    shutil.copytree(RECORDED / "home", tree.home)
    words = {"@HOME@": str(tree.home), "@PROJECT@": str(tree.root), "@PYTHON@": sys.executable}
    for file in (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".mp4", ".log")):
        text = file.read_text(encoding="utf-8")
        for word, place in words.items():
            text = text.replace(word, place)
        file.write_text(text, encoding="utf-8")
    trust.note_made(tree.batches()[0])
    return aftermath.swift(tree)


def supervised_as_then(tree: Tree, **env: str) -> "subprocess.Popen[bytes]":
    """The job of the batch, as it was started by the version that bundled it."""
    folder = aftermath.host_folder(tree)
    argv = (sys.executable, str(folder / "supervise.py"), str(folder))
    process = subprocess.Popen(argv, env=tree.environment(env), stdin=subprocess.DEVNULL, start_new_session=True)
    aftermath.wait_until(lambda: (folder / "events.jsonl").read_text().count('"ev":"batch_start"') == 2, "the job")
    return process
