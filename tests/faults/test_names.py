"""Names that a project, a host or a crash brings are held to their rules where they are read, and quoted where told."""

import ast
import difflib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import cosmosctl
from cosmosctl.commands.look.status import overview
from cosmosctl.domain.ids import LAST_NUMBER, command
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.order import Row, newest
from cosmosctl.errors import MOST_SHOWN, FileError
from cosmosctl.events import process_logs
from cosmosctl.events.lines import parse_lines
from cosmosctl.host import trust
from cosmosctl.io import user_state
from cosmosctl.plan import bundle_reader
from cosmosctl.results.batch_end import read_end
from cosmosctl.results.receipts import read_failure, read_receipt, trouble
from cosmosctl.schema.values import run_of
from cosmosctl.state import states
from cosmosctl.store import load_all
from cosmosctl.yaml.reader import parse, parse_bytes
from tests.support.tree import Tree

NASTY = ("b;touch ran", "$(touch ran)", "`touch ran`", "it's", 'say "hi"', "two\nlines", "-rf", "ü" * 70)
"""Names that mean something to a shell, lead out of a line or are no ids for another reason."""
NOBODY = {"COSMOSCTL_ALLOW_HOSTS": ""}
PLAN = "a plan"
Facts = dict[str, Any]


def plan_of(name: str) -> Facts:
    """A small plan.json, as far as it is read here."""
    sha = "ab" * 32
    row = {"run": "rs_a", "prompt_id": "ps_a", "prompt": "x", "frames": 5, "spec": "s", "facts": {}, "sources": {}}
    row |= {"inputs": {}, "video": "inputs/videos/city/color.mp4", "warnings": []}
    other = row | {"run": "rs_b", "parents": ["night_1"]}
    video = {"path": "/d/inputs/0123456789abcdef/video.mp4", "bytes": 3, "sha256": sha, "source": "inputs/a.mp4"}
    head = {"batch": name, "key": "0a1b2c3d", "project": "p1", "created": "now", "model": "transfer1", "number": 3}
    host = {"name": "lab", "engine": "bare", "dir": "/data"}
    return {**head, "host": host, "inputs": [video], "groups": [{"name": "01-edge", "rows": [row, other]}]}


def written(root: Path, name: str, plan: Facts) -> BatchPaths:
    """A batch folder with that plan."""
    paths = ProjectPaths(root).batch(name)
    paths.root.mkdir(parents=True, exist_ok=True)
    paths.plan.write_text(json.dumps(plan) + "\n")
    paths.report.write_text("batch: x\n")
    paths.rows_list.write_text("p1 rs_a s\np1 rs_b s\n")
    return paths


def row(plan: Facts) -> Facts:
    return plan["groups"][0]["rows"][0]  # type: ignore[no-any-return]


PLANS: dict[str, Callable[[Facts], Any]] = {
    "another batch's name": lambda plan: plan.update(batch="docs"),
    "a batch that leads out": lambda plan: plan.update(batch="../../docs"),
    "a key of other signs": lambda plan: plan.update(key="../../docs"),
    "a long key": lambda plan: plan.update(key="0a1b2c3d4"),
    "a project for a shell": lambda plan: plan.update(project="$(touch ran)"),
    "a host for a shell": lambda plan: plan["host"].update(name="a;b"),
    "a number beyond all": lambda plan: plan.update(number=LAST_NUMBER + 1),
    "a number below all": lambda plan: plan.update(number=-1),
    "a run that leads out": lambda plan: row(plan).update(run="../../../docs/x"),
    "an absolute run": lambda plan: row(plan).update(run="/tmp/docs"),
    "a run twice": lambda plan: row(plan).update(run="rs_b"),
    "a prompt that leads out": lambda plan: row(plan).update(prompt_id="../x"),
    "a parent for a shell": lambda plan: row(plan).update(parents=["a b"]),
    "a group that leads out": lambda plan: plan["groups"][0].update(name="../x"),
    "frames without end": lambda plan: row(plan).update(frames=1 << 62),
    "an absolute source": lambda plan: plan["inputs"][0].update(source="/etc/passwd"),
    "a source that leads out": lambda plan: plan["inputs"][0].update(source="../secret.mp4"),
    "a source behind a link": lambda plan: plan["inputs"][0].update(source="link/secret.mp4"),
    "no source": lambda plan: plan["inputs"][0].update(source=""),
    "a pool that leads out": lambda plan: plan["inputs"][0].update(path="/d/inputs/../x"),
    "a hash that is none": lambda plan: plan["inputs"][0].update(sha256="0"),
    "bytes below nothing": lambda plan: plan["inputs"][0].update(bytes=-1),
}


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a project whose user has allowed nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("COSMOSCTL_ALLOW_HOSTS")
    root = tmp_path / "project"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "cosmosctl.yaml").write_text("project: p1\n")
    return root


