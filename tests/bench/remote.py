"""What the way to a host costs, beside plain rsync and plain ssh over the same loopback in the same run."""

import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from cosmosctl import tasks
from cosmosctl.commands import prepare
from cosmosctl.commands.audience import unseen
from cosmosctl.commands.run.make_batches import put_in_place
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host.context import invoke_context
from cosmosctl.plan import bundle
from cosmosctl.store import hash_files, load_all
from tests.bench.timing import cosmosctl, environment
from tests.containers import running_podman
from tests.proxy import running_proxy
from tests.sshd import Sshd, running_sshd, write_client_config
from tests.support.tree import Tree
from tests.support.waiting import take, wait_until

PUSHED_BYTES = 1 << 30
FILES = ("color", "vis", "depth", "segmentation")
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
TRIES = 3
VIDEO_BYTES = 8 << 20
SHARED_RUNS = 100
FEW, MANY = 10, 1_000
ROW_S = 0.3
LATENCY_ROWS, LATENCY_ROW_S = 8, 1.0
GPUS, GPU_RUNS, GPU_LOAD_S, GPU_ROW_S = 4, 14, 3.0, 2.0


@dataclass(frozen=True)
class Lab:
    """A project whose host `lab` is this machine behind a real sshd; `there` is its `dir`."""

    tree: Tree
    box: Sshd
    there: Path

    def configure(self, block: str, *, config: Path | None = None) -> None:
        """Write cosmosctl.yaml; `block` says what runs there, indented by four."""
        self.tree.config(
            f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{self.box.block(config=config)}{block}"
        )

    def idle(self, *, row_s: float = 0.0) -> str:
        """The block of a preview that does nothing for `row_s` seconds a row."""
        env = {"COSMOSCTL_PREVIEW_ROW_S": str(row_s)}
        return f"    dir: {json.dumps(str(self.there))}\n    engine: preview\n    env: {json.dumps(env)}\n"

    def run(self, *args: str) -> str:
        """stderr of a command that tells each process it starts. Raises: CalledProcessError."""
        done = subprocess.run(
            cosmosctl(*args),
            cwd=self.tree.root,
            env=environment({**self.tree.environment(), "COSMOSCTL_LOG_LEVEL": "DEBUG"}),
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return done.stderr


def measure(folder: Path) -> Iterator[Mapping[str, object]]:
    """Seconds, bytes and counts; each beside its limit or what it is compared with."""
    yield _push(folder)
    yield _bytes_sent(folder)
    yield from _processes(folder)


def measure_containers(folder: Path) -> Iterator[Mapping[str, object]]:
    """Seconds of batches in containers on a host behind ssh, the model a row that does nothing."""
    with running_podman(folder / "podman") as engine:
        with _lab(folder / "overhead") as lab:
            lab.configure(engine.block(dir=lab.there, row_s=str(ROW_S)))
            yield _overhead(lab)
        with _lab(folder / "latency") as lab:
            lab.configure(engine.block(dir=lab.there, row_s=str(LATENCY_ROW_S)))
            yield _latency(lab)
        with _lab(folder / "gpus") as lab:
            more = f"    gpus: {list(range(GPUS))}\n"
            block = engine.block(dir=lab.there, row_s=str(GPU_ROW_S), more=more)
            loading = json.dumps({"COSMOSCTL_PREVIEW_LOAD_S": str(GPU_LOAD_S)})[1:-1]
            lab.configure(block.replace("    env: {", f"    env: {{{loading}, "))
            yield _four_gpus(lab)


@contextmanager
def _lab(folder: Path) -> Iterator[Lab]:
    folder.mkdir(parents=True, exist_ok=True)
    tree = Tree(folder / "project", folder / "home")
    tree.root.mkdir()
    tree.scene()
    tree.prompt("ps_a")
    with running_sshd(folder / "sshd") as box, tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as sockets:
        yield Lab(Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": sockets}), box, folder / "there")


def _push(folder: Path) -> Mapping[str, object]:
    """The push step alone, every byte of it new to the host, beside one rsync of the same files."""
    with _lab(folder / "push") as lab:
        scene = lab.tree.root / "inputs/videos/city"
        shutil.copy(scene / "color.mp4", scene / "vis.mp4")
        videos = [scene / f"{name}.mp4" for name in FILES]
        for video in videos:
            _grow(video, PUSHED_BYTES // len(videos))
        lab.tree.run("rs_a", controls="{vis: 0.3, depth: 0.3, seg: 0.3}")
        lab.configure(lab.idle())
        take(2.1)  # what was written within two seconds is not remembered
        start = time.perf_counter()
        hash_files(lab.tree.root, videos)
        hashing_s = time.perf_counter() - start
        project, batch = _bundled(lab.tree.root)
        plain: dict[str, list[float]] = {cipher: [] for cipher in CIPHERS}
        ours = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("XDG_RUNTIME_DIR", lab.tree.env["XDG_RUNTIME_DIR"])
            for _ in range(TRIES):
                for cipher, taken in plain.items():
                    taken.append(_plain_s(lab, videos, cipher))
                ours.append(_pushed_s(lab, project, batch))
    best = min(plain, key=lambda cipher: median(plain[cipher]))
    speed = median(plain[best]) / median(ours)
    return {
        "push_of_1_GiB_s": round(median(ours), 2),
        f"plain_rsync_over_ssh_with_{best.split('@')[0]}_s": round(median(plain[best]), 2),
        "push_speed_over_plain_rsync (at least 0.9)": round(speed, 2),
        "hashing_the_same_files_once_s": round(hashing_s, 2),
    }


def _grow(video: Path, size: int) -> None:
    """Make an mp4 `size` bytes long by a box that readers pass over (ISO/IEC 14496-12, 8.1.2)."""
    missing = size - video.stat().st_size - 8
    with video.open("ab") as file:
        file.write(struct.pack(">I4s", missing + 8, b"free"))
        for begin in range(0, missing, 1 << 20):
            file.write(os.urandom(min(1 << 20, missing - begin)))


def _bundled(root: Path) -> tuple[ProjectPaths, Batch]:
    project, snapshot = ProjectPaths(root), load_all(root)
    plan = prepare.plans(project, prepare.check(project, snapshot, snapshot.run_ids), snapshot.host(), progress=unseen)[
        0
    ]
    moment = datetime.now(UTC)
    half = bundle.write_bundle(
        project,
        plan,
        project_id="5f3a91c2",
        title="bench",
        key="00000000",
        moment=moment,
        warnings={},
        number=1,
        parents={},
    )
    return project, put_in_place(project, half)


def _pushed_s(lab: Lab, project: ProjectPaths, batch: Batch) -> float:
    shutil.rmtree(lab.there, ignore_errors=True)
    return _seconds(lambda: tasks.push(invoke_context(), batch.name, str(project.root)))


def _plain_s(lab: Lab, videos: list[Path], cipher: str) -> float:
    target = lab.there.with_name("plain")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    ssh = shlex.join(("ssh", "-F", str(lab.box.config), "-c", cipher))
    argv = ("rsync", "-a", "-e", ssh, *map(str, videos), f"box:{target}/")
    return _seconds(lambda: subprocess.run(argv, check=True, stdin=subprocess.DEVNULL))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _bytes_sent(folder: Path) -> Mapping[str, object]:
    """Bytes towards the host, all of them, counted on the line."""
    with _lab(folder / "bytes") as lab, running_proxy(lab.box.port) as line:
        lab.configure(lab.idle(), config=write_client_config(lab.box, port=line.port, name="counted"))
        _grow(lab.tree.root / "inputs/videos/city/color.mp4", VIDEO_BYTES)
        sent = []
        for first in (0, SHARED_RUNS):
            for number in range(first, first + SHARED_RUNS):
                lab.tree.run(f"rs_{number:03d}", controls="{edge: 0.5}", more=f"seed: {1 + first}\n")
            before = line.sent
            lab.run("batch", "--batch-name", f"after_{first}")
            sent.append(line.sent - before)
        there = sum(path.stat().st_size for path in (lab.there / "inputs").rglob("*.mp4"))
    return {
        f"bytes_of_the_video_of_{SHARED_RUNS}_runs": VIDEO_BYTES,
        f"bytes_sent_for_{SHARED_RUNS}_runs (once the video, and the bundle)": sent[0],
        f"bytes_sent_for_{SHARED_RUNS}_more_runs (none of the video)": sent[1],
        "bytes_of_video_on_the_host": there,
    }


def _processes(folder: Path) -> Iterator[Mapping[str, object]]:
    """ssh handshakes and processes of push, launch and one fetch after the end."""
    for runs in (FEW, MANY):
        with _lab(folder / f"processes{runs}") as lab:
            lab.configure(lab.idle())
            for number in range(runs):
                lab.tree.run(f"rs_{number:04d}")
            before = lab.box.connections()
            told = lab.run("batch", "--detach")
            _wait_for_end(lab)
            told += lab.run("fetch")
            states = set(lab.tree.states().values())
            assert states == {"done"}, states
            yield {
                f"{runs}_runs_ssh_handshakes": lab.box.connections() - before,
                f"{runs}_runs_processes_started_here": len(re.findall(r"^debug \S+ run: ", told, re.MULTILINE)),
            }


def _wait_for_end(lab: Lab) -> None:
    def has_ended() -> bool:
        return any('"batch_done"' in path.read_text() for path in lab.there.glob("batches/*/events.jsonl"))

    wait_until(has_ended, "the end of the batch", look_s=0.2)


def _overhead(lab: Lab) -> Mapping[str, object]:
    for number in range(SHARED_RUNS):
        lab.tree.run(f"rs_{number:03d}")
    whole = _seconds(lambda: lab.run("batch"))
    model = _model_s(lab)
    return {
        f"{SHARED_RUNS}_runs_batch_s": round(whole, 2),
        f"{SHARED_RUNS}_runs_model_s": round(model, 2),
        f"{SHARED_RUNS}_runs_overhead_s (at most 3)": round(whole - model, 2),
    }


def _model_s(lab: Lab) -> float:
    """From the first start of a model process to the last end, by the host's events."""
    events = lab.tree.events()
    starts = [event["t"] for event in events if event["ev"] == "process_start"]
    ends = [event["t"] for event in events if event["ev"] == "process_end"]
    return float(max(ends) - min(starts))


def _latency(lab: Lab) -> Mapping[str, object]:
    """From prompt.txt, a row's last file, on the host to the receipt, the last file in the run's folder."""
    runs = [f"rs_{number}" for number in range(LATENCY_ROWS)]
    for run in runs:
        lab.tree.run(run)
    lab.run("batch")
    batch = next((lab.there / "batches").iterdir())
    waits = []
    for run in runs:
        made = next((batch / "done" / run).rglob("prompt.txt")).stat().st_mtime
        waits.append(lab.tree.run_paths(run).result.receipt.stat().st_mtime - made)
    return {
        "from_video_on_the_host_to_run_folder_median_s": round(median(waits), 2),
        "from_video_on_the_host_to_run_folder_longest_s (at most 2)": round(max(waits), 2),
    }


def _four_gpus(lab: Lab) -> Mapping[str, object]:
    for number in range(GPU_RUNS):
        lab.tree.run(f"rs_{number:02d}")
    lab.run("batch")
    bare = GPU_LOAD_S + -(-GPU_RUNS // GPUS) * GPU_ROW_S
    gpus = {event["gpu"] for event in lab.tree.events() if event["ev"] == "process_start"}
    return {
        f"{GPUS}_gpus_{GPU_RUNS}_runs_model_s": round(_model_s(lab), 2),
        f"{GPUS}_gpus_over_load_and_rows (at most 1.1)": round(_model_s(lab) / bare, 3),
        f"{GPUS}_gpus_used": len(gpus),
    }
