"""After a batch nothing of ours runs on either machine; while it runs, whatever of ours listens does so on loopback."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.sshd import needs_sshd
from tests.support import aftermath
from tests.support.lab import Lab, running_lab
from tests.support.waiting import PATIENCE_S

LISTENS = "0A"
"""State of a socket in /proc/net/tcp (TCP_LISTEN)."""
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
"""127.0.0.1, ::1 and the former mapped, as /proc/net prints them on a little-endian machine."""

_LISTENING = """
import socket, sys
listener = socket.socket(int(sys.argv[1]))
listener.bind((sys.argv[2], 0))
listener.listen()
print("listens", flush=True)
sys.stdin.read()
"""

pytestmark = needs_sshd


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with running_lab(tmp_path / "lab", random.Random(0)) as lab:
        yield lab


def test_a_batch_over_ssh_leaves_no_process_and_listens_to_nobody_outside(lab: Lab) -> None:
    lab.hold("second")
    client = lab.start("batch")
    lab.until_held("rs_b")
    client.wait_for("phase: follow")
    ours = {*lab.there(""), *aftermath.pids(lab.tree, ""), os.getpid(), lab.sshd.process.pid if lab.sshd.process else 0}
    assert len(ours) > 5, "client, session, supervisor, model"
    ports = [port for address, port in listeners(ours) if address in LOOPBACK]
    assert {lab.sshd.port, lab.line.port} <= set(ports), "what the test itself listens at is seen"
    assert open_to_others(ours) == []
    lab.let_go()
    lab.end(client)
    lab.assert_all_well()
    assert lab.there("") == aftermath.pids(lab.tree, "") == []


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_a_process_that_listens_to_everybody_is_found(family: socket.AddressFamily, address: str) -> None:
    argv = (sys.executable, "-c", _LISTENING, str(int(family)), address)
    piped = subprocess.PIPE
    with subprocess.Popen(argv, stdin=piped, stdout=piped, stderr=piped) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            pytest.skip(f"this machine has no addresses like {address}")
        assert len(open_to_others({process.pid})) == 1
        process.communicate(timeout=PATIENCE_S)


def open_to_others(pids: Collection[int]) -> list[tuple[str, int]]:
    """(address, port) at which one of these processes listens to other machines."""
    return [(address, port) for address, port in listeners(pids) if address not in LOOPBACK]


def listeners(pids: Collection[int]) -> list[tuple[str, int]]:
    """(address as /proc/net has it, port) of every TCP socket at which one of these processes listens."""
    held = {inode for pid in pids for inode in _sockets(pid)}
    found = []
    for table in ("tcp", "tcp6"):
        lines = Path("/proc/net", table)
        for line in lines.read_text().splitlines()[1:] if lines.exists() else ():
            _, local, _, state, *rest = line.split()
            if state == LISTENS and rest[5] in held:
                address, _, port = local.partition(":")
                found.append((address, int(port, 16)))
    return found


def _sockets(pid: int) -> Iterator[str]:
    """The inodes of a process's sockets."""
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]
