"""The command `cosmosctl`: the list of verbs, and the one boundary where errors become text and exit codes."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click

from cosmosctl import __version__
from cosmosctl.errors import EXIT_BUG, EXIT_INTERRUPTED, CosmosctlError, FileError, Interrupted, UsageError, bounded
from cosmosctl.io.given_path import is_folder, require_cwd, shown
from cosmosctl.io.os_error import file_error, is_environment
from cosmosctl.io.streams import open_closed_descriptors, safe_streams

START, RUN, LOOK, CHOOSE, MACHINES = "Start", "Run", "Look", "Choose", "Machines"


class Verb(NamedTuple):
    """`MODULE:COMMAND`, short help, the section of --help, and whether only `help --all` lists it."""

    target: str
    help: str
    section: str = RUN
    is_rare: bool = False


VERBS: Mapping[str, Verb] = {
    "init": Verb("cosmosctl.cli.start.init:init", "Make a project in a folder.", START),
    "create": Verb("cosmosctl.cli.start.create:create", "Create a prompt or a run; prints its id.", START),
    "sweep": Verb("cosmosctl.cli.start.sweep:sweep", "Write one run in many variations.", START),
    "check": Verb("cosmosctl.cli.start.check:check", "Check every file and video before anything runs.", START),
    "batch": Verb("cosmosctl.cli.run.batch:batch", "Run what is pending as one batch and fetch the results.", RUN),
    "inference": Verb("cosmosctl.cli.run.batch:inference", "Run the named runs or prompts.", RUN),
    "attach": Verb("cosmosctl.cli.run.attach:attach", "Follow a batch until all its runs are home.", RUN),
    "fetch": Verb("cosmosctl.cli.run.fetch:fetch", "Bring home what ended since; wait for nothing.", RUN),
    "cancel": Verb("cosmosctl.cli.run.cancel:cancel", "End a batch; what is finished stays finished.", RUN),
    "retry": Verb("cosmosctl.cli.run.retry:retry", "Run again what has no result.", RUN),
    "watch": Verb("cosmosctl.cli.run.watch:watch", "Check on each save.", RUN, is_rare=True),
    "status": Verb("cosmosctl.cli.look.status:status", "Show where every run stands and what to type next.", LOOK),
    "list": Verb("cosmosctl.cli.look.listing:listing", "List prompts, runs, sweeps or batches.", LOOK),
    "show": Verb("cosmosctl.cli.look.show:show", "Show all that is known of a prompt, run or batch.", LOOK),
    "logs": Verb("cosmosctl.cli.look.logs:logs", "Print the log of a batch or of one run.", LOOK),
    "diff": Verb("cosmosctl.cli.look.diff:diff", "Show what changed since a run's newest result.", LOOK),
    "history": Verb(
        "cosmosctl.cli.look.history:history", "List the batches that took a run and what came of it.", LOOK
    ),
    "controls": Verb(
        "cosmosctl.cli.look.controls:controls",
        "Compute the preset controls of runs and say where they are.",
        LOOK,
        is_rare=True,
    ),
    "gallery": Verb("cosmosctl.cli.look.gallery:gallery", "Write results as a folder that any browser opens.", LOOK),
    "ui": Verb("cosmosctl.cli.look.ui:ui", "Serve the same page live, on this machine alone.", LOOK),
    "compare": Verb("cosmosctl.cli.look.compare:compare", "Write results side by side as a video or picture.", LOOK),
    "rate": Verb("cosmosctl.cli.choose.rate:rate", "Say what you think of the videos of runs.", CHOOSE),
    "pack": Verb("cosmosctl.cli.choose.pack:pack", "Write chosen videos, receipts and a table as a zip.", CHOOSE),
    "edit": Verb("cosmosctl.cli.choose.edit:edit", "Change words, notes or tags of a prompt or run.", CHOOSE),
    "mv": Verb("cosmosctl.cli.choose.mv:mv", "Give a run or a prompt another name.", CHOOSE),
    "rm": Verb("cosmosctl.cli.choose.rm:rm", "Throw runs and prompts away.", CHOOSE),
    "upscale": Verb("cosmosctl.cli.choose.upscale:upscale", "Enlarge a run's result or a video.", CHOOSE),
    "host": Verb(
        "cosmosctl.cli.machines.host:host", "List, add, check or allow the machines that run models.", MACHINES
    ),
    "gc": Verb("cosmosctl.cli.machines.gc:gc", "Remove what is not needed, on a host or here.", MACHINES, is_rare=True),
    "completion": Verb(
        "cosmosctl.cli.machines.completion:completion",
        "Print the completion script of a shell.",
        MACHINES,
        is_rare=True,
    ),
}
"""Verb -> where it is and its short help: nothing is imported before it is called."""

ALIASES: Mapping[str, str] = {"log": "history"}
"""Earlier names, which go on working."""

EPILOG = """\b
Exit codes: 0 all well; 1 some runs have no result; 2 usage; 3 the user's
files; 4 host, SSH, rsync or engine; 70 a bug of ours; 130 interrupted.

