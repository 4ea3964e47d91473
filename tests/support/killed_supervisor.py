"""Runs the supervisor and kills it, and nobody else, right before its STEP-th step.

`python killed_supervisor.py STEP SUPERVISE BATCH_DIR`. A step is a change in the file system, something written or made
durable, the start of a process or a signal to one: between two of them nothing happens that could be lost.
"""

import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

_STEPS = frozenset(("os.rename", "os.mkdir", "os.remove", "os.fork", "os.killpg", "os.kill", "shutil.move"))
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Steps:
    """Counts down to the last."""

    def __init__(self, left: int) -> None:
        self._left, self._own = left, os.getpid()

    def on_event(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _STEPS or (event == "open" and isinstance(args[2], int) and args[2] & _FOR_WRITING):
            self.count()

    def counted(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, each call of which is a step."""

        def call(*args: Any) -> Any:
            self.count()
            return work(*args)

        return call

    def count(self) -> None:
        if os.getpid() != self._own:  # the child, on its way to become the model
            return
        self._left -= 1
        if self._left == 0:
            signal.pidfd_send_signal(os.pidfd_open(self._own), signal.SIGKILL)


def main() -> int:
    step, supervise, folder = sys.argv[1:]
    sys.dont_write_bytecode = True
    program = runpy.run_path(supervise)
    steps = Steps(int(step))
    os.write, os.fsync = steps.counted(os.write), steps.counted(os.fsync)
    sys.addaudithook(steps.on_event)
    code: int = program["main"]([supervise, folder])
    return code


if __name__ == "__main__":
    sys.exit(main())
