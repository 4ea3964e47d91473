"""Files that a host, git or a crash may have spoilt: each is read as far as it is sound, and what is not is told."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosmosctl.commands.look.listing import batch_rows
from cosmosctl.commands.look.status import overview
from cosmosctl.errors import FileError
from cosmosctl.events.lines import parse_lines
from cosmosctl.events.progress import Progress, read_progress
from cosmosctl.io.checked import Unreadable, parse_json, read_bounded, typed
from cosmosctl.plan import bundle_reader
from cosmosctl.results.receipts import Receipt, read_failure, read_receipt
from cosmosctl.state.states import open_batches
from tests.support import aftermath
from tests.support.examples import SPEED
from tests.support.tree import Tree

BAD_LINES = (
    '{"ev":"loaded","t":1,"proc":"x","load_s":1' + "0" * 400 + "}",
    '{"ev":"loaded","t":1,"proc":"x","load_s":1e999}',
    '{"ev":"loaded","t":1,"proc":"x","load_s":NaN}',
    '{"ev":"loaded","t":1,"proc":"x","load_s":' + "9" * 5000 + "}",
    '{"ev":"loaded","t":1e300,"proc":"x","load_s":1}',
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"ev":"process_start","t":1,"proc":"x","runs":[[],{}],"log":"logs/x"}\n{"ev":"process_end","t":1,"proc":"x"}',
    '{"ev":"process_start","t":1,"proc":"x","runs":[],"log":"logs/x","gpu":[]}',
    '{"ev":"process_start","t":1,"proc":[],"runs":[],"log":{}}',
    '{"ev":"batch_start","t":1,"gpus":{"0":[]},"image":[],"commit":{}}',
    '{"ev":"row_start","t":1,"run":["rs_a"]}',
    '{"ev":"progress","t":1,"run":"rs_a","done":true,"total":0}',
    '{"ev":"run_done","t":1,"run":{},"seconds":1,"attempts":1,"outputs":[]}',
    '{"ev":"run_done","t":1,"run":"rs_zz","seconds":1,"attempts":1,"outputs":[{"path":[],"sha256":1,"bytes":-1}]}',
    '{"ev":"run_failed","t":1,"run":"rs_zz","reason":"\\ud800","detail":"x","kept":[1]}',
    '{"ev":[],"t":1}',
    "\x00\xff",
)


@pytest.fixture
def sent(quick_tree: Tree) -> Tree:
    """A project with two runs whose batch has ended on its host; nothing of it is here yet."""
    quick_tree.run("rs_a")
    quick_tree.run("rs_b", more="seed: 7\n")
    quick_tree.cli("batch", "--detach")
    aftermath.until_told(aftermath.host_folder(quick_tree), "batch_done")
    return quick_tree


@pytest.fixture
def open_batch(quick_tree: Tree) -> Tree:
    """A project with two runs in a batch that is not sent: nobody answers at the host's address."""
    quick_tree.run("rs_a")
    quick_tree.run("rs_b", more="seed: 7\n")
    quick_tree.config(
        "project: 5f3a91c2\nmodel: transfer1\nhost: gone\nhosts:\n"
        "  gone: {engine: preview, dir: /dev/null/x, address: 'ssh://nobody@127.0.0.1:1'}\n"
    )
    quick_tree.cli("batch", expect=4)
    return quick_tree


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_of_a_host_changes_nothing_of_what_the_others_say(sent: Tree, line: str) -> None:
    events = aftermath.host_folder(sent) / "events.jsonl"
    events.write_bytes(line.encode("latin-1") + b"\n" + events.read_bytes())
    assert sent.cli("status").code == 0
    sent.cli("fetch")
    assert sent.states() == {"rs_a": "done", "rs_b": "done"}


def test_a_reason_that_is_none_of_ours_becomes_model_error_and_a_word_of_the_detail(tmp_path: Path) -> None:
    event = {"ev": "run_failed", "t": 1, "run": "rs_a", "reason": "fine", "detail": "all is well", "kept": []}
    (found,) = parse_lines([json.dumps(event).encode()])
    assert (found["reason"], found["detail"]) == ("model-error", "fine: all is well")
    note = tmp_path / "failure.yaml"
    note.write_text("{run: rs_a, batch: b, state: failed, reason: fine, detail: well, spec: s, ended: e}\n")
    failure = read_failure(note)
    assert failure is not None
    assert (failure.reason, failure.detail) == ("model-error", "fine: well")


