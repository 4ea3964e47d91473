"""A real sshd on loopback, with keys of its own, for the length of a test session."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S, wait_until

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def missing() -> list[str]:
    """What a test over ssh lacks on this machine."""
    return [*([] if SSHD else ["sshd"]), *(name for name in ("ssh", "ssh-keygen", "rsync") if not shutil.which(name))]


needs_sshd = pytest.mark.skipif(
    bool(missing()), reason=f"needs {', '.join(missing())}: apt-get install openssh-server rsync"
)


@dataclass
class Sshd:
    """A server whose `config` lets ssh reach it under the alias `box`; `home` is HOME there."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    before: tuple[str, ...] = ()

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def log(self) -> Path:
        return self.folder / "sshd.log"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def block(self, *, address: str = "box", config: Path | None = None) -> str:
        """The lines of `hosts.NAME:` that lead here, indented by four."""
        return f"    address: {address}\n    ssh_args: [-F, {str(config or self.config)!r}]\n"

    def start(self) -> None:
        """Listen; a second call does nothing."""
        if self.process is not None and self.process.poll() is None:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                (*self.before, str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")),
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._listens_or_ended, "sshd to listen")
        assert self.process.poll() is None, self.log.read_text()

    def stop_listening(self) -> None:
        """The port refuses from now on; sessions live on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def sessions(self) -> list[int]:
        """The pids of the sshd processes that serve a connection."""
        inodes = _sockets_at(self.port)
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in pids if _holds(pid, inodes)]

    def connections(self) -> int:
        """How many connections were let in so far."""
        return self.log.read_text(errors="replace").count("Accepted publickey")

    def close(self) -> None:
        self.stop_listening()
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)

    def _listens_or_ended(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return True
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def running_sshd(
    folder: Path,
    *,
    path: str = "",
    only: str = "",
    before: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Sshd]:
    """A server in `folder` that runs until the block is left; programs in `path` come first there, `env` is set there.

    `only` is all of its PATH. `before` goes before its command.
    """
    server = Sshd(folder, free_port(), before=before)
    _write_keys(folder)
    usual = f"{path}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    _write_server_config(server, only or usual.lstrip(":"), env or {})
    write_client_config(server)
    try:
        server.start()
    except AssertionError as e:
        pytest.skip(f"sshd does not work on this machine: {str(e)[-300:]}")
    try:
        yield server
    finally:
        server.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _sockets_at(port: int) -> set[str]:
    """Inodes of the established sockets whose local port is `port`."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{line[9]}]" for line in lines if line[3] == "01" and int(line[1].split(":")[1], 16) == port}


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        return any(str(fd.readlink()) in inodes for fd in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _write_keys(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "user_key", "other_key"):
        argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cosmosctl tests", "-f", str(folder / name))
        subprocess.run(argv, check=True, timeout=PATIENCE_S)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")


def _write_server_config(server: Sshd, path: str, env: Mapping[str, str]) -> None:
    folder = server.folder
    server.home.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    lines = (
        f"Port {server.port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host_key",
        f"PidFile {folder}/sshd.pid",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "StrictModes no",
        "MaxStartups 100",
        "MaxSessions 50",
        "LogLevel VERBOSE",
        f'SetEnv HOME={server.home} "PATH={path}"' + "".join(f' "{key}={env[key]}"' for key in env),
    )
    (folder / "sshd_config").write_text("".join(f"{line}\n" for line in lines))


def write_client_config(
    server: Sshd, *, port: int | None = None, name: str = "ssh_config", key: str = "user_key"
) -> Path:
    """A configuration with the alias `box` for that port, the server's own unless something stands between."""
    host_key = " ".join((server.folder / "host_key.pub").read_text().split()[:2])
    known = server.folder / f"{name}.known_hosts"
    known.write_text(f"[127.0.0.1]:{port or server.port} {host_key}\n")
    config = server.folder / name
    lines = (
        "Host box",
        "  HostName 127.0.0.1",
        f"  Port {port or server.port}",
        "Host *",
        f"  IdentityFile {server.folder / key}",
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        f"  UserKnownHostsFile {known}",
        "  GlobalKnownHostsFile /dev/null",
    )
    config.write_text("".join(f"{line}\n" for line in lines))
    return config
