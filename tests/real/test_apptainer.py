"""Batches in real Apptainer containers, on this machine and over ssh."""

import hashlib
import http.server
import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.host.test_containers import decoded
from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support import apptainer
from tests.support.apptainer import Apptainer
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.real, needs_sshd]
HOSTILE = '-the host\'s, "dir":\n$HOME `id` 夜 {x}'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Apptainer:
    return apptainer.with_image(tmp_path_factory.mktemp("apptainer"))


@pytest.fixture
def lab(tree: Tree) -> Iterator[Tree]:
    """The project, with a folder for the sockets of ssh."""
    (tree.root.parent / "tally").mkdir()
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        yield Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": sockets})


def there(tree: Tree) -> Path:
    return tree.root.parent / HOSTILE


def tally(tree: Tree) -> Path:
    return tree.root.parent / "tally"


def host(tree: Tree, program: Apptainer, *, ssh: str = "", faults: str = "", more: str = "", **facts: str) -> None:
    """cosmosctl.yaml with the host `lab` in it; a row that is `held` goes on when there is a file `go` in the tally."""
    env = {"COSMOSCTL_PREVIEW_TALLY": "/tally/tally", "COSMOSCTL_PREVIEW_STATE": "/tally"}
    env |= {"COSMOSCTL_PREVIEW_FAULTS": faults} if faults else {}
    block = program.block(dir=there(tree), env=env, mounts=[f"{tally(tree)}:/tally"], more=more, **facts)
    tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{ssh}{block}")


def tallied(tree: Tree, what: str) -> int:
    """How often the model did that."""
    file = tally(tree) / "tally"
    return [line.split()[0] for line in file.read_text().splitlines()].count(what) if file.exists() else 0


def supervisor_of(tree: Tree) -> int:
    return int(json.loads(starts(tree)[-1])["pid"])


@pytest.mark.parametrize("way", ["here", "ssh"])
def test_a_batch_runs_in_containers_and_its_videos_come_home(
    lab: Tree, program: Apptainer, box: Sshd, way: str
) -> None:
    image = program.sif if way == "ssh" else program.root
    host(lab, program, ssh=box.block() if way == "ssh" else "", image=str(image))
    lab.run("rs_a")
    lab.run("rs_b")
    lab.cli("batch")
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}
    assert (tallied(lab, "load"), tallied(lab, "done")) == (1, 2)
    digest = f"sha256:{hashlib.sha256(program.sif.read_bytes()).hexdigest()}"
    told = digest if way == "ssh" else "a folder, which has no digest"
    receipt = lab.run_paths("rs_a").result.receipt.read_text()
    assert f"image: {told}\n" in receipt
    assert "commit: " in receipt, "that of the repository, which the supervisor sees outside of the container"


def test_a_killed_supervisor_leaves_a_model_that_the_next_one_adopts(lab: Tree, program: Apptainer) -> None:
    host(lab, program, faults="held")
    lab.run("rs_a")
    name = lab.cli("batch", "--detach").out.strip()
    wait_until(lambda: tallied(lab, "start"), "the row")
    os.kill(supervisor_of(lab), signal.SIGKILL)
    client = lab.start("attach", name)
    wait_until(lambda: len(starts(lab)) == 2, "the next supervisor")
    (tally(lab) / "go").touch()
    out, err = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 0, out + err
    assert (lab.states(), tallied(lab, "load")) == ({"rs_a": "done"}, 1)


def test_cancel_ends_the_model_and_all_that_it_started(lab: Tree, program: Apptainer) -> None:
    host(lab, program, faults="silence")
    lab.run("rs_a")
    name = lab.cli("batch", "--detach").out.strip()
    wait_until(lambda: tallied(lab, "start"), "the row")
    lab.cli("cancel", name, expect=None)
    assert "state: cancelled" in lab.batches()[0].end.read_text()
    key = json.loads((next((there(lab) / "batches").iterdir()) / "plan.json").read_text())["key"]
    mark = f"COSMOSCTL_PROCESS={key}/".encode()
    wait_until(lambda: not any(mark in environ_of(pid) for pid in running()), "all that was killed to be gone")


def test_secrets_are_read_as_they_stand_and_are_seen_by_the_model_alone(
    lab: Tree, program: Apptainer, box: Sshd
) -> None:
    touched, secrets = lab.root.parent / "touched", lab.root.parent / "it's a secret.env"
    value = f"hf_sEcReT \"a\" 'b' $(touch {touched}) `touch {touched}` $HOME \\n c=d"
    secrets.write_bytes(f"\ufeff# TOKEN=no\r\nCOSMOSCTL_TEST_TOKEN={value}\r\n\nEMPTY=\n".encode())
    more = f"    env_file: {json.dumps(str(secrets))}\n"
    host(lab, program, ssh=box.block(), faults="held", more=more)
    lab.run("rs_a")
    client = lab.start("batch", env={"COSMOSCTL_LOG_LEVEL": "DEBUG"})
    wait_until(lambda: tallied(lab, "start"), "the row")
    inside = [environ_of(pid).split(b"\0") for pid in running()]
    assert any(f"COSMOSCTL_TEST_TOKEN={value}".encode() in environ for environ in inside)
    assert not any(b"hf_sEcReT" in file_of(pid, "cmdline") for pid in running())
    (tally(lab) / "go").touch()
    out, err = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 0, out + err
    assert "hf_sEcReT" not in out + err
    for place in (lab.root, there(lab)):
        assert [file for file in place.rglob("*") if file.is_file() and b"hf_sEcReT" in file.read_bytes()] == []
    assert not touched.exists()