`cosmosctl help --all` lists the rarely used commands too."""


class Verbs(click.Group):
    """A group that imports a command when it is called, not when its name is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, help_.name or ""]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == help_.name:
            return help_
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_verbs(formatter, is_all=False)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            raise _with_nearest(e, args) from e


def write_verbs(formatter: click.HelpFormatter, *, is_all: bool) -> None:
    """The verbs by section, in one column; those that are rarely used where all are wanted."""
    listed = {name: verb for name, verb in VERBS.items() if is_all or not verb.is_rare}
    width = max(map(len, listed))
    for section in (START, RUN, LOOK, CHOOSE, MACHINES):
        with formatter.section(section):
            rows = [(f"{name:<{width}}", verb.help) for name, verb in listed.items() if verb.section == section]
            formatter.write_dl(rows)


@click.command("help")
@click.argument("verb", required=False, metavar="[COMMAND]")
@click.option("--all", "is_all", is_flag=True, help="List the rarely used commands too.")
@click.pass_context
def help_(ctx: click.Context, verb: str | None, is_all: bool) -> None:
    """Show the commands, or what COMMAND does."""
    parent = ctx.parent or ctx
    if verb is not None:
        group = parent.command
        assert isinstance(group, Verbs)
        name, command, _ = group.resolve_command(parent, [verb])
        assert command is not None
        click.echo(command.get_help(click.Context(command, info_name=name, parent=parent)))
    elif is_all:
        formatter = parent.make_formatter()
        write_verbs(formatter, is_all=True)
        click.echo(formatter.getvalue().strip())
    else:
        click.echo(parent.get_help())