def test_a_plan_with_good_names_is_read(nobody: Path) -> None:
    assert bundle_reader.read_batch(written(nobody, "night", plan_of("night"))).runs == ("rs_a", "rs_b")


@pytest.mark.parametrize("spoil", PLANS.values(), ids=PLANS)
def test_a_plan_with_a_name_that_cannot_be_ours_is_none(nobody: Path, spoil: Callable[[Facts], Any]) -> None:
    plan = plan_of("night")
    spoil(plan)
    with pytest.raises(FileError, match="cannot be read as a plan"):
        bundle_reader.read_batch(written(nobody, "night", plan))


def test_a_source_from_outside_is_read_where_that_was_allowed(nobody: Path) -> None:
    plan = plan_of("night")
    plan["inputs"][0]["source"] = "/films/a.mp4"
    paths = written(nobody, "night", plan)
    with pytest.raises(FileError, match="cosmosctl host allow --outside-inputs"):
        bundle_reader.read_batch(paths)
    trust.allow(trust.outside_leave(nobody))
    assert bundle_reader.read_batch(paths).inputs[0].source == "/films/a.mp4"


@pytest.mark.parametrize("lines", ["p1 rs_a s\np1 rs_a s\n", "p1 ../x s\n", "p1 /tmp s\n", "p1 a;b s\n"])
def test_rows_that_name_a_run_twice_or_none_are_not_believed(nobody: Path, lines: str) -> None:
    paths = written(nobody, "night", plan_of("night"))
    paths.rows_list.write_text(lines)
    runs, problem = bundle_reader.read_runs(paths)
    assert runs == ("rs_a", "rs_b")
    assert "rows.txt: cannot be read" in problem


RECEIPT = """\
run: rs_a
batch: night
batch_size: 1
status: completed
primary_output: outputs/output.mp4
primary_bytes: 5
model: transfer1
preview: false
host: lab
ended: '2026-01-01T00:00:00Z'
attempts: 1
load_s: 1.0
video_s: 2.0
prompt_id: ps_a
prompt: x
seed: 1
spec: s
effective: {seed: 1}
sources: {}
inputs: {}
outputs: {output.mp4: %s}
""" % ("ab" * 32)


@pytest.mark.parametrize(
    "line",
    [
        "run: ../../docs",
        "batch: $(touch ran)",
        "host: a b",
        "prompt_id: /x",
        "primary_output: ../../../.ssh/id_rsa",
        "primary_output: /etc/passwd",
        "primary_output: outputs/../../x",
        "primary_output: outputs/.hidden",
        "primary_bytes: -1",
        "video_s: 1.0e+300",
        "number: 9223372036854775807",
        "parents: [../x]",
        "outputs: {../../payload: %s}" % ("ab" * 32),
        "outputs: {output.mp4: '0'}",
        "attempts: 99999999999999999999999999",
    ],
)
def test_a_receipt_with_a_name_or_number_that_cannot_be_ours_is_told_as_damaged(tmp_path: Path, line: str) -> None:
    file, key = tmp_path / "result.yaml", line.partition(":")[0]
    file.write_text(RECEIPT)
    assert read_receipt(file) is not None
    kept = [other for other in RECEIPT.splitlines() if not other.startswith(f"{key}:")]
    file.write_text("\n".join([*kept, line, ""]))
    assert read_receipt(file) is None
    assert "damaged" in trouble(file)


def test_failures_and_ends_are_held_to_the_same_rules(tmp_path: Path) -> None:
    failure, end = tmp_path / "failure.yaml", tmp_path / "end.yaml"
    text = "{run: %s, batch: b, state: failed, reason: oom, detail: d, spec: s, ended: e}\n"
    failure.write_text(text % "rs_a")
    assert read_failure(failure) is not None
    failure.write_text(text % "../x")
    assert read_failure(failure) is None
    text = "{batch: b, host: h, model: m, preview: false, state: done, ended: e, wall_s: 1.0, busy: 0.5, %s}\n"
    end.write_text(text % "runs: {rs_a: done}")
    assert read_end(end) is not None
    for facts in ("runs: {../x: done}", "video_s: {rs_a: 1.0e+308}", "load_s: [1.0e+308]", "frames: {rs_a: -1}"):
        end.write_text(text % facts)
        assert read_end(end) is None, facts


