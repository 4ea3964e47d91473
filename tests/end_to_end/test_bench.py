"""`make bench`: what a machine lacks or what breaks costs no other figure, and neither does being ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import bundling, page, remote
from tests.bench.__main__ import PARTS, Report, _measure
from tests.support import browser
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S, wait_until


def bench(file: Path, *names: str, path: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "tests.bench", "--json", str(file), *names),
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read(file: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return facts


def few_programs(folder: Path) -> str:
    """A PATH without ssh, whose rsync fails."""
    folder.mkdir()
    folders = [place for place in map(Path, os.environ["PATH"].split(":")) if place.is_dir()]
    for program in (program for place in folders for program in place.iterdir()):
        if not program.name.startswith(("ssh", "rsync")) and not (folder / program.name).is_symlink():
            (folder / program.name).symlink_to(program)
    (folder / "rsync").write_text("#!/bin/sh\necho 'no rsync today' >&2\nexit 1\n")
    (folder / "rsync").chmod(0o755)
    return str(folder)


def test_a_part_that_cannot_run_or_breaks_is_named_and_the_others_keep_their_figures(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    process = bench(file, "remote", "batch", "version", path=few_programs(tmp_path / "bin"))
    printed, _ = process.communicate(timeout=PATIENCE_S)
    facts = read(file)
    assert (process.returncode, set(facts)) == (1, {"machine", "skipped", "failed", "version"})
    assert facts["skipped"] == {"remote": "needs ssh, ssh-keygen"}
    assert "no rsync today" in facts["failed"]["batch"]
    assert facts["version"]["version_cpu_s"] > 0 and facts["version"]["tab_wall_s (at most 0.1)"] > 0
    assert "needs ssh, ssh-keygen" in printed


def test_figures_are_there_as_soon_as_they_are_measured(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    process = bench(file, "version", "status", path=os.environ["PATH"])
    wait_until(lambda: "version" in read(file), "the first figures")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert set(read(file)) == {"machine", "version"}


SMALL: dict[str, dict[str, float]] = {
    "bundle": {"RUNS": 3},
    "remote": {"PUSHED_BYTES": 4 << 20, "TRIES": 1, "SHARED_RUNS": 2, "VIDEO_BYTES": 1 << 20, "FEW": 1, "MANY": 2},
    "containers": {
        "SHARED_RUNS": 2,
        "LATENCY_ROWS": 1,
        "LATENCY_ROW_S": 0.1,
        "GPU_RUNS": 4,
        "GPU_LOAD_S": 0.1,
        "GPU_ROW_S": 0.1,
    },
}
MODULES = {"bundle": bundling, "remote": remote, "containers": remote}


@pytest.mark.parametrize("name", SMALL)
def test_a_part_has_its_figures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = PARTS[name]
    if missing := part.missing():
        pytest.skip(f"needs {', '.join(missing)}")
    for size, value in SMALL[name].items():
        monkeypatch.setattr(MODULES[name], size, value)
    found = {key: value for figures in part.measure(tmp_path) for key, value in figures.items()}
    assert found and all(isinstance(value, int | float) and value >= 0 for value in found.values()), found


def test_without_a_browser_a_gallery_and_look_copies_are_measured_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "RUNS", 4)
    monkeypatch.setattr(page, "TRIES", 1)
    monkeypatch.setattr(browser, "PROGRAM", None)
    report = Report(None)
    _measure("page", PARTS["page"], report)
    assert report.facts["skipped"] == {"page": "the figures of a page that is seen need chromium"}
    assert {"look_copy_alone_cpu_s", "still_and_sheet_cpu_s", "gallery_4_videos_first_s"} <= set(report.facts["page"])
