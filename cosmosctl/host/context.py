"""The Invoke context that the steps on a host run in: one program at a time, Ctrl-C ends it."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from invoke import Context
from invoke.runners import Local

from cosmosctl.host.streams import Transfer

END_S = 5
"""What ssh and rsync are given to end after SIGTERM: they tell the other end first."""
LEFT_S = 5.0
"""How long a stream may be silent that a program has left open to others."""


class Foreground(Local):
    """Runs one program with no shell around it. Ctrl-C ends the program and then us, instead of going to its stdin."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.using_pty = False  # `stop` asks for it, also when Ctrl-C came before anything else was set

    def start(self, command: str, shell: str, env: dict[str, Any]) -> None:
        with _until_it_is_known():
            super().start(f"exec {command}", shell, env)

    def read_proc_stdout(self, num_bytes: int) -> bytes:
        return self._read(self.process.stdout, num_bytes)

    def read_proc_stderr(self, num_bytes: int) -> bytes:
        return self._read(self.process.stderr, num_bytes)

    def _read(self, stream: IO[bytes] | None, num_bytes: int) -> bytes:
        """What comes next; b"" at the end. Once the program has ended, whoever else holds the stream is not waited for:
        the connection that ssh shares holds it as long as a host does not let go of it.
        """
        assert stream is not None  # Local opens a pipe for both
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        while True:
            has_ended = self.process.poll() is not None
            if poll.poll(LEFT_S * 1000):
                return os.read(stream.fileno(), num_bytes)
            if has_ended:
                return b""

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        self.process.terminate()  # first: our readers are waited for until it lets go of its streams
        raise interrupt

    def stop(self) -> None:
        super().stop()
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _until_it_is_known() -> Iterator[None]:
    """Ctrl-C in here counts once it is over: a process that nobody knows yet is one that nobody ends.

    Between its fork and its exec the new process would lose the signal, and we would never learn its number.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def invoke_context(*, dry: bool = False, show: Callable[[Transfer], None] | None = None) -> Context:
    """The Invoke context that the command line uses. `dry` prints each command instead of running it.

    `show` is told, by a thread, how far a push or pull is.
    """
    from invoke import Config

    settings = {"run": {"dry": dry, "shell": "/bin/sh"}, "runners": {"local": Foreground}, "show_transfer": show}
    return Context(Config(overrides=settings, lazy=True))


def feed(argv: Sequence[str], text: str, *, limit_s: float) -> str:
    """Run a command of the user's own with `text` on its stdin; why it did not end well, or "".

    What it prints is not shown, but for its last words when it fails.
    """
    try:
        done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return f"{argv[0]} was ended after {limit_s:g} s"
    except OSError as e:
        return f"{argv[0]} cannot be started: {e.strerror}"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    return f"{argv[0]} ended with {done.returncode}: {said[0]}"
