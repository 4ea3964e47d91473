"""A state that is remembered is the one that the files tell, whatever was done to them since."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cosmosctl.domain.batch import stamp_of
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.io.atomic import write_text
from cosmosctl.results.receipts import Failure, Receipt, failure_text, receipt_text, write_receipt
from cosmosctl.state.current import Current
from cosmosctl.state.states import RunState, all_states
from cosmosctl.store import load_all
from tests.support.waiting import wait_for_next_tick

RUNS = ("rs_here", "rs_preview")
"""One whose own video is here, one that has a preview alone."""
VIDEO = b"a video"


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is five seconds ahead: files that were just written count as old enough to be remembered."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 5_000_000_000)


@pytest.fixture
def project(tmp_path: Path) -> ProjectPaths:
    """Two runs, both done."""
    project = ProjectPaths(tmp_path / "project")
    (project.root / "inputs/videos/city").mkdir(parents=True)
    (project.root / "inputs/videos/city/color.mp4").write_bytes(b"the city")
    project.prompts.mkdir()
    project.config.write_text("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    project.prompt("ps_a").write_text("text: a street\nvideo: inputs/videos/city\n")
    for run in (*RUNS, "rs_new"):
        project.run(run).root.mkdir(parents=True)
        project.run(run).spec.write_text("prompt: ps_a\ncontrols: {edge: 0.5}\n")
    _finish(project, "rs_here", project.run("rs_here").result)
    _finish(project, "rs_preview", project.run("rs_preview").preview)
    return project


def _finish(project: ProjectPaths, run: str, place: ResultPaths) -> None:
    place.outputs.mkdir(parents=True)
    place.logs.mkdir()
    (place.outputs / "output.mp4").write_bytes(VIDEO)
    receipt = _receipt(project, run)
    if place.is_versioned:
        write_text(place.report, receipt_text(receipt))
    write_receipt(place, receipt, "")


def _receipt(project: ProjectPaths, run: str) -> Receipt:
    current = Current(project, load_all(project.root))
    return Receipt(
        run=run,
        batch="b_20260101_120000",
        batch_size=2,
        status="completed",
        primary_output="outputs/output.mp4",
        primary_bytes=len(VIDEO),
        model="transfer1",
        preview=run == "rs_preview",
        host="local",
        ended=stamp_of(1_800_000_000),
        attempts=1,
        load_s=1.0,
        video_s=1.0,
        prompt_id="ps_a",
        prompt="a street",
        seed=1,
        spec=current.spec_hash(run),
        effective=current.facts(run),
        sources={},
        inputs={},
        outputs={"output.mp4": hashlib.sha256(VIDEO).hexdigest()},
    )


def _states(project: ProjectPaths, *, preview: bool = True) -> dict[str, RunState]:
    return dict(all_states(project, load_all(project.root), preview=preview, unfinished=()))


def _known(project: ProjectPaths) -> list[str]:
    index = load_all(project.root).index
    return [run for run in RUNS if index.run(run).state]


def _other_bytes(path: str) -> Callable[[ProjectPaths], None]:
    """The file has other bytes, as many, and by hand the same modification time."""

    def change(project: ProjectPaths) -> None:
        file = project.root / path
        before = file.stat()
        wait_for_next_tick(project.root.parent)
        file.write_bytes(bytes(before.st_size))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def _gone(path: str) -> Callable[[ProjectPaths], None]:
    def change(project: ProjectPaths) -> None:
        whole = project.root / path
        shutil.rmtree(whole) if whole.is_dir() else whole.unlink()

    return change


def _link(path: str) -> Callable[[ProjectPaths], None]:
    """The same behind a link, which is the project's own no more."""

    def change(project: ProjectPaths) -> None:
        place = project.root / path
        shutil.move(place, project.root.parent / "elsewhere")
        place.symlink_to(project.root.parent / "elsewhere")

    return change


