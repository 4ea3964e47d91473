"""A test that hangs ends by its name, and the others go on."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

WAITING = """
import threading
import pytest
@pytest.mark.timeout(1, func_only=True)
def test_that_waits_for_ever():
    threading.Event().wait()
def test_that_is_well():
    pass
"""
HELD = """
import ctypes
def test_held_by_c_code():
    mutex, c = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    while True:  # the second time for ever, with the interpreter's lock held: no handler of a signal runs
        c.pthread_mutex_lock(mutex)
"""


def tried(folder: Path, text: str, *settings: str) -> "subprocess.CompletedProcess[str]":
    """pytest with the project's settings over a file of that text."""
    (folder / "test_hanging.py").write_text(text)
    own = ("-n", "1", "-p", "no:cacheprovider", f"--basetemp={folder / 'own'}")
    argv = (sys.executable, "-m", "pytest", *own, "-c", str(REPOSITORY / "pyproject.toml"), *settings)
    return subprocess.run(
        (*argv, "test_hanging.py"), cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_test_that_hangs_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    done = tried(tmp_path, WAITING)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"FAILED \S*::test_that_waits_for_ever", done.stdout)  # the rest may be cut
    assert "1 failed, 1 passed" in done.stdout


def test_a_test_that_no_signal_reaches_is_named_with_its_stack(tmp_path: Path) -> None:
    done = tried(tmp_path, HELD, "-o", "faulthandler_timeout=1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"worker 'gw0' crashed while running '\S*::test_held_by_c_code'", done.stdout)
    assert "in test_held_by_c_code" in done.stderr


def test_no_test_is_given_for_ever() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r"^timeout = [1-9]", text, flags=re.M)
    assert re.search(r"^faulthandler_timeout = [1-9]", text, flags=re.M)