def test_an_event_of_what_is_no_run_is_none() -> None:
    lines = [json.dumps({"ev": "run_cancelled", "t": 1, "run": name}) for name in ("rs_a", "../x", "/tmp/docs", "a;b")]
    assert [event["run"] for event in parse_lines(line.encode() for line in lines)] == ["rs_a"]
    start = {"ev": "process_start", "t": 1, "proc": "p", "log": "logs/p", "runs": ["rs_a", "../x"]}
    assert next(iter(parse_lines([json.dumps(start).encode()])))["runs"] == ["rs_a"]


@pytest.mark.parametrize(("begin", "end"), [(0, 10**12), (1 << 49, 1 << 50), (5, 2), (2, 10**15)])
def test_a_part_of_a_log_is_no_more_than_the_log(tmp_path: Path, begin: int, end: int) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/p.log").write_bytes(b"12345")
    target = tmp_path / "execution.log"
    process_logs.write_execution_log(tmp_path, {"log": {"file": "logs/p.log", "begin": begin, "end": end}}, target)
    assert target.read_bytes() == b"12345"[begin:end]


def test_a_number_that_no_batch_could_be_above_is_not_counted_on(tmp_path: Path) -> None:
    from cosmosctl.state.attempts import past

    home = ProjectPaths(tmp_path).run("rs_a")
    home.root.mkdir(parents=True)
    home.spec.write_text("x")
    home.result.receipt.write_text(f"{RECEIPT}number: {LAST_NUMBER}\n")
    assert past(ProjectPaths(tmp_path), ["rs_a"]).number == LAST_NUMBER


def nasty(root: Path) -> None:
    """Folders of every kind, and runs with mistakes in them, by the names of `NASTY`."""
    for name in NASTY:
        (root / "batches" / name).mkdir(parents=True)
        (root / "batches" / name / "batch.yaml").write_text("batch: x\n")
        (root / "batches" / name / "plan.json").write_text("{}\n")
        for folder in (root / "runs" / name, root / "runs" / f"{name} too", root / "runs/rs_a/history" / name):
            folder.mkdir(parents=True)
        (root / "runs" / name / "run.yaml").write_text("prompt: x\n")
        (root / "runs" / f"{name} too" / "run.yml").write_text("prompt: x\n")
        (root / f"prompts/{name}.yaml").write_text("text: x\n")
    (root / "runs/rs_a/history/b;touch ran/result.yaml").write_text(RECEIPT)


def test_folders_whose_names_are_no_ids_are_told_in_one_line_and_used_by_nothing(tree: Tree) -> None:
    tree.run("rs_a")
    nasty(tree.root)
    found = overview(tree.root, None)
    assert (found.open_batches, found.foreign, states.batches(ProjectPaths(tree.root))) == ((), (), ())
    (told,) = (line for line in found.problems if line.startswith("batches/"))
    assert f"{len(NASTY)} names: " in told
    assert not any("\n" in line for line in found.problems)
    assert set(found.runs) == {"rs_a"}
    assert found.runs["rs_a"].state == "pending"


TYPED = re.compile(r"(?:cosmosctl|mv|rm|chmod|ls) [^\n]*")


def test_what_is_told_to_be_typed_runs_nothing_else(tree: Tree, tmp_path: Path) -> None:
    """Every line that a verb prints is given to a shell from where a command begins in it."""
    tree.run("rs_a")
    (tree.root / "runs/rs_z").mkdir()
    (tree.root / "runs/rs_z/run.yml").touch()
    nasty(tree.root)
    harmless = tmp_path / "bin"
    harmless.mkdir()
    for name in ("cosmosctl", "mv", "rm", "chmod", "ls"):
        (harmless / name).symlink_to(shutil.which("true") or "/bin/true")
    (harmless / "touch").symlink_to(shutil.which("touch") or "/bin/touch")
    typed = set()
    for verb in (("status",), ("check",), ("list", "batches"), ("log",), ("show", "rs_a")):
        done = tree.cli(*verb, env=NOBODY, expect=None)
        for line in (*done.out.splitlines(), *done.err.splitlines()):
            typed |= {found[0].rstrip(')"') for found in TYPED.finditer(line)}
    assert any(line.startswith("mv ") for line in typed)
    for line in typed:
        subprocess.run(
            ("/bin/sh", "-c", line), cwd=tmp_path, env={"PATH": str(harmless)}, capture_output=True, check=False
        )
    assert not (tmp_path / "ran").exists()


