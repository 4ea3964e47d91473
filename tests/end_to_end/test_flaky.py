"""`make flaky` counts what fails, says so by name, and leaves no busy loop behind."""

import subprocess
import sys
from pathlib import Path

from tests.support import flaky
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

SOMETIMES = """
from pathlib import Path

def test_every_other_time():
    mark = Path(__file__).with_name("mark")
    if mark.exists():
        mark.unlink()
        raise AssertionError("this time")
    mark.touch()

def test_always():
    pass
"""


def test_a_test_that_fails_every_other_time_is_counted_and_named(tmp_path: Path) -> None:
    file = tmp_path / "test_sometimes.py"
    file.write_text(SOMETIMES)
    argv = (sys.executable, "-m", "tests.support.flaky", "-n", "2", "--workers", "0", str(file))
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S)
    loops = flaky.LOOPS_PER_CORE * len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith(("quiet", "beside", "failed"))]
    assert [line.partition(":")[0] for line in lines[:2]] == ["quiet, 1 of 2", "quiet, 2 of 2"]
    assert lines[1] == "quiet, 2 of 2: 1 passed, 1 failed"
    assert lines[2].endswith("busy loops, 1 of 2: 2 passed, 0 failed") and str(loops) in lines[2]
    assert sum("test_every_other_time" in line for line in lines) == 2


def test_the_tests_that_it_names_exist() -> None:
    for name in flaky.ONCE_FLAKY:
        file, _, test = name.partition("::")
        text = (REPOSITORY / file).read_text()
        assert f"\ndef {test}(" in text or not test, name


def test_busy_loops_end_with_their_block() -> None:
    with flaky.busy(2) as pids:
        assert len(pids) == 2 and all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