def test_what_is_said_of_runs_of_others_is_not_kept() -> None:
    from cosmosctl.events.progress import Reckoning

    reckoning = Reckoning(["rs_a"])
    for number in range(1000):
        event = {"ev": "run_cancelled", "t": 1, "run": f"rs_{number}"}
        for found in parse_lines([json.dumps(event).encode()]):
            reckoning.add(found)
    told = reckoning.progress()
    assert told == Progress(elapsed=told.elapsed)


def test_each_event_is_taken_in_once_however_many_there_are(tmp_path: Path) -> None:
    lines = [json.dumps({"ev": "run_cancelled", "t": 1, "run": f"rs_{number}"}) for number in range(20_000)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join([*lines, '{"ev":"loaded","t":1,"load_s":2}', "x" * (17 << 20), lines[0], ""]))
    found = read_progress(file)
    assert (len(found.ends), found.loads) == (20_000, (2.0,))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["rs_a", "logs/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "t",
    "run",
    "proc",
    "runs",
    "history",
    "gpu",
    "gpus",
    "load_s",
    "seconds",
    "attempts",
    "outputs",
    "reason",
    "detail",
)
NAMES = ("batch_start", "process_start", "process_end", "loaded", "row_start", "progress", "run_done", "run_failed")
ANY_EVENT = st.fixed_dictionaries(
    {"ev": st.sampled_from((*NAMES, "run_cancelled", "run_again", "batch_done", "waiting"))},
    optional=dict.fromkeys((*KEYS, "kept", "state", "lock", "done", "total"), ANY_JSON),
)


@settings(max_examples=60, suppress_health_check=(*SPEED, HealthCheck.function_scoped_fixture))
@given(st.lists(ANY_EVENT, max_size=12))
def test_no_events_whatever_they_say_end_status_or_list(open_batch: Tree, said: list[dict[str, object]]) -> None:
    paths = open_batch.batches()[-1]
    paths.events.write_text("".join(json.dumps({"t": 1, **event}) + "\n" for event in said))
    found = overview(open_batch.root, None)
    assert set(found.runs) == {"rs_a", "rs_b"}
    assert [row["id"] for row in batch_rows(open_batch.root, limit=None)] == [paths.name]


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 3])


def _gone(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _zeros(file: Path) -> None:
    file.write_bytes(bytes(len(file.read_bytes())))


@pytest.mark.parametrize("spoil", [_torn, _gone, _folder, _pipe, _zeros])
def test_a_spoilt_list_of_rows_is_told_and_its_runs_stay_held(open_batch: Tree, spoil: Callable[[Path], None]) -> None:
    paths = open_batch.batches()[-1]
    spoil(paths.rows_list)
    told = open_batch.cli("status").out
    assert f"batches/{paths.name}/rows.txt: cannot be read: " in told
    assert f"cosmosctl cancel {paths.name} --abandon" in told
    assert open_batch.states() == {"rs_a": "queued", "rs_b": "queued"}
    assert open_batch.cli("batch").code == 0
    assert open_batch.cli("cancel", paths.name, "--abandon").code == 0
    assert not open_batches(open_batch.paths)


def test_a_spoilt_list_of_rows_is_written_anew_before_it_is_sent(open_batch: Tree) -> None:
    paths = open_batch.batches()[-1]
    whole = paths.rows_list.read_text()
    _torn(paths.rows_list)
    open_batch.cli("attach", expect=4)
    assert paths.rows_list.read_text() == whole


@pytest.mark.parametrize("spoil", [_torn, _folder, _zeros])
def test_a_batch_whose_plan_is_spoilt_is_told_and_can_be_given_up(
    open_batch: Tree, spoil: Callable[[Path], None]
) -> None:
    paths = open_batch.batches()[-1]
    spoil(paths.plan)
    assert f"batches/{paths.name}/plan.json: cannot be read: " in open_batch.cli("status").out
    assert "plan.json: cannot be read as a plan: " in open_batch.cli("attach", paths.name, expect=3).err
    assert "plan.json: cannot be read as a plan: " in open_batch.cli("fetch").err
    assert "plan.json: cannot be read as a plan: " in open_batch.cli("attach").err
    assert "unreadable" in open_batch.cli("list", "batches").out
    open_batch.cli("cancel", paths.name, "--abandon")
    assert open_batch.states() == {"rs_a": "pending", "rs_b": "pending"}


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 5},
        {"groups": [[]]},
        {"inputs": {}},
        {"key": []},
        {"batch": "../x"},
        {"host": []},
        {"host": {"name": "a", "engine": [], "dir": 1}},
        {"number": "x"},
        {"groups": [{"name": "g", "rows": [{"run": ["x"], "prompt": 1, "spec": 2}]}]},
    ],
)
def test_a_plan_of_other_types_is_no_plan(open_batch: Tree, change: dict[str, object]) -> None:
    paths = open_batch.batches()[-1]
    paths.plan.write_text(json.dumps(json.loads(paths.plan.read_text()) | change))
    with pytest.raises(FileError, match="cannot be read as a plan"):
        bundle_reader.read_batch(paths)


