"""A user's machine in a folder, watched: a project, and around it all that no project may touch, show or run."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.tree import REPOSITORY, Tree
from tests.support.waiting import PATIENCE_S

SECRET = "s3cr3t-of-the-user"
PROMPT = "a street"
"""What every prompt of the project says; that of the user's own project is the secret."""
MOST_KIB = 500_000
"""Memory that a verb may take, all imports included."""
PROGRAMS = (
    *("ssh", "scp", "rsync", "docker", "podman", "apptainer", "git", "hg", "inv", "invoke", "make", "direnv"),
    *("sh", "bash", "dash", "zsh", "sudo", "perl", "node", "curl", "wget", "nc"),
    *(
        "python",
        "python3",
        "torchrun",
        "ffmpeg",
        "ffprobe",
        "nvidia-smi",
        "sbatch",
        "srun",
        "squeue",
        "sacct",
        "scancel",
    ),
    *("less", "more", "pager", "vi", "vim", "nano", "editor", "xdg-open", "open"),
)
"""What a project could have us run; each is written down, then done. The tools of our own scripts are not among it."""


@dataclass(frozen=True)
class Watched:
    """What a verb did."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes
    hangs: bool
    cpu_s: float
    peak_kib: int
    started: tuple[str, ...]
    programs: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        told = (self.out[-500:] + self.err[-2000:]).decode(errors="replace")
        return f"{self.argv}: {self.code}, {self.cpu_s:.1f} s, {self.peak_kib >> 10} MiB\n{told}"


class Machine:
    """`base` with the user's home, other folders, programs and state; `project` is what is not to be trusted there.

    `more` is in the environment of every verb.
    """

    def __init__(self, base: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self.base, self._more = base, more
        self.project, self.data, self.state = base / "work/project", base / "data", base / "state"
        self.temp, self.pwned, self.bin, self.io = base / "tmp", base / "pwned", base / "bin", base / "io"
        self.twin = base / "twin"
        self._server: subprocess.Popen[str] | None = None
        for folder in (self.bin, self.io):
            folder.mkdir(parents=True)
        for name in PROGRAMS:
            self._canary(name)

    @property
    def env(self) -> dict[str, str]:
        """The environment of every verb."""
        return {
            "HOME": str(self.base / "home"),
            "PATH": f"{self.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "API_TOKEN": SECRET,
            "TMPDIR": str(self.temp),
            "XDG_DATA_HOME": str(self.data),
            "XDG_STATE_HOME": str(self.state),
            "COSMOSCTL_GPU_LOCKS": str(self.data / "locks"),
            "COSMOSCTL_PREVIEW_ROW_S": "0.01",
            **self._more,
        }

    @property
    def tree(self) -> Tree:
        """The project as other tests have it."""
        return Tree(self.project, self.data, self.env)

    def set_up(self, template: Path) -> None:
        """Have all as it was: project, data and state as in `template`, everything else of the user's untouched."""
        for name in ("work", "data", "state", "tmp", "pwned", "home", "mine"):
            shutil.rmtree(self.base / name, ignore_errors=True)
        for name in ("work", "data", "state"):
            shutil.copytree(template / name, self.base / name, symlinks=True)
        self.temp.mkdir()
        self.pwned.mkdir()
        _fill(self.base, template)

    def keep(self, template: Path) -> None:
        """Keep the project, data and state of now in `template`, and as the user's own a twin that holds secrets."""
        for name in ("work", "data", "state"):
            shutil.copytree(self.base / name, template / name, symlinks=True)
            shutil.copytree(self.base / name, self.twin / name, symlinks=True)
        for path in (path for path in self.twin.rglob("*") if path.is_file()):
            data = path.read_bytes()
            more = SECRET if path.suffix in (".log", ".mp4", ".txt", ".out") else ""
            path.write_bytes(data.replace(PROMPT.encode(), SECRET.encode()) + more.encode())

    def run(self, *argv: str, is_endless: bool = False, more: Mapping[str, str] = MappingProxyType({})) -> Watched:
        """`cosmosctl ARGV` in the project, with more in the environment."""
        log = self.io / "programs"
        log.unlink(missing_ok=True)
        files = {name: str(self.io / name) for name in ("out", "err", "trace")}
        wanted = {"argv": argv, "cwd": str(self.project), "env": {**self.env, **more}, "is_endless": is_endless}
        answer = self._asked({**wanted, **files})
        out, err, trace = (Path(files[name]).read_bytes() for name in ("out", "err", "trace"))
        started = tuple(trace.decode().splitlines())
        programs = tuple(tuple(json.loads(line)) for line in _lines(log))
        err += b"".join(path.read_bytes() for path in self.temp.glob("cosmosctl-bug-*"))
        return Watched(argv, out=out, err=err, started=started, programs=programs, **answer)

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            self._server.wait(PATIENCE_S)

    def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._server is None:
            self._server = subprocess.Popen(
                (sys.executable, "-m", "tests.support.verb_server"),
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def _canary(self, name: str) -> None:
        """A program on the PATH that writes its words down before it is what it is called."""
        real = shutil.which(name) or ""
        program = self.bin / name
        interpreter = Path(sys.executable).resolve()
        program.write_text(
            f"#!{interpreter} -IS\nimport json, os, sys\nwith open({str(self.io / 'programs')!r}, 'a') as log:\n"
            f"    log.write(json.dumps([{name!r}, *sys.argv[1:]]) + '\\n')\n"
            f"os.execv({real!r}, [{name!r}, *sys.argv[1:]]) if {real!r} else sys.exit(127)\n"
        )
        program.chmod(0o755)


def _lines(path: Path) -> Sequence[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else ()


def _fill(base: Path, template: Path) -> None:
    """The user's own: keys, other projects, a video, files under names that the tool uses."""
    for name in (
        *(
            "home/.ssh/id_ed25519",
            "home/.ssh/config",
            "home/.netrc",
            "home/.bashrc",
            "home/.config/token",
            "home/.gitconfig",
        ),
        *("mine/thesis.txt", "mine/result.yaml", "mine/batch.log", "mine/logs/batch.log", "mine/outputs/output.mp4"),
        *(
            "mine/plan.json",
            "mine/half_20260101_000000/plan.json",
            "mine/pulled/done/rs_a/x",
            "mine/run.json",
            "mine/lock",
        ),
        *(
            "mine/batches/b_20260101_000000/plan.json",
            "mine/inputs/0123456789abcdef/video.mp4",
            "mine/.cosmosctl-1a2b3c4d.tmp",
        ),
        *("mine/rs_x/run.yaml", "mine/ps_x.yaml", "data/other/file", "tmp.txt"),
    ):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {SECRET}\n")
    with contextlib.suppress(FileNotFoundError):
        video = (template / "work/project/inputs/videos/city/color.mp4").read_bytes()
        (base / "mine/holidays.mp4").write_bytes(video + SECRET.encode())
    (base / "mine/empty").mkdir()
    os.mkfifo(base / "mine/pipe")
    for place, _ in _walk(base, ("home", "mine")):
        os.utime(place, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def outside(machine: Machine) -> dict[str, object]:
    """Everything of the user's that no verb may change, with what would tell of a change."""
    above = (machine.base, machine.base / "work")
    names = {f"{folder}/": tuple(sorted(os.listdir(folder))) for folder in above}  # noqa: PTH208  # names alone
    kept = ("home", "mine", "twin", "bin", "data/other", "pwned", "tmp.txt")
    return names | dict(_walk(machine.base, kept))


def inside(machine: Machine) -> dict[str, object]:
    """What only verbs that change something may change: the project but for what is derived, and the host's folder."""
    found = _walk(machine.base, ("work/project", "data"))
    return {path: facts for path, facts in found if "/project/.cosmosctl" not in path}


def shown(machine: Machine) -> Iterator[str]:
    """The files that hold a secret now and did not have to."""
    for path, (mode, size, *_) in _walk(machine.base, ("work", "data", "state", "tmp")):
        if stat.S_ISREG(mode) and size < 64 << 20 and not path.endswith("data/other/file"):
            data = Path(path).read_bytes()
            if SECRET.encode() in data:
                yield path


def _walk(base: Path, names: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(path, what changes with any change of it, its bytes too: nobody sets a ctime) of all below; no link followed.

    Of the twin also when it was read, where the disk tells.
    """
    waiting = [f"{base}/{name}" for name in names]
    while waiting:
        path = waiting.pop()
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(path)
            read_ns = status.st_atime_ns if "/machine/twin/work/" in path and stat.S_ISREG(status.st_mode) else 0
            yield path, (status.st_mode, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, read_ns)
            if stat.S_ISDIR(status.st_mode):
                waiting += [f"{path}/{name}" for name in os.listdir(path)]  # noqa: PTH208  # thousands of times
