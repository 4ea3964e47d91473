"""Processes of the host: how one is started, how it ended, which descend from it. It knows of no batch."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, NoReturn, Sequence, Tuple

from files import opened, patiently
from verdict import End

POLL_S = 0.05
LEFTOVERS_WAIT_S = 5.0
"""How long killed processes may take to go."""
MARK = "COSMOSCTL_PROCESS"
"""In the environment of a model and so of all that descends from it, whatever session it puts itself in."""


def at_the_gate(argv: List[str], cwd: str, env: Dict[str, str], log: Path, locks: Sequence[int]) -> Tuple[int, int]:
    """(pid, gate) of a new process that becomes `argv` when a byte is written to `gate`, and ends if we die before.

    So no model ever runs that is not on record. It leads a session of its own, writes straight into `log` and
    inherits `locks`, nothing else.
    """
    output = patiently(lambda: opened(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
    null = os.open(os.devnull, os.O_RDONLY)
    wait, gate = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        become(argv, cwd, env, (null, output, output), wait, locks)
    for descriptor in (output, null, wait):
        os.close(descriptor)
    return pid, gate


def become(
    argv: List[str], cwd: str, env: Dict[str, str], streams: Tuple[int, ...], wait: int, locks: Sequence[int]
) -> NoReturn:
    """The child's half of `at_the_gate`: never returns."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # srun hands it to all processes of a job; it is meant for us
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        for lock in locks:
            os.set_inheritable(lock, True)
        if os.read(wait, 1):
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot start {argv[0]} in {cwd}: {error}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(127)


def reaped() -> Dict[int, End]:
    """How each child ended that has; as PID 1 this takes the orphans of the container too."""
    ends: Dict[int, End] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ends
        if pid == 0:
            return ends
        ends[pid] = End(signal=os.WTERMSIG(status)) if os.WIFSIGNALED(status) else End(code=os.WEXITSTATUS(status))


def birth(pid: int) -> str:
    """When a process began, as text that no other process of its number shares; "" when it has ended."""
    if not os.path.isdir("/proc/self"):
        return subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], stdout=subprocess.PIPE).stdout.decode().strip()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *fields_after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in "ZX" else f"{boot}:{fields_after[18]}"


def kill_marked(mark: str) -> None:
    """Kills every process whose environment carries that mark, until none is left or they do not go."""
    deadline = time.monotonic() + LEFTOVERS_WAIT_S
    pids = marked(mark)
    while pids and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
        pids = marked(mark)


def marked(mark: str) -> List[int]:
    found, wanted = [], f"{MARK}={mark}".encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with suppress(OSError):  # gone, or another user's
            if name.isdigit() and wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def boot() -> str:
    """What tells this start of the machine from others; "" where it does not say. Monotonic clocks count from it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
