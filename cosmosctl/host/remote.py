"""The remote steps of a batch: prepare, push, launch, follow, pull, cancel.

Typed functions over an Invoke context; `tasks.py` wraps them. `Context.run` is the only place that starts ssh and
rsync. Every step may be repeated at any time.
"""

import errno
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from cosmosctl import engines, models, transport
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import AllowedHost, Host, HostModel
from cosmosctl.engines.building import build_command
from cosmosctl.engines.container import container_user
from cosmosctl.errors import CosmosctlError, HostError
from cosmosctl.host.launches import ASKED, LAUNCHED, note_launch, read_launch
from cosmosctl.io import own
from cosmosctl.io.os_error import file_error
from cosmosctl.io.shipped import template
from cosmosctl.log import debug, say
from cosmosctl.plan import bundle
from cosmosctl.store import hash_files
from cosmosctl.transport.rsync import rsync_complaint, rsync_warning

if TYPE_CHECKING:
    from invoke import Context

SHORT_S = 120
"""Limit of a question that the host answers at once, connecting included."""
MISSING, HELD, NOT_STARTED = 75, 76, 70
"""launch.sh: the host lacks files; another unfinished batch there has one of the runs; the job did not come up."""
JOB_GONE, SHORTER = 3, 4
"""follow.sh: no job runs and the batch has not ended; the file there has fewer bytes than we have of it."""
NO_BATCH = 66
"""cancel.sh: there is no such batch."""
NO_FOLDER = 11
"""rsync's code when the folder to send to is not there and cannot be made: a host that never had a batch."""
UNREACHABLE = (10, 12, 30, 35, 255)
"""rsync's codes for a connection that fails, breaks or falls silent, and that of ssh."""
PROGRESS = ("--info=progress2", "--no-human-readable")
NOT_THERE, GONE = "absent", "gone"
RESULT_KIB = 16 * 1024
"""Room that a row is taken to need on the host: its video and control videos (previews of 121 frames take less).

What is sent is not counted: the pool may have it, and rsync itself says when it does not fit.
"""
EVENTS_BYTES = 256 << 20
"""Most that a host may send as its events: about a month of them, at one of a hundred bytes a second."""

FollowEnd = Literal["finished", "gone", "shorter", "dropped"]
"""How following ended: the batch has, its job is gone, the host's events are not those we have, the line dropped."""


@dataclass(frozen=True)
class Transfer:
    """How far an rsync is: `share` (0..1) of what there is to send; rate and time left are its own words."""

    bytes: int
    share: float
    rate: str
    left: str


@dataclass(frozen=True)
class Answer:
    """What a process left: exit code and both streams as text."""

    code: int
    stdout: str
    stderr: str


class Unreachable(HostError):
    """The connection failed; what was asked may or may not have been done. Trying again is safe."""


class NotAllSent(HostError):
    """A push ended before everything was there. What arrived is kept, and the next push goes on with it."""


class NotStarted(HostError):
    """The host was asked to start the job, and it did not come up."""


class MissingInputs(HostError):
    """The host lacks files that it needs; pushing mends it. `folder_lost`: even the bundle, so all it knew is gone."""

    def __init__(self, message: str, *, hint: str, folder_lost: bool) -> None:
        super().__init__(message, hint=hint)
        self.folder_lost = folder_lost


