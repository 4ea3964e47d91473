"""Keeps jobs by their names: `python keep.py FOLDER VERB ... NAME`. Standard library only.

create NAME ENV_FILE ARGV... | start NAME | alive NAME | logs NAME | remove NAME | made-of NAME. A job that runs is the
leader of a session of its own; FOLDER/calls has a line for each verb.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def main(folder: Path, verb: str, name: str, *rest: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "calls").open("a") as calls:
        calls.write(f"{verb}\n")
    job = folder / name
    if verb == "create":
        return create(job, *rest)
    if not job.is_dir():
        print(f"no such job: {name}", file=sys.stderr)
        return 1
    return {"start": start, "alive": alive, "logs": logs, "remove": remove, "made-of": made_of}[verb](job)


def create(job: Path, env_file: str, *argv: str) -> int:
    env = Path(env_file).read_text().splitlines() if env_file else []
    if any("REFUSED" in line for line in env):
        print(f"cannot have {env}", file=sys.stderr)
        return 1
    job.mkdir()
    (job / "argv").write_text(json.dumps(argv))
    (job / "env").write_text(json.dumps(dict(line.split("=", 1) for line in env)))
    return 0


def start(job: Path) -> int:
    env = {**os.environ, **json.loads((job / "env").read_text())}
    with (job / "log").open("w") as log:
        argv = json.loads((job / "argv").read_text())
        process = subprocess.Popen(argv, stdin=log, stdout=log, stderr=log, env=env, start_new_session=True)
    (job / "pid").write_text(str(process.pid))
    return 0


def alive(job: Path) -> int:
    print("true" if is_alive(job) else "false")
    return 0


def is_alive(job: Path) -> bool:
    with suppress(OSError):
        pid = int((job / "pid").read_text())
        argv = json.loads((job / "argv").read_text())
        return os.fsencode("\0".join(argv)) + b"\0" == Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def logs(job: Path) -> int:
    print((job / "log").read_text(), end="")
    return 0


def remove(job: Path) -> int:
    if is_alive(job):
        os.killpg(int((job / "pid").read_text()), signal.SIGKILL)
    shutil.rmtree(job)
    return 0


def made_of(job: Path) -> int:
    print("sha256:70f")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
