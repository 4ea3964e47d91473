"""What has to hold whatever strangers bring: nothing outside is changed, nothing runs, no secret is shown, all ends."""

import re
import shutil
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support import aftermath
from tests.support.examples import IS_SOAK
from tests.support.hostile_edits import Edit
from tests.support.verb_lines import Line
from tests.support.waiting import is_over
from tests.support.watched import MOST_KIB, SECRET, Machine, Watched, inside, outside, shown

EXAMPLES = 3
"""So many of what is tried least often, each some seconds; in `make soak` as many as fit into an hour."""
SOAK_S = 3600 / 5
"""Of each of the five tests of test_strangers and test_strange_hosts."""
SOAK_EXAMPLES = 10
"""Of a round; there are as many rounds as begin in time."""


@pytest.fixture(params=range(400) if IS_SOAK else [0], ids=lambda number: f"round{number}")
def in_time(request: pytest.FixtureRequest) -> None:
    """In the soak a test is repeated, each time with other examples, until its part of the hour is over."""
    if IS_SOAK and is_over(request.node.name.partition("[")[0], SOAK_S):
        pytest.skip("its part of the hour is over")


def many(times: int = 1) -> settings:
    """`times` as many examples: the few edits of one that fails are told as they are, not shrunk. In the soak the next
    round goes on with others.
    """
    phases = (Phase.explicit, Phase.generate) if IS_SOAK else (Phase.explicit, Phase.reuse, Phase.generate)
    count = SOAK_EXAMPLES if IS_SOAK else EXAMPLES * times
    return settings(deadline=None, max_examples=count, phases=phases, suppress_health_check=list(HealthCheck))


READS = {
    "check",
    "diff",
    "host list",
    "list batches",
    "list prompts",
    "list runs",
    "help",
    "history",
    "show",
    "status",
}
"""What starts nothing and writes nothing but what is derived."""
MAKES = {"controls", "create prompt", "create run", "host allow", "init"}
"""What starts nothing."""
LAUNCHES = {"batch", "inference", "retry", "upscale"}
ENDLESS = {"ui", "watch"}
OF_HOSTS = {"attach", "cancel", "fetch", "gc", "list batches", "list runs", "logs", "show", "status"}
"""What reads a host's answers."""
TABS = [
    Line("Tab", (), {"_COSMOSCTL_COMPLETE": "bash_complete", "COMP_WORDS": f"cosmosctl {verb} ", "COMP_CWORD": "2"})
    for verb in ("show", "attach", "diff")
]
MORE = (
    *("batches/{batch}/end.yaml", "batches/{batch}/events-before.jsonl", "batches/{batch}/unclaimed/rs_a/result.yaml"),
    *(".cosmosctl/staging/{batch}/pulled/done/rs_d/output.mp4", ".cosmosctl/locks/{batch}", ".cosmosctl/staging/x"),
    *("runs/rs_d/logs/failure.yaml", "runs/rs_d/preview/outputs/output.mp4", "runs/rs_e/preview/logs/failure.yaml"),
    *("runs/rs_a/result.yaml", "runs/rs_d/history/{batch}/result.yaml", "runs/rs_new/run.yaml", "prompts/ps_new.yaml"),
    *("inputs/videos/new/color.mp4", "exported", "again", "new/cosmosctl.yaml", ".cosmosctl-1a2b3c4d.tmp"),
)
"""Names in a project that the tool may give; a host's folder gets them as well."""
LOCALLY = {"sh", "rsync", "python3"}
"""What our own scripts need on the built-in host."""


def places(root: Path) -> list[str]:
    """Every file below the root and names that the tool would give to more; what it reads most, thrice."""
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    batches = sorted({f"{name.split('/')[1]}" for name in found if name.startswith("batches/")})
    more = [name.format(batch=batch) for name in MORE for batch in batches]
    read = [name for name in (*found, *more) if name.endswith((".yaml", ".json", ".jsonl", "rows.txt", "index"))]
    return [*found, *dict.fromkeys(more), *read, *read]


