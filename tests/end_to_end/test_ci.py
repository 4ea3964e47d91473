"""What make leans on: missing packages are named at once, the newest Python is found, the demo says how to go on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import missing
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

CI = REPOSITORY / ".ci"
BROKEN = "#!/bin/sh\necho 'cannot clone: Operation not permitted' >&2\nexit 125\n"


def run(name: str, *args: str, path: Path, more: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """One of the scripts of make; `path` and `more` are all of its PATH."""
    argv = ("/bin/sh", str(CI / name), *args)
    own = {"PATH": f"{path}{more}", "HOME": str(path), "TMPDIR": str(path), **env}
    return subprocess.run(argv, cwd=path, env=own, capture_output=True, text=True, timeout=PATIENCE_S)


def program(folder: Path, name: str, text: str) -> Path:
    """An executable script."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return file


def somebody(folder: Path) -> None:
    """Whoever asks is not root."""
    program(folder, "id", "#!/bin/sh\necho 1000\n")


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A PATH with the little that a minimal system has."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("mktemp", "rm", "dirname"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is no clone")
def test_a_clone_has_the_same_bytes_whatever_git_is_told_of_line_endings(tmp_path: Path) -> None:
    told = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    subprocess.run(("git", "clone", "-q", *told, str(REPOSITORY), "clone"), cwd=tmp_path, check=True)
    files = [path for path in (tmp_path / "clone").rglob("*") if path.is_file() and path.suffix in (".sh", ".py")]
    assert len(files) > 100
    assert [path.name for path in files if b"\r" in path.read_bytes()] == []


