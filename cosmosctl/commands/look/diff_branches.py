"""Which runs differ between two branches: in what is written of them, and in the videos of their results.

The one verb that starts git: it writes the small files of both branches below .cosmosctl/, where they are read like a
project without its videos.
"""

import os
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as changed_to
from pathlib import Path

from cosmosctl import models
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.domain.spec import changed_keys, fingerprint
from cosmosctl.errors import CosmosctlError, FileError, UsageError
from cosmosctl.git.state import OF_A_REPOSITORY
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import SHORT_S, answer_of
from cosmosctl.io import own
from cosmosctl.opening.project import opened
from cosmosctl.results import history
from cosmosctl.results.receipts import LocalReceipt, read_receipt
from cosmosctl.store import Snapshot, load_all

MOST_BYTES = 1 << 20
"""Of a prompt, run, project file or report."""
_FILES = re.compile(r"cosmosctl\.yaml|prompts/[^/]+\.yaml|runs/[^/]+/(?:run|result)\.yaml")


@dataclass(frozen=True)
class RunOnBoth:
    """A run of two branches. `changes`: key, value there, value here; `videos`: where each lies, or why nowhere.

    `only`: the branch that alone has it; "" when both do.
    """

    run: str
    changes: tuple[tuple[str, str, str], ...]
    videos: tuple[str, str]
    only: str = ""


def branches_in(word: str) -> tuple[str, str] | None:
    """The branches that MAIN..LOOK names, one that is left out is what is checked out; None for a run's id."""
    one, dots, other = word.partition("..")
    return (one or "HEAD", other or "HEAD") if dots else None


def differing(folder: Path, one: str, other: str) -> tuple[RunOnBoth, ...]:
    """The runs that differ between the branches. Raises: UsageError for one that is none, FileError without git."""
    project = opened(folder)
    staged = project.staging / f"diff.{os.getpid()}"
    own.discard(staged)
    try:
        roots = [_files_of(project, branch, staged / str(number)) for number, branch in enumerate((one, other))]
        first, second = (load_all(root) for root in roots)
        runs = sorted({*first.run_ids, *second.run_ids})
        return tuple(found for run in runs if (found := _run(project, run, (one, other), first, second)) is not None)
    finally:
        own.discard(staged)


def _files_of(project: ProjectPaths, branch: str, target: Path) -> Path:
    """The small files of a branch, written below `target`."""
    own.make_folders(target)
    tar = target / "files.tar"
    git = ("git", "-C", str(project.root), "archive", "--format=tar", f"--output={tar}", "--end-of-options", branch)
    of_this_project = ("env", *(word for name in OF_A_REPOSITORY for word in ("-u", name)))
    answer = answer_of(invoke_context(), shlex.join((*of_this_project, *git)), timeout_s=SHORT_S)
    if answer.code == 127:
        raise FileError("git is not installed on this machine", hint="apt-get install git")
    if answer.code != 0:
        words = answer.stderr.strip().splitlines()[-1:] or ["git archive failed"]
        raise UsageError(f"{branch}: {words[0]}", hint="cosmosctl diff BRANCH..BRANCH")
    with tarfile.open(tar) as files:
        for member in files:
            data = files.extractfile(member) if member.isreg() and member.size <= MOST_BYTES else None
            if data is not None and _FILES.fullmatch(member.name):
                own.write_bytes(target / member.name, data.read(), durable=False)
    return target


def _run(
    project: ProjectPaths, run: str, branches: tuple[str, str], first: Snapshot, second: Snapshot
) -> RunOnBoth | None:
    reports = [read_receipt(snapshot.root / "runs" / run / "result.yaml") for snapshot in (first, second)]
    videos = tuple(_video(project, run, report) for report in reports)
    known = [run in snapshot.run_ids for snapshot in (first, second)]
    if not all(known):
        return RunOnBoth(run, (), (videos[0], videos[1]), branches[known.index(True)])
    before, after = _facts(first, run), _facts(second, run)
    keys = changed_keys(before, after)
    digests = {report.video_sha256 if report else "" for report in reports}
    if not keys and len(digests) == 1:
        return None
    return RunOnBoth(run, tuple(_change(key, before, after) for key in keys), (videos[0], videos[1]))


def _change(key: str, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> tuple[str, str, str]:
    one, other = (str(facts[key]) if key in facts else "not set" for facts in (before, after))
    return key, one, other


def _facts(snapshot: Snapshot, run: str) -> Mapping[str, Setting]:
    """What a run would be made from, videos by their names: their contents are no branch's."""
    seen = snapshot.seen_run(run)
    prompt = snapshot.seen_prompt(seen.prompt)
    named = changed_to(prompt, videos=prompt.videos or {"color": seen.prompt})
    try:
        spec = models.spec_of(seen, named, snapshot.config)
    except (CosmosctlError, ValueError):
        return {**seen.settings, **{f"controls.{name}.weight": weight for name, weight in seen.weights.items()}}
    facts = fingerprint(spec, {path: path for path in spec.input_paths})
    return {**facts, "prompt": prompt.text.strip()}


def _video(project: ProjectPaths, run: str, report: LocalReceipt | None) -> str:
    if report is None:
        return "no result"
    return next(_places(project, run, report), "not here: cosmosctl fetch, on that branch")


def _places(project: ProjectPaths, run: str, report: LocalReceipt) -> Iterator[str]:
    home, digest = project.run(run), report.video_sha256
    places = [home.result, *([kept] if (kept := history.kept_with(home, digest, preview=False)) else [])]
    for place in places:
        video = place.root / report.primary_output
        if history.is_file_with(video, digest):
            yield video.relative_to(project.root).as_posix()
