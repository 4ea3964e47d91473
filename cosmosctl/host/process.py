"""A program on a host, or rsync to it, through an Invoke context: the only place that starts ssh and rsync."""

import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import transport
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.domain.project import AllowedHost
from cosmosctl.domain.surprises import RSYNC
from cosmosctl.errors import CosmosctlError, HostError
from cosmosctl.host.streams import Meter, Sink
from cosmosctl.io.shipped import template
from cosmosctl.log import debug, say
from cosmosctl.store import find_root, load_config
from cosmosctl.store.user_config import user_config
from cosmosctl.transport.rsync import rsync_warning

if TYPE_CHECKING:
    from invoke import Context

SHORT_S = 120
"""Limit of a question that the host answers at once, connecting included."""
UNREACHABLE = (10, 12, 30, 35, 255)
"""rsync's codes for a connection that fails, breaks or falls silent, and that of ssh."""


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


def host_script(
    c: "Context",
    host: AllowedHost,
    name: str,
    args: tuple[str, ...],
    *,
    timeout_s: float | None = SHORT_S,
    sink: Sink | None = None,
) -> Answer:
    """Run templates/launch/`name` on a host, whatever its exit code. Raises: HostError when it cannot be reached."""
    argv = transport.of(host).command(host, ("sh", "-s", "--", *args))
    line = f"{shlex.join(argv)} < {shlex.quote(str(template('launch', name)))}"
    answer = answer_of(c, line, timeout_s=timeout_s, sink=sink)
    trouble = transport.of(host).trouble(host, answer.stderr) if answer.code in UNREACHABLE else None
    if trouble is not None:
        kind = Unreachable if trouble.passes else HostError
        raise kind(f"host {host.name}: {trouble.words}", hint=trouble.hint)
    return answer


def script(
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
    shell = ("python3", "-") if name.endswith(".py") else ("sh", "-s", "--")
    argv = transport.of(batch.host).command(batch.host, (*shell, *args))
    script = template("launch", name)
    answer = answer_of(c, f"{shlex.join(argv)} < {shlex.quote(str(script))}", timeout_s=timeout_s, sink=sink)
    if allowed is None or answer.code in (0, *allowed):
        return answer
    raise failure_of(batch, name.partition(".")[0], answer)


def rsync(c: "Context", batch: AllowedBatch, args: tuple[str, ...], local: Path, *, what: str) -> None:
    """Copy between the host and `local`, a folder or file of the project."""
    if shutil.which("rsync") is None:
        raise HostError("rsync is not installed on this machine", hint="apt-get install rsync, or brew install rsync")
    if batch.host.address is not None:
        _warn_of_old_rsync(c, local)
    argv = ("rsync", *transport.of(batch.host).rsync_options(batch.host), *args)
    show = c.config.get("show_transfer")
    answer = answer_of(c, shlex.join(argv), timeout_s=None, sink=Meter(show) if show else None)
    if answer.code != 0:
        failure = failure_of(batch, what, replace(answer, stdout=""))
        raise failure if isinstance(failure, Unreachable) else NotAllSent(failure.message, hint=failure.hint)


def _warn_of_old_rsync(c: "Context", local: Path) -> None:
    """Once in the life of this process: a hostile host could make it write where it should not.

    Not where the project that `local` lies in is quiet about it.
    """
    if not _WARNED:
        _WARNED.append(warning := rsync_warning(answer_of(c, "rsync --version", timeout_s=SHORT_S).stdout))
        if warning and RSYNC not in (*load_config(find_root(local)).quiet, *user_config().quiet):
            say(f"warning: {warning}\n  'quiet: [{RSYNC}]' in {CONFIG_FILE} silences it")


_WARNED: list[str] = []
"""What was said of the rsync of this machine, once it was looked at."""


def answer_of(c: "Context", command: str, *, timeout_s: float | None, sink: Sink | None = None) -> Answer:
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


def failure_of(batch: Batch, what: str, answer: Answer) -> HostError:
    trouble = transport.of(batch.host).trouble(batch.host, answer.stderr) if answer.code in UNREACHABLE else None
    if trouble is not None:
        kind = Unreachable if trouble.passes else HostError
        return kind(f"host {batch.host.name}: {what} of {batch.name} failed: {trouble.words}", hint=trouble.hint)
    lines = [line for line in answer.stderr.strip().splitlines() if line.strip()][-5:]
    said = "; ".join(lines) or one_line(answer.stdout) or "it said nothing"
    kind = Unreachable if answer.code in UNREACHABLE else HostError
    return kind(
        f"host {batch.host.name}: {what} of {batch.name} failed ({answer.code}): {said}",
        hint=command("attach", batch.name),
    )


def one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
