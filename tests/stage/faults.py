"""Faults on demand, for tests: the preview fails the way the real program does.

`COSMOSCTL_PREVIEW_FAULTS` holds items separated by commas, each `KIND[=SECONDS][@ROW][:WORD]`:

    @ROW    only the row of that number in this process, counting from 1 (so another one after a restart)
    :WORD   only rows whose prompt contains WORD (which follows the row through every restart)

Without either it strikes every row. While a row is made:

    block          the guardrail refuses the prompt: CRITICAL lines, then a TypeError, exit 1, no further row
    block-video    the same for the generated video, after the work is done
    bad-input      the row's video cannot be read
    crash          an error of CUDA, exit 1
    crash_once     the same, but only the first time that this prompt comes by. Remembered by a file in the folder
                   `COSMOSCTL_PREVIEW_STATE`, which has to exist
    gpu-oom        torch.OutOfMemoryError, exit 1
    signal-N       the process dies of signal N: signal-9, signal-11
    silence        no output and no end; `silence=3` goes on after 3 seconds
    held           no output until a file `go`, or `go-WORD`, is in the folder `COSMOSCTL_PREVIEW_STATE`
    short          the video has half of the frames
    broken         output.mp4 is no video, though prompt.txt is written
    no-prompt      prompt.txt is not written

For the whole process, with no selector:

    before-first   it fails while loading: a checkpoint is missing
    flat           the layout of older releases: OUT/video_000.mp4 and .txt, no folders
    flat1          the same, not padded: OUT/video_0.mp4
    own-name       the video in the row's folder has another name, and nothing lies beside it
    compacted      a blocked row is left out without an end, and the rows after it count on from its number

`COSMOSCTL_PREVIEW_LOAD_S` adds seconds to loading. `COSMOSCTL_PREVIEW_ROW_S` replaces the work on each row by that
many seconds of sleep and a tiny video (see `sleep_model`). `COSMOSCTL_PREVIEW_TALLY` counts (see `call_log`).
"""

import os
import re
import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stage import call_log
from tests.support.waiting import take, wait_until

ROW_KINDS = (
    *("block", "block-video", "bad-input", "crash", "crash_once", "gpu-oom", "signal-N", "silence", "held"),
    *("short", "broken", "no-prompt"),
)
PROCESS_KINDS = ("before-first", "flat", "flat1", "own-name", "compacted")

_ITEM = re.compile(r"(?P<kind>[a-z][a-z_0-9-]*)(?:=(?P<seconds>[0-9.]+))?(?:@(?P<row>[0-9]+))?(?::(?P<word>.+))?")
_FOR_EVER_S = 10**6


class OutOfMemoryError(RuntimeError):
    """Printed by Python as torch prints its own."""

    __module__ = "torch"


@dataclass(frozen=True)
class Fault:
    """One item of `COSMOSCTL_PREVIEW_FAULTS`."""

    kind: str
    seconds: float | None = None
    row: int | None = None
    word: str | None = None

    def strikes(self, row: int, prompt: str) -> bool:
        """Whether it is meant for the `row`-th row of this process, counting from 1."""
        return self.row in (None, row) and (self.word is None or self.word in prompt)


@dataclass(frozen=True)
class Faults:
    """All that shall go wrong in this process."""

    items: tuple[Fault, ...]
    state_dir: Path | None

    def of_process(self, kind: str) -> bool:
        """Whether `kind` was asked for."""
        return any(item.kind == kind for item in self.items)

    def of_row(self, kind: str, row: int, prompt: str) -> bool:
        """Whether `kind` strikes this row."""
        return any(item.kind == kind and item.strikes(row, prompt) for item in self.items)

    def interrupt(self, row: int, prompt: str) -> None:
        """In the midst of a row: die, fall silent or raise, if that was asked for."""
        for item in self.items:
            if item.strikes(row, prompt):
                self._interrupt(item, prompt)

    def _interrupt(self, item: Fault, prompt: str) -> None:
        if item.kind == "silence":
            take(_FOR_EVER_S if item.seconds is None else item.seconds)
        elif item.kind == "held":
            self._wait_to_be_let_go(item)
        elif item.kind.startswith("signal-"):
            _die(signal.Signals(int(item.kind.removeprefix("signal-"))))
        elif item.kind == "gpu-oom":
            raise OutOfMemoryError(_OUT_OF_MEMORY)
        elif item.kind == "crash" or (item.kind == "crash_once" and self._is_first_time(item, prompt)):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def _wait_to_be_let_go(self, item: Fault) -> None:
        if self.state_dir is None:
            raise ValueError("held needs the folder COSMOSCTL_PREVIEW_STATE")
        places = self.state_dir / "go", self.state_dir / f"go-{item.word}"
        wait_until(lambda: any(place.exists() for place in places), "the row to be let go")

    def _is_first_time(self, item: Fault, prompt: str) -> bool:
        if self.state_dir is None:
            raise ValueError("crash_once needs the folder COSMOSCTL_PREVIEW_STATE")
        try:
            (self.state_dir / f"crashed-{call_log.sha256(f'{item} {prompt}')}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


_OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.72 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.06 GiB is free."
)


def asked_for(environment: Mapping[str, str]) -> Faults:
    """The faults that the environment asks for. Raises: ValueError for an item that is none."""
    items = [item for item in environment.get("COSMOSCTL_PREVIEW_FAULTS", "").split(",") if item]
    state = environment.get("COSMOSCTL_PREVIEW_STATE")
    return Faults(tuple(_fault(item) for item in items), Path(state) if state else None)


def _fault(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    kind = re.sub(r"^signal-[0-9]+$", "signal-N", match["kind"]) if match else ""
    if match is None or kind not in (*ROW_KINDS, *PROCESS_KINDS):
        raise ValueError(f"COSMOSCTL_PREVIEW_FAULTS: {item!r} is none of {', '.join((*ROW_KINDS, *PROCESS_KINDS))}")
    seconds, row = match["seconds"], match["row"]
    return Fault(match["kind"], float(seconds) if seconds else None, int(row) if row else None, match["word"])


def _die(number: signal.Signals) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would be left in the work folder
    os.kill(os.getpid(), number)
    signal.pause()  # until it is delivered
