"""A clone of a hundred thousand names, or of files of gigabytes, is looked at within seconds and half a gigabyte.

`make soak` has the hundred thousand; here it is a part of that.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl.commands.look.status import overview
from cosmosctl.commands.run import make_batches
from cosmosctl.domain.batch import MOST_RUNS
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import MOST_SHOWN, FileError, UsageError
from cosmosctl.plan import bundle_reader
from cosmosctl.results.batch_end import BatchEnd, read_end, write_end
from cosmosctl.state import batch_list, states
from cosmosctl.yaml import facts
from tests.support.examples import IS_SOAK
from tests.support.watched import MOST_KIB, Machine, Watched

NAMES = 100_000 if IS_SOAK else 1_000
"""So many lie in each of runs/, prompts/ and batches/."""
CONFIG = "project: 5f3a91c2\nmodel: transfer1\nhost: local\n"
BATCH = "b_20260101_120000"
LARGE = (
    *(
        f"batches/{BATCH}/{name}"
        for name in ("batch.yaml", "batch.local.yaml", "plan.json", "rows.txt", "events.jsonl")
    ),
    *(
        f"batches/{BATCH}/{name}"
        for name in ("end.yaml", "launch.yaml", "batch.log", "inputs.txt", "events-before.jsonl")
    ),
    *(f".cosmosctl/{name}" for name in ("index", "hashes.json", "videos.json", "controls.json", "forward", "lock")),
    *("runs/rs_a/result.yaml", "runs/rs_a/result.local.yaml", "runs/rs_a/manifest.txt", "runs/rs_a/logs/failure.yaml"),
    *("runs/rs_b/run.yaml", "prompts/ps_b.yaml", ".gitignore", ".git/HEAD", ".git/packed-refs"),
)
LARGE_BYTES = 900 << 20
"""git keeps as many zeros in less than a megabyte."""
VERBS = (
    ("status",),
    ("list", "runs"),
    ("list", "prompts"),
    ("list", "batches"),
    ("check",),
    ("gc", "local"),
    ("batch",),
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A user's machine, where each verb is bounded and watched."""
    made = Machine(tmp_path_factory.mktemp("many") / "machine")
    made.temp.mkdir()
    yield made
    made.close()


@pytest.fixture
def project(machine: Machine) -> Iterator[Path]:
    """Nothing but cosmosctl.yaml."""
    for folder in ("runs", "prompts", "batches"):
        (machine.project / folder).mkdir(parents=True)
    (machine.project / "cosmosctl.yaml").write_text(CONFIG)
    yield machine.project
    shutil.rmtree(machine.project)


def _unfinished(project: Path, number: int) -> None:
    """So many batches of another clone."""
    for each in range(number):
        folder = project / f"batches/b{each}_20260101_120000"
        folder.mkdir()
        (folder / "batch.yaml").write_text("number: 1\n")
        (folder / "plan.json").write_text("{}\n")


def _run(machine: Machine, *argv: str) -> Watched:
    """What a verb did, which the kernel ends when it takes more than it may."""
    done = machine.run(*argv)
    assert done.code in (0, 2, 3), str(done)
    assert not done.hangs, str(done)
    assert done.peak_kib < MOST_KIB, str(done)
    return done


@pytest.mark.parametrize("kind", ["folders", "links"])
def test_a_clone_of_very_many_names_is_told_in_a_few_lines(machine: Machine, project: Path, kind: str) -> None:
    for number in range(NAMES):
        if kind == "folders":
            os.mkdir(f"{project}/runs/rs_{number}")  # noqa: PTH102  # very many of them
            os.mkdir(f"{project}/batches/b{number}")  # noqa: PTH102
        else:
            os.symlink("x", f"{project}/runs/rs_{number}")  # noqa: PTH211
            os.symlink("x", f"{project}/batches/b{number}")  # noqa: PTH211
        os.symlink("x", f"{project}/prompts/ps_{number}.yaml")  # noqa: PTH211
    told = {" ".join(verb): _run(machine, *verb) for verb in VERBS}
    for verb in ("status", "check", "batch", "gc local"):
        assert len((told[verb].out + told[verb].err).splitlines()) < 2 * MOST_SHOWN, str(told[verb])
    assert f"{NAMES - MOST_SHOWN if kind == 'folders' else 2 * NAMES - MOST_SHOWN:,} more" in told["check"].err.decode()
    if kind == "folders":
        assert f"without run.yaml: {NAMES} folders: rs_0, rs_1, rs_10, …" in told["status"].out.decode()


