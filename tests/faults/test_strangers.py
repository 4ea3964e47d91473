"""Whatever a stranger's project or host holds: nothing outside is changed, nothing runs, no secret is shown, all ends.

Hypothesis draws what was done to a finished project, and every verb is tried in it (see `watched`, `hostile_edits`).
`make soak` draws new examples for an hour.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import aftermath, hostile_edits, verb_lines
from tests.support.hostile_edits import Edit
from tests.support.tree import Tree
from tests.support.verb_lines import Line
from tests.support.watched import MOST_KIB, SECRET, Machine, Watched, inside, outside, shown

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
ENDLESS = {"watch"}
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


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A user's machine with a finished project; `set_up` has it anew."""
    base = tmp_path_factory.mktemp("strangers")
    made = Machine(base / "machine")
    _finish(made)
    made.keep(base / "template")
    yield made
    made.close()


def _finish(machine: Machine) -> None:
    """A run with a computed control, one with a history, one of another family, one that never ran, one under way."""
    machine.project.mkdir(parents=True)
    machine.temp.mkdir()
    tree = machine.tree
    tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    tree.scene()
    tree.prompt("ps_a")
    tree.run("rs_a", controls="{edge: {weight: 0.5, preset: low}}")
    tree.run("rs_b")
    tree.cli("batch", "--batch-name", "first")
    tree.run("rs_b", more="seed: 3\n")
    tree.run("rs_c", more="model: transfer2.5\n")
    tree.cli("batch", "--batch-name", "second", "rs_b", "rs_c")
    tree.run("rs_d", controls="{edge: 0.2, vis: 0.3}")
    tree.cli("batch", "--batch-name", "third", "--detach", "rs_d")
    (there,) = (machine.data / "cosmosctl/batches").glob("third_*")
    aftermath.wait_until(lambda: b'"batch_done"' in (there / "events.jsonl").read_bytes())
    tree.run("rs_e")
    (tree.root / "rows.jsonl").write_text('{"prompt": "words", "video": "inputs/videos/city/color.mp4"}\n')
    _version(tree)


def _version(tree: Tree) -> None:
    git = tree.root / ".git"
    (git / "hooks").mkdir(parents=True)
    (git / "config").write_text("[core]\n\tbare = false\n")
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "hooks/post-checkout").write_text("#!/bin/sh\n")
    (tree.root / "tasks.py").write_text("")


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


def try_all(machine: Machine, lines: Sequence[Line]) -> None:
    """Run them one after another; whatever each did was within what is promised."""
    around, within = outside(machine), inside(machine)
    for line in (*lines, *TABS):
        words = [word.replace("{data}", str(machine.data)) for word in line.words]
        done = machine.run(*words, is_endless=line.verb in ENDLESS, more=line.env)
        assert_kept(line, done)
        assert outside(machine) == around, str(done)
        before, within = within, inside(machine)
        assert line.verb not in READS | {"Tab"} or within == before, str(done)
    assert list(shown(machine)) == []


def assert_kept(line: Line, done: Watched) -> None:
    """It ended, in time, well, without showing a secret, and started nothing but what it has to."""
    assert not done.hangs, f"waits for ever: {done}"
    assert done.code in (0, 1, 2, 3, 4, 130), str(done)
    assert b"Traceback" not in done.err, str(done)
    assert done.peak_kib < MOST_KIB, str(done)
    assert SECRET.encode() not in done.out + done.err, str(done)
    assert line.verb != "Tab" or re.fullmatch(rb"(plain,[\w.-]+\n)*\n?", done.out), str(done)
    assert not [words for words in done.programs if any("pwned" in word for word in words)], str(done)
    names = {words[0] for words in done.programs}
    if line.verb in READS | MAKES | {"Tab"}:
        assert not done.started, f"{done.started} {done.programs}"
        assert not names, done.programs
    assert names <= LOCALLY | {"host add": {"ssh"}, "completion": {"bash"}}.get(line.verb, set()), done.programs


IS_SOAK = "COSMOSCTL_SOAK" in os.environ


def many(examples: int, *, soak: int) -> settings:
    """So many examples, each of seconds: the few edits of one that fails are told as they are, not shrunk."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    checks = list(HealthCheck)
    return settings(
        deadline=None, max_examples=soak if IS_SOAK else examples, phases=phases, suppress_health_check=checks
    )


def drawn(machine: Machine, data: st.DataObject) -> int:
    """Draw and apply edits of the project; which words have their turn."""
    here = places(machine.project)
    edits = data.draw(st.lists(hostile_edits.edits(here), min_size=4, max_size=12), "edits")
    edits += data.draw(st.just([]) | st.lists(hostile_edits.hosts(), max_size=1), "hosts")
    apply(edits, machine.project, machine)
    return data.draw(st.integers(0, 1000), "turn")


@many(16, soak=600)
@given(data=st.data(), made_here=st.booleans())
def test_a_strangers_project_runs_changes_and_shows_nothing(
    machine: Machine, data: st.DataObject, made_here: bool
) -> None:
    restored(machine, made_here=made_here)
    turn = drawn(machine, data)
    try_all(machine, [line for line in lines(machine, turn) if not launches(line)])


@many(6, soak=150)
@given(data=st.data(), made_here=st.booleans())
def test_what_is_launched_from_a_strangers_project_is_our_own(
    machine: Machine, data: st.DataObject, made_here: bool
) -> None:
    restored(machine, made_here=made_here)
    turn = drawn(machine, data)
    found = [line for line in lines(machine, turn) if launches(line)]
    try_all(machine, [found[turn % len(found)], Line("status", ("status",)), Line("attach", ("attach",))])


@many(10, soak=400)
@given(data=st.data())
def test_a_hostile_hosts_answers_run_change_and_show_nothing(machine: Machine, data: st.DataObject) -> None:
    restored(machine, made_here=True)
    (there,) = (machine.data / "cosmosctl/batches").glob("third_*")
    apply(data.draw(st.lists(hostile_edits.edits(places(there)), min_size=4, max_size=12), "edits"), there, machine)
    turn = data.draw(st.integers(0, 1000), "turn")
    found = [line for line in lines(machine, turn) if line.verb in OF_HOSTS]
    try_all(machine, [found[(turn + number) % len(found)] for number in range(len(found))])


def lines(machine: Machine, turn: int) -> Sequence[Line]:
    return verb_lines.lines(ids(machine), turn)


def launches(line: Line) -> bool:
    return line.verb in LAUNCHES and "--dry-run" not in line.words