@pytest.mark.parametrize("spoil", [_torn, _gone, _folder, _zeros])
@pytest.mark.parametrize("name", ["index", "hashes.json", "videos.json"])
def test_what_is_only_remembered_may_be_spoilt(tree: Tree, spoil: Callable[[Path], None], name: str) -> None:
    tree.run("rs_a")
    tree.cli("check")
    files = [file for file in tree.paths.derived.rglob("*") if file.name.startswith(name.partition(".")[0])]
    for file in files:
        if file.is_file():
            spoil(file)
    assert tree.cli("check").code == 0
    assert tree.states() == {"rs_a": "pending"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1' + b"0" * 400 + b"}", "is too large"),
        (b'{"a": 1e999}', "is too large"),
        (b"\xff", "it is no JSON"),
        (b"", "it is no JSON"),
    ],
)
def test_what_is_no_json_of_ours_is_told_in_words(said: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse_json(said)


def test_a_file_of_more_bytes_than_it_may_have_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 1 << 40)
    with pytest.raises(Unreadable, match="it is larger than 1 MiB"):
        read_bounded(tmp_path / "large", 1 << 20)


@pytest.mark.parametrize(
    ("key", "value"),
    [("outputs", "{a: [1]}"), ("warnings", "[1]"), ("load_s", ".nan"), ("attempts", "true"), ("attempts", "9" * 30)],
)
def test_a_receipt_whose_values_are_of_other_types_is_none(tmp_path: Path, key: str, value: str) -> None:
    receipt = Receipt(
        format=1,
        run="r",
        batch="b",
        batch_size=1,
        status="completed",
        primary_output="outputs/o",
        primary_bytes=1,
        model="m",
        preview=False,
        host="h",
        ended="e",
        attempts=1,
        load_s=1.5,
        video_s=2.5,
        prompt_id="p",
        prompt="t",
        seed=1,
        spec="s",
        effective={},
        sources={},
        inputs={},
        outputs={},
    )
    from cosmosctl.results.receipts import receipt_text

    file = tmp_path / "result.yaml"
    file.write_text(receipt_text(receipt))
    found = read_receipt(file)
    assert found is not None
    assert receipt_text(found) == receipt_text(receipt)
    lines = [line for line in receipt_text(receipt).splitlines() if not line.startswith(f"{key}:")]
    file.write_text("\n".join([*lines, f"{key}: {value}", ""]))
    assert read_receipt(file) is None


@dataclass(frozen=True)
class Told:
    """Two kinds of numbers."""

    share: float
    count: int


@pytest.mark.parametrize("facts", [{"share": 10**400, "count": 1}, {"share": 0.5, "count": 2**63}])
def test_a_number_beyond_what_is_counted_with_is_unreadable(facts: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        typed(Told, facts)
    assert typed(Told, {"share": 1, "count": -1}) == Told(1, -1)
