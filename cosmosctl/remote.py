"""The remote steps of a batch: prepare, push, launch, follow, pull, cancel.

Typed functions over an Invoke context; `tasks.py` wraps them. `Context.run` is the only place that starts ssh and
rsync. Every step may be repeated at any time.
"""

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cosmosctl import bundle, engines, transport
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.errors import FileError, HostError
from cosmosctl.io.shipped import template
from cosmosctl.log import debug

if TYPE_CHECKING:
    from invoke import Context

SHORT_S = 120
"""Limit of a question that the host answers at once, connecting included."""
MISSING = 75
HELD = 76
JOB_GONE = 3
NO_FOLDER = 11
"""rsync's code when the folder to send to is not there and cannot be made: a host that never had a batch."""
INTERRUPTED = 130

FollowEnd = Literal["finished", "gone", "dropped"]


@dataclass(frozen=True)
class Answer:
    """What a process left: exit code and both streams as text."""

    code: int
    stdout: str
    stderr: str


def push(c: "Context", project: ProjectPaths, batch: Batch) -> None:
    """Send the bundle and the videos that the host's pool lacks: one rsync. Raises: FileError, HostError."""
    _script(c, batch, "prepare.sh", (batch.host.dir, batch.there.folder))
    tree = _link_tree(project, batch)
    options = ("-rL", "-s", "--size-only", "--append", f"--compare-dest={batch.host.dir}")
    target = transport.of(batch.host).rsync_path(batch.host, f"{batch.there.incoming}/")
    _rsync(c, batch, (*options, "--", f"{tree}/", target), what="push")
    shutil.rmtree(tree, ignore_errors=True)


def launch(c: "Context", batch: Batch) -> str:
    """Start the job, or find it started: "launched" or "finished". Raises: HostError."""
    engine = engines.get(batch.host.engine)
    mode = "detached" if engine.DETACHES else "detach"
    start = engine.supervisor(batch.host, batch.there.batch)
    args = (batch.host.dir, batch.there.folder, mode, "--", *start)
    answer = _script(c, batch, "launch.sh", args, allowed=(MISSING, HELD))
    if answer.code == HELD:
        raise HostError(
            f"host {batch.host.name}: {_words(answer.stdout)}",
            hint=f"wait for that batch, then cosmosctl attach {batch.name}; or cosmosctl cancel {batch.name}",
        )
    if answer.code == MISSING:
        raise MissingInputs(f"host {batch.host.name}: {_words(answer.stdout)}", hint=f"cosmosctl attach {batch.name}")
    return answer.stdout.split()[-1] if answer.stdout.split() else "launched"


class MissingInputs(HostError):
    """The pool lost a video between push and launch; pushing again mends it."""


def follow(c: "Context", project: ProjectPaths, batch: Batch) -> FollowEnd:
    """Append the host's events to batches/B/events.jsonl until the batch ends, its job is gone or the line drops.

    May take as long as the batch. The caller holds the batch's lock: two writers would spoil the copy.
    """
    local = project.batch(batch.name).events
    with local.open("ab") as copy:
        offset = copy.tell()
        args = (str(batch.there.batch), str(offset))
        answer = _script(c, batch, "follow.sh", args, allowed=None, timeout_s=None, sink=_Appender(copy.fileno()))
    if answer.code == 0:
        return "finished"
    if answer.code == JOB_GONE:
        return "gone"
    debug(f"follow ended with {answer.code}: {answer.stderr[-500:]}")
    return "dropped"


def pull(c: "Context", batch: Batch, files: Sequence[str], target: Path) -> None:
    """Fetch these files of the batch's folder on the host into `target`: one rsync. Missing ones are left out.

    What is there already is not sent again; a torn copy goes on with its tail. Links and devices are not copied.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = target.with_name(f"{target.name}.wanted")
    wanted.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    options = ("-r", "-s", "--append", "--ignore-missing-args", "--no-links", "--no-devices", "--no-specials")
    source = transport.of(batch.host).rsync_path(batch.host, f"{batch.there.batch}/")
    _rsync(c, batch, (*options, f"--files-from={wanted}", "--", source, f"{target}/"), what="pull")
    wanted.unlink(missing_ok=True)


def copy_events(c: "Context", project: ProjectPaths, batch: Batch) -> None:
    """Bring batches/B/events.jsonl up to date without waiting for more. The caller holds the batch's lock."""
    local = project.batch(batch.name).events
    source = transport.of(batch.host).rsync_path(batch.host, str(batch.there.events))
    options = ("-s", "--append", "--ignore-missing-args", "--no-links")
    _rsync(c, batch, (*options, "--", source, str(local)), what="fetch")


