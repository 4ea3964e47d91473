"""A real podman with storage of its own, a small image built without a network, and GPUs that are only names."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosmosctl.io.atomic import write_text
from tests.support.kept import once
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S, wait_until

IMAGE = "localhost/cosmosctl-test:1"
TIMEOUT_S = PATIENCE_S
CDI = Path("/var/run/cdi/cosmosctl-tests.json")
GPUS = 4
CHANGES = ("ENV PATH=/usr/bin:/bin", 'ENTRYPOINT ["/entrypoint.sh"]', "WORKDIR /workspace")
"""The image runs what it is given through an entrypoint, as those of the models do."""
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
LEFT_OUT = ("test", "site-packages", "dist-packages", "config-*", "idlelib", "tkinter", "ensurepip", "lib2to3")
"""Of the standard library; what Python compiled of the rest goes along, as no process in a container may keep it."""

_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/tmp"
"""
"""Nothing is shared with another podman of this machine, not even its locks."""

_STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""

_NVIDIA_SMI = """\
#!/bin/sh
# What the supervisor asks, answered for the devices that the engine let in.
for device in /dev/fakegpu*; do
    n=${device#/dev/fakegpu}
    [ -e "$device" ] && echo "$n, GPU-00000000-0000-0000-0000-00000000000$n, Fake GPU, 550.54.15"
done
"""

_ENTRYPOINT = """\
#!/bin/sh
# As the images of the models do: something of their own first, then what was asked for.
exec "$@"
"""


def missing() -> list[str]:
    """What a test with containers lacks on this machine."""
    found = [name for name in ("podman", "runc", "busybox") if shutil.which(name, path=PATH) is None]
    return found + (["root"] if os.geteuid() != 0 else [])


needs_podman = pytest.mark.skipif(
    bool(missing()), reason=f"needs {', '.join(missing())}: apt-get install podman runc busybox-static, as root"
)


needs_dockerd = pytest.mark.skipif(
    any(shutil.which(name, path=PATH) is None for name in ("dockerd", "docker", "busybox")) or os.geteuid() != 0,
    reason="needs dockerd, docker, busybox: apt-get install docker.io busybox-static, as root",
)


@dataclass(frozen=True)
class Engine:
    """A container engine of the tests' own; `command` is what goes before its arguments.

    It begins with `env`, so that it is found whatever the environment of those who call it is.
    """

    name: str
    command: tuple[str, ...]

    def __call__(self, *args: str, expect: int | None = 0) -> str:
        """What the engine prints when it is given `args`."""
        done = subprocess.run((*self.command, *args), capture_output=True, text=True, timeout=TIMEOUT_S)
        assert expect is None or done.returncode == expect, f"{self.name} {args}: {done.stderr}"
        return done.stdout

    def block(
        self, *, dir: Path, row_s: str = "0.1", tally: Path | None = None, faults: str = "", more: str = ""
    ) -> str:
        """The lines of `hosts.NAME:` for this engine, indented by four; the model is the preview in the container.

        `tally` is the folder of its tally and of its state.
        """
        env = {"COSMOSCTL_GPU_LOCKS": "/cosmosctl/locks"}
        env |= {"COSMOSCTL_PREVIEW_ROW_S": row_s} if row_s else {}
        env |= {"COSMOSCTL_PREVIEW_TALLY": "/tally/tally", "COSMOSCTL_PREVIEW_STATE": "/tally"} if tally else {}
        env |= {"COSMOSCTL_PREVIEW_FAULTS": faults} if faults else {}
        model = {"image": IMAGE, "repo": str(REPOSITORY), "command": ["python3", "-m", "cosmosctl.preview.transfer1"]}
        if not row_s:  # a whole preview needs the libraries of this environment
            env |= {"PYTHONPATH": "/workspace:/site", "PYTHONNOUSERSITE": "1"}
        mounts = [f"{tally}:/tally"] if tally else []
        mounts += [] if row_s else [f"{sysconfig.get_path('purelib')}:/site:ro"]
        lines = {
            "dir": str(dir),
            "engine": self.name,
            "engine_command": self.command,
            "engine_args": ["--network=host"],
            "models": {"transfer1": model},
            "mounts": mounts or None,
            "env": env,
        }
        return "".join(f"    {key}: {json.dumps(value)}\n" for key, value in lines.items() if value is not None) + more

    def containers(self) -> list[str]:
        """Names of all containers, running or not."""
        return self("ps", "--all", "--format", "{{.Names}}").split()


