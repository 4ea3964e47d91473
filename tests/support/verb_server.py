"""Runs commands of cosmosctl in forks of one process that has all of it imported: some milliseconds instead of a start.

`python -m tests.support.verb_server` reads a request a line and answers each with a line. The fork is bounded in time
and memory, and what starts a program or reaches for a socket in it is written down, by whatever way that is done.
"""

import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support.imported import begin, import_all

CPU_S = 10
"""A verb is over by then, however slow the machine is."""
HANG_S = 120
"""Nobody waits longer for a verb: it waits for something that never comes."""
MORE_BYTES = 1 << 30
"""Address space that a verb may take beyond what the imports have: whoever reads without a bound ends there."""
STARTS = (
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)
CONNECTS = ("socket.connect", "socket.bind", "socket.sendto")


def main() -> None:
    """Answer until stdin ends."""
    import_all()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        _become(request)
    is_late = not _has_ended(pid, request)
    if is_late:
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "hangs": is_late,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_kib": usage.ru_maxrss,
    }


def _has_ended(pid: int, request: dict[str, Any]) -> bool:
    """Wait for it; one that goes on until Ctrl-C gets that as soon as it has said something."""
    handle = os.pidfd_open(pid)
    try:
        for _ in range(HANG_S * 10):
            if select.select([handle], [], [], 0.1)[0]:
                return True
            if request["is_endless"] and Path(request["err"]).stat().st_size + Path(request["out"]).stat().st_size:
                signal.pidfd_send_signal(handle, signal.SIGINT)
        return False
    finally:
        os.close(handle)


def _become(request: dict[str, Any]) -> None:
    """Be `cosmosctl ARGV` in that folder and environment; never returns."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    out, err = (os.open(request[name], wanted, 0o600) for name in ("out", "err"))
    begin(out, err, request["env"], request["cwd"])
    _limit()
    trace = os.open(request["trace"], wanted | os.O_APPEND | os.O_CLOEXEC, 0o600)
    sys.addaudithook(lambda event, args: _note(trace, event, args))
    code = 111
    try:
        from cosmosctl.cli.main import exit_code

        code = exit_code(request["argv"])
    except KeyboardInterrupt:  # it had ended by itself
        code = 130
    except SystemExit as e:  # Tab
        code = e.code if isinstance(e.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _note(trace: int, event: str, args: tuple[Any, ...]) -> None:
    if event in STARTS or event in CONNECTS:
        os.write(trace, (json.dumps([event, repr(args)[:500]]) + "\n").encode())


if __name__ == "__main__":
    main()