def test_git_knows_no_settings_of_whoever_runs_the_tests(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n")
    env = {**os.environ, "HOME": str(tmp_path)}
    known = subprocess.run(("git", "config", "--list"), cwd=tmp_path, env=env, capture_output=True, timeout=PATIENCE_S)
    assert known.stdout == b""


def test_all_that_is_missing_is_named_at_once_where_nothing_may_be_installed(few: Path) -> None:
    program(few, "apt-get", "#!/bin/sh\nexit 1\n")
    somebody(few)
    python = program(few / "lib", "python", "#!/bin/sh\nexit 1\n")
    done = run("packages", "no-rsync-here", "python3-venv=python:" + str(python), "jq=no-jq-here", path=few)
    assert done.returncode == 1
    assert done.stderr == "please install, as root: apt-get install no-rsync-here python3-venv jq\n"


def test_what_apt_says_goes_to_a_file_that_is_named_when_it_fails(few: Path) -> None:
    somebody(few)
    program(few, "sudo", '#!/bin/sh\nshift\nexec "$@"\n')
    program(few, "true", "#!/bin/sh\n")
    program(few, "apt-get", "#!/bin/sh\necho much noise\necho 'E: no such package' >&2\nexit 100\n")
    done = run("packages", "no-jq-here", path=few)
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert (done.stdout, first) == ("", "installing: no-jq-here")
    log = Path(last.partition("(what it said: ")[2].rstrip(")"))
    assert last.startswith("apt-get could not install: no-jq-here (what it said: ")
    assert log.read_text() == "much noise\nE: no such package\n"


def test_nothing_is_said_when_nothing_is_missing(few: Path) -> None:
    done = run("packages", "rm", "python3-venv=python:" + sys.executable, path=few)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def python_of(minor: int, *, ssl: bool = True) -> str:
    """A program that answers as a Python 3.MINOR does."""
    answer = f'case "$2" in *ssl*) {"echo " + str(minor) if ssl else "exit 1"} ;; *) echo {minor} ;; esac'
    return f"#!/bin/sh\n{answer}\n"


def test_the_newest_python_is_one_that_runs_and_has_ssl(few: Path) -> None:
    program(few, "python3", python_of(11))
    program(few, "python3.97", "#!/bin/sh\necho 'pyenv: no such version' >&2\nexit 127\n")
    program(few / "pyenv/versions/3.98.0/bin", "python3", python_of(98, ssl=False))
    program(few / "pyenv/versions/3.95.1/bin", "python3", python_of(95))
    found = program(few / "pyenv/versions/3.96.0/bin", "python3", python_of(96))
    done = run("newest-python", "python3", path=few, PYENV_ROOT=str(few / "pyenv"))
    assert (done.returncode, done.stdout) == (0, f"{found}\n")


def test_no_python_is_newer_than_the_newest(few: Path) -> None:
    program(few, "python3", python_of(99))
    done = run("newest-python", "python3", path=few, PYENV_ROOT=str(few / "pyenv"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_make_says_loudly_that_there_is_no_newer_python(few: Path) -> None:
    program(few, "python3", python_of(99))
    make = shutil.which("make")
    if make is None:
        pytest.skip("needs make: apt-get install make")
    argv = (make, "-C", str(REPOSITORY), "test-newest", f"PYTHON={few / 'python3'}")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("SKIPPED: the demo and the unit tests on a newer Python: none is newer than ")
    assert "on " not in done.stdout.replace("on '", "")


@pytest.mark.parametrize("viewer", ["", "xdg-open", "open"])
def test_the_demo_ends_in_how_to_look_at_its_videos_and_how_to_go_on(few: Path, viewer: str) -> None:
    if viewer:
        program(few, viewer, "#!/bin/sh\n")
    videos = [few / f"demo/runs/{run}/preview/outputs/output.mp4" for run in ("rs_a", "rs_b")]
    for video in videos:
        video.parent.mkdir(parents=True)
        video.touch()
    done = run("after-demo", ".venv/bin", "demo", path=few)
    shows = f"{viewer} " if viewer else ""
    assert done.stdout.splitlines() == [
        "",
        "The demo project is demo/. Its videos, each the preview of one run:",
        f"  {shows}demo/runs/rs_a/preview/outputs/output.mp4",
        f"  {shows}demo/runs/rs_b/preview/outputs/output.mp4",
        "To use cosmosctl in this shell:",
        "  . .venv/bin/activate",
        "  cd demo && cosmosctl status",
        "To look at all of them side by side, in a browser:",
        "  .venv/bin/cosmosctl -C demo ui --open         # the same live",
        "  .venv/bin/cosmosctl -C demo gallery --open",
    ]


def test_the_constraints_name_each_package_once_for_each_python() -> None:
    lines = [line for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = [(line.partition("==")[0], line.partition(" ; ")[2]) for line in lines]
    assert len(pins) == len(set(pins))
    assert {name for name, _ in pins} >= {"av", "numpy", "opencv-python-headless", "click", "pytest", "hatchling"}


@pytest.mark.parametrize(
    ("changes", "version", "told"),
    [
        ("## [0.1.0]\n", "0.2.0", "CHANGELOG.md has no section for 0.2.0"),
        ("## [Unreleased]\n\n- more\n\n## [0.1.0]\n", "0.1.0", "what stands under Unreleased belongs into the section"),
        ("## [Unreleased]\n\n## [0.2.0]\n\n- more\n", "0.2.0", "there are changes that are not committed"),
        ("## [Unreleased]\n\n## [0.1.0]\n\n- first\n", "0.1.0", "there is a tag v0.1.0: raise the version"),
    ],
)
def test_a_release_that_is_not_ready_is_refused_before_anything_is_built(
    tmp_path: Path, changes: str, version: str, told: str
) -> None:
    (tmp_path / "cosmosctl").mkdir()
    (tmp_path / "cosmosctl/__init__.py").write_text(f'__version__ = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(changes)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first"), ("tag", "v0.1.0")):
        subprocess.run((*git, *words), cwd=tmp_path, check=True)
    if "not committed" in told:
        (tmp_path / "notes").touch()
    argv = ("sh", str(CI / "release"), "no-python-is-asked")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr


@pytest.mark.skipif(bool(missing()), reason="needs podman, runc, busybox and root")
def test_a_podman_that_does_not_work_is_named_and_its_tests_are_skipped(tmp_path: Path) -> None:
    program(tmp_path, "podman", BROKEN)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = (sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/base")
    done = subprocess.run(
        (*argv, "-k", "not dockerd", "tests/host/test_containers.py"),
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "podman does not work on this machine: cannot clone: Operation not permitted" in done.stdout
    assert " error" not in done.stdout.splitlines()[-1]
    assert " failed" not in done.stdout.splitlines()[-1]


def test_scripts_from_outside_are_counted_and_one_that_fails_fails_all(tmp_path: Path) -> None:
    folder = tmp_path / "it's cases"
    for name, text in (("a", 'echo "$COSMOSCTL $PWD"'), ("b", "echo gone wrong; exit 1"), ("c", "exit 2")):
        program(folder, f"{name}.sh", text)
    program(folder, "lib.sh", "exit 1")
    env = {**os.environ, "LC_ALL": "C", "COSMOSCTL": "/x/cosmosctl", "COSMOSCTL_CHECKOUT": str(tmp_path)}
    argv = ("sh", str(CI / "cases"), str(folder))
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        f"mended  {folder}/a.sh: /x/cosmosctl {tmp_path}",
        f"STANDS  {folder}/b.sh: gone wrong",
        f"not tried  {folder}/c.sh",
        "1 mended, 1 standing, 1 not tried",
    ]
    (folder / "b.sh").unlink()
    assert subprocess.run(argv, env=env, capture_output=True, timeout=PATIENCE_S).returncode == 0
