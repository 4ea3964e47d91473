"""Results that come home while their run's folder is away are its own once it is back."""

import json
import signal
from pathlib import Path

import pytest

import cosmosctl
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state import states
from tests.support.aftermath import Client, faults, rows_done, wait_until
from tests.support.aftermath import states as aftermath_states
from tests.support.tree import Tree, on_this_machine


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Two runs on the built-in host, half a second a row."""
    env = {"COSMOSCTL_PREVIEW_ROW_S": "0.5", "COSMOSCTL_PREVIEW_TALLY": str(tmp_path / "tally")}
    tree = on_this_machine(tmp_path, env)
    tree.run("rs_one")
    tree.run("rs_two", controls="{edge: 0.6}")
    return tree


@pytest.mark.parametrize("verb", [("status",), ("list", "runs"), ("show", "rs_one"), ("fetch", "rs_one"), ("log",)])
def test_results_of_a_branch_that_was_left_are_its_runs_once_it_is_back(tree: Tree, verb: tuple[str, ...]) -> None:
    _while_away(tree)
    tree.cli(*verb)
    for run in ("rs_one", "rs_two"):
        receipt = read_receipt(tree.run_paths(run).preview.receipt)
        assert receipt is not None
        assert not any("waits in" in line for line in receipt.warnings)
    assert tree.states() == {"rs_one": "done", "rs_two": "done"}
    assert not tree.batches()[-1].unclaimed.exists()


def test_a_batch_on_the_branch_that_is_back_computes_nothing_anew(tree: Tree) -> None:
    _while_away(tree)
    assert "nothing is pending" in tree.cli("batch").err
    assert sum(rows_done(tree).values()) == 2
    log = tree.run_paths("rs_one").preview.batch_log
    assert log.read_bytes() == tree.batches()[-1].log.read_bytes()


def test_what_waits_in_a_batch_of_another_clone_is_nobodys_result(tree: Tree, tmp_path: Path) -> None:
    _while_away(tree)
    before = tree.files()
    stranger = {"XDG_STATE_HOME": str(tmp_path / "stranger")}
    assert set(tree.states(env=stranger).values()) == {"pending"}
    assert tree.files() == before
    assert tree.states() == {"rs_one": "done", "rs_two": "done"}


@pytest.mark.parametrize("run", ["rs_one", "rs_two", "rs_none"])
@pytest.mark.parametrize("name", ["", "result.yaml", "preview/logs/failure.yaml"])
def test_what_the_batch_did_not_leave_there_is_nobodys_result(tree: Tree, run: str, name: str) -> None:
    tree.cli("batch", "rs_one")
    waiting = tree.batches()[-1].waiting(run).root
    waiting.mkdir(parents=True)
    if name:
        (waiting / name).parent.mkdir(parents=True, exist_ok=True)
        (waiting / name).write_text("batch: of others\n")
    tree.cli("status")
    assert waiting.is_dir()
    assert tree.states() == {"rs_one": "done", "rs_two": "pending"}


def test_a_video_whose_receipt_is_damaged_is_not_thrown_away(tree: Tree) -> None:
    _while_away(tree)
    waiting = tree.batches()[-1].waiting("rs_one")
    waiting.preview.receipt.write_text("batch: [")
    told = tree.cli("status").out
    assert "unclaimed/rs_one/preview: a video waits here, and no receipt of it can be read; cosmosctl fetch" in told
    assert (waiting.preview.outputs / "output.mp4").is_file()
    assert tree.states() == {"rs_one": "pending", "rs_two": "done"}


@pytest.mark.parametrize("damage", [b"batch: [", None])
def test_fetch_writes_the_receipt_of_what_waits_anew(tree: Tree, damage: bytes | None) -> None:
    _while_away(tree)
    receipt = tree.batches()[-1].waiting("rs_one").preview.receipt
    receipt.unlink() if damage is None else receipt.write_bytes(damage)
    tree.cli("fetch")
    assert tree.states() == {"rs_one": "done", "rs_two": "done"}
    assert not tree.batches()[-1].unclaimed.exists()
    assert "waits here" not in tree.cli("status").out


def test_what_waits_and_is_no_video_of_the_batch_stays_and_is_told(tree: Tree) -> None:
    _while_away(tree)
    place = tree.batches()[-1].waiting("rs_one").preview
    place.receipt.write_text("batch: [")
    (place.outputs / "output.mp4").write_bytes(b"another")
    told = tree.cli("fetch").err
    assert "nothing here tells what its video is" in told
    assert (place.outputs / "output.mp4").read_bytes() == b"another"
    assert tree.states() == {"rs_one": "pending", "rs_two": "done"}


def test_a_dry_run_counts_what_waits_and_writes_nothing(tree: Tree) -> None:
    _while_away(tree)
    before = tree.files()
    told = tree.cli("batch", "--dry-run").err
    assert "nothing is pending" in told
    assert "rs_one has a result that waits in batches/" in told
    assert tree.files() == before
    assert tree.batches()[-1].unclaimed.is_dir()
    tree.cli("batch", "rs_one", "--dry-run")
    assert tree.files() == before


def test_python_takes_in_what_waits(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    _while_away(tree)
    for name, value in tree.environment().items():
        monkeypatch.setenv(name, value)
    project = cosmosctl.Project(tree.root)
    assert project.pending() == ()
    assert project.batch().names == ()
    assert aftermath_states(tree) == {"rs_one": "done", "rs_two": "done"}


def test_watch_takes_in_what_waits_when_the_runs_folder_comes_back(tree: Tree) -> None:
    _while_away(tree, back=False)
    client = Client(tree, "watch")
    wait_until(lambda: client.has_printed("watching"))
    _put_back(tree, tree.home / "away")
    wait_until(lambda: tree.run_paths("rs_one").preview.receipt.exists())
    client.send(signal.SIGINT)
    assert client.end().code == 130


def test_a_failure_that_came_home_meanwhile_is_told_too(tree: Tree) -> None:
    _while_away(tree, env=faults("gpu-oom"), code=1)
    assert tree.states() == {"rs_one": "gpu-oom", "rs_two": "gpu-oom"}
    assert len(tree.cli("log", "rs_one").lines) == 1


def test_a_run_that_was_renamed_meanwhile_takes_its_result_in(tree: Tree) -> None:
    client = _begun(tree)
    tree.run_paths("rs_one").root.rename(tree.run_paths("rs_new").root)
    assert client.end().code == 0
    assert tree.states() == {"rs_new": "done", "rs_two": "done"}
    assert "nothing is pending" in tree.cli("batch").err
    assert [row["id"] for row in json.loads(tree.cli("list", "runs", "--json").out)] == ["rs_new", "rs_two"]


def test_a_result_that_waited_does_not_take_the_place_of_one_that_comes_after_it(tree: Tree) -> None:
    _while_away(tree, back=False)
    away = tree.home / "away"
    [name] = (paths.name for paths in states.batches(tree.paths))
    unclaimed, kept = tree.paths.batch(name).unclaimed, tree.home / "kept"
    unclaimed.rename(kept)
    _put_back(tree, away)
    tree.cli("batch", "rs_one")
    newer = read_receipt(tree.run_paths("rs_one").preview.receipt)
    kept.rename(unclaimed)
    tree.cli("status")
    assert read_receipt(tree.run_paths("rs_one").preview.receipt) == newer
    older = read_receipt(tree.run_paths("rs_one").kept(name).receipt)
    assert older is not None
    assert older.batch == name


def _while_away(tree: Tree, *, env: dict[str, str] | None = None, code: int = 0, back: bool = True) -> None:
    """A batch whose runs' folders are away when its results come home, as on another branch, and back afterwards."""
    client = _begun(tree, env)
    away = tree.home / "away"
    away.mkdir()
    for run in ("rs_one", "rs_two"):
        tree.run_paths(run).root.rename(away / run)
    done = client.end()
    assert done.code == code, done.err
    if back:
        _put_back(tree, away)


def _put_back(tree: Tree, away: Path) -> None:
    for folder in away.iterdir():
        folder.rename(tree.paths.runs / folder.name)


def _begun(tree: Tree, env: dict[str, str] | None = None) -> Client:
    """A batch that is bundled and whose runs have not come home."""
    client = Client(tree, "batch", env=env)
    wait_until(lambda: bool(states.open_batches(tree.paths)))
    return client