@contextmanager
def running_podman(folder: Path) -> Iterator[Engine]:
    """An engine with the test image and GPUs that are only names; every container is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "containers.conf").write_text(_CONTAINERS_CONF.format(folder=folder))
    (folder / "storage.conf").write_text(_STORAGE_CONF.format(folder=folder))
    files = (f"CONTAINERS_CONF={folder}/containers.conf", f"CONTAINERS_STORAGE_CONF={folder}/storage.conf")
    podman = Engine("podman", ("env", *files, f"PATH={PATH}", "podman"))
    with _faked_gpus():
        try:
            _import_image(podman, folder)
            yield podman
        finally:
            podman("rm", "--all", "--force", "--time", "0", expect=None)
            podman("rmi", "--all", "--force", expect=None)


@contextmanager
def running_dockerd(folder: Path) -> Iterator[Engine]:
    """A Docker daemon of the tests' own with the test image; without a network of its own and without GPUs."""
    programs = folder / "programs"
    programs.mkdir(parents=True)
    hook = programs / "nvidia-container-runtime-hook"  # what makes dockerd take --gpus (moby, daemon/nvidia_linux.go)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    docker = Engine("docker", ("env", f"DOCKER_HOST=unix://{folder}/s", f"PATH={PATH}", "docker"))
    options = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2")
    places = ("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid")
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ("dockerd", "--host", f"unix://{folder}/s", *places, *options),
            env={**os.environ, "PATH": f"{programs}:{PATH}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for_daemon(docker, daemon, folder / "log")
        _import_image(docker, folder)
        yield docker
    finally:
        for name in docker("ps", "--all", "--quiet", expect=None).split():
            docker("rm", "--force", name, expect=None)
        daemon.terminate()
        daemon.wait(TIMEOUT_S)
        _unmount_below(folder)


def _import_image(engine: Engine, folder: Path) -> None:
    """Give `engine` the test image. Skips, by name, where the engine is installed and cannot run it."""
    tar = once("image.tar", lambda path: build_root(folder / "root", path))
    changes = [part for change in CHANGES for part in ("--change", change)]
    for args in (("import", *changes, str(tar), IMAGE), ("run", "--rm", "--network=host", IMAGE, "true")):
        tried = subprocess.run((*engine.command, *args), capture_output=True, text=True, timeout=TIMEOUT_S)
        if tried.returncode:
            pytest.skip(f"{engine.name} does not work on this machine: {tried.stderr.strip()[-300:]}")
    shutil.rmtree(folder / "root", ignore_errors=True)


def _unmount_below(folder: Path) -> None:
    """dockerd leaves the network namespace of the host mounted."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in mounted:
        if place.startswith(f"{folder}/"):
            subprocess.run(("umount", place), check=False, timeout=TIMEOUT_S)


def _wait_for_daemon(docker: Engine, daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    def answers() -> bool:
        return subprocess.run((*docker.command, "ps"), capture_output=True, timeout=TIMEOUT_S).returncode == 0

    wait_until(lambda: daemon.poll() is not None or answers(), "dockerd", look_s=0.1)
    if daemon.poll() is not None:
        pytest.skip(f"dockerd does not run on this machine: {log.read_text()[-300:]}")


def build_root(root: Path, tar: Path) -> Path:
    """A tar of a root file system."""
    fill_root(root)
    subprocess.run(("tar", "-C", str(root), "-cf", str(tar), "."), check=True, timeout=TIMEOUT_S)
    return tar


def fill_root(root: Path) -> None:
    """A root file system: busybox, this Python with its standard library, and the libraries they need."""
    for name in ("bin", "usr/bin", "tmp", "proc", "dev", "sys", "etc", "workspace", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = shutil.which("busybox", path=PATH)
    assert busybox is not None
    shutil.copy2(busybox, root / "bin/busybox")
    for name in ("sh", "cat", "ls", "sleep", "env", "id", "echo", "rm", "touch", "true"):
        (root / "bin" / name).symlink_to("busybox")
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    _copy(python, root)
    (root / "usr/bin/python3").unlink(missing_ok=True)
    (root / "usr/bin/python3").symlink_to(python)
    shutil.copytree(stdlib, root / stdlib.relative_to("/"), ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    own = [python, *stdlib.glob("lib-dynload/*.so")]
    for library in _libraries([*own, *Path(sysconfig.get_path("purelib")).rglob("*.so*")]):
        _copy(library, root)
    for name, text in (("usr/bin/nvidia-smi", _NVIDIA_SMI), ("entrypoint.sh", _ENTRYPOINT)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)


def _libraries(binaries: Sequence[Path]) -> set[Path]:
    """The shared objects outside of the environment of the tests that the loader would take for `binaries`."""
    said = subprocess.run(("ldd", *map(str, binaries)), capture_output=True, text=True, timeout=TIMEOUT_S).stdout
    words = {Path(word) for line in said.splitlines() for word in line.split() if word.startswith("/")}
    return {path for path in words if path.is_file() and not path.is_relative_to(sys.prefix)}


def _copy(file: Path, root: Path) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, target)


@contextmanager
def _faked_gpus() -> Iterator[None]:
    """Devices that are /dev/null by another name (github.com/cncf-tags/container-device-interface, SPEC.md).

    Several test processes share the file, the last one removes it.
    """
    devices = [
        {
            "name": str(n),
            "containerEdits": {
                "env": [f"FAKE_GPU_{n}=yes"],
                "deviceNodes": [{"path": f"/dev/fakegpu{n}", "type": "c", "major": 1, "minor": 3}],
            },
        }
        for n in range(GPUS)
    ]
    CDI.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": devices})
    with CDI.with_name(".cosmosctl-tests.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        write_text(CDI, text)
        yield
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            CDI.unlink(missing_ok=True)