def test_a_clone_of_very_large_files_is_read_within_bounds(machine: Machine, project: Path) -> None:
    (project / "runs/rs_a").mkdir()
    (project / "runs/rs_a/run.yaml").write_text("prompt: ps_a\ncontrols: {edge: 0.5}\n")
    (project / "prompts/ps_a.yaml").write_text("text: a\nvideo: inputs\n")
    for name in LARGE:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
        os.truncate(project / name, LARGE_BYTES)
    (project / f"batches/{BATCH}/plan.json").write_bytes(b"{")
    os.truncate(project / f"batches/{BATCH}/plan.json", LARGE_BYTES)
    for verb in (*VERBS, ("show", "rs_a"), ("show", BATCH), ("history",), ("logs", BATCH), ("attach", BATCH)):
        _run(machine, *verb)


def test_an_index_of_gigabytes_with_our_header_is_read_no_further(machine: Machine, project: Path) -> None:
    (project / "runs/rs_a").mkdir()
    _run(machine, "status")
    os.truncate(project / ".cosmosctl/index", LARGE_BYTES)
    assert b"no runs yet" in _run(machine, "status").out


def test_status_says_how_many_batches_it_does_not_look_into(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_list, "MOST", 3)
    _unfinished(project, 5)
    told = "batches/: 2 batches beyond 3 are not looked at, 2 of them unfinished"
    assert told in overview(project, None).problems


def test_batch_is_refused_while_nobody_can_look_at_every_unfinished_batch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_list, "MOST", 3)
    _unfinished(project, 5)
    words = r"batches/: 2 batches beyond 3 are not looked at, 2 of them unfinished; they may hold any run"
    with pytest.raises(FileError, match=words):
        make_batches.refuse_held(ProjectPaths(project), ["rs_a"])


def test_a_batch_takes_no_more_runs_than_what_is_read_of_it_may_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_batches, "MOST_RUNS", 2)
    make_batches.refuse_too_many(["rs_a", "rs_b"])
    with pytest.raises(UsageError, match="a batch takes at most 2 runs, these are 3"):
        make_batches.refuse_too_many(["rs_a", "rs_b", "rs_c"])


def test_the_end_of_the_largest_batch_is_within_its_bound_and_a_larger_one_is_no_end(tmp_path: Path) -> None:
    runs = [f"{number:064d}" for number in range(500)]  # no id is longer
    end = BatchEnd(
        *(BATCH, "lab", "transfer1", False, "done", "2026-01-01T00:00:00Z", 1.0, 1.0),
        runs=dict.fromkeys(runs, "model-error"),
        video_s=dict.fromkeys(runs, 1234.567),
        frames=dict.fromkeys(runs, 5000),
    )
    write_end(tmp_path / "end.yaml", end)
    assert read_end(tmp_path / "end.yaml") == end
    assert (tmp_path / "end.yaml").stat().st_size * MOST_RUNS / len(runs) < facts.MOST_BYTES
    os.truncate(tmp_path / "end.yaml", facts.MOST_BYTES + 1)
    assert read_end(tmp_path / "end.yaml") is None


def test_a_plan_that_was_not_made_here_is_read_up_to_a_bound(project: Path) -> None:
    paths = ProjectPaths(project).batch(BATCH)
    paths.root.mkdir()
    paths.plan.write_bytes(b"{")
    os.truncate(paths.plan, bundle_reader.FOREIGN_BYTES + 1)
    with pytest.raises(FileError, match="it is larger than 16 MiB, and not as it was made on this machine"):
        bundle_reader.read_batch(paths)


def test_a_foreign_batch_whose_plan_is_cut_off_holds_nothing_and_is_shown(machine: Machine, project: Path) -> None:
    folder = project / "batches/b_20260101_120000"
    folder.mkdir()
    (folder / "batch.yaml").write_text("number: 1\n")
    (folder / "plan.json").write_text('{"batch": "b_2026')
    (folder / "rows.txt").write_text("5f3a91c2 rs_a abc\n")
    assert states.open_batches(ProjectPaths(project)) == ()
    told = _run(machine, "status").out.decode()
    assert "Made elsewhere, so that they hold no run here:" in told
    assert "\tb_20260101_120000\n" in told
