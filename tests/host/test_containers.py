"""Batches in real containers: podman reached by ssh, an image built offline, GPUs that are only names."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import av
import pytest

from cosmosctl import engines, models
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import docker
from tests.containers import IMAGE, Engine, needs_dockerd, needs_podman, running_dockerd
from tests.end_to_end import test_seven_runs as seven
from tests.sshd import Sshd, needs_sshd
from tests.support.aftermath import Client
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S, wait_until

TIMEOUT_S = PATIENCE_S


@pytest.fixture
def lab(tree: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> Iterator[Tree]:
    """A project whose host `lab` is podman behind ssh."""
    (tmp_path / "tally").mkdir()
    tree.config(config_of(box, engine, tmp_path))
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        yield Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": sockets})


def config_of(box: Sshd, engine: Engine, tmp_path: Path, *, faults: str = "", more: str = "") -> str:
    """A row that is `held` goes on when there is a file `go` beside the tally."""
    block = engine.block(dir=folder_there(tmp_path), tally=tmp_path / "tally", faults=faults, more=more)
    return f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{box.block()}{block}"


def folder_there(tmp_path: Path) -> Path:
    return tmp_path / '-the host\'s, "dir";\n$HOME `id` 夜'


def tallied(tmp_path: Path, what: str) -> int:
    """How often the model did that."""
    file = tmp_path / "tally/tally"
    return [line.split()[0] for line in file.read_text().splitlines()].count(what) if file.exists() else 0


pytestmark = [needs_podman, needs_sshd]


def test_a_batch_runs_in_a_container_and_leaves_none_behind(lab: Tree, engine: Engine, tmp_path: Path) -> None:
    lab.run("rs_a")
    lab.run("rs_b")
    lab.cli("batch", "--batch-name", "boxed")
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}
    assert tallied(tmp_path, "done") == 2
    assert engine.containers() == []
    start = next(event for event in lab.events() if event["ev"] == "batch_start")
    assert start["gpus"] == [
        {"uuid": "GPU-00000000-0000-0000-0000-000000000000", "name": "Fake GPU", "driver": "550.54.15"}
    ]
    receipt = lab.run_paths("rs_a").result.receipt.read_text()
    assert "gpu: Fake GPU\ndriver: 550.54.15\n" in receipt
    assert f"image: {start['image']}\n" in receipt
    assert start["image"] == "sha256:" + engine("image", "inspect", "--format", "{{.Id}}", IMAGE).strip()


def test_two_gpus_run_one_model_each_and_share_the_rows(lab: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    lab.config(config_of(box, engine, tmp_path, more="    gpus: [0, 1]\n"))
    for number in range(6):
        lab.run(f"rs_{number}")
    lab.cli("batch")
    assert set(lab.states().values()) == {"done"}
    starts = [event for event in lab.events() if event["ev"] == "process_start"]
    assert sorted((start["gpu"], len(start["runs"])) for start in starts) == [(0, 3), (1, 3)]
    assert len({start["pid"] for start in starts}) == 2
    first = next(event for event in lab.events() if event["ev"] == "batch_start")
    assert [gpu["uuid"][-1] for gpu in first["gpus"]] == ["0", "1"]
    log = lab.batches()[0].log.read_text()
    assert "gpu0| " in log and "gpu1| " in log


def test_launching_twice_gives_one_container_and_one_job(lab: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    lab.config(config_of(box, engine, tmp_path, faults="held"))
    lab.run("rs_a")
    name = lab.cli("batch", "--detach").out.strip()
    ids = engine("ps", "--all", "--quiet")
    imports = "from cosmosctl import tasks; from cosmosctl.host.context import invoke_context"
    code = f"{imports}; print(tasks.launch(invoke_context(), {name!r}, {str(lab.root)!r}))"
    again = subprocess.run((sys.executable, "-c", code), env=lab.environment(), capture_output=True, timeout=TIMEOUT_S)
    assert again.stdout == b"launched\n", again.stderr
    assert engine("ps", "--all", "--quiet") == ids
    (tmp_path / "tally/go").touch()
    lab.cli("attach", name)
    assert (tallied(tmp_path, "load"), tallied(tmp_path, "done")) == (1, 1)
    assert engine.containers() == []


def test_cancel_ends_the_container(lab: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    lab.config(config_of(box, engine, tmp_path, faults="silence"))
    lab.run("rs_a")
    name = lab.cli("batch", "--detach").out.strip()
    wait_until(lambda: tallied(tmp_path, "start"), "the row")
    lab.cli("cancel", name, expect=None)
    assert "state: cancelled" in lab.batches()[0].end.read_text()
    assert engine.containers() == []


def test_a_batch_that_was_left_alone_is_fetched_and_its_container_removed(
    lab: Tree, engine: Engine, tmp_path: Path
) -> None:
    lab.run("rs_a")
    lab.cli("batch", "--detach")
    wait_until(lambda: engine("ps", "--quiet") == "", "the end of the container")
    assert len(engine.containers()) == 1
    lab.cli("fetch")
    assert lab.states() == {"rs_a": "done"}
    assert engine.containers() == []


def test_an_entrypoint_that_takes_its_time_is_waited_for(lab: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    name = "localhost/slow:1"
    container = engine("create", IMAGE, "true").strip()
    slow = 'ENTRYPOINT ["/bin/sh", "-c", "until [ -e /tally/come ]; do sleep 0.1; done; exec \\"$@\\"", "sh"]'
    engine("commit", "--quiet", "--change", slow, container, name)
    engine("rm", container)
    lab.config(config_of(box, engine, tmp_path).replace(IMAGE, name))
    lab.run("rs_a")
    lab.home.mkdir(exist_ok=True)
    client = Client(lab, "batch")
    client.wait_for("phase: follow")  # the launch does not wait any more
    (tmp_path / "tally/come").touch()
    done = client.end()
    assert done.code == 0, done.err
    assert lab.states() == {"rs_a": "done"}
    assert tallied(tmp_path, "load") == 1


def test_the_values_of_an_env_file_are_seen_by_the_model_only(
    lab: Tree, box: Sshd, engine: Engine, tmp_path: Path
) -> None:
    secret = "hf_sEcReT0123456789"
    file = tmp_path / "secrets.env"
    file.write_text(f"COSMOSCTL_TEST_TOKEN={secret}\n")
    lab.config(config_of(box, engine, tmp_path, faults="held", more=f"    env_file: {file}\n"))
    lab.run("rs_a")
    client = lab.start("batch", env={"COSMOSCTL_LOG_LEVEL": "DEBUG"})
    wait_until(lambda: tallied(tmp_path, "start"), "the row")
    assert secret in engine("exec", engine("ps", "--format", "{{.Names}}").strip(), "env")
    (tmp_path / "tally/go").touch()
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 0, out + err
    assert not any(secret.encode() in command for command in commands)
    assert secret not in out + err
    for place in (lab.root, folder_there(tmp_path)):
        assert [file for file in place.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()] == []


def test_a_broken_env_file_is_told_without_its_lines(lab: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("=hf_sEcReT and more\nA B=hf_sEcReT\n")
    lab.config(config_of(box, engine, tmp_path, more=f"    env_file: {file}\n"))
    lab.run("rs_a")
    refused = lab.cli("batch", expect=4)
    assert f"line 1, 2 of the env_file is not NAME=value: {file}" in refused.err
    assert "hf_sEcReT" not in refused.err


@pytest.mark.parametrize("kind", seven.KINDS)
def test_seven_runs_in_a_container_on_two_gpus_give_the_pixels_of_the_local_ones(
    bare_tree: Tree, box: Sshd, engine: Engine, tmp_path: Path, kind: seven.Kind
) -> None:
    seven._project(bare_tree, kind)
    config = bare_tree.paths.config.read_text()
    block = engine.block(dir=folder_there(tmp_path), row_s="", more="    gpus: [0, 1]\n")
    bare_tree.config(f"{config}  lab:\n{box.block()}{block}")
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        bare_tree.cli("batch", "--host", "lab", env={"XDG_RUNTIME_DIR": sockets})
    starts = [event for event in bare_tree.events() if event["ev"] == "process_start"]
    bare_tree.cli("batch", *seven.RUNS, "--host", "local")
    assert {start["gpu"] for start in starts} == {0, 1}
    assert bare_tree.states("--host", "lab") == dict.fromkeys(seven.RUNS, "done")
    for run in seven.RUNS:
        paths = bare_tree.run_paths(run)
        far, near = (decoded(place.outputs / "output.mp4") for place in (paths.result, paths.preview))
        assert len(far) == kind.frames
        assert far == near


def decoded(video: Path) -> list[bytes]:
    """sha256 of each frame's pixels."""
    with av.open(str(video)) as container:
        return [
            hashlib.sha256(frame.to_ndarray(format="rgb24").tobytes()).digest() for frame in container.decode(video=0)
        ]


