"""`make alike BESIDE=COMMIT`: the words and exit codes of every verb, now and as they were at that commit.

Both versions play the same lines in a demo project at the same path, one after the other. What the clock says is left
out; each line whose streams or code differ is shown as a diff, and the exit code is 1 if there was one. `NOW=COMMIT`
takes another commit in place of the files as they are.
"""

import argparse
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.earlier_version import version_of

VERBS = (
    *("init", "create", "check", "batch", "inference", "attach", "fetch", "cancel", "retry"),
    *("status", "list", "show", "logs", "diff", "history", "host", "watch", "gc"),
)
LINES = (
    *("--version", "--help", *(f"{verb} --help" for verb in VERBS)),
    *("status", "init . --demo", "init . --demo", "check", "check --json", "status", "status --json"),
    *("list prompts", "list prompts --json", "list runs", "list runs --json", "list batches", "list hosts"),
    *("batch --dry-run", "batch --batch-name one", "batch", "status", "status --json", "list runs --status done"),
    *("list batches", "list batches --json", "show one", "show rs_depths", "show ps_future", "logs one"),
    *("logs rs_depths", "history rs_depths", "diff rs_depths", "attach one", "fetch", "cancel one", "retry one"),
    *("host list", "host check local", "gc"),
    *("show nothing", "list nothing", "batch nothing", "logs nothing", "cancel nothing", "status --nothing"),
    *("batch --host nowhere", "create", "create run nothing", "inference nothing", "-C nowhere status"),
)
"""One after the other, in an empty folder."""
BROKEN = ("check", "check --json", "status", "batch --dry-run", "show rs_depths")
"""The same once a file of the project is none any more."""
CLOCK = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME"),
    (r"(\b\d\d-\d\d )?\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"_\d{8}_\d{6}(-[0-9a-f]{8})?\b", "_TIME"),
    (r"(< ?)?\b\d+(\.\d+)? ?(s|ms|min|h|%)(?=\W|$)", "SECONDS"),
    (r'(\b\w*(_s|seconds|share|busy\w*)"?: )[\d.]+', r"\1SECONDS"),
    (r"(\b\w+_s: )\[[\d., ]+\]", r"\1SECONDS"),
    (r"\b\d+\.\d{3,}\b", "SECONDS"),
    (r"(?m)^(  rs_\w+: )[\d.]+$", r"\1SECONDS"),
    (r"(?<=free space) +[\d.]+ \w+", " SPACE"),
    (r"(?<=\|INFO\|)\S+(?=\])", "LINE"),
    (r"(?m)^\w+_TIME: (loading model|generating)\n", ""),
)
"""What no two runs have in common: phases too, of which a quick one is seen or not; lines of a model's stand-in."""


def main() -> int:
    """1 if any line says something else."""
    parser = argparse.ArgumentParser(prog="make alike", description=__doc__)
    parser.add_argument("--now", help="a commit in place of the files as they are")
    parser.add_argument("beside", help="the commit to compare with")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cosmosctl-alike-") as name:
        folder = Path(name)
        ours = version_of(asked.now, folder / "now").argv if asked.now else (sys.executable, "-m", "cosmosctl")
        theirs = version_of(asked.beside, folder / "earlier").argv
        then, now = (played(folder / "place", argv) for argv in (theirs, ours))
    differences = unlike(then, now)
    print("".join(differences), end="")
    print(f"{len(then)} lines, {len(differences)} say something else than {asked.beside}")
    return int(bool(differences))


def played(place: Path, argv: Sequence[str]) -> dict[str, str]:
    """What each line said and how it ended, in a place that is made anew."""
    shutil.rmtree(place, ignore_errors=True)
    project, home = place / "project", place / "home"
    for made in (project, home):
        made.mkdir(parents=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COSMOSCTL_", "XDG_"))}
    env = {**kept, "HOME": str(home), "COLUMNS": "100", "TZ": "UTC"}
    said = {}
    for number, line in enumerate((*LINES, *BROKEN)):
        if number == len(LINES):
            (project / "runs/rs_depths/run.yaml").write_text("prompt: [ps_future\n", encoding="utf-8")
        ended = subprocess.run(
            (*argv, *shlex.split(line)), cwd=project, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        told = f"exit {ended.returncode}\n{ended.stdout}--\n{ended.stderr}"
        said[f"{number}: {line}"] = without_clock(told.replace(argv[0], "PYTHON"))
    return said


def without_clock(text: str) -> str:
    """The words of a line but for what its clock said, and for how wide that was."""
    for pattern, instead in CLOCK:
        text = re.sub(pattern, instead, text)
    return re.sub(r"(SECONDS|TIME) +", r"\1 ", text)


def unlike(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """A diff of each line that says something else now."""
    return [
        "".join(difflib.unified_diff(was.splitlines(keepends=True), now[line].splitlines(keepends=True), line, n=1))
        for line, was in then.items()
        if was != now[line]
    ]


if __name__ == "__main__":
    sys.exit(main())