def cancel(c: "Context", batch: Batch) -> str:
    """Ask the job to end. What is finished stays finished. Returns the host's word on it. Raises: HostError."""
    return _words(_script(c, batch, "cancel.sh", (str(batch.there.batch),)).stdout)


def lacking(c: "Context", host: Host, tree: Path) -> frozenset[str]:
    """The files of `tree` (laid out like the host's folder) that the host does not have. Nothing is sent."""
    reach = transport.of(host)
    options = ("-rLn", "-s", "--size-only", "--ignore-existing", "--out-format=%n", *reach.rsync_options(host))
    argv = ("rsync", *options, "--", f"{tree}/", reach.rsync_path(host, f"{host.dir}/"))
    answer = run(c, shlex.join(argv), timeout_s=None)
    if answer.code == NO_FOLDER:
        return frozenset(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
    if answer.code != 0:
        raise HostError(f"host {host.name}: {_words(answer.stderr) or 'rsync failed'}")
    return frozenset(answer.stdout.splitlines())


class Sink:
    """Where a stream of the host goes; Invoke hands it text that is latin-1, one character a byte."""

    def write(self, text: str) -> int:
        raise NotImplementedError

    def flush(self) -> None:
        """Nothing is held back."""


class _Appender(Sink):
    """Bytes to a file descriptor, at once: what was written is there even when we are killed next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        data = text.encode("latin-1")
        while data:
            data = data[os.write(self._descriptor, data) :]
        return len(text)


def _link_tree(project: ProjectPaths, batch: Batch) -> Path:
    """A folder of links to all that is sent, laid out as it will lie in incoming/. Raises: FileError."""
    tree = project.pushed(batch.name)
    shutil.rmtree(tree, ignore_errors=True)
    paths = project.batch(batch.name)
    links = {f"bundle/{path.relative_to(paths.root)}": path for path in bundle.sendable(paths)}
    links |= {f"bundle/{script}": template("launch", script) for script in ("supervise.py", "follow.sh")}
    links |= {f"inputs/{video.pool_name}": project.root / video.source for video in batch.inputs}
    for place, file in links.items():
        if not file.is_file():
            raise FileError(f"{file} is gone since batch {batch.name} was made", hint=f"cosmosctl cancel {batch.name}")
        link = tree / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return tree


def _rsync(c: "Context", batch: Batch, args: tuple[str, ...], *, what: str) -> None:
    if shutil.which("rsync") is None:
        raise HostError("rsync is not installed on this machine", hint="apt-get install rsync, or brew install rsync")
    argv = ("rsync", *transport.of(batch.host).rsync_options(batch.host), *args)
    answer = run(c, shlex.join(argv), timeout_s=None)
    if answer.code != 0:
        raise _failure(batch, what, answer)


def _script(
    c: "Context",
    batch: Batch,
    name: str,
    args: tuple[str, ...],
    *,
    allowed: tuple[int, ...] | None = (),
    timeout_s: float | None = SHORT_S,
    sink: Sink | None = None,
) -> Answer:
    """Run templates/launch/`name` on the host, fed through stdin. `allowed` None takes any exit code."""
    argv = transport.of(batch.host).command(batch.host, ("sh", "-s", "--", *args))
    script = template("launch", name)
    answer = run(c, f"{shlex.join(argv)} < {shlex.quote(str(script))}", timeout_s=timeout_s, sink=sink)
    if allowed is None or answer.code in (0, *allowed):
        return answer
    raise _failure(batch, name.removesuffix(".sh"), answer)


def run(c: "Context", command: str, *, timeout_s: float | None, sink: Sink | None = None) -> Answer:
    """Run a command through the context and wait. `timeout_s` None may take for ever: bytes are on their way."""
    from invoke.exceptions import CommandTimedOut

    debug(f"run: {command}")
    try:
        result = c.run(
            command,
            hide="stderr" if sink else True,  # what is hidden would not reach the sink
            warn=True,
            in_stream=False,
            encoding="latin-1",
            timeout=timeout_s,
            out_stream=sink,
        )
    except CommandTimedOut as e:
        raise HostError(f"no answer within {timeout_s} s: {command}") from e
    if result is None:  # a dry run prints the command only
        return Answer(0, "", "")
    debug(f"exit {result.exited}")
    return Answer(result.exited, _utf8(result.stdout), _utf8(result.stderr))


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", errors="replace")


def _failure(batch: Batch, what: str, answer: Answer) -> HostError:
    lines = [line for line in answer.stderr.strip().splitlines() if line.strip()][-5:]
    said = "; ".join(lines) or _words(answer.stdout) or "it said nothing"
    return HostError(
        f"host {batch.host.name}: {what} of {batch.name} failed ({answer.code}): {said}",
        hint=f"cosmosctl attach {batch.name}",
    )


def _words(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
