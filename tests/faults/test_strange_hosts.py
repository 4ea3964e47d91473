"""Whatever a host behind ssh holds or answers: nothing here is changed, nothing runs, no secret is shown, all ends."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmosctl.io.shipped import template
from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support import aftermath, hostile_edits
from tests.support.hostile_edits import CONTENTS, VALUES
from tests.support.strangers import apply, many, places, restored, try_all
from tests.support.strangers import in_time as in_time  # a fixture
from tests.support.verb_lines import Line
from tests.support.watched import Machine

pytestmark = needs_sshd

SCRIPTS = "".join(template("launch", name).read_text() for name in ("check.sh", "probe.sh"))
FACTS = sorted(set(re.findall(r"tell ([a-z-]+) ", SCRIPTS)))
"""What our scripts tell of a host, by name."""
LIES: tuple[bytes, ...] = (
    *(value.encode(errors="surrogatepass") for value in VALUES if isinstance(value, str)),
    *(
        b"yes",
        b"no",
        b"ours",
        b"here",
        b"0",
        b"-1",
        b"9" * 5000,
        b"x" * 70_000,
        b"\xff\xfe",
        b"\0",
        b"a\r\nb",
        b"1e999",
    ),
    *(b"\x1b]0;x\x07\x1b[2J", b"\xe2\x80\xae", b"a: b\n  engine_command: [sh, -c, touch x]", b"rsync  version 2.0.0"),
)
JUNK = ("a megabyte in a line", "a megabyte of digits", "deep json", "nul", "a million lines", "many events", "escapes")
BESIDE = frozenset({"ssh"})
ASKING = (
    Line("host check", ("host", "check", "lab")),
    Line("host check", ("host", "check", "lab", "--json")),
    Line("host add", ("host", "add", "new", "box", "--ssh-arg=-F", "--ssh-arg={config}")),
    Line("gc", ("gc", "lab")),
    Line("attach", ("attach",)),
    Line("batch", ("batch", "--host", "lab", "rs_e")),
    Line("status", ("status",)),
)
READING = tuple(
    Line(words[0], words)
    for words in (("fetch",), ("attach",), ("logs", "rs_d"), ("status",), ("gc", "lab"), ("cancel",), ("show", "rs_d"))
)

PROGRAM = """#!/bin/bash
[ -e '{answers}/armed' ] || exec {real} "$@"
cat '{answers}/out'
cat '{answers}/err' >&2
exit "$(cat '{answers}/code')"
"""
"""A program of the host, which says what it wants once it is armed."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, answers: Path) -> Iterator[Sshd]:
    """A machine whose shell and rsync lie once they are armed."""
    for name in ("sh", "rsync"):
        program = answers / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM.format(answers=answers, real=f"/usr/bin/{name}"))
        program.chmod(0o755)
    with running_sshd(tmp_path_factory.mktemp("sshd"), path=str(answers / "bin")) as server:
        yield server


@pytest.fixture(scope="module")
def machine(box: Sshd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A user's machine whose project has a batch that ended on that host and is not home; it was allowed."""
    base = tmp_path_factory.mktemp("far")
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:  # pytest's own paths are too long for them
        made = Machine(base / "machine", {"XDG_RUNTIME_DIR": sockets})
        _finish(made, box)
        made.keep(base / "template")
        yield made
        aftermath.end_processes(made.tree)
        made.close()


def _finish(machine: Machine, box: Sshd) -> None:
    machine.project.mkdir(parents=True)
    machine.temp.mkdir()
    tree = machine.tree
    there = f"    engine: preview\n    dir: {machine.data}/far\n    env: {{COSMOSCTL_PREVIEW_ROW_S: '0.01'}}\n"
    tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{box.block()}{there}")
    tree.scene()
    tree.prompt("ps_a")
    tree.run("rs_d", controls="{edge: 0.2, vis: 0.3}")
    tree.cli("host", "allow", "lab")
    tree.cli("batch", "--batch-name", "third", "--detach", "rs_d")
    (batch,) = (machine.data / "far/batches").glob("third_*")
    aftermath.until_told(batch, "batch_done")
    tree.run("rs_e")


@pytest.mark.usefixtures("in_time")
@many()
@given(data=st.data())
def test_what_lies_on_a_host_behind_ssh_runs_changes_and_shows_nothing(machine: Machine, data: st.DataObject) -> None:
    restored(machine, made_here=True)
    (there,) = (machine.data / "far/batches").glob("third_*")
    apply(data.draw(st.lists(hostile_edits.edits(places(there)), min_size=4, max_size=12), "edits"), there, machine)
    try_all(machine, READING, may_run=BESIDE, host=there)


def lies() -> st.SearchStrategy[list[bytes]]:
    """Lines of an answer: facts that our scripts tell, with other values."""
    value = st.sampled_from(LIES) | st.binary(max_size=20)
    return st.lists(st.builds(lambda name, value: name.encode() + b"\t" + value, st.sampled_from(FACTS), value))


@pytest.mark.usefixtures("in_time")
@many(2)
@given(data=st.data())
def test_what_a_host_answers_over_ssh_runs_changes_and_shows_nothing(
    machine: Machine, box: Sshd, answers: Path, data: st.DataObject
) -> None:
    (answers / "armed").unlink(missing_ok=True)
    restored(machine, made_here=True)
    junk = data.draw(st.none() | st.sampled_from(JUNK), "junk")
    (answers / "out").write_bytes(b"\n".join([*data.draw(lies(), "lines"), b"end\there", b""]))
    if junk is not None:
        CONTENTS[junk](answers / "out", {"base": str(machine.base), "pwned": str(machine.pwned / "x")})
    (answers / "err").write_bytes(data.draw(st.sampled_from(LIES), "stderr"))
    (answers / "code").write_text(str(data.draw(st.sampled_from((0, 0, 1, 4, 127, 255)), "code")))
    (answers / "armed").touch()
    turn = data.draw(st.integers(0, len(ASKING) - 1), "turn")
    wanted = [line for number, line in enumerate(ASKING) if number < 3 or (number + turn) % 2]
    lines = [Line(one.verb, tuple(word.format(config=box.config) for word in one.words)) for one in wanted]
    try_all(machine, lines, may_run=BESIDE)
    assert machine.run("host", "list").code == 0, "what a host said became part of cosmosctl.yaml"
