"""The wheel carries everything: installed in a fresh environment, the demo runs from it."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import page
from tests import clips
from tests.support.tree import REPOSITORY, TIMEOUT_S


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command printed; its messages in the failure when it fails."""
    result = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert result.returncode == 0, f"{argv}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment in which nothing but the wheel, and what it asks for, is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=REPOSITORY)
    run(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
    wheel = next(folder.glob("cosmosctl-*.whl"))
    run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", str(wheel), cwd=folder)
    return folder / "venv/bin"


def test_the_demo_runs_from_an_installed_wheel(installed: Path, tmp_path: Path) -> None:
    assert_demo_runs(installed, tmp_path)


def assert_demo_runs(installed: Path, tmp_path: Path) -> None:
    """Five videos, by the package in `installed` and nothing of this repository."""
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home")}
    env.pop("PYTHONPATH", None)
    cosmosctl = str(installed / "cosmosctl")
    where = run(str(installed / "python"), "-c", "import cosmosctl; print(cosmosctl.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed.parent))
    run(cosmosctl, "init", "demo", "--demo", cwd=tmp_path, env=env)
    printed = run(cosmosctl, "batch", cwd=tmp_path / "demo", env=env)
    videos = [line for line in printed.splitlines() if line.endswith("output.mp4")]
    assert len(videos) == 5
    assert all((tmp_path / "demo" / video).is_file() for video in videos)


TESTS_ONLY = [
    *(f"COSMOSCTL_PREVIEW_{name}" for name in ("FAULTS", "TALLY", "ROW_S", "LOAD_S", "STATE")),
    *("COSMOSCTL_GPU_LOCKS", "crash_once", "sleep_model.mp4"),
]


def test_what_only_tests_need_is_not_in_the_wheel(installed: Path) -> None:
    with zipfile.ZipFile(next(installed.parent.parent.glob("cosmosctl-*.whl"))) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    assert [(name, word) for word in TESTS_ONLY for name, held in files.items() if word.encode() in held] == []
    assert [name for name in files if name.startswith(("tests/", "tools/")) or Path(name).name in TESTS_ONLY] == []
    assert [name for name in files if "/city/" in name] == [
        f"cosmosctl/_templates/demo/{DEMO_SCENE}/{clip}.mp4" for clip in ("color", "depth", "segmentation")
    ]


def test_the_whole_page_is_in_the_wheel(installed: Path) -> None:
    with zipfile.ZipFile(next(installed.parent.parent.glob("cosmosctl-*.whl"))) as wheel:
        held = {name.removeprefix("cosmosctl/web/") for name in wheel.namelist() if name.startswith("cosmosctl/web/")}
    assert held == {path.relative_to(page()).as_posix() for path in page().rglob("*") if path.is_file()}


def test_an_installed_preview_knows_no_faults_even_beside_folders_called_tests(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "tests/stage").mkdir(parents=True)
    for package in ("tests", "tests/stage"):
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    row = {"prompt": "a street", "visual_input": str(clips.color(tmp_path / "color.mp4")), "control_overrides": {}}
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(row)}\n")
    (tmp_path / "spec.json").write_text('{"edge": {"control_weight": 1.0}}')
    options = (
        "--controlnet_specs",
        "spec.json",
        "--batch_input_path",
        "rows.jsonl",
        "--video_save_folder",
        "out",
        "--input_video_path",
        "color.mp4",
    )
    env = {**os.environ, "COSMOSCTL_PREVIEW_FAULTS": "before-first", "COSMOSCTL_PREVIEW_ROW_S": "1000000"}
    env.pop("PYTHONPATH", None)
    run(str(installed / "python"), "-m", "cosmosctl.preview.transfer1", *options, cwd=tmp_path, env=env)
    assert (tmp_path / "out/video_0/prompt.txt").read_text() == "a street"


def test_the_wheel_carries_the_documents_that_messages_name_and_says_that_it_is_typed(installed: Path) -> None:
    code = "from cosmosctl.io.shipped import document; print(document('gpu-host.md').read_text())"
    shown = run(str(installed / "python"), "-c", code, cwd=installed)
    assert shown.strip() == (REPOSITORY / "docs/gpu-host.md").read_text().strip()
    assert list(installed.parent.glob("lib/*/site-packages/cosmosctl/py.typed")) != []


CONSUMER = """
import cosmosctl
from pathlib import Path

def rendered(project: cosmosctl.Project) -> dict[str, Path | str]:
    return dict(project.batch(["rs_a"], name="looks").wait().output_mapping)
"""


def mypy_says(installed: Path, folder: Path, code: str) -> str:
    """What mypy says of somebody's own module that uses the installed package."""
    (folder / "consumer.py").write_text(code)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    options = ("--strict", "--python-executable", str(installed / "python"), "--cache-dir", str(folder / "cache"))
    done = subprocess.run(
        (sys.executable, "-m", "mypy", *options, "consumer.py"),
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout + done.stderr


def test_mypy_knows_the_types_of_an_installed_wheel(installed: Path, tmp_path: Path) -> None:
    assert "Success: no issues found" in mypy_says(installed, tmp_path, CONSUMER)
    wrong = mypy_says(installed, tmp_path, CONSUMER.replace('name="looks"', "name=7"))
    assert 'consumer.py:6: error: Argument "name" to "batch" of "Project" has incompatible type "int"' in wrong


def test_inv_is_among_the_programs_that_pipx_shows(installed: Path, tmp_path: Path) -> None:
    """pipx puts the programs of the package itself on the PATH, and none of those of what it asks for."""
    code = "import importlib.metadata as m; print(*[e.name for e in m.distribution('cosmosctl').entry_points])"
    shown = tmp_path / "shown"
    shown.mkdir()
    for name in run(str(installed / "python"), "-c", code, cwd=tmp_path).split():
        (shown / name).symlink_to(installed / name)
    env = {**os.environ, "PATH": f"{shown}:/usr/bin:/bin", "XDG_DATA_HOME": str(tmp_path / "home")}
    env.pop("PYTHONPATH", None)
    run(str(shown / "cosmosctl"), "init", "looks", cwd=tmp_path, env=env)
    listed = run(str(shown / "inv"), "--list", cwd=tmp_path / "looks", env=env)
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == [
        "cancel",
        "follow",
        "launch",
        "pull",
        "push",
    ]


def test_the_wheel_names_every_python_that_it_is_tried_on(installed: Path) -> None:
    code = "import importlib.metadata as m; print(m.metadata('cosmosctl'))"
    told = run(str(installed / "python"), "-c", code, cwd=installed)
    assert [f"3.{minor}" for minor in range(11, 15) if f":: Python :: 3.{minor}\n" not in told] == []
    assert "Requires-Python: >=3.11\n" in told


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of what the sdist holds."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=REPOSITORY)
    with tarfile.open(next(folder.glob("cosmosctl-*.tar.gz"))) as sdist:
        sdist.extractall(folder / "s", filter="data")
    (root,) = (folder / "s").iterdir()
    return root


def test_the_sdist_has_what_its_own_tests_need(unpacked: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    argv = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    drawn = "tests/end_to_end/test_scene.py::test_the_shipped_clips_are_the_ones_that_were_drawn_once"
    files = ("tests/end_to_end/test_ci.py", "tests/end_to_end/test_expected.py", drawn)
    run(sys.executable, *argv, *files, "-k", "not podman", cwd=unpacked, env=env)


def test_the_demo_runs_from_an_installed_sdist(installed: Path, unpacked: Path, tmp_path: Path) -> None:
    """Its wheel, made of nothing but what the sdist holds, in the place of the other one."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=unpacked)
    wheel = next(tmp_path.glob("cosmosctl-*.whl"))
    run(
        str(installed / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
        str(wheel),
        cwd=tmp_path,
    )
    assert_demo_runs(installed, tmp_path)
