"""Whatever a stranger's project or host holds: nothing outside is changed, nothing runs, no secret is shown, all ends.

Hypothesis draws what was done to a finished project, and every verb is tried in it (see `watched`, `hostile_edits`,
`strangers`). `make soak` draws new examples for an hour. Hosts behind ssh: test_strange_hosts.py.
"""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import aftermath, hostile_edits, verb_lines
from tests.support.strangers import LAUNCHES, OF_HOSTS, apply, ids, many, places, restored, try_all
from tests.support.strangers import in_time as in_time  # a fixture
from tests.support.tree import Tree
from tests.support.verb_lines import Line
from tests.support.watched import Machine


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
    aftermath.until_told(there, "batch_done")
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


def drawn(machine: Machine, data: st.DataObject) -> int:
    """Draw and apply edits of the project; which words have their turn."""
    here = places(machine.project)
    edits = data.draw(st.lists(hostile_edits.edits(here), min_size=4, max_size=12), "edits")
    edits += data.draw(st.just([]) | st.lists(hostile_edits.hosts(), max_size=1), "hosts")
    apply(edits, machine.project, machine)
    return data.draw(st.integers(0, 1000), "turn")


@pytest.mark.usefixtures("in_time")
@many(2)
@given(data=st.data(), made_here=st.booleans())
def test_a_strangers_project_runs_changes_and_shows_nothing(
    machine: Machine, data: st.DataObject, made_here: bool
) -> None:
    restored(machine, made_here=made_here)
    turn = drawn(machine, data)
    try_all(machine, [line for line in lines(machine, turn) if not launches(line)])


@pytest.mark.usefixtures("in_time")
@many()
@given(data=st.data(), made_here=st.booleans())
def test_what_is_launched_from_a_strangers_project_is_our_own(
    machine: Machine, data: st.DataObject, made_here: bool
) -> None:
    restored(machine, made_here=made_here)
    turn = drawn(machine, data)
    found = [line for line in lines(machine, turn) if launches(line)]
    try_all(machine, [found[turn % len(found)], Line("status", ("status",)), Line("attach", ("attach",))])


@pytest.mark.usefixtures("in_time")
@many()
@given(data=st.data())
def test_a_hostile_hosts_answers_run_change_and_show_nothing(machine: Machine, data: st.DataObject) -> None:
    restored(machine, made_here=True)
    (there,) = (machine.data / "cosmosctl/batches").glob("third_*")
    apply(data.draw(st.lists(hostile_edits.edits(places(there)), min_size=4, max_size=12), "edits"), there, machine)
    turn = data.draw(st.integers(0, 1000), "turn")
    found = [line for line in lines(machine, turn) if line.verb in OF_HOSTS]
    try_all(machine, [found[(turn + number) % len(found)] for number in range(len(found))], host=there)


def lines(machine: Machine, turn: int) -> Sequence[Line]:
    return verb_lines.lines(ids(machine), turn)


def launches(line: Line) -> bool:
    return line.verb in LAUNCHES and "--dry-run" not in line.words
