"""Ctrl-C while a program on a host is being started: it has an end, whenever the signal comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cosmosctl.host import context
from tests.support.waiting import wait_until

TIMEOUT_S = 300

SCRIPT = """
import os, signal, sys
from cosmosctl.host.context import invoke_context

def right_after_the_fork(frame, event, arg):
    if event == "c_return" and arg.__name__ == "fork_exec":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

sys.setprofile(right_after_the_fork)
try:
    invoke_context().run("sleep 1000000", hide=True, in_stream=False)
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_program_that_ctrl_c_meets_between_its_fork_and_its_start_is_ended(tmp_path: Path) -> None:
    mark = {"COSMOSCTL_TEST_MARK": str(tmp_path)}
    argv = (sys.executable, "-c", SCRIPT)
    done = subprocess.run(argv, env={**os.environ, **mark}, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
    wait_until(lambda: not marked(str(tmp_path)), "the end of what was started")


def marked(mark: str) -> list[str]:
    """The processes with that word in their environment, by number."""
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mark.encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""


WORDS = """
import os, signal, sys
from cosmosctl.cli.main import main

def press(frame, event, arg):
    if event == "call" and frame.f_code.co_name == "_tell":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

class Closing:
    def __del__(self):
        raise KeyboardInterrupt

def close(frame, event, arg):
    if event == "call" and frame.f_code.co_name == "require_cwd":
        sys.setprofile(None)
        Closing()
        signal.pause()

sys.setprofile({what})
main(["-C", "no such folder", "status"])
"""


@pytest.mark.parametrize("what", ["press", "close"])
def test_ctrl_c_while_the_last_words_are_said_or_something_is_closed_is_no_bug(what: str) -> None:
    argv = (sys.executable, "-c", WORDS.replace("{what}", what))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr


def test_a_stream_that_a_program_has_left_to_others_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "LEFT_S", 0.1)
    answer = context.invoke_context().run("sh -c 'sleep 1000000 & echo $!'", hide=True, in_stream=False)
    assert answer is not None
    os.kill(int(answer.stdout), signal.SIGKILL)  # it goes on
    assert answer.ok
