"""Standard streams that are closed, without a reader, full or of an old encoding change nothing but what is read."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cosmosctl.cli.main import VERBS
from cosmosctl.io.visible import visible, visible_log
from tests.support.tree import REPOSITORY, TIMEOUT_S, Tree

ODD: dict[str, dict[str, str]] = {
    "ordinary": {},
    "no stdin": {"stdin": "closed"},
    "no stdout": {"stdout": "closed"},
    "no stderr": {"stderr": "closed"},
    "none at all": {"stdin": "closed", "stdout": "closed", "stderr": "closed"},
    "stdout without a reader": {"stdout": "unread"},
    "stderr without a reader": {"stderr": "unread"},
    "a full disk for stderr": {"stderr": "full"},
    "latin-1": {"stdout": "latin-1", "stderr": "latin-1"},
    "ascii": {"stdout": "ascii", "stderr": "ascii"},
    "a full disk for stdout": {"stdout": "full"},
}
LONG = "a street … that turns → at the “end” of the long road, with more words than are shown"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("--version",),
    ("no-such-verb",),
    ("init", "."),
    ("create", "run", "ps_a", "--id", "rs_a"),
    ("create", "prompt", LONG, "inputs/videos/nowhere"),
    ("list", "prompts"),
    ("list", "runs"),
    ("list", "runs", "--json"),
    ("list", "batches"),
    ("show", "ps_a"),
    ("show", "rs_a", "--json"),
    ("status",),
    ("check",),
    ("batch",),
    ("batch", "--dry-run", "rs_a"),
    ("inference", "rs_zz"),
    ("attach",),
    ("logs",),
    ("logs", "rs_a"),
    ("fetch",),
    ("cancel", "no-such-batch"),
    ("retry",),
    ("diff", "rs_a"),
    ("history",),
    ("upscale", "rs_zz"),
    ("controls", "rs_a"),
    ("watch", "--no-such-option"),
    ("gallery", "rs_zz"),
    ("compare", "rs_a", "rs_zz", "-o", "both.png"),
    ("rate", "--stars", "4", "rs_zz"),
    ("sweep", "no-such-sweep"),
    ("mv", "rs_zz", "rs_y"),
    ("rm", "rs_zz"),
    ("pack", "rs_zz"),
    ("edit", "rs_zz", "--notes", "rain"),
    ("ui", "--no-such-option"),
    ("host", "list"),
    ("host", "check", "local", "--json"),
    ("gc", "local", "--dry-run"),
    ("completion", "bash"),
)
Result = tuple[int, str, str]


def left(tree: Tree, cases: Sequence[tuple[Sequence[str], dict[str, str]]]) -> list[Result]:
    """Exit code, stdout and stderr of each command."""
    environment = tree.environment({"PYTHONPATH": str(REPOSITORY)})
    argv = (sys.executable, "-m", "tests.support.odd_streams")
    done = subprocess.run(
        argv, cwd=tree.root, env=environment, input=json.dumps(cases), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, tuple[str, ...]], Result]:
    """What each command leaves with each kind of streams, in a project where one run has ended."""
    folder = tmp_path_factory.mktemp("streams")
    tree = Tree(folder / "project", folder / "home", {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.root.mkdir()
    tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    tree.scene()
    tree.prompt("ps_a", LONG)
    tree.run("rs_a")
    tree.cli("batch")
    cases = [(name, command) for name in ODD for command in COMMANDS]
    found = left(tree, [(command, ODD[name]) for name, command in cases])
    return dict(zip(cases, found, strict=True))


def test_the_table_holds_every_verb() -> None:
    assert {command[0] for command in COMMANDS} >= set(VERBS)


@pytest.mark.parametrize("odd", [name for name in ODD if name != "a full disk for stdout"])
def test_every_verb_ends_as_with_ordinary_streams(results: dict[tuple[str, tuple[str, ...]], Result], odd: str) -> None:
    ordinary = {command: results["ordinary", command][0] for command in COMMANDS}
    assert {command: results[odd, command][0] for command in COMMANDS} == ordinary
    assert set(ordinary.values()) <= {0, 1, 2, 3}
    told = "".join(err for (name, _), (_, _, err) in results.items() if name == odd)
    assert "Traceback" not in told
    assert "a bug of" not in told


def test_a_result_that_a_full_disk_did_not_take_is_told(results: dict[tuple[str, tuple[str, ...]], Result]) -> None:
    for command in COMMANDS:
        code, out, _ = results["ordinary", command]
        is_full = out != "" and code == 0
        found, _, err = results["a full disk for stdout", command]
        assert found == (3 if is_full else code), command
        told = "error: stdout: cannot write: there is no space left on the disk"
        assert (told in err) == (out != ""), command


def test_our_own_signs_have_stand_ins_where_the_terminal_has_none_of_them(
    results: dict[tuple[str, tuple[str, ...]], Result],
) -> None:
    _, out, _ = results["latin-1", ("status",)]
    assert "city: a street ... that turns -> ..." in out
    _, out, _ = results["ascii", ("list", "prompts")]
    assert r"at the \u201cend\u201d of" in out
    assert out.isascii()


def test_json_reads_back_the_same_in_every_encoding(results: dict[tuple[str, tuple[str, ...]], Result]) -> None:
    for odd in ("latin-1", "ascii"):
        _, out, _ = results[odd, ("list", "runs", "--json")]
        assert json.loads(out)[0]["prompt"] == LONG


def test_a_batch_is_followed_to_its_end_whatever_its_streams_are(quick_tree: Tree) -> None:
    names = [name for name in ODD if name != "a full disk for stdout"]
    for number, _ in enumerate(names):
        quick_tree.run(f"rs_{number}", more=f"seed: {number}\n")
    cases = [(("batch", f"rs_{number}"), ODD[name]) for number, name in enumerate(names)]
    assert [code for code, _, _ in left(quick_tree, cases)] == [0] * len(names)
    assert set(quick_tree.states().values()) == {"done"}


def test_a_batch_whose_summary_a_full_disk_did_not_take_is_done_all_the_same(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    ((code, _, err),) = left(quick_tree, [(("batch",), {"stdout": "full"})])
    assert (code, quick_tree.states()) == (3, {"rs_a": "done"})
    assert "stdout: cannot write: there is no space left on the disk" in err


def test_list_ends_quietly_when_its_reader_has_seen_enough(tree: Tree) -> None:
    tree.run("rs_a")
    read, write = os.pipe()
    os.close(read)
    argv = (sys.executable, "-m", "cosmosctl", "list", "runs")
    done = subprocess.run(
        argv, cwd=tree.root, env=tree.environment(), stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("env", "args"),
    [
        ({"TMPDIR": "/nowhere"}, ("status",)),
        ({"TERM": "dumb", "COLUMNS": "0"}, ("list", "runs")),
        ({"COLUMNS": "99999999999999999999"}, ("list", "runs")),
        ({"COLUMNS": "-3", "LINES": "x"}, ("--help",)),
        ({"XDG_DATA_HOME": "relative", "XDG_RUNTIME_DIR": "/nowhere", "HOME": "/nowhere"}, ("host", "list")),
        ({"XDG_DATA_HOME": "/proc/nowhere"}, ("batch",)),
        ({"LC_ALL": "C", "LANG": "", "PYTHONIOENCODING": "latin-1"}, ("status",)),
        ({"COSMOSCTL_LOG_LEVEL": "DEBUG", "TMPDIR": "/nowhere"}, ("status",)),
    ],
)
def test_no_environment_is_a_bug(tree: Tree, env: dict[str, str], args: tuple[str, ...]) -> None:
    tree.prompt("ps_a", LONG)
    tree.run("rs_a")
    done = on_terminal(tree, args, env)
    assert done.returncode == (4 if args == ("batch",) else 0), done.stdout
    assert "Traceback" not in done.stdout


def on_terminal(
    tree: Tree, args: Sequence[str], env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """A command whose streams are a terminal of 80 columns; what it wrote there."""
    ours, theirs = pty.openpty()
    argv = (sys.executable, "-m", "cosmosctl", *args)
    with subprocess.Popen(
        argv,
        cwd=tree.root,
        env=tree.environment(env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        text = b""
        while data := _read(ours):
            text += data
    os.close(ours)
    return subprocess.CompletedProcess(argv, process.returncode, text.decode(errors="replace"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: nobody has the other end any more
        return b""


def test_a_user_without_a_home_has_previews_too(tree: Tree) -> None:
    nobody = (
        "import pwd, sys; pwd.getpwuid = lambda uid: {}[uid]; from cosmosctl.cli.main import main; main(sys.argv[1:])"
    )
    env = {key: value for key, value in tree.environment().items() if key not in ("HOME", "XDG_DATA_HOME")}
    argv = (sys.executable, "-c", nobody, "host", "list", "--json")
    done = subprocess.run(argv, cwd=tree.root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["dir"] == f"{env['XDG_STATE_HOME']}/cosmosctl/local"


def test_in_a_folder_that_was_removed_every_verb_says_so(tree: Tree, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && {Path(sys.executable).parent}/cosmosctl"
    for args in ("status", "-C / list runs", "init x"):
        done = subprocess.run(("sh", "-c", f"{command} {args}"), env=tree.environment(), capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (3, "")
        assert "error: the folder that you are in was removed\n  try: cd to one that is there\n" in done.stderr


EVIL = "\x1b]0;owned\x07\x1b[2J\r\x9b1m\u202e[red]all is well[/red]\u2028[link=http://x]"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert visible(EVIL).startswith(r"\x1b]0;owned\x07\x1b[2J\x0d\x9b1m\u202e[red]all")
    assert visible("plain\ttext\n日本 🙂 é") == "plain\ttext\n日本 🙂 é"
    assert visible_log("\x1b[32m10 %\x1b[0m\r20 %\r\n\x1b[2J") == "10 %\r20 %\r\n\\x1b[2J"


@pytest.mark.parametrize("args", [("list", "prompts"), ("list", "runs"), ("status",), ("show", "rs_a"), ("check",)])
def test_no_word_of_a_file_is_obeyed_by_a_terminal(tree: Tree, args: tuple[str, ...]) -> None:
    tree.prompt("ps_a", f"[red]x[/red] {EVIL}", more=f"notes: {json.dumps(EVIL)}\n")
    tree.run("rs_a")
    done = on_terminal(tree, args, {"NO_COLOR": "1"})
    for order in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\u2028"):
        assert order not in done.stdout
    if args != ("check",):
        assert "[red]x[/red]" in done.stdout
    assert not {"\x1b", "\u202e", "\x9b", "\u2028"} & set(tree.cli(*args).out)


def test_json_keeps_what_a_terminal_would_obey_as_it_is(tree: Tree) -> None:
    tree.prompt("ps_a", EVIL)
    out = tree.cli("list", "prompts", "--json").out
    assert json.loads(out)[0]["prompt"] == EVIL
    assert not {"\x1b", "\u202e", "\x9b", "\u2028"} & set(out)


def test_a_log_is_exact_where_a_program_reads_it_and_harmless_on_a_terminal(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.cli("batch")
    log = quick_tree.run_paths("rs_a").preview.execution_log
    data = b"\x1b[32mstep\x1b[0m 1\r\x1b]0;owned\x07step 2\n\xff\n"
    log.write_bytes(data)
    argv = (sys.executable, "-m", "cosmosctl", "logs", "rs_a")
    environment = quick_tree.environment()
    assert subprocess.run(argv, cwd=quick_tree.root, env=environment, capture_output=True).stdout == data
    assert on_terminal(quick_tree, ("logs", "rs_a")).stdout == "step 1\r\\x1b]0;owned\\x07step 2\r\n\ufffd\r\n"


def test_a_bug_is_told_with_a_log_that_only_the_user_reads(tree: Tree, tmp_path: Path) -> None:
    code = "import sys; from cosmosctl.cli import main; main.VERBS = {'x': ('no.such:thing', '')}; main.main(['x'])"
    argv = (sys.executable, "-c", code)
    env = tree.environment({"TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)})
    done = subprocess.run(argv, cwd=tree.root, env=env, capture_output=True, text=True)
    (log,) = tmp_path.glob("cosmosctl-bug-*.log")
    assert (done.returncode, log.stat().st_mode & 0o777) == (70, 0o600)
    assert done.stderr == f"error: a bug of cosmosctl itself; please report it with {log}\n"
    assert "ModuleNotFoundError" in log.read_text()