@pytest.mark.parametrize("text", ["GOOD=1\n=hf_sEcReT\nA B=hf_sEcReT\n", None])
def test_an_unfit_env_file_starts_nothing_and_is_told_without_its_lines(
    lab: Tree, program: Apptainer, text: str | None
) -> None:
    secrets = lab.root.parent / "secrets.env"
    if text:
        secrets.write_text(text)
    host(lab, program, more=f"    env_file: {secrets}\n")
    lab.run("rs_a")
    refused = lab.cli("batch", expect=4)
    told = "line 2, 3 of the env_file is not NAME=value" if text else "the env_file cannot be read: No such file"
    assert told in refused.err and "hf_sEcReT" not in refused.err
    assert tallied(lab, "load") == 0
    secrets.write_text("GOOD=1\n")
    lab.cli("batch")
    assert lab.states() == {"rs_a": "done"}


def test_an_image_that_is_missing_or_none_is_one_sentence_and_a_command(lab: Tree, program: Apptainer) -> None:
    lab.run("rs_a")
    for name, text, words in (("no.sif", None, "there is no such file"), ("bad.sif", "text", "that file is no SIF")):
        image = lab.root.parent / name
        if text:
            image.write_text(text)
        host(lab, program, image=str(image))
        refused = lab.cli("batch", expect=4).err
        assert f"image {image} is not on the host ({words}); make it there: {program.program} build" in refused
        checked = lab.cli("host", "check", "lab", expect=4).out
        assert f"{image}: {words}" in checked
    assert not (there(lab) / "images").exists()


def test_an_image_with_an_address_is_pulled_once(lab: Tree, program: Apptainer, tmp_path: Path) -> None:
    handler = partial(Counting, directory=str(program.sif.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/the%20image.sif"
            host(lab, program, image=address)
            lab.run("rs_a")
            first = lab.cli("batch", env={"APPTAINER_DISABLE_CACHE": "1"})
            lab.run("rs_b")
            second = lab.cli("batch", env={"APPTAINER_DISABLE_CACHE": "1"})
        finally:
            server.shutdown()
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}
    assert f"fetching {address}, once for this host" in first.err
    assert "fetching" not in second.err
    images = there(lab) / "images"
    assert [path.suffix for path in sorted(images.iterdir())] == [".sif", ".used", ".json", ".lock"]
    make_older(images)
    lab.cli("gc", "lab")
    assert [path.suffix for path in sorted(images.iterdir())] == [".sif", ".used", ".json", ".lock"], (
        "the host names it"
    )
    lab.run("rs_c")
    for gone in (f"http://127.0.0.1:{server.server_port}/gone.sif", f"docker://127.0.0.1:{server.server_port}/gone:1"):
        host(lab, program, image=gone)
        refused = lab.cli("batch", expect=4).err
        assert f"{gone} could not be pulled" in refused and f"{program.program} pull " in refused
    for batch in (there(lab) / "batches").iterdir():
        make_older(batch)
    told = lab.cli("gc", "lab").out
    assert sorted(line.split()[0] for line in told.splitlines()) == ["batch", "batch", "image"]
    assert not list(images.glob("*.sif"))


def make_older(folder: Path) -> None:
    """As if nobody had touched what is in it for two days."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (0, path.stat().st_mtime - 2 * 86_400))


def test_host_add_finds_apptainer_where_neither_docker_nor_podman_is(
    lab: Tree, program: Apptainer, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in {one.name: one for place in ("/usr/bin", "/bin") for one in Path(place).iterdir()}.values():
        if path.name not in ("docker", "podman"):
            (programs / path.name).symlink_to(path)
    (programs / "apptainer").symlink_to(program.program)
    with running_sshd(tmp_path / "plain", only=str(programs)) as plain:
        told = lab.cli("host", "add", "plain", "box", "--ssh-arg=-F", f"--ssh-arg={plain.config}", expect=None)
    text = lab.paths.config.read_text()
    assert "engine: apptainer" in text, told.err
    assert "image: /data/cosmos-transfer1.sif" in text


def test_host_check_starts_the_container_as_a_batch_would(lab: Tree, program: Apptainer, box: Sshd) -> None:
    cache = lab.root.parent / "cache"
    cache.mkdir()
    host(lab, program, ssh=box.block(), image=str(program.sif), more=f"    cache: {cache}\n")
    found = {row["name"]: row for row in json.loads(lab.cli("host", "check", "lab", "--json", expect=None).out)}
    assert found["engine"]["words"] == "apptainer version 1.4.5"
    passed = {name for name, row in found.items() if row["verdict"] == "PASS"}
    assert passed >= {"engine", "image", "trial", "trial writes", "trial reads", "repo", "cache"}
    assert "through the image's entrypoint" not in found["trial"]["words"]


class Counting(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None:
        return


def starts(tree: Tree) -> list[str]:
    """The starts of the supervisor of the one batch there."""
    (events,) = (there(tree) / "batches").glob("*/events.jsonl")
    return [line for line in events.read_text().splitlines() if '"batch_start"' in line]


def running() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def environ_of(pid: int) -> bytes:
    return file_of(pid, "environ")


def file_of(pid: int, name: str) -> bytes:
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""


def test_the_same_run_has_the_same_frames_here_and_in_a_container(lab: Tree, program: Apptainer, box: Sshd) -> None:
    """`test_containers.py` shows the same of podman over ssh."""
    block = program.block(dir=there(lab), row_s="")
    lab.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{box.block()}{block}")
    lab.run("rs_a")
    lab.cli("batch", "--host", "lab")
    lab.cli("batch", "rs_a", "--host", "local")
    paths = lab.run_paths("rs_a")
    far, near = (decoded(place.outputs / "output.mp4") for place in (paths.result, paths.preview))
    assert far and far == near