@needs_dockerd
def test_the_same_way_leads_through_docker(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.env"
    secrets.write_text("COSMOSCTL_TEST_TOKEN=hf_sEcReT\n")
    for name in ("rs_a", "rs_b", "rs_c"):
        lab.run(name)
    with tempfile.TemporaryDirectory(prefix="d", dir="/tmp") as folder, running_dockerd(Path(folder)) as dockerd:
        lab.config(config_of(box, dockerd, tmp_path, faults="held@2", more=f"    env_file: {secrets}\n"))
        client = lab.start("batch")
        wait_until(lambda: tallied(tmp_path, "done") >= 1, "a row")
        dockerd("kill", *dockerd.containers())
        (tmp_path / "tally/go").touch()
        out, err = client.communicate(timeout=TIMEOUT_S)
        assert client.returncode == 0, out + err
        assert dockerd.containers() == []
        image = dockerd("image", "inspect", "--format", "{{.Id}}", IMAGE).strip()
        lab.run("rs_d")
        secrets.write_text("A B=hf_sEcReT\n")
        broken = lab.cli("batch", expect=4)
    assert set(lab.states().values()) == {"done", "pending"}
    assert f"image: {image}\n" in lab.run_paths("rs_a").result.receipt.read_text()
    assert "env_file" in broken.err and "hf_sEcReT" not in broken.err


def test_docker_is_asked_for_gpus_in_its_own_way() -> None:
    model = HostModel("image:1", "/repo", "/checkpoints")
    host = Host("lab", "docker", '/data,"us"', models={"transfer1": model}, gpus=(0, 2), cache="/data/hf")
    argv = docker.supervisor(host, models.get("transfer1"), PurePosixPath("/data/us/batches/b-1"))
    assert argv[argv.index("--gpus") + 1] == '"device=0,2"'
    assert 'type=bind,"src=/data,""us""",dst=/cosmosctl' in argv
    assert "type=bind,src=/repo,dst=/workspace,ro=true" in argv
    assert argv[-5:] == ("image:1", "python3", "-B", "/cosmosctl/batches/b-1/supervise", "/cosmosctl/batches/b-1")
    assert docker.gpus(host) == (0, 1)
    assert docker.process(host, models.get("transfer1")).env["HF_HOME"] == "/cache"
    assert docker.command(replace(host, engine_command=("sudo", "-n", "docker"))) == ("sudo", "-n", "docker")
    assert argv[:2] == ("docker", "create")


def test_every_file_of_secrets_that_a_container_is_given_is_known() -> None:
    args = ("--cpus=8", "--env-file", "/b c", "--env-file=/d", "--env-file")
    host = Host("lab", "docker", "/data", env_file="/a", engine_args=args)
    assert docker.keeper(host).env_files == ("/a", "/d", "/b c")


@pytest.mark.parametrize(
    ("name", "command", "same"), [("docker", (), True), ("docker", ("sudo", "podman"), False), ("podman", (), False)]
)
def test_users_in_a_container_are_the_hosts_where_no_podman_maps_them(
    name: str, command: tuple[str, ...], same: bool
) -> None:
    asked = engines.get(name).images(Host("lab", name, "/data", engine_command=command))
    assert asked is not None and asked.same_users is same
