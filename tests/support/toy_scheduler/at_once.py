"""A queue that starts what it is given at once: `python at_once.py FOLDER VERB ...`. Standard library only.

submit NAME --array=0,1/2 SCRIPT | running NAME | query JOB,JOB | cancel NAME. FOLDER/calls has a line for each verb.
A task is a folder JOB_NUMBER with its name, its process and a lock, which that process has as long as it lives. While
FOLDER/broken is there, nothing is taken.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def main(folder: Path, verb: str, asked: str, *rest: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "calls").open("a") as calls:
        calls.write(f"{verb}\n")
    if verb == "submit":
        return submit(folder, asked, *rest)
    return {"running": running, "query": query, "cancel": cancel}[verb](folder, asked)


def submit(folder: Path, name: str, array: str, script: str) -> int:
    if (folder / "broken").exists():
        print("the queue is broken", file=sys.stderr)
        return 1
    job = 1 + len({task.name.partition("_")[0] for task in all_tasks(folder)})
    for number in array.removeprefix("--array=").partition("/")[0].split(","):
        start(folder / f"{job}_{number}", name, script, number)
    print(job)
    return 0


def start(task: Path, name: str, script: str, number: str) -> None:
    task.mkdir()
    (task / "name").write_text(name)
    with (task / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        argv, none, held = ("sh", script, number), subprocess.DEVNULL, (lock.fileno(),)
        process = subprocess.Popen(argv, stdin=none, stdout=none, stderr=none, pass_fds=held, start_new_session=True)
    (task / "pid").write_text(str(process.pid))


def running(folder: Path, name: str) -> int:
    print(*(task.name.partition("_")[2] for task in named(folder, name) if is_alive(task)), sep="\n")
    return 0


def query(folder: Path, jobs: str) -> int:
    for task in all_tasks(folder):
        job, _, number = task.name.partition("_")
        if job in jobs.split(","):
            print(f"{job}|{number}|{state(task)}")
    return 0


def cancel(folder: Path, name: str) -> int:
    for task in filter(is_alive, named(folder, name)):
        (task / "killed").touch()
        with suppress(ProcessLookupError):
            os.kill(int((task / "pid").read_text()), signal.SIGTERM)
    return 0


def named(folder: Path, name: str) -> Iterator[Path]:
    return (task for task in all_tasks(folder) if (task / "name").read_text() == name)


def all_tasks(folder: Path) -> list[Path]:
    """In the order in which they were submitted."""
    return sorted((path for path in folder.glob("*_*") if path.is_dir()), key=lambda path: int(path.name.split("_")[0]))


def state(task: Path) -> str:
    if is_alive(task):
        return "running"
    return "killed" if (task / "killed").exists() else "ended"


def is_alive(task: Path) -> bool:
    with (task / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