def push(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> None:
    """Send the bundle and the videos that the host's pool lacks: one rsync. Raises: FileError, HostError.

    A video that is not any more what the batch was made with stays here; `launch` tells whether the host lacks it.
    """
    _require_rsync(c)
    bundle.mend(project.batch(batch.name), batch)
    need_kib, engine = str(RESULT_KIB * len(batch.rows)), engine_text(batch.host)
    image = (_image(batch), build_command(batch.host, batch.model) if engine else "")
    args = (batch.host.dir, batch.there.folder, need_kib, engine, *image, container_user(batch.host.engine_args))
    _script(c, batch, "prepare.sh", args)
    tree = _link_tree(project, batch)
    options = ("-rL", "-s", "--size-only", "--append", f"--compare-dest={batch.host.dir}", *PROGRESS)
    target = transport.of(batch.host).rsync_path(batch.host, f"{batch.there.incoming}/")
    _rsync(c, batch, (*options, "--", f"{tree}/", target), what="push")
    own.discard(tree)


def unfit_inputs(project: ProjectPaths, batch: Batch) -> Mapping[str, str]:
    """The videos here that are not what the batch was made with -> what happened to them."""
    files = {video.source: project.root / video.source for video in batch.inputs}
    hashes = hash_files(project.root, [file for file in files.values() if file.is_file()])
    found = {}
    for video in batch.inputs:
        if files[video.source] not in hashes:
            found[video.source] = "is gone"
        elif hashes[files[video.source]] != video.sha256:
            found[video.source] = "was changed"
    return found


def launch(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> str:
    """Start the job, or find it started: "launched" or "finished"; noted in launch.yaml, before and after.

    Raises: HostError, MissingInputs.
    """
    if c.config.run.dry:
        return _launched(c, batch)
    note = project.batch(batch.name).launch
    known = read_launch(note)
    if known is None or known.how != LAUNCHED:
        note_launch(note, ASKED, batch.host.name)
    word = _launched(c, batch)
    note_launch(note, LAUNCHED, batch.host.name)
    return word


def _launched(c: "Context", batch: AllowedBatch) -> str:
    answer = _script(c, batch, "launch.sh", launch_args(batch), allowed=(MISSING, HELD, NOT_STARTED))
    words = answer.stdout.split()
    if answer.code == HELD:
        raise _held(batch, answer)
    if answer.code == MISSING:
        lost = any(word.startswith("bundle/") for word in words)
        message, hint = f"host {batch.host.name}: {_words(answer.stdout)}", command("attach", batch.name)
        raise MissingInputs(message, hint=hint, folder_lost=lost)
    if answer.code == NOT_STARTED:
        failure = _failure(batch, "launch", answer)
        raise NotStarted(failure.message, hint=failure.hint)
    return words[-1] if words else "launched"


def _held(batch: Batch, answer: Answer) -> HostError:
    """launch.sh names them: "held RUN FOLDER" for each, a folder being a batch's name and key."""
    held = [words for line in answer.stdout.splitlines() if len(words := line.split()) == 3 and words[0] == "held"]
    lines = [f"{run} is in {folder} there, which has not ended" for _, run, folder in held]
    others = ", ".join(dict.fromkeys(folder.rpartition("-")[0] for _, _, folder in held))
    return HostError(
        "\n".join(f"host {batch.host.name}: {line}" for line in lines),
        hint=f"wait for {others} or cancel it, then {command('attach', batch.name)}",
    )


def launch_args(batch: Batch) -> tuple[str, ...]:
    """The arguments of launch.sh that start the job of a batch."""
    start = engines.get(batch.host.engine).supervisor(batch.host, models.get(batch.model), batch.there.batch)
    return (batch.host.dir, batch.there.folder, engine_text(batch.host) or "detach", "--", *start)


def follow(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> FollowEnd:
    """Append the host's events to batches/B/events.jsonl until the batch ends, its job is gone or the line drops.

    May take as long as the batch. The caller holds the batch's lock. Raises: FileError, HostError.
    """
    with _opened(project.batch(batch.name).events) as sink:
        args = (str(batch.there.batch), str(sink.offset), "", engine_text(batch.host))
        answer = _script(c, batch, "follow.sh", args, allowed=None, timeout_s=None, sink=sink)
    debug(f"follow ended with {answer.code}: {answer.stderr[-500:]}")
    ends: Mapping[int, FollowEnd] = {0: "finished", JOB_GONE: "gone", SHORTER: "shorter"}
    if answer.code in ends:
        return ends[answer.code]
    failure, was_killed = _failure(batch, "follow", answer), answer.code < 0 or 128 < answer.code < 255
    if was_killed or isinstance(failure, Unreachable):
        return "dropped"
    raise failure


def set_events_aside(project: ProjectPaths, batch: Batch) -> None:
    """Start the copies of the host's events and logs anew: the host has others, or ours are damaged.

    The caller holds the batch's lock.
    """
    paths = project.batch(batch.name)
    if paths.events.exists():
        own.rename(paths.events, paths.events_before)
    own.discard(project.pulled(batch.name) / "logs")


def pull(c: "Context", batch: AllowedBatch, files: Sequence[str], target: Path, *, most_bytes: int) -> None:
    """Fetch these files of the batch's folder on the host into `target`: one rsync. Missing ones are left out.

    What is there already is not sent again; a torn copy goes on with its tail. Links and devices are not copied, nor
    what is larger than `most_bytes`. Folders are walked, not named (--files-from): rsync would go through a folder
    that is a link (tried with 3.5.0). Raises: FileError, HostError.
    """
    own.make_folders(target)
    own.remove_strange(target)
    wanted = target.with_name(f"{target.name}.wanted")
    own.write_text(wanted, "".join(f"/{path}\n" for path in _with_folders(files)), durable=False)
    options = ("-r", "-s", "--append", "--no-links", "--no-devices", "--no-specials", f"--max-size={most_bytes}")
    source = transport.of(batch.host).rsync_source(batch.host, f"{batch.there.batch}/")
    filters = (f"--include-from={wanted}", "--exclude=*", "--prune-empty-dirs", *PROGRESS)
    with _told_of_full_disk(target):
        _rsync(c, batch, (*options, *filters, "--", source, f"{target}/"), what="pull")
    own.discard(wanted)


def _with_folders(files: Sequence[str]) -> Sequence[str]:
    """The files and every folder on the way to them, which end in a slash; none twice."""
    folders = [f"{parent}/" for file in files for parent in reversed(PurePosixPath(file).parents[:-1])]
    return tuple(dict.fromkeys((*folders, *files)))


def copy_events(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> None:
    """Bring batches/B/events.jsonl up to date without waiting for more. The caller holds the batch's lock."""
    local = own.checked(project.batch(batch.name).events)
    source = transport.of(batch.host).rsync_source(batch.host, str(batch.there.events))
    options = ("-s", "--append", "--ignore-missing-args", "--no-links", f"--max-size={EVENTS_BYTES}")
    with _told_of_full_disk(local):
        _rsync(c, batch, (*options, "--", source, str(local)), what="fetch")


def cancel(c: "Context", batch: AllowedBatch) -> str:
    """Ask the job to end; what is finished stays finished. Raises: HostError.

    Returns the host's word on it: cancelling, finished (too late), gone (no job runs) or NOT_THERE.
    """
    answer = _script(c, batch, "cancel.sh", (str(batch.there.batch),), allowed=(NO_BATCH,))
    return NOT_THERE if answer.code == NO_BATCH else _words(answer.stdout)


def host_script(
    c: "Context", host: AllowedHost, name: str, args: tuple[str, ...], *, timeout_s: float = SHORT_S
) -> Answer:
    """Run templates/launch/`name` on a host, whatever its exit code. Raises: HostError when it cannot be reached."""
    argv = transport.of(host).command(host, ("sh", "-s", "--", *args))
    answer = run(c, f"{shlex.join(argv)} < {shlex.quote(str(template('launch', name)))}", timeout_s=timeout_s)
    trouble = transport.of(host).trouble(host, answer.stderr) if answer.code in UNREACHABLE else None
    if trouble is not None:
        kind = Unreachable if trouble.passes else HostError
        raise kind(f"host {host.name}: {trouble.words}", hint=trouble.hint)
    return answer


def tidy(c: "Context", batch: AllowedBatch) -> None:
    """Remove the container of a batch whose runs are home. What fails here is left for gc: nothing depends on it."""
    if engine_text(batch.host):
        try:
            _script(c, batch, "tidy.sh", (str(batch.there.batch), engine_text(batch.host)), allowed=None)
        except Unreachable as e:
            debug(f"the container of {batch.name} stays: {e.message}")


def lacking(c: "Context", host: AllowedHost, tree: Path) -> frozenset[str]:
    """The files of `tree` (laid out like the host's folder) that the host does not have. Nothing is sent."""
    reach = transport.of(host)
    options = ("-rLn", "-s", "--size-only", "--ignore-existing", "--out-format=%n", *reach.rsync_options(host))
    argv = ("rsync", *options, "--", f"{tree}/", reach.rsync_path(host, f"{host.dir}/"))
    answer = run(c, shlex.join(argv), timeout_s=None)
    if answer.code == NO_FOLDER:
        return frozenset(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
    if answer.code != 0:
        trouble = reach.trouble(host, answer.stderr)
        words, hint = (trouble.words, trouble.hint) if trouble else (_words(answer.stderr) or "rsync failed", "")
        raise HostError(f"host {host.name}: {words}", hint=hint)
    return frozenset(answer.stdout.splitlines())


class Sink:
    """Where a stream of the host goes; Invoke hands it text that is latin-1, one character a byte."""

    def write(self, text: str) -> int:
        raise NotImplementedError

    def flush(self) -> None:
        """Nothing is held back."""


class _Meter(Sink):
    """Reads what rsync says with --info=progress2, and tells whoever the context was made for."""

    _LINE = re.compile(r"^\s*([0-9]{1,18})\s+([0-9]{1,3})%\s+(\S+B/s)\s+([0-9:]+)")

    def __init__(self, show: Callable[[Transfer], None]) -> None:
        self._show, self._rest = show, ""

    def write(self, text: str) -> int:
        *lines, self._rest = re.split(r"[\r\n]", self._rest + text)
        for found in filter(None, map(self._LINE.match, lines)):
            self._show(Transfer(int(found[1]), int(found[2]) / 100, found[3], found[4]))
        return len(text)


class _Appender(Sink):
    """Bytes into a file, each at its own place: nobody who writes the same bytes there too can spoil it.

    What was written is in the file even when we are killed next.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self.offset = os.fstat(descriptor).st_size

    def write(self, text: str) -> int:
        data = text.encode("latin-1")
        if self.offset + len(data) > EVENTS_BYTES:
            raise HostError(f"{self._path}: the host sends more than {EVENTS_BYTES >> 20} MiB of events")
        try:
            while data:
                written = os.pwrite(self._descriptor, data, self.offset)
                self.offset, data = self.offset + written, data[written:]
        except OSError as e:
            raise file_error(self._path, e, doing="write") from e
        return len(text)


@contextmanager
def _opened(path: Path) -> Iterator[_Appender]:
    with own.opened(path, os.O_WRONLY | os.O_CREAT) as descriptor:
        yield _Appender(path, descriptor)


@contextmanager
def _told_of_full_disk(target: Path) -> Iterator[None]:
    """rsync's word for a disk that is full here, as the error that everything else here raises for it."""
    try:
        yield
    except HostError as e:
        if os.strerror(errno.ENOSPC) not in e.message:
            raise
        raise file_error(target, OSError(errno.ENOSPC, ""), doing="write") from e


def _link_tree(project: ProjectPaths, batch: Batch) -> Path:
    """A folder of links to all that is sent, laid out as it will lie in incoming/."""
    tree = project.pushed(batch.name)
    own.discard(tree)
    for place, file in sent_files(project, batch).items():
        link = tree / place
        own.make_folders(link.parent)
        link.symlink_to(file.resolve())
    return tree


def sent_files(project: ProjectPaths, batch: Batch) -> Mapping[str, Path]:
    """Path below incoming/ on the host -> the file here, of all that a batch needs there.

    A video that is not any more what the batch was made with is left out.
    """
    paths, unfit = project.batch(batch.name), unfit_inputs(project, batch)
    files = {f"bundle/{path.relative_to(paths.root)}": path for path in bundle.sendable(paths)}
    warm = models.WARM_MODELS.get(batch.model)
    scripts = ("supervise.py", "follow.sh", *([] if warm is None else [warm.SCRIPT]))
    files |= {f"bundle/{script}": template("launch", script) for script in scripts}
    fit = [video for video in batch.inputs if video.source not in unfit]
    return files | {f"inputs/{video.pool_name}": project.root / video.source for video in fit}


def engine_text(host: Host) -> str:
    """The engine's command as the shell scripts take it; "" for jobs that run straight on the host."""
    return shlex.join(engines.get(host.engine).command(host))


def _image(batch: Batch) -> str:
    return batch.host.models.get(batch.model, HostModel()).image or ""


def _require_rsync(c: "Context") -> None:
    """Raises: HostError when this machine's rsync cannot do what a push needs."""
    complaint = rsync_complaint(run(c, "rsync --version", timeout_s=SHORT_S).stdout) if shutil.which("rsync") else ""
    if complaint:
        raise HostError(f"this machine: {complaint}", hint="apt-get install rsync, or brew install rsync")


def _warn_of_old_rsync(c: "Context") -> None:
    """Once in the life of this process: a hostile host could make it write where it should not."""
    if not _WARNED:
        _WARNED.append(warning := rsync_warning(run(c, "rsync --version", timeout_s=SHORT_S).stdout))
        if warning:
            say(f"warning: {warning}")


_WARNED: list[str] = []
"""What was said of the rsync of this machine, once it was looked at."""


def _rsync(c: "Context", batch: AllowedBatch, args: tuple[str, ...], *, what: str) -> None:
    if shutil.which("rsync") is None:
        raise HostError("rsync is not installed on this machine", hint="apt-get install rsync, or brew install rsync")
    if batch.host.address is not None:
        _warn_of_old_rsync(c)
    argv = ("rsync", *transport.of(batch.host).rsync_options(batch.host), *args)
    show = c.config.get("show_transfer")
    answer = run(c, shlex.join(argv), timeout_s=None, sink=_Meter(show) if show else None)
    if answer.code != 0:
        failure = _failure(batch, what, replace(answer, stdout=""))
        raise failure if isinstance(failure, Unreachable) else NotAllSent(failure.message, hint=failure.hint)


def _script(
    c: "Context",
    batch: AllowedBatch,
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
    """Run a command through the context and wait. `timeout_s` None may take for ever: bytes are on their way.

    Raises: Unreachable after `timeout_s`, and what the sink raises.
    """
    from invoke.exceptions import CommandTimedOut, ThreadException

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
        raise Unreachable(f"no answer within {timeout_s} s: {command}") from e
    except ThreadException as e:
        ours = [one.value for one in e.exceptions if isinstance(one.value, CosmosctlError)]
        raise (ours[0] if ours else e) from None
    if result is None:  # a dry run prints the command only
        return Answer(0, "", "")
    debug(f"exit {result.exited}")
    return Answer(result.exited, _utf8(result.stdout), _utf8(result.stderr))


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", errors="replace")


def _failure(batch: Batch, what: str, answer: Answer) -> HostError:
    trouble = transport.of(batch.host).trouble(batch.host, answer.stderr) if answer.code in UNREACHABLE else None
    if trouble is not None:
        kind = Unreachable if trouble.passes else HostError
        return kind(f"host {batch.host.name}: {what} of {batch.name} failed: {trouble.words}", hint=trouble.hint)
    lines = [line for line in answer.stderr.strip().splitlines() if line.strip()][-5:]
    said = "; ".join(lines) or _words(answer.stdout) or "it said nothing"
    kind = Unreachable if answer.code in UNREACHABLE else HostError
    return kind(
        f"host {batch.host.name}: {what} of {batch.name} failed ({answer.code}): {said}",
        hint=command("attach", batch.name),
    )


def _words(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
