"""Runs one command of cosmosctl and kills it at an exact moment, with everything in its process group or alone.

Or sends it Ctrl-C then, as a terminal does to all that is in the foreground, and lets it have its last words.

`python killed_client.py MOMENT DIR REPORT ARGS...`, to be started in a session of its own. MOMENT is the JSON of a
`Moment`, DIR the host's folder; the phases are those that the client tells of under COSMOSCTL_LOG_LEVEL=DEBUG. REPORT,
a file, gets the phase that the kill fell into; or, when the command came to its end before, how many steps each phase
had.

A step is a change in the file system or the start of a process, seen by Python's audit hook just before it happens.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tests.support.waiting import wait_until

_STEPS = frozenset(("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink", "subprocess.Popen"))
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Moment:
    """In the `time`-th run of `phase`: before its `step`-th step, counting from 1, or as soon as its batch has a sign.

    The sign is a path `there`, below the folder of the batch on the host, that holds the text `told`. Neither given: at
    the phase's beginning. When the phase is over before, at its very end. `alone`: what the client started lives on.
    `ctrl_c`: SIGINT in place of SIGKILL.
    """

    phase: str
    time: int = 1
    step: int = 0
    there: str = ""
    told: str = ""
    alone: bool = False
    ctrl_c: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Killer:
    """Stands where stderr and its bytes were, to hear of the phases."""

    def __init__(self, moment: Moment, folder: Path, report: str, stderr: TextIO) -> None:
        self._moment, self._report, self._stderr = moment, report, stderr
        self._batches = folder / "batches"
        self._others = set(self._batches.glob("*"))
        self.buffer = self
        self._phase, self._times, self._steps = "", Counter[str](), Counter[str]()
        self._is_due, self._before = False, 0

    def write(self, data: bytes) -> int:
        _, found, phase = bytes(data).decode().partition(" phase: ")
        if found:
            self._enter(phase.strip())
        return self._stderr.buffer.write(data)

    def flush(self) -> None:
        self._stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stderr, name)

    def on_event(self, event: str, args: Sequence[Any]) -> None:
        if event not in _STEPS and not (event == "open" and isinstance(args[2], int) and args[2] & _FOR_WRITING):
            return
        self._steps[self._phase] += 1
        if self._is_due and self._moment.step and self._steps[self._phase] - self._before >= self._moment.step:
            self.strike()

    def strike(self) -> None:
        self._is_due = False  # writing the report is an event too
        self._write({"killed_in": self._phase})
        if self._moment.ctrl_c:
            os.killpg(0, signal.SIGINT)
            return
        if self._moment.alone:
            os.kill(os.getpid(), signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)
        signal.pause()

    def report_end(self) -> None:
        if self._is_due and not self._moment.ctrl_c:
            self.strike()
        if self._is_due or not self._moment.ctrl_c:
            self._write({"steps": self._steps, "times": self._times})

    def _enter(self, phase: str) -> None:
        if self._is_due:
            self.strike()
        self._phase = phase
        self._times[phase] += 1
        if (phase, self._times[phase]) == (self._moment.phase, self._moment.time):
            self._is_due, self._before = True, self._steps[phase]
            if self._moment.there:
                threading.Thread(target=self._strike_at_the_sign, daemon=True).start()
            elif not self._moment.step:
                self.strike()

    def _strike_at_the_sign(self) -> None:
        wait_until(lambda: not self._is_due or self._has_sign(), str(self._moment), look_s=0.001)
        if self._is_due:
            self.strike()

    def _has_sign(self) -> bool:
        signs = [batch / self._moment.there for batch in set(self._batches.glob("*")) - self._others]
        told = self._moment.told.encode()
        return any(sign.exists() and (not told or told in sign.read_bytes()) for sign in signs)

    def _write(self, facts: object) -> None:
        with open(self._report, "w", encoding="utf-8") as report:  # noqa: PTH123
            json.dump(facts, report)


def main(argv: Sequence[str]) -> int:
    from cosmosctl.cli.main import exit_code

    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, we would hand on "ignored"
    killer = Killer(Moment(**json.loads(argv[0])), Path(argv[1]), argv[2], sys.stderr)
    sys.stderr = killer
    sys.addaudithook(killer.on_event)
    code = exit_code(list(argv[3:]))
    killer.report_end()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
