"""`host setup` where it takes a while: the true uv, and a disk that fills up while packages come."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from cosmosctl.models import transfer25_diffusers
from tests.host.test_host_setup import HOST
from tests.support.disks import mount, mounted
from tests.support.tree import Tree
from tests.support.waiting import INSTALL_S
from tests.support.wheels import empty_wheels, program_in_path

pytestmark = pytest.mark.real

PACKAGES = transfer25_diffusers.HOME.packages


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """Variables by which pip and uv find an empty wheel of each package, and nothing else."""
    return empty_wheels(tmp_path / "wheels", PACKAGES)


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the program uv, from PyPI."""
    folder = tmp_path_factory.mktemp("uv")
    argv = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "uv")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: host setup with uv: it is not reached from here: {done.stderr.strip()[-200:]}")
    return folder / "bin"


def test_uv_makes_the_environment_where_it_is_and_goes_on_where_it_was_cut_off(
    bare_tree: Tree, index: dict[str, str], uv: Path, tmp_path: Path
) -> None:
    bare_tree.config(HOST)
    cache = {"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_PYTHON": sys.executable}
    env = {**index, **cache, "PATH": f"{uv}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    missing = next((tmp_path / "wheels").glob("transformers-*"))
    missing.rename(tmp_path / missing.name)
    failed = bare_tree.cli("host", "setup", "gpu", env=env, expect=4)
    assert "uv pip install failed, see above; what came is kept" in failed.err
    assert "transformers" in failed.err
    (tmp_path / missing.name).rename(missing)
    bare_tree.cli("host", "setup", "gpu", env=env)
    [made] = (bare_tree.home / "cosmosctl/envs").glob("diffusers_rows-*/complete")
    installed = {path.name for path in made.parent.glob("lib/python3*/site-packages/*.dist-info")}
    assert {f"{one.replace('-', '_').replace('==', '-')}.dist-info" for one in PACKAGES} <= installed
    assert not list(made.parent.glob("bin/pip*")), "it was uv's own"
    assert bare_tree.cli("host", "setup", "gpu", env=env).err.splitlines() == [
        f"the environment is whole: {made.parent}"
    ]


def test_a_disk_that_fills_up_meanwhile_is_told_and_the_setup_goes_on_once_there_is_room(
    bare_tree: Tree, index: dict[str, str], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    bare_tree.config(HOST.replace("bare}", f"bare, dir: {json.dumps(str(there))}}}"))
    path = program_in_path(tmp_path, "df", f"echo head; echo tmpfs 9 8 {12 << 20} 90% /")
    large = f"torch-{transfer25_diffusers.HOME.packages[0].partition('==')[2]}-py3-none-any.whl"
    with ZipFile(tmp_path / "wheels" / large, "a", compression=ZIP_DEFLATED) as wheel:
        wheel.writestr("torch/library.so", bytes(60 << 20))
    with mounted("-t", "tmpfs", "-o", "size=48m", "none", at=there):
        done = bare_tree.cli("host", "setup", "gpu", env={**index, "PATH": path}, expect=4)
        assert f"the disk of {there} is full; make room there, or set another dir; what came is kept" in done.err
        assert "cosmosctl host setup gpu" in done.err
        mount("-o", "remount,size=200m", str(there))
        bare_tree.cli("host", "setup", "gpu", env={**index, "PATH": path})
        assert len(list(there.glob("envs/diffusers_rows-*/complete"))) == 1