@click.command(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cosmosctl")
@click.option("-C", "folder", metavar="DIR", default=".", help="Work on the project in DIR instead of this folder.")
@click.pass_context
def cosmosctl(ctx: click.Context, folder: str) -> None:
    """git for NVIDIA Cosmos Transfer runs.

    Prompts and runs are small YAML files; `cosmosctl batch` turns the runs without a result into one model start
    and brings each video, with its log, into its run's folder.
    """
    if ctx.invoked_subcommand != "init":  # which may be given a whole path, anywhere
        require_cwd()
    if ctx.invoked_subcommand != "init" and not is_folder(folder):
        raise UsageError(f"-C: there is no folder {shown(folder)}")
    ctx.obj = Path(folder)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command line and end this process with its code.

    The process ends without taking its values apart, which for ten thousand runs is a tenth of `status`: whatever has
    to be closed was closed by then, in `with` blocks.
    """
    open_closed_descriptors()
    os._exit(exit_code(list(sys.argv[1:] if argv is None else argv)))


def exit_code(argv: list[str]) -> int:
    """Run a command line. Errors are told on stderr: what, then the next command to type.

    A stream that is closed or has no reader changes neither what is done nor the code. One that cannot be written to,
    on a full disk, does not change what is done; stdout, which holds the result, is told of. Ctrl-C while the last
    words are said leaves them as they are.
    """
    sys.unraisablehook = _hears_ctrl_c
    try:
        return _code_and_words(argv)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _hears_ctrl_c(lost: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C that came while an object was taken apart counts a moment later, instead of being told as ignored.

    Pressed again at once it would be lost in here.
    """
    if lost.exc_type is KeyboardInterrupt:
        import signal
        import threading

        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(lost)


def _code_and_words(argv: list[str]) -> int:
    with safe_streams() as (out, err):
        code = _code(argv)
        out.flush()
        if out.error is not None:
            error = file_error(Path("stdout"), out.error, doing="write")
            click.echo(f"error: {error.message}", err=True)
            code = code or error.exit_code
        err.flush()
    return code


def _code(argv: list[str]) -> int:
    try:
        result = cosmosctl.main(args=argv, prog_name="cosmosctl", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except CosmosctlError as e:
        if _asked(e):
            return exit_code(argv)
        _tell(e)
        return e.exit_code
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        e.show()
        return e.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except OSError as e:
        if not is_environment(e):
            return _bug(argv)
        error = file_error(Path(e.filename or "."), e, doing="go on")
        _tell(error)
        return error.exit_code
    except MemoryError:
        error = FileError("there is not enough memory here for what has to be read")
        _tell(error)
        return error.exit_code
    except Exception:  # the one boundary: a bug of ours, told with a file to send
        return _bug(argv)


def _asked(error: CosmosctlError) -> bool:
    """Whether the user, at a terminal, allowed now what was not allowed yet; nothing was done before it was asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from cosmosctl.host import trust

    leave = trust.leave_wanted(error)
    if leave is None:
        return False
    click.echo(f"{leave.what} was not allowed on this machine yet:\n{leave.text}", err=True)
    if not click.confirm("allow it on this machine?", err=True):
        return False
    trust.allow(leave)
    return True


def _tell(error: CosmosctlError) -> None:
    if isinstance(error, Interrupted):  # the user asked for it: it is no error
        click.echo("\n".join([error.message, *_hint_lines(error.hint)]), err=True)
        return
    click.echo("\n".join(f"error: {line}" for line in bounded(error.message.splitlines())), err=True)
    if error.hint:
        click.echo(f"  try: {error.hint}", err=True)


def _hint_lines(hint: str) -> list[str]:
    """What to type now, in lines that fit a terminal."""
    if not sys.stderr.isatty():
        return [f"  {hint}"] if hint else []
    import shutil

    from cosmosctl.cli.draw.folding import folded

    return folded(f"  {hint}", shutil.get_terminal_size().columns) if hint else []


def _bug(argv: list[str]) -> int:
    import traceback

    text = f"cosmosctl {__version__} {argv}\n{traceback.format_exc()}"
    try:
        place = _bug_log(text)
    except OSError:  # no folder for temporary files can be written to
        click.echo(f"{text}error: a bug of cosmosctl itself; please report it with the lines above", err=True)
        return EXIT_BUG
    click.echo(f"error: a bug of cosmosctl itself; please report it with {place}", err=True)
    return EXIT_BUG


def _bug_log(text: str) -> str:
    """The path of a new file that only the user can read, with `text` in it."""
    import tempfile

    descriptor, place = tempfile.mkstemp(prefix="cosmosctl-bug-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:
        log.write(text)
    return place


def _with_nearest(error: click.UsageError, args: list[str]) -> click.UsageError:
    import difflib

    near = difflib.get_close_matches(args[0], VERBS, n=1) if args else []
    return click.UsageError(f"{error.message} Did you mean {near[0]!r}?" if near else error.message, error.ctx)
