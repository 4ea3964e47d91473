"""The wheel carries everything: installed in a fresh environment, the demo runs from it. The sdist makes that wheel."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import page
from tests import clips
from tests.support.tree import REPOSITORY, TIMEOUT_S

CONTACT_SHEET = REPOSITORY / "examples/demo/contact.png"


Frames = dict[str, "np.typing.NDArray[np.uint8]"]


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command printed; its messages in the failure when it fails."""
    return done(*argv, cwd=cwd, env=env).stdout


def done(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert result.returncode == 0, f"{argv}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment in which nothing but the wheel, and what it asks for, is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=REPOSITORY)
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"), cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", str(folder / "venv/bin/python"), "install", "--quiet")
    run(*pip, "--no-compile", str(wheel_in(folder)), cwd=folder)
    return folder / "venv/bin"


def wheel_in(folder: Path) -> Path:
    """The wheel that was built there."""
    (found,) = folder.glob("cosmosctl-*.whl")
    return found


@pytest.fixture(scope="module")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Frames, str]:
    """The middle frame of each video that a newcomer's demo prints, made by the package in `installed` and nothing of
    this repository; and all that was said on the way.
    """
    folder = tmp_path_factory.mktemp("newcomer")
    env = {**os.environ, "XDG_DATA_HOME": str(folder / "home")}
    env.pop("PYTHONPATH", None)
    cosmosctl = str(installed / "cosmosctl")
    where = run(str(installed / "python"), "-c", "import cosmosctl; print(cosmosctl.__file__)", cwd=folder)
    assert where.startswith(str(installed.parent))
    run(cosmosctl, "init", "demo", "--demo", cwd=folder, env=env)
    said = [done(cosmosctl, verb, cwd=folder / "demo", env=env) for verb in ("check", "batch")]
    videos = [line for line in said[1].stdout.splitlines() if line.endswith("output.mp4")]
    return {video: middle_frame(folder / "demo" / video) for video in videos}, "".join(one.stderr for one in said)


def middle_frame(video: Path) -> "np.typing.NDArray[np.uint8]":
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 121
    return np.asarray(frames[60], dtype=np.uint8)


def test_the_demo_warns_of_nothing(demo: tuple[Frames, str]) -> None:
    assert "warning" not in demo[1]


def test_the_demo_of_an_installed_wheel_gives_five_videos_and_a_contact_sheet(demo: tuple[Frames, str]) -> None:
    videos = demo[0]
    assert [video.split("/")[1] for video in sorted(videos)] == [
        "rs_depths",
        "rs_evenly",
        "rs_noseg0",
        "rs_sketch",
        "rs_visual",
    ]
    frames = [videos[video].astype(int) for video in sorted(videos)]
    pairs = [(one, other) for number, one in enumerate(frames) for other in frames[:number]]
    assert all(np.abs(one - other).mean() > 1 for one, other in pairs)
    write_contact_sheet([videos[video] for video in sorted(videos)], CONTACT_SHEET)


def write_contact_sheet(frames: "list[np.typing.NDArray[np.uint8]]", target: Path) -> None:
    """Three frames a row at a third of their size, black where there is none."""
    small = [cv2.resize(frame, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA) for frame in frames]
    small += [np.zeros_like(small[0])] * (-len(small) % 3)
    rows = [np.hstack(small[at : at + 3]) for at in range(0, len(small), 3)]
    assert cv2.imwrite(str(target), np.vstack(rows))


TESTS_ONLY = [
    *(f"COSMOSCTL_PREVIEW_{name}" for name in ("FAULTS", "TALLY", "ROW_S", "LOAD_S", "STATE")),
    *("COSMOSCTL_GPU_LOCKS", "crash_once", "sleep_model.mp4"),
]


def held_in(wheel: Path) -> dict[str, bytes]:
    """What a wheel holds, by name."""
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_what_only_tests_need_is_not_in_the_wheel(installed: Path) -> None:
    files = held_in(wheel_in(installed.parent.parent))
    assert [(name, word) for word in TESTS_ONLY for name, held in files.items() if word.encode() in held] == []
    assert [name for name in files if name.startswith(("tests/", "tools/")) or Path(name).name in TESTS_ONLY] == []
    assert [name for name in files if "/city/" in name] == [
        f"cosmosctl/_templates/demo/{DEMO_SCENE}/{clip}.mp4" for clip in ("color", "depth", "segmentation")
    ]


def test_the_whole_page_is_in_the_wheel(installed: Path) -> None:
    names = held_in(wheel_in(installed.parent.parent))
    held = {name.removeprefix("cosmosctl/web/") for name in names if name.startswith("cosmosctl/web/")}
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


def test_mypy_knows_the_types_of_an_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """In somebody's own modules that use the package, one of them wrongly."""
    (tmp_path / "right.py").write_text(CONSUMER)
    (tmp_path / "wrong.py").write_text(CONSUMER.replace('name="looks"', "name=7"))
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    options = ("--strict", "--python-executable", str(installed / "python"), "--cache-dir", str(tmp_path / "cache"))
    done = subprocess.run(
        (sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    told = 'wrong.py:6: error: Argument "name" to "batch" of "Project" has incompatible type "int"'
    assert done.stdout.startswith(told), done.stdout + done.stderr
    assert done.stdout.endswith("Found 1 error in 1 file (checked 2 source files)\n"), done.stdout


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


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is no clone")
def test_the_sdist_has_every_file_that_tests_and_make_read(unpacked: Path) -> None:
    """The very bytes of all that git versions but what git and its hooks alone read, and what says that it is one."""
    told = run("git", "ls-files", "-z", cwd=REPOSITORY).split("\0")
    versioned = {name: (REPOSITORY / name).read_bytes() for name in told if name and (REPOSITORY / name).is_file()}
    held = {str(path.relative_to(unpacked)): path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    left_out = {".gitattributes", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml"}
    assert versioned.keys() - held.keys() == left_out
    assert [name for name, data in versioned.items() if held.get(name, data) != data] == []
    assert {name for name in held if name not in versioned and "/" not in name} == {"PKG-INFO"}


def test_tests_run_in_what_the_sdist_holds(unpacked: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    argv = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}")
    drawn = "tests/end_to_end/test_scene.py::test_the_shipped_clips_are_the_ones_that_were_drawn_once"
    run(sys.executable, *argv, "tests/end_to_end/test_expected.py", drawn, cwd=unpacked, env=env)


def test_the_wheel_of_an_sdist_is_the_one_that_was_tried(installed: Path, unpacked: Path, tmp_path: Path) -> None:
    """Made of nothing but what the sdist holds."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=unpacked)
    assert held_in(wheel_in(tmp_path)) == held_in(wheel_in(installed.parent.parent))