def _text(path: str, text: str) -> Callable[[ProjectPaths], None]:
    return lambda project: write_text(project.root / path, text)


def _failed_since(place: str) -> Callable[[ProjectPaths], None]:
    """A later attempt at the same run came to nothing."""

    def change(project: ProjectPaths) -> None:
        spec = load_all(project.root).index.run("rs_here").spec
        failure = Failure(
            "rs_here", "c_20260101_130000", "failed", "blocked", "", spec, "", parents=("b_20260101_120000",)
        )
        (project.root / place).parent.mkdir(parents=True, exist_ok=True)
        write_text(project.root / place, failure_text(failure))

    return change


def _others_receipt(project: ProjectPaths) -> None:
    """The folder was copied from a run that is still there."""
    for file in ("result.yaml", "result.local.yaml"):
        path = project.root / "runs/rs_here" / file
        path.write_text(path.read_text().replace("run: rs_here", "run: rs_preview"))


CHANGES = {
    "video gone": _gone("runs/rs_here/outputs/output.mp4"),
    "preview's video gone": _gone("runs/rs_preview/preview/outputs"),
    "other video": _other_bytes("runs/rs_here/outputs/output.mp4"),
    "video longer": lambda project: (project.root / "runs/rs_here/outputs/output.mp4").write_bytes(VIDEO * 2),
    "receipt damaged": _other_bytes("runs/rs_here/result.local.yaml"),
    "report damaged": _other_bytes("runs/rs_here/result.yaml"),
    "preview's receipt damaged": _other_bytes("runs/rs_preview/preview/result.yaml"),
    "report gone": _gone("runs/rs_here/result.yaml"),
    "receipt of a copy": _others_receipt,
    "failure": _failed_since("runs/rs_here/logs/failure.yaml"),
    "failure in history": _failed_since("runs/rs_here/history/c_20260101_130000/logs/failure.yaml"),
    "outputs a link": _link("runs/rs_here/outputs"),
    "preview a link": _link("runs/rs_preview/preview"),
    "preview's outputs a link": _link("runs/rs_preview/preview/outputs"),
    "folder a link": _link("runs/rs_here"),
    "run edited": _text("runs/rs_here/run.yaml", "prompt: ps_a\ncontrols: {edge: 0.6}\n"),
    "run damaged": _text("runs/rs_here/run.yaml", "prompt: ps_a\ncontrols: {edge: 6}\n"),
    "prompt edited": _text("prompts/ps_a.yaml", "text: another street\nvideo: inputs/videos/city\n"),
    "prompt gone": _gone("prompts/ps_a.yaml"),
    "input of other bytes": _other_bytes("inputs/videos/city/color.mp4"),
    "input gone": _gone("inputs/videos/city"),
    "another default": _text(
        "cosmosctl.yaml", "project: 5f3a91c2\nmodel: transfer1\nhost: local\ndefaults: {transfer1: {seed: 5}}\n"
    ),
    "renamed": lambda project: (project.root / "runs/rs_here").rename(project.root / "runs/rs_other"),
    "nothing": lambda project: None,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_remembered_of_a_run_is_what_its_files_tell(
    project: ProjectPaths, change: Callable[[ProjectPaths], None]
) -> None:
    assert {run: found.state for run, found in _states(project).items()} == {
        **dict.fromkeys(RUNS, "done"),
        "rs_new": "pending",
    }
    assert _known(project) == list(RUNS)
    change(project)
    warm = _states(project), _states(project)
    (project.derived / "index").unlink()
    assert warm == (_states(project),) * 2


def test_a_preview_is_no_result_for_a_host_that_runs_the_model(project: ProjectPaths) -> None:
    assert _states(project)["rs_preview"].state == "done"
    assert _states(project, preview=False)["rs_preview"] == RunState("rs_preview", "pending", previewed=True)
    assert _states(project)["rs_preview"].state == "done"
