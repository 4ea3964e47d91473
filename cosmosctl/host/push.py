"""A bundle and its videos to the host, which keeps each video once."""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import engines, models, transport
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import AllowedHost, HostModel
from cosmosctl.engines.building import build_command, image_there
from cosmosctl.engines.container import container_user
from cosmosctl.engines.protocol import SUPERVISOR
from cosmosctl.errors import HostError
from cosmosctl.host.process import SHORT_S, answer_of, one_line, rsync, script
from cosmosctl.host.streams import PROGRESS, Teller
from cosmosctl.io import own
from cosmosctl.io.shipped import template
from cosmosctl.log import say
from cosmosctl.plan import bundle, bundle_reader, shards
from cosmosctl.store import hash_files
from cosmosctl.transport.rsync import rsync_complaint

if TYPE_CHECKING:
    from invoke import Context

WITHOUT_PULL = 10
"""Arguments of prepare.sh where no image is to be fetched."""
NO_FOLDER = 11
"""rsync's code when the folder to send to is not there and cannot be made: a host that never had a batch."""
RESULT_KIB = 16 * 1024
"""Room that a row is taken to need on the host: its video and control videos (previews of 121 frames take less).

What is sent is not counted: the pool may have it, and rsync itself says when it does not fit.
"""


def push(c: "Context", project: ProjectPaths, batch: AllowedBatch) -> None:
    """Send the bundle and the videos that the host's pool lacks: one rsync. Raises: FileError, HostError.

    A video that is not any more what the batch was made with stays here; `launch` tells whether the host lacks it.
    """
    _require_rsync(c)
    bundle.mend(project.batch(batch.name), batch)
    need_kib = str(RESULT_KIB * len(batch.rows))
    args = (batch.host.dir, batch.there.folder, need_kib, *_image_args(batch))
    pulls = len(args) > WITHOUT_PULL  # gigabytes, the first time
    told = Teller(lambda line: say(f"host {batch.host.name}: {line}")) if pulls else None
    script(c, batch, "prepare.sh", args, timeout_s=None if pulls else SHORT_S, sink=told)
    tree = _link_tree(project, batch)
    options = ("-rL", "-s", "--size-only", "--append", f"--compare-dest={batch.host.dir}", *PROGRESS)
    target = transport.of(batch.host).rsync_path(batch.host, f"{batch.there.incoming}/")
    rsync(c, batch, (*options, "--", f"{tree}/", target), tree, what="push")
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


def sent_files(project: ProjectPaths, batch: Batch) -> Mapping[str, Path]:
    """Path below incoming/ on the host -> the file here, of all that a batch needs there.

    A video that is not any more what the batch was made with is left out.
    """
    paths, unfit = project.batch(batch.name), unfit_inputs(project, batch)
    files = {f"bundle/{path.relative_to(paths.root)}": path for path in bundle_reader.sendable(paths)}
    warm, program = models.WARM_MODELS.get(batch.model), models.get(batch.model).HOME.program
    scripts = ("follow.sh", *(["submit.sh"] if batch.shards else []), *([] if warm is None else [warm.SCRIPT]))
    folders = (SUPERVISOR, *([program] if program else []))
    programs = [template("launch", script) for script in scripts]
    programs += [file for folder in folders for file in template("launch", folder).glob("*.py")]
    files |= {f"bundle/{file.relative_to(template('launch'))}": file for file in programs}
    files |= _shard_files(project, batch)
    fit = [video for video in batch.inputs if video.source not in unfit]
    return files | {f"inputs/{video.pool_name}": project.root / video.source for video in fit}


def _shard_files(project: ProjectPaths, batch: Batch) -> Mapping[str, Path]:
    """What the jobs of a queue need besides, written anew from the plan: that alone is believed."""
    if not batch.shards:
        return {}
    folder, found = project.sharded(batch.name), {}
    own.discard(folder)
    with bundle_reader.reading_plan(project.batch(batch.name)):
        for name, text in shards.shard_files(batch, bundle_reader.read_plan(project.batch(batch.name))):
            own.write_text(folder / name, text, durable=False)
            found[f"bundle/{name}"] = folder / name
    return found


def lacking(c: "Context", host: AllowedHost, tree: Path) -> frozenset[str]:
    """The files of `tree` (laid out like the host's folder) that the host does not have. Nothing is sent."""
    reach = transport.of(host)
    options = ("-rLn", "-s", "--size-only", "--ignore-existing", "--out-format=%n", *reach.rsync_options(host))
    argv = ("rsync", *options, "--", f"{tree}/", reach.rsync_path(host, f"{host.dir}/"))
    answer = answer_of(c, shlex.join(argv), timeout_s=None)
    if answer.code == NO_FOLDER:
        return frozenset(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
    if answer.code != 0:
        trouble = reach.trouble(host, answer.stderr)
        words, hint = (trouble.words, trouble.hint) if trouble else (one_line(answer.stderr) or "rsync failed", "")
        raise HostError(f"host {host.name}: {words}", hint=hint)
    return frozenset(answer.stdout.splitlines())


def _link_tree(project: ProjectPaths, batch: Batch) -> Path:
    """A folder of links to all that is sent, laid out as it will lie in incoming/."""
    tree = project.pushed(batch.name)
    own.discard(tree)
    for place, file in sent_files(project, batch).items():
        link = tree / place
        own.make_folders(link.parent)
        link.symlink_to(file.resolve())
    return tree


def _image_args(batch: Batch) -> tuple[str, ...]:
    """What prepare.sh has to know of the image; nothing where there is none."""
    asked = engines.of(batch.host).images(batch.host)
    if asked is None:
        return ()
    named = batch.host.models.get(batch.model, HostModel()).image or ""
    image = image_there(batch.host, batch.model)
    words = map(shlex.join, (asked.answers, asked.id, asked.user))
    users = ("same" if asked.same_users else "", container_user(batch.host.engine_args) if asked.user else "keep-id")
    pull = (named, shlex.join(asked.pull)) if image != named else ()
    return (image, build_command(batch.host, batch.model), *words, *users, *pull)


def _require_rsync(c: "Context") -> None:
    """Raises: HostError when this machine's rsync cannot do what a push needs."""
    complaint = (
        rsync_complaint(answer_of(c, "rsync --version", timeout_s=SHORT_S).stdout) if shutil.which("rsync") else ""
    )
    if complaint:
        raise HostError(f"this machine: {complaint}", hint="apt-get install rsync, or brew install rsync")
