"""What earlier versions left: a half-done batch, recorded by `record`, and a finished project, by `record_finished`."""

import shutil
import subprocess
import sys
from pathlib import Path

from cosmosctl.host import trust
from tests.support import aftermath
from tests.support.tree import REPOSITORY, Tree

RECORDED, FINISHED = (Path(__file__).parent / name for name in ("recorded", "finished"))


def restored(folder: Path, recorded: Path = RECORDED) -> Tree:
    """The project in `folder`, with its batches known as made here; nothing of them runs."""
    tree = Tree(folder / "project", folder / "home")
    shutil.copytree(recorded / "project", tree.root)
    shutil.copytree(recorded / "home", tree.home)
    words = {"@HOME@": str(tree.home), "@PROJECT@": str(tree.root), "@PYTHON@": sys.executable}
    words["@CHECKOUT@"] = str(REPOSITORY)
    for file in (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".mp4", ".log")):
        text = file.read_text(encoding="utf-8")
        for word, place in words.items():
            text = text.replace(word, place)
        file.write_text(text, encoding="utf-8")
    for batch in tree.batches():
        trust.note_made(batch)
    return aftermath.swift(tree)


def supervised_as_then(tree: Tree, **env: str) -> "subprocess.Popen[bytes]":
    """The job of the batch, as it was started by the version that bundled it."""
    folder = aftermath.host_folder(tree)
    argv = (sys.executable, str(folder / "supervise.py"), str(folder))
    process = subprocess.Popen(argv, env=tree.environment(env), stdin=subprocess.DEVNULL, start_new_session=True)
    aftermath.wait_until(lambda: (folder / "events.jsonl").read_text().count('"ev":"batch_start"') == 2, "the job")
    return process
