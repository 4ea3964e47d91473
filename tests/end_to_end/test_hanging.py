"""A test that hangs ends by its name, and the others go on."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

HANGING = """
import ctypes, threading
def test_that_waits_for_ever():
    threading.Event().wait()
def test_that_is_well():
    pass
def test_held_by_c_code():
    mutex, c = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    while True:  # the second time for ever, with the interpreter's lock held: no handler of a signal runs
        c.pthread_mutex_lock(mutex)
"""


def test_a_test_that_hangs_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    settings = ("-c", str(REPOSITORY / "pyproject.toml"), "-o", "timeout=1", "-o", "faulthandler_timeout=2")
    own = ("-n", "1", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'own'}")
    argv = (sys.executable, "-m", "pytest", *own, *settings, "test_hanging.py")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"FAILED \S*::test_that_waits_for_ever - Failed: Timeout", done.stdout)
    assert re.search(r"worker 'gw0' crashed while running '\S*::test_held_by_c_code'", done.stdout)
    assert "in test_held_by_c_code" in done.stderr
    assert "2 failed, 1 passed" in done.stdout
