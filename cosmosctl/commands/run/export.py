"""A bundled batch into a folder for somebody who runs it without cosmosctl."""

import os
import shlex
import shutil
from pathlib import Path

from cosmosctl.commands.run.job_files import FORMS, RUN
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import FileError, UsageError
from cosmosctl.host.launch import launch_args
from cosmosctl.host.launches import EXPORTED, note_launch
from cosmosctl.host.push import sent_files, unfit_inputs
from cosmosctl.io.atomic import write_text
from cosmosctl.io.given_path import cut, is_folder, is_there, no_path_words
from cosmosctl.io.shipped import template


def refuse_target(target: Path) -> None:
    """Nothing, when a folder can be made or used there. Raises: UsageError."""
    words = no_path_words(str(target))
    around = next((one for one in (target.absolute(), *target.absolute().parents) if is_there(one)), Path("/"))
    if not words and not is_folder(around):
        words = f"{cut(str(around))} is no folder"
    if not words and not os.access(around, os.W_OK | os.X_OK):
        words = f"{cut(str(around))}: permission denied"
    if words:
        raise UsageError(f"--export: {words}")


def export_batch(project: ProjectPaths, batch: Batch, target: Path, form: str | None = None) -> str:
    """How to run the batch, which lies in `target` then, laid out as in the host's folder. Raises: FileError.

    `form`: the queue that a file beside it is written for.
    """
    folder = target / "batches" / batch.there.folder
    if folder.exists():
        raise FileError(f"{folder} exists already", hint="give another folder to --export")
    unfit = unfit_inputs(project, batch)
    if unfit:
        raise FileError("\n".join(f"{video} {what}" for video, what in unfit.items()), hint="cosmosctl check")
    for place, file in sent_files(project, batch).items():
        (folder / "incoming" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / "incoming" / place)
    shutil.copyfile(template("launch", "launch.sh"), folder / "launch.sh")
    text = instructions(batch)
    if form is not None:
        shutil.copyfile(template("launch", RUN), folder / RUN)
        write_text(folder / "start.sh", f"exec {start_command(batch)}\n")
        name, job = FORMS[form](batch)
        write_text(target / f"{batch.name}.{name}", job)
        text += f"For {form}: {batch.name}.{name}, beside the folder batches, in place of 2.\n"
    write_text(folder / "README.txt", text)
    note_launch(project.batch(batch.name).launch, EXPORTED, str(target.absolute()))
    return text.rstrip("\n")


def instructions(batch: Batch) -> str:
    """What to do with an exported batch, the commands as a shell takes them."""
    start = start_command(batch)
    lines = (
        f"Batch {batch.name}: {counted(len(batch.rows), 'run')} of {batch.model}.",
        f"1. Copy this folder's content into {batch.host.dir} on the host: rsync -a ./ HOST:{batch.host.dir}/",
        "2. Start it there; started again, it goes on where it was:",
        f"   {start}",
        f"3. It has ended when the last line of {_events(batch)} says batch_done.",
        f"4. Send {batch.there.batch} back whole; cosmosctl fetch --from FOLDER (or HOST:FOLDER) takes it in.",
    )
    return "\n".join(lines) + "\n"


def _events(batch: Batch) -> str:
    return f"each {batch.there.batch}/shards/*/events.jsonl" if batch.shards else str(batch.there.events)


def start_command(batch: Batch) -> str:
    """What starts an exported batch on the host."""
    return shlex.join(("sh", f"{batch.there.batch}/launch.sh", *launch_args(batch)))
