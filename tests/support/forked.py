"""Commands of cosmosctl in forks of one process that has all of it imported: a start of Python costs more than most.

`run` is for the tests, `python -m tests.support.forked` the process beside them. What a fork does from `main()` on is
what a start does; how a start itself goes is held by tests that start Python (test_streams, test_wheel, make bench).
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.support.imported import begin, import_all

MOST_BYTES = 1 << 20
"""Of one request: words and environment of a command."""
AT_START = ("PYTHON", "LANG", "LC_", "TZ", "COSMOSCTL_LOG_LEVEL", "OPENBLAS", "OMP_")
"""What such a variable says is read when Python or a module starts; a command with another value is started anew."""


def is_as_started(env: Mapping[str, str]) -> bool:
    """Whether a fork in that environment is as good as a start; never in the long tests."""
    return _read_at_start(env) == STARTED and "COSMOSCTL_SOAK" not in os.environ


def _read_at_start(env: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


AT_FIRST = dict(os.environ)
"""The environment of the process beside us: not that of the test that first needs it, with which it would end."""
STARTED = _read_at_start(AT_FIRST)
"""What the process beside us reads."""


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float) -> tuple[int, str, str]:
    """Exit code (negative: the signal), stdout and stderr of `cosmosctl ARGV`. Raises: TimeoutError."""
    request = json.dumps({"argv": argv, "cwd": str(cwd), "env": dict(env)}).encode()
    assert len(request) < MOST_BYTES
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        mine, its = socket.socketpair()
        with mine:
            with its:
                socket.send_fds(_server(), [request], [out.fileno(), err.fileno(), its.fileno()])
            mine.settimeout(timeout_s)
            with mine.makefile("r") as answers:
                pid = answers.readline()
                try:
                    code = int(answers.readline())
                except TimeoutError:
                    os.kill(int(pid), signal.SIGKILL)
                    raise
        return code, _text(out.fileno()), _text(err.fileno())


def _text(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    with open(handle, encoding="utf-8", closefd=False) as file:  # a descriptor
        return file.read()


@cache
def _server() -> socket.socket:
    """The process beside us, which ends when we do."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (mine, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
    with its:
        process = subprocess.Popen(
            (sys.executable, "-m", "tests.support.forked", str(its.fileno())),
            pass_fds=[its.fileno()],
            cwd=Path(__file__).resolve().parents[2],
            env=AT_FIRST,
            stdin=subprocess.DEVNULL,
        )

    @atexit.register
    def close() -> None:
        mine.close()
        process.wait()

    return mine


def serve(requests: socket.socket) -> int:
    """Fork for each request until nobody asks any more. In a fork: be that command, and return its exit code."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, handles, *_ = socket.recv_fds(requests, MOST_BYTES, 3)
        if not request:
            return 0
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            return _wait_for(json.loads(request), *handles)
        for handle in handles:
            os.close(handle)


def _wait_for(request: Mapping[str, object], out: int, err: int, answer: int) -> int:
    """Between the server, which goes on at once, and the command: says its pid, then how it ended."""
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        return _become(request, out, err)
    os.write(answer, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: Mapping[str, object], out: int, err: int) -> int:
    assert isinstance(request["env"], dict) and isinstance(request["argv"], list)
    begin(out, err, request["env"], str(request["cwd"]))
    sys.argv = ["cosmosctl", *request["argv"]]
    from cosmosctl.cli.main import main

    main()
    return 0


if __name__ == "__main__":
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1]))))
