"""What the end of a model process means, as a table: what was seen, and what follows for its rows. No process runs."""

import signal
from typing import Any

import pytest

from tests.support.supervisor import part

verdict = part("verdict")
Seen, Fate, Verdict, End = verdict.Seen, verdict.Fate, verdict.Verdict, verdict.End
FAILED, AGAIN, GIVEN_UP, NOT_REACHED = verdict.FAILED, verdict.AGAIN, verdict.GIVEN_UP, verdict.NOT_REACHED

KILLED = "killed by SIGKILL, most likely because the host ran out of memory"
LAST = "ended with exit code 1; the last it wrote was: step 7"
MANY = "3 crashes without a finished run between them, the last of r1: " + LAST
FAILURES = "3 failures without a finished run between them"


def seen(
    *, code: int | None = 1, number: int | None = None, words: tuple[str, str] = ("", "step 7"), **facts: Any
) -> Any:
    """Three rows of which the first was begun, all without a result; the log ends with step 7, the exit code is 1."""
    end = End(code=None if number else code, signal=number)
    whole = {"runs": ("r0", "r1", "r2"), "open": (0, 1, 2), "started": 1, "words": dict.fromkeys(range(3), words)}
    return Seen(end, **{**whole, **facts})


TABLE = {
    "a row that crashed is tried again, and what comes after it waits": (
        seen(),
        Verdict(0, (Fate(0, AGAIN, "model-error", LAST),)),
    ),
    "the row that was begun last is to blame, not those that are done": (
        seen(open=(1, 2), started=2),
        Verdict(1, (Fate(1, AGAIN, "model-error", LAST),)),
    ),
    "a row that crashed alone is not tried a third time": (
        seen(runs=("r0",), open=(0,), final=True),
        Verdict(0, (Fate(0, FAILED, "model-error", LAST),)),
    ),
    "a reason that the log tells stands before all others": (
        seen(words=("blocked", "not safe"), number=signal.SIGKILL),
        Verdict(0, (Fate(0, FAILED, "blocked", "not safe"),)),
    ),
    "what a GPU has no room for is not tried again": (
        seen(words=("gpu-oom", "CUDA out of memory")),
        Verdict(0, (Fate(0, FAILED, "gpu-oom", "CUDA out of memory"),)),
    ),
    "killed by the kernel is the host's memory, and tried again": (
        seen(number=signal.SIGKILL),
        Verdict(0, (Fate(0, AGAIN, "host-oom", f"{KILLED}; the last it wrote was: step 7"),)),
    ),
    "so is a launcher that tells of a killed child by its code": (
        seen(code=137),
        Verdict(0, (Fate(0, AGAIN, "host-oom", f"{KILLED}; the last it wrote was: step 7"),)),
    ),
    "an exception speaks for itself": (
        seen(words=("", "ValueError: no")),
        Verdict(0, (Fate(0, AGAIN, "model-error", "ValueError: no"),)),
    ),
    "silence is told as such, whatever the log says": (
        seen(words=("gpu-oom", "old"), asked=verdict.STALLED, stall_s=1800.0),
        Verdict(0, (Fate(0, FAILED, "stalled", "nothing was written for 1800 s; the last was: old"),)),
    ),
    "rows that the program went on from have failed, the next one ended it": (
        seen(started=2),
        Verdict(
            1,
            (
                Fate(0, FAILED, "bad-output", "the model went on without a video of this run: step 7"),
                Fate(1, AGAIN, "model-error", LAST),
            ),
        ),
    ),
    "a program that leaves rows out without a word has a reason for it": (
        seen(open=(0,), started=2, code=0, passed_over="blocked"),
        Verdict(None, (Fate(0, FAILED, "blocked", "the model went on without a video of this run: step 7"),)),
    ),
    "an end without an error and without a video": (
        seen(code=0),
        Verdict(
            0,
            (
                Fate(
                    0, FAILED, "bad-output", "the model ended without an error and without a video of this run: step 7"
                ),
            ),
        ),
    ),
    "all rows have ended": (seen(open=(), started=3, code=0), Verdict()),
    "nobody saw the end and the log is silent": (seen(code=None), Verdict()),
    "nobody saw the end, but the log tells of an exception": (
        seen(code=None, words=("", "RuntimeError: gone")),
        Verdict(0, (Fate(0, AGAIN, "model-error", "RuntimeError: gone"),)),
    ),
    "before its first row it fails for all, and the group is not started again": (
        seen(started=0, words=("", "ImportError: torch")),
        Verdict(
            0,
            tuple(Fate(i, FAILED, "model-error", "ended before the first row: ImportError: torch") for i in range(3)),
            ("model-error", "ended before the first row: ImportError: torch"),
        ),
    ),
    "the third crash in a row stops the group": (
        seen(open=(1, 2), started=2, crashes=2),
        Verdict(
            1,
            (Fate(1, FAILED, "model-error", LAST), Fate(2, NOT_REACHED, NOT_REACHED, MANY)),
            (NOT_REACHED, MANY),
        ),
    ),
    "the second does not": (
        seen(open=(1, 2), started=2, crashes=1),
        Verdict(1, (Fate(1, AGAIN, "model-error", LAST),)),
    ),
    "a failure that the process told before it ended is its end": (
        seen(open=(1, 2), started=1, told_last=0, again=(0,), is_counted=True, crashes=1),
        Verdict(0),
    ),
    "told failures are counted once, here where they were not yet": (
        seen(open=(2,), started=2, told_last=1, crashes=2),
        Verdict(
            1,
            (Fate(2, NOT_REACHED, NOT_REACHED, f"{FAILURES}, the last of r1"),),
            (NOT_REACHED, f"{FAILURES}, the last of r1"),
        ),
    ),
    "ended for its many failures, its rows are not tried again": (
        seen(open=(2,), started=2, asked=verdict.HOPELESS, again=(0, 1), crashes=3),
        Verdict(
            None,
            (Fate(0, GIVEN_UP), Fate(1, GIVEN_UP), Fate(2, NOT_REACHED, NOT_REACHED, FAILURES)),
            (NOT_REACHED, FAILURES),
        ),
    ),
    "a program that does not fit gives way to others": (seen(started=0, unfit=True), Verdict(replaced=True)),
    "what ends because the batch is to end has no verdict": (seen(number=signal.SIGTERM, stopping=True), Verdict()),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_was_seen_of_an_end_decides_what_becomes_of_the_rows(case: str) -> None:
    facts, expected = TABLE[case]
    assert verdict.judged(facts) == expected


@pytest.mark.parametrize(
    ("reason", "final", "again"),
    [("model-error", False, True), ("host-oom", False, True), ("model-error", True, False), ("blocked", False, False)],
)
def test_a_crash_is_tried_again_once_and_a_refusal_never(reason: str, final: bool, again: bool) -> None:
    assert verdict.is_tried_again(reason, final=final) is again