def test_a_command_that_is_told_is_put_together_by_the_one_function_that_quotes() -> None:
    assert command("show", "a;b") == "cosmosctl show 'a;b'"
    wrong = [f"{path}:{line}" for path in sorted(Path(cosmosctl.__file__).parent.rglob("*.py")) for line in bare(path)]
    assert wrong == []


COMMANDS = re.compile(
    r"(^|[^\w])((?<!another )cosmosctl( [a-z-]+)+|mv|rm( -r)?|chmod \S+|ls -l|git -C|cd|mkdir -p|ssh) $"
)


def bare(path: Path) -> Iterator[int]:
    """Lines of f-strings in which a value follows a command without being quoted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for before, value in pairwise(parts):
            text = str(before.value) if isinstance(before, ast.Constant) else ""
            if COMMANDS.search(text) and isinstance(value, ast.FormattedValue) and not is_quoted(value.value):
                yield value.lineno


def is_quoted(value: ast.expr) -> bool:
    """Whether it is quoted where it stands, or by the name of what was quoted before."""
    is_call = isinstance(value, ast.Call) and ast.unparse(value.func) in ("shlex.quote", "shlex.join", "command")
    return is_call or (isinstance(value, ast.Name) and value.id in ("way", "repo"))


def test_videos_from_outside_count_only_once_this_machine_was_asked(tree: Tree, tmp_path: Path) -> None:
    shutil.move(tree.root / "inputs/videos/city", tmp_path / "films")
    tree.config("project: 5f3a91c2\nallow_outside_inputs: true\n")
    tree.prompt("ps_a", scene=str(tmp_path / "films"))
    tree.run("rs_a")
    env = {**NOBODY, "XDG_STATE_HOME": str(tmp_path / "state")}
    for verb in (("check",), ("batch", "--dry-run"), ("create", "run", "ps_a")):
        assert "cosmosctl host allow --outside-inputs" in tree.cli(*verb, env=env, expect=3).err
    told = tree.cli("batch", env=env, expect=4).err
    assert f"allow_outside_inputs of {tree.root} was not allowed on this machine yet" in told
    assert not tree.paths.batches.exists()
    tree.cli("host", "allow", "--outside-inputs", env=env)
    tree.cli("check", env=env)


def test_what_was_checked_with_leave_does_not_count_without(nobody: Path) -> None:
    films = nobody.parent / "films"
    films.mkdir()
    (films / "color.mp4").write_bytes(b"x")
    (nobody / "cosmosctl.yaml").write_text("project: p1\nallow_outside_inputs: true\n")
    (nobody / "prompts").mkdir()
    (nobody / "prompts/ps_a.yaml").write_text(f"text: a\nvideo: {films}\n")
    for path in (nobody / "cosmosctl.yaml", nobody / "prompts/ps_a.yaml", films, films / "color.mp4"):
        os.utime(path, (1, 1))
    trust.allow(trust.outside_leave(nobody))
    assert load_all(nobody).problems == ()
    user_state.forget(user_state.OUTSIDE, trust.outside_leave(nobody).digest)
    assert [problem.file for problem in load_all(nobody).problems] == ["prompts/ps_a.yaml"]


@pytest.fixture
def foreign(tree: Tree) -> Tree:
    """A clone with an unfinished batch whose plan came along; its host would run a canary."""
    tree.run("rs_a")
    tree.run("rs_b")
    plan = plan_of("night")
    canary = ["/bin/sh", "-c", f"touch {tree.home}-ran"]
    plan["host"] |= {"engine_command": canary, "ssh_args": ["-oProxyCommand=touch ran"], "address": "box"}
    plan["groups"][0] |= {"argv": canary}
    written(tree.root, "night", plan)
    return tree


def test_a_batch_of_another_clone_is_shown_as_that_and_holds_no_run(foreign: Tree) -> None:
    allow = "cosmosctl host allow --batch night"
    assert allow in foreign.cli("status").out
    found = json.loads(foreign.cli("status", "--json").out)
    assert found["elsewhere"] == [{"id": "night", "next": [allow]}]
    assert {run["status"] for run in found["runs"]} == {"pending"}
    assert allow in foreign.cli("list", "batches").err
    assert json.loads(foreign.cli("list", "batches", "--json").out)[0]["status"] == "elsewhere"
    assert allow in foreign.cli("show", "night").out
    assert allow in foreign.cli("log").out


def test_a_plan_that_was_cut_off_by_a_stranger_holds_no_run(foreign: Tree) -> None:
    plan = foreign.paths.batch("night").plan
    plan.write_text(plan.read_text()[:-9])
    assert states.held_runs(foreign.paths) == {}


READING = (
    ("status",),
    ("list", "runs"),
    ("list", "batches"),
    ("list", "prompts"),
    ("show", "rs_a"),
    ("show", "night"),
    ("check",),
    ("diff", "rs_a"),
    ("history",),
    ("host", "list"),
)


def test_whoever_only_reads_starts_no_process(foreign: Tree, tmp_path: Path) -> None:
    """PATH holds a canary in place of every program; nothing else could be started by its name."""
    canaries = tmp_path / "canaries"
    canaries.mkdir()
    for name in ("ssh", "rsync", "sh", "bash", "git", "docker", "podman", "ffmpeg", "python3", "nvidia-smi", "env"):
        (canaries / name).write_text(f"#!/bin/sh\n: > '{tmp_path}/ran'\n")
        (canaries / name).chmod(0o755)
    before = foreign.files()
    tab = {"_COSMOSCTL_COMPLETE": "bash_complete", "COMP_WORDS": "cosmosctl show r", "COMP_CWORD": "2"}
    for verb, more in (*((verb, {}) for verb in READING), ((), tab)):
        foreign.cli(*verb, env={**NOBODY, "PATH": str(canaries), **more}, expect=None)
        assert not (tmp_path / "ran").exists(), verb
    assert foreign.files() == before


def test_no_verb_reaches_for_the_host_of_another_clone(foreign: Tree, tmp_path: Path) -> None:
    canaries = tmp_path / "canaries"
    canaries.mkdir()
    for name in ("ssh", "touch"):
        (canaries / name).write_text(f"#!/bin/sh\n: > '{tmp_path}/ran'\n")
        (canaries / name).chmod(0o755)
    env = {**NOBODY, "PATH": f"{canaries}:{os.environ['PATH']}"}
    verbs = "attach", "attach night", "fetch", "fetch night", "logs night", "retry night", "gc local", "cancel night"
    for verb in verbs:
        assert foreign.cli(*verb.split(), env=env, expect=None).code != 70, verb
        assert not (tmp_path / "ran").exists(), verb
        assert not Path(f"{foreign.home}-ran").exists(), verb


def test_a_hundred_mistakes_are_shown_and_the_others_counted(tree: Tree) -> None:
    for number in range(MOST_SHOWN + 50):
        tree.run(f"rs_{number:03}", more="sed: 1\n")
    for verb in (("check",), ("batch",)):
        told = tree.cli(*verb, expect=3).err
        assert told.count("unknown key") == MOST_SHOWN
        assert "and 50 more" in told
    told = tree.cli("status").out
    assert told.count("unknown key") == MOST_SHOWN
    assert "and 50 more" in told
    found = json.loads(tree.cli("status", "--json").out)
    assert (len(found["mistakes"]), found["mistakes_total"]) == (MOST_SHOWN, MOST_SHOWN + 50)


def test_of_the_mistakes_in_one_file_a_hundred_are_kept(nobody: Path) -> None:
    (nobody / "runs/rs_a").mkdir(parents=True)
    (nobody / "runs/rs_a/run.yaml").write_text("{" + "a," * 3000 + "}")
    problems = load_all(nobody).problems
    assert len(problems) == MOST_SHOWN + 1
    assert "more mistakes in this file" in problems[-1].message


def counted_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words for which near ones are looked for from now on."""
    asked: list[str] = []
    real = difflib.get_close_matches

    def counting(word: str, known: Sequence[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
        asked.append(word)
        return real(word, known, n, cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    return asked


def test_names_that_were_meant_are_looked_for_a_hundred_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = counted_calls(monkeypatch)
    found = run_of(parse("".join(f"seed{number}: 1\n" for number in range(2000))), "rs_a", "run.yaml")
    assert len(found.mistakes) > 2000
    assert 0 < len(asked) <= MOST_SHOWN


def test_prompts_that_were_meant_are_looked_for_among_so_many_ids_only(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted_calls(monkeypatch)
    monkeypatch.setattr("cosmosctl.store.reading.lost._COMPARED", 20)
    (nobody / "prompts").mkdir()
    for number in range(10):
        (nobody / f"prompts/ps_{number}.yaml").write_text("text: a\nvideo: x\n")
        (nobody / f"runs/rs_{number}").mkdir(parents=True)
        (nobody / f"runs/rs_{number}/run.yaml").write_text(f"prompt: px_{number}\ncontrols: {{edge: 1}}\n")
    problems = [problem for problem in load_all(nobody).problems if "there is no prompt" in problem.message]
    assert (len(problems), len(asked)) == (10, 2)
    assert "did you mean" in problems[0].message


def test_the_slow_parser_is_given_no_more_than_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from cosmosctl.yaml import reader

    events: list[Any] = []
    real = reader._PureParser

    class Counting:
        def __init__(self, text: str) -> None:
            self._real = real(text)

        def get_event(self) -> Any:
            events.append(self._real.get_event())
            return events[-1]

    monkeypatch.setattr(reader, "_PureParser", Counting)
    assert parse_bytes(b"a: [x:1, y:2]\n").mistakes == ()
    events.clear()
    assert parse_bytes(b"{" + b"a," * 30_000).mistakes
    assert 0 < len(events) < 10_000


def test_a_file_of_the_tool_is_read_no_further_than_its_first_mistake() -> None:
    assert len(parse("{" + "a," * 5000 + "}").mistakes) == 4999
    assert len(parse("{" + "a," * 5000 + "}", of_tool=True).mistakes) == 1


def test_a_receipt_of_more_than_a_mebibyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "result.yaml"
    file.write_text(RECEIPT + "#" * (1 << 20))
    assert read_receipt(file) is None
    assert trouble(file) == "cannot be read: it is larger than 1 MiB"


class Counted(tuple[str, ...]):
    """Parents that count how often they are looked through."""

    looked = 0

    def __iter__(self) -> Iterator[str]:
        Counted.looked += 1
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        Counted.looked += 1
        return super().__contains__(key)


def test_the_newest_of_many_attempts_is_found_without_comparing_each_with_each() -> None:
    attempts = [Row(f"b{number}", Counted((f"b{number - 1}",)), number) for number in range(1000)]
    assert newest(attempts) == attempts[-1]
    assert newest(reversed(attempts)) == attempts[-1]
    assert Counted.looked <= 4 * len(attempts)


def test_what_names_itself_as_its_parent_is_no_older_for_it() -> None:
    assert newest([Row("a", ("a",), 1), Row("b", ("a",), 2)]) == Row("b", ("a",), 2)
    assert newest([Row("a", ("b",), 1), Row("b", ("a",), 2)]) == Row("a", ("b",), 1)


FISH = 'source (cosmosctl completion fish | psub); complete -C "cosmosctl show r"; complete -C "cosmosctl show z"'
ZSH = """
autoload -Uz compinit; compinit -u -D
compadd() { print -r -- "offered: ${completions[*]} ${completions_with_descriptions[*]}" }
_describe() { print -r -- "described: $1 ${(P)2}" }
eval "$(cosmosctl completion zsh)"
for word in r z; do words=(cosmosctl show $word) CURRENT=3; _cosmosctl_completion; done
"""


@pytest.mark.parametrize(("shell", "script"), [(("fish", "--no-config", "-c"), FISH), (("zsh", "-f", "-c"), ZSH)])
def test_tab_of_other_shells_offers_ids_only(tree: Tree, shell: tuple[str, ...], script: str) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    tree.run("rs_a")
    for folder in ("runs", "batches"):
        (tree.root / folder / "zz$(touch ran)").mkdir(parents=True)
        (tree.root / folder / "zz$(touch ran)" / "run.yaml").touch()
    done = subprocess.run(
        (*shell, script),
        cwd=tree.root,
        env=tree.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "rs_a" in done.stdout, done.stderr
    assert "touch" not in done.stdout
    assert not (tree.root / "ran").exists()
