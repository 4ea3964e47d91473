"""What a model's process would find in the container of a batch: `python3 -c THIS`, in a container with its mounts.

`python3 -c THIS DIR GPUS` where the host's folder is DIR there, and the container sees more than GPUS (commas between).
Prints a line `name<TAB>value` for each thing it looked at. Standard library only, Python 3.8 and later.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    tell("python", sys.version.split()[0])
    tell("user", str(os.getuid()))
    folder = sys.argv[1] if len(sys.argv) > 1 else "/cosmosctl"
    tell("writes", writable(folder))
    tell("reads", "yes" if all(readable(file) for file in Path(folder).glob(".check-closed-*")) else "no")
    for name in ("workspace", "checkpoints", "cache"):
        if Path("/", name).is_dir():
            tell(name, f"{len(list(Path('/', name).iterdir()))} entries")
    if Path("/cache").is_dir():
        tell("cache-writes", writable("/cache"))
    tell("gpus", gpus())


def tell(name: str, value: str) -> None:
    sys.stdout.write(f"trial-{name}\t{' '.join(value.split())}\n")


def readable(file: Path) -> bool:
    """Whether we can read what is closed to all but its owner and root."""
    try:
        return file.read_bytes() is not None
    except OSError:
        return False


def writable(folder: str) -> str:
    """Whether we can write there: yes and the owner of what we wrote, or no and why."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".cosmosctl-check-", dir=folder) as file:
            file.write(b"x")
            return f"yes {Path(file.name).stat().st_uid}"
    except OSError as error:
        return f"no {error.strerror}"


def gpus() -> str:
    try:
        chosen = [f"--id={sys.argv[2]}"] if len(sys.argv) > 2 else []
        argv = ["nvidia-smi", *chosen, "--query-gpu=index,name", "--format=csv,noheader"]
        answer = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no {error}"
    text = answer.stdout.decode("utf-8", "replace").strip()
    return f"{len(text.splitlines())} {text}" if answer.returncode == 0 and text else f"no {text or 'GPU'}"


main()
