"""The clock of the supervisor in a test's hands: put forward or standing still, and heard whenever it is waited by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Clock:
    """`folder` is the test's own; supervisors with `env` in their environment look there."""

    folder: Path

    @property
    def env(self) -> Mapping[str, str]:
        """What a supervisor, or whoever starts it, is started with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {"PYTHONPATH": str(Path(__file__).parent / "held_clock"), "COSMOSCTL_TEST_CLOCK": str(self.folder)}

    def put_forward(self, seconds: float) -> None:
        """It is so much later than it really is."""
        self._tell(f"+{seconds}")

    def put_forward_until(self, condition: Callable[[], object], *, by_s: float) -> None:
        """Put it forward by `by_s` again and again, with time in between to look around, until `condition` holds."""
        times = 0
        while not condition():
            times += 1
            self.put_forward(times * by_s)
            looked = self.sleeps() + 30  # a second and a half
            wait_until(lambda: condition() or self.sleeps() >= looked, "the supervisor to look around")  # noqa: B023

    def stand_still(self) -> None:
        """No time goes by, so that no patience ends."""
        self._tell("1000000")

    def sleeps(self, seconds: float | None = None) -> int:
        """How often a supervisor has waited: for so long, if that is given."""
        notes = self.folder / "sleeps"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return len(lines) if seconds is None else lines.count(str(seconds))

    def until_slept(self, seconds: float | None = None, *, times: int = 1) -> None:
        """Go on once a supervisor has waited so many times more: whatever it could have done by then, it has done."""
        before = self.sleeps(seconds)
        wait_until(lambda: self.sleeps(seconds) >= before + times, "the supervisor to look once more")

    def _tell(self, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "new"
        new.write_text(text)
        new.replace(self.folder / "now")
