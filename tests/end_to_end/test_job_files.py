"""A batch exported for somebody's queue: the file beside it, what it runs, and results fetched by rsync from there."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cosmosctl.yaml.file import load_tool
from tests.sshd import Sshd, free_port, needs_sshd
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S, wait_until


def exported(tree: Tree, out: Path, form: str) -> Path:
    """The file beside the exported batch of two runs."""
    for name in ("rs_a", "rs_b"):
        tree.run(name)
    told = tree.cli("batch", "--export", str(out), "--as", form, "--batch-name", "it").out
    (job,) = (path for path in out.iterdir() if path.is_file())
    assert f"For {form}: {job.name}" in told
    return job


def test_the_job_of_slurm_starts_the_batch_waits_for_its_end_and_goes_on(quick_tree: Tree, tmp_path: Path) -> None:
    out = tmp_path / "it's out"
    job = exported(quick_tree, out, "slurm")
    shutil.copytree(out, quick_tree.home / "cosmosctl", dirs_exist_ok=True)
    argv = ("bash", str(quick_tree.home / "cosmosctl" / job.name))
    for _ in range(2):
        subprocess.run(argv, check=True, env=quick_tree.environment(), timeout=PATIENCE_S, cwd=tmp_path)
    (folder,) = (quick_tree.home / "cosmosctl/batches").iterdir()
    quick_tree.cli("fetch", "--from", str(folder))
    assert quick_tree.states() == {"rs_a": "done", "rs_b": "done"}
    lines = job.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    key = folder.name.rpartition("-")[2]
    assert f"#SBATCH --job-name=cosmosctl-{key}" in lines and "#SBATCH --gres=gpu:1" in lines
    assert "#SBATCH --requeue" in lines


def test_the_task_of_skypilot_names_gpus_the_folder_and_the_command(quick_tree: Tree, tmp_path: Path) -> None:
    job = exported(quick_tree, tmp_path / "out", "skypilot")
    facts = load_tool(job.read_text())
    assert facts["resources"] == {"accelerators": "H100:1"}
    (there,) = facts["file_mounts"]
    assert facts["file_mounts"][there] == "."
    (folder,) = (tmp_path / "out/batches").iterdir()
    assert facts["run"] == f"sh {there}/batches/{folder.name}/run.sh"
    assert (folder / "run.sh").is_file() and (folder / "start.sh").is_file()


def test_a_form_without_an_export_is_no_question(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    assert "--as says for whom --export writes" in quick_tree.cli("batch", "--as", "slurm", expect=2).err


@needs_sshd
@pytest.mark.parametrize("named", ["the batch", "the folder of all"])
def test_results_are_fetched_by_an_rsync_address(quick_tree: Tree, tmp_path: Path, box: Sshd, named: str) -> None:
    out = tmp_path / "out"
    job = exported(quick_tree, out, "slurm")
    there = quick_tree.home / "cosmosctl"
    shutil.copytree(out, there, dirs_exist_ok=True)
    subprocess.run(("bash", str(there / job.name)), check=True, env=quick_tree.environment(), timeout=PATIENCE_S)
    (folder,) = (there / "batches").iterdir()
    (folder / "done/rs_b/output.mp4").unlink()
    (folder / "done/rs_b/output.mp4").symlink_to("/etc/hostname")
    env = {"RSYNC_RSH": f"ssh -F {box.config}"}
    address = f"box:{folder if named == 'the batch' else there}"
    quick_tree.cli("fetch", "--from", address, env=env, expect=1)
    assert quick_tree.states() == {"rs_a": "done", "rs_b": "bad-output"}
    assert not list((quick_tree.root / ".cosmosctl").rglob("from"))


@contextmanager
def rsync_daemon(module: Path, folder: Path) -> Iterator[str]:
    """The address of a daemon that has that folder as a module."""
    port, config = free_port(), folder / "rsyncd.conf"
    config.write_text(
        f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n[results]\npath = {module}\nread only = yes\n"
    )
    argv = ("rsync", "--daemon", "--no-detach", f"--config={config}", f"--port={port}", "--address=127.0.0.1")
    daemon = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )  # a socket there would be a client
    try:
        wait_until(lambda: _listens(port), "rsync to listen")
        yield f"rsync://127.0.0.1:{port}/results"
    finally:
        daemon.terminate()
        daemon.communicate(timeout=PATIENCE_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync: apt-get install rsync")
def test_results_are_fetched_from_a_daemon_of_rsync(quick_tree: Tree, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = exported(quick_tree, out, "slurm")
    there = quick_tree.home / "cosmosctl"
    shutil.copytree(out, there, dirs_exist_ok=True)
    subprocess.run(("bash", str(there / job.name)), check=True, env=quick_tree.environment(), timeout=PATIENCE_S)
    with rsync_daemon(there, tmp_path) as address:
        told = quick_tree.cli("fetch", "--from", f"{address}/nothing", expect=4).err
        assert f"{address}/nothing: " in told
        quick_tree.cli("fetch", "--from", address)
    assert quick_tree.states() == {"rs_a": "done", "rs_b": "done"}


@needs_sshd
def test_an_address_that_cannot_be_reached_is_told_in_rsyncs_words(quick_tree: Tree, tmp_path: Path, box: Sshd) -> None:
    exported(quick_tree, tmp_path / "out", "skypilot")
    env = {"RSYNC_RSH": f"ssh -F {box.config}"}
    told = quick_tree.cli("fetch", "--from", f"box:{tmp_path}/nothing", env=env, expect=4).err
    assert f"box:{tmp_path}/nothing: " in told and "No such file" in told
    assert "does not exist" in quick_tree.cli("fetch", "--from", "/nothing/here", expect=2).err
