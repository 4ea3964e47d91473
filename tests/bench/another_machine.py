"""What stands in for another machine takes only what this one's own work leaves of the processors."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
LEAST = {"cpu.weight": "1", "cpu.shares": "2"}
"""The least share of the processors that a control group may have, by version 2 and 1 of those (Linux' cgroup-v2.rst,
MIN_SHARES in kernel/sched/sched.h)."""


class AnotherMachine:
    """Processes in a control group with the least share there is.

    Niceness alone does not do: where the kernel schedules by session (`sched_autogroup_enabled`) it counts within one,
    and each daemon and each job of a cluster has a session of its own.
    """

    def __init__(self, group: Path | None, ours: Path | None) -> None:
        self._group, self._ours = group, ours

    @property
    def yields(self) -> bool:
        """Whether the group could be made; root alone may, and not in every container."""
        return self._group is not None

    @contextmanager
    def starting(self) -> Iterator[None]:
        """What is started within belongs to it, with all that it starts."""
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        _move(self._group)
        try:
            yield
        finally:
            _move(self._ours)
            os.setpriority(os.PRIO_PROCESS, 0, 0)


@contextmanager
def another_machine() -> Iterator[AnotherMachine]:
    """One whose processes have ended when it is left."""
    top, ours = _ours()
    group = top / f"cosmosctl-bench-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield AnotherMachine(None, None)
        return
    try:
        yield AnotherMachine(group, ours) if _made_least(group) else AnotherMachine(None, None)
    finally:
        with contextlib.suppress(OSError):  # something in it has not ended
            group.rmdir()


def _ours() -> tuple[Path, Path]:
    """The top of the groups that share out processors, and our own among them."""
    found: dict[str, tuple[Path, str]] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), (GROUPS / controllers, path))
    top, path = found.get("cpu") or (GROUPS, found.get("", (GROUPS, "/"))[1])
    return top, top / path.lstrip("/")


def _made_least(group: Path) -> bool:
    for name, least in LEAST.items():
        if (group / name).exists():
            (group / name).write_text(least, encoding="ascii")
            return True
    return False


def _move(group: Path | None) -> None:
    if group is not None:
        (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