def restored(machine: Machine, *, made_here: bool) -> None:
    """The machine as it was, no process of the example before left; the project was made here, or is a clone."""
    aftermath.end_processes(machine.tree)
    machine.set_up(machine.base.parent / "template")
    if not made_here:
        for folder in (machine.state, machine.data / "cosmosctl"):
            shutil.rmtree(folder)
            folder.mkdir()


def apply(edits: Sequence[Edit], root: Path, machine: Machine) -> None:
    twin = machine.twin / root.relative_to(machine.base)
    words = {"base": str(machine.base), "pwned": str(machine.pwned / "x"), "twin": str(twin)}
    for edit in edits:
        edit.apply(root, words)


def ids(machine: Machine) -> list[str]:
    """The names of runs, prompts and batches, strange ones among them."""
    found = []
    for folder in ("runs", "prompts", "batches"):
        if (machine.project / folder).is_dir() and not (machine.project / folder).is_symlink():
            found += sorted(path.name.removesuffix(".yaml") for path in (machine.project / folder).iterdir())
    return found or ["rs_a"]


def try_all(
    machine: Machine, lines: Sequence[Line], *, may_run: AbstractSet[str] = frozenset(), host: Path | None = None
) -> None:
    """Run them one after another; whatever each did was within what is promised.

    `may_run`: programs beside those that our own scripts need. `host`: the folder of a batch on a host that strangers
    had their hands on: what that host makes there of its own files is no secret that we showed.
    """
    around, within, is_launched = outside(machine), inside(machine), False
    for line in (*lines, *TABS):
        words = [word.replace("{data}", str(machine.data)) for word in line.words]
        done = machine.run(*words, is_endless=line.verb in ENDLESS, more=line.env)
        assert_kept(line, done, may_run)
        assert outside(machine) == around, str(done)
        before, within = within, inside(machine)
        is_launched |= line.verb in LAUNCHES
        if line.verb in READS | {"Tab"}:
            changed = set(dict(set(within.items()) ^ set(before.items())))
            at_work = f"{machine.data}/" if is_launched else "-"  # a host goes on by itself
            assert {path for path in changed if not path.startswith(at_work)} == set(), str(done)
    made_there = tuple(f"{host}/{name}/" for name in ("work", "done", "logs")) if host else ()
    found = [path for path in shown(machine) if not path.startswith(made_there)]
    assert found == [], found


def _plays(words: Sequence[str]) -> bool:
    """Whether it is the player of `show --open`, with a run's own video: on its own, and so at times told of late."""
    video = r".*/work/project/runs/[\w-]+/(preview/|draft/)?outputs/[\w.-]+\.mp4"
    return words[0] == "xdg-open" and re.fullmatch(video, words[-1]) is not None


def assert_kept(line: Line, done: Watched, may_run: AbstractSet[str]) -> None:
    """It ended, in time, well, without showing a secret, and started nothing but what it has to."""
    assert not done.hangs, f"waits for ever: {done}"
    assert done.code in (0, 1, 2, 3, 4, 130), str(done)
    assert b"Traceback" not in done.err, str(done)
    assert done.peak_kib < MOST_KIB, str(done)
    assert SECRET.encode() not in done.out + done.err, str(done)
    assert line.verb != "Tab" or re.fullmatch(rb"(plain,[\w.-]+\n)*\n?", done.out), str(done)
    assert not [words for words in done.programs if any("pwned" in word for word in words)], str(done)
    names = {words[0] for words in done.programs if not _plays(words)}
    if line.verb in READS | MAKES | {"Tab"}:
        asked_for = [one for one in done.started if "--open" in line.words and "'xdg-open', [" in one]
        assert list(done.started) == asked_for, f"{done.started} {done.programs}"
        assert not names, done.programs
    assert names <= LOCALLY | may_run | {"host add": {"ssh"}, "completion": {"bash"}, "rate": {"git"}}.get(
        line.verb, set()
    ), done.programs
