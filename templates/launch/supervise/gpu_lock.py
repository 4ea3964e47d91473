"""GPUs of the host: what they are, and the lock of each, which all batches of the machine share."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from files import opened
from process import POLL_S


class GpuLock:
    """The lock of one GPU of this machine, for all batches, users and containers; without a path there is none."""

    def __init__(self, path: Optional[Path]) -> None:
        self.path = path
        self.descriptor = -1
        self.trouble = ""

    def take(self) -> bool:
        """Whether we have it now. A lock that cannot be had by anybody is done without: `trouble` says why."""
        if self.path is None or self.descriptor >= 0:
            return True
        try:
            descriptor = open_for_all(self.path)
            try:
                self.descriptor = descriptor if locked(descriptor) else -1
            finally:
                if self.descriptor < 0:
                    os.close(descriptor)
        except OSError as error:
            self.trouble = f"{self.path} cannot be locked: {error.strerror or error}"
            self.path = None
            return True
        return self.descriptor >= 0

    def release(self) -> None:
        """Lets go of it; a model that inherited it keeps it for as long as it lives."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class GpuLocks:
    """The locks of all GPUs that one process has: all of them are ours or none is, so two sets never wait crosswise."""

    def __init__(self, paths: Iterable[Optional[Path]]) -> None:
        self._locks = [GpuLock(path) for path in sorted(paths, key=str)]
        self.held_by_others: Optional[Path] = None

    @property
    def descriptors(self) -> List[int]:
        return [lock.descriptor for lock in self._locks if lock.descriptor >= 0]

    def take(self) -> bool:
        """Whether all are ours now; `held_by_others` is the first that is not."""
        for lock in self._locks:
            if not lock.take():
                self.held_by_others = lock.path
                self.release()
                return False
        return True

    def troubles(self) -> List[str]:
        """Why some are done without, each told once."""
        found = [lock.trouble for lock in self._locks if lock.trouble]
        for lock in self._locks:
            lock.trouble = ""
        return found

    def release(self) -> None:
        for lock in self._locks:
            lock.release()


def open_for_all(path: Path) -> int:
    """An open file that every user of the machine can open, in a folder that every user can write to."""
    umask = os.umask(0)
    try:
        os.makedirs(path.parent.parent, exist_ok=True)
        if not path.parent.is_dir():
            os.mkdir(path.parent, 0o1777)
    except FileExistsError:
        pass  # another supervisor was faster
    try:
        # O_CREAT on another user's file in a sticky folder is refused (fs.protected_regular)
        return opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return opened(path, os.O_RDONLY | os.O_CREAT, 0o666)
    finally:
        os.umask(umask)


def locked(descriptor: int, patience_s: float = 0.0) -> bool:
    """Whether this process got the flock of an open file within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)


def gpu_facts() -> Dict[int, Dict[str, str]]:
    """uuid, name and driver of each GPU by its index; empty where nvidia-smi does not answer."""
    argv = ["nvidia-smi", "--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = re.findall(r"(\d+), *([^,\n]+), *([^,\n]+), *([^,\n]+)", answer.stdout.decode("utf-8", "replace"))
    return {int(index): {"uuid": uuid, "name": name, "driver": driver} for index, uuid, name, driver in lines}
