"""`make flaky N=20`: tests again and again, on a quiet machine and on a busy one, and how often each failed.

By default those that were once at fault, each N times quiet and N times beside two busy loops per core; `WHOLE=1`:
every test there is, twice in a row each. All of it goes on after a failure; the exit code is 1 if there was one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ONCE_FLAKY = (
    *(
        f"tests/host/test_supervise.py::test_{name}"
        for name in (
            "each_run_gets_its_own_video_and_its_own_part_of_the_log",
            "a_signal_without_the_cancel_file_interrupts_and_the_next_start_goes_on",
            "a_shutdown_that_ends_the_model_first_is_no_crash",
            "a_model_that_lives_on_is_adopted_and_goes_on_undisturbed",
        )
    ),
    *(
        f"tests/host/test_launch_scripts.py::test_{name}"
        for name in (
            "follow_sends_events_as_they_come",
            "follow_says_that_the_job_is_gone_after_it_sent_everything",
            "follow_waits_a_moment_for_a_job_that_is_just_starting",
            "several_followers_do_not_disturb_each_other_or_the_job",
            "follow_ends_by_itself_when_its_client_goes",
        )
    ),
    "tests/host/test_warm.py::test_a_killed_supervisor_and_model_lose_no_finished_row",
    "tests/host/test_warm.py::test_a_supervisor_killed_again_and_again_computes_each_row_once",
    "tests/faults/test_faults.py::test_supervise_killed_again_and_again_computes_no_finished_row_twice",
    "tests/faults/test_faults.py::test_a_model_that_falls_silent_is_ended",
    "tests/end_to_end/test_api.py::test_a_batch_of_runs_gives_its_duration_and_where_each_output_is",
    "tests/host/test_ssh.py::test_a_host_that_accepts_and_says_nothing_times_out",
    "tests/host/test_ssh.py::test_a_key_with_a_passphrase_fails_at_once_instead_of_asking",
    "tests/end_to_end/test_families.py::test_progress_within_a_video_counts_the_steps_of_all_its_chunks",
    "tests/end_to_end/test_families.py::test_the_batch_of_one_family_comes_home_while_that_of_another_runs",
    "tests/end_to_end/test_families.py::test_ctrl_c_stops_watching_all_batches_and_attach_brings_them_home",
    "tests/end_to_end/test_attach.py::test_ctrl_c_after_the_launch_detaches_and_says_how_to_come_back",
)
"""Tests that failed on a fast machine, or on a slow one."""
LOOPS_PER_CORE = 2


def main() -> int:
    """1 if any test failed at any time."""
    parser = argparse.ArgumentParser(prog="make flaky", description=__doc__)
    parser.add_argument("-n", type=int, default=20, help="how often in each surrounding")
    parser.add_argument("--workers", default="3", help="how many tests at once")
    parser.add_argument("--only", choices=("quiet", "busy"), help="one surrounding instead of both")
    parser.add_argument("tests", nargs="*", default=ONCE_FLAKY, help="as pytest takes them")
    options = parser.parse_args()
    tests = [] if options.tests == ["whole"] else options.tests
    loops = LOOPS_PER_CORE * (os.cpu_count() or 1)
    failed: Counter[str] = Counter()
    surroundings = {"quiet": ("quiet", 0), "busy": (f"beside {loops} busy loops", loops)}
    for words, count in (value for key, value in surroundings.items() if options.only in (None, key)):
        with busy(count):
            for number in range(1, options.n + 1):
                passed, now = run(tests, options.workers)
                failed.update(f"{test} ({words})" for test in now)
                print(f"{words}, {number} of {options.n}: {passed} passed, {len(now)} failed", flush=True)
    for test, times in failed.most_common():
        print(f"failed {times} of {options.n} times: {test}")
    return 1 if failed else 0


@contextmanager
def busy(count: int) -> Iterator[list[int]]:
    """The pids of so many processes that keep a processor busy, until the block is left."""
    loops = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(count)]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(tests: Sequence[str], workers: str) -> tuple[int, list[str]]:
    """(how many passed, what failed) of one run of pytest, whose words about what failed are printed."""
    with tempfile.TemporaryDirectory(prefix="flaky") as folder:
        report = Path(folder) / "report.xml"
        argv = (
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            workers,
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
            f"--junitxml={report}",
            f"--basetemp={folder}/base",
            *tests,
        )
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1) or not report.exists():
            return 0, [f"pytest itself: exit code {done.returncode}: {done.stdout[-2000:]}"]
        cases = list(ET.parse(report).iter("testcase"))
    bad = [f"{case.get('classname')}::{case.get('name')}" for case in cases if set(_tags(case)) & {"failure", "error"}]
    if bad:
        print(done.stdout, flush=True)
    return sum(not set(_tags(case)) for case in cases), bad


def _tags(case: ET.Element) -> Iterator[str]:
    return (one.tag for one in case if one.tag in ("failure", "error", "skipped"))


if __name__ == "__main__":
    sys.exit(main())
