"""What a batch on a real Slurm costs beside its model: two nodes on this machine, over a login node of its own."""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cosmosctl.host.push import RESULT_KIB
from tests.bench.another_machine import another_machine
from tests.bench.timing import cosmosctl, environment, medians
from tests.bench.trees import PROMPTS
from tests.sshd import Sshd, running_sshd
from tests.support.slurm_bed import Bed, Site, running_bed, site_on
from tests.support.tree import Tree
from tests.support.waiting import take, wait_until

ROWS, TASKS, ROW_S, LOAD_S = 64, 4, 4.0, 2.0
MANY_ROWS, MANY_TASKS = 10_000, 100
QUEUE_S, HOUR_S = 15, 3600.0


def measure(folder: Path) -> Iterator[Mapping[str, object]]:
    with ExitStack() as stack:
        cluster = stack.enter_context(another_machine())
        with cluster.starting():
            bed = stack.enter_context(running_bed(folder / "bed"))
            login = stack.enter_context(running_sshd(folder / "sshd", env=bed.env))
        with _site(bed, folder / "rows", login) as site:
            yield _rows(site, login)
        with _site(bed, folder / "many", login) as site, _roomy(site.dir):
            yield {**_many(site, login), "the_cluster_yields": cluster.yields}


@contextmanager
def _site(bed: Bed, folder: Path, login: Sshd | None) -> Iterator[Site]:
    site = site_on(bed, folder, login)
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as sockets:
        tree = site.tree
        site.tree = Tree(tree.root, tree.home, {**tree.env, "XDG_RUNTIME_DIR": sockets})
        yield site
        site.end()


def _idle(site: Site, nodes: int, **seconds: float) -> None:
    """The model is a preview that does nothing for that long."""
    env = {f"COSMOSCTL_PREVIEW_{name}": str(value) for name, value in seconds.items()}
    path = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    extra = ["--mem=500M"]  # else each has all the memory of its node
    more = f"    env: {json.dumps(env)}\n    prolog: {json.dumps([path])}\n    extra: {json.dumps(extra)}\n"
    site.configure(nodes=nodes, more=more, engine="preview")


def _rows(site: Site, login: Sshd) -> Mapping[str, object]:
    site.runs(ROWS)
    _idle(site, TASKS, ROW_S=ROW_S, LOAD_S=LOAD_S)
    before, start = login.connections(), time.perf_counter()
    _run(site, "batch")
    wall_s, handshakes = time.perf_counter() - start, login.connections() - before
    asked = sum(event["ev"].startswith("queue") for event in site.tree.events())
    work_s = LOAD_S + ROWS // TASKS * ROW_S
    return {
        f"{ROWS}_rows_over_{TASKS}_tasks_s": round(wall_s, 1),
        f"{ROWS}_rows_over_load_and_rows_s (at most 5)": round(wall_s - work_s, 1),
        f"squeue_calls (at most {wall_s / QUEUE_S + 3:.0f})": asked,
        "ssh_handshakes (1)": handshakes,
    }


@contextmanager
def _roomy(folder: Path) -> Iterator[None]:
    """A folder with the room that a host must have for so many rows, of which these use next to nothing."""
    folder.mkdir(parents=True)
    size = f"size={2 * MANY_ROWS * RESULT_KIB}k"
    subprocess.run(("mount", "-t", "tmpfs", "-o", size, "none", str(folder)), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


def _many(site: Site, login: Sshd) -> Mapping[str, object]:
    _sweeps(site)
    _idle(site, MANY_TASKS, ROW_S=0)
    take(2.1)  # what was written within two seconds is not trusted to the index
    before, start = login.connections(), time.perf_counter()
    with subprocess.Popen(cosmosctl("batch"), **_how(site)) as client:  # type: ignore[call-overload]
        wait_until(lambda: _ended(site) > MANY_TASKS // 4, "a quarter of the shards", look_s=0.5, patience_s=HOUR_S)
        status = medians(cosmosctl("status", "--short"), cwd=site.tree.root, env=site.tree.environment(), warm_up=False)
        found: dict[str, object] = {
            "status_while_it_runs_s (at most 1)": round(status.wall_s, 2),
            "status_while_it_runs_cpu_s": round(status.cpu_s, 2),
            "login_node_processes": len(_told_of(site)),
            "login_node_MiB": max(map(_rss_mib, _told_of(site)), default=0),
        }
        wait_until(lambda: _ended(site) == MANY_TASKS, "the end of all shards", look_s=0.5, patience_s=HOUR_S)
        found |= {"client_MiB": _rss_mib(client.pid), "ended_there_after_s": round(time.perf_counter() - start)}
        client.wait(HOUR_S)
    found |= {"all_home_after_s": round(time.perf_counter() - start), "ssh_handshakes": login.connections() - before}
    done = sum(state == "done" for state in site.tree.states().values())
    return {f"{MANY_ROWS}_rows_{MANY_TASKS}_tasks_{key}": one for key, one in {**found, "rows_done": done}.items()}


def _sweeps(site: Site) -> None:
    """As many runs, of as many prompts as in the project that part `status` measures, each with a weight of its own."""
    for number in range(PROMPTS):
        site.tree.prompt(f"ps_{number:03d}", text=f"row {number}")
    for number in range(MANY_ROWS):
        weight = round((number // PROMPTS + 1) * PROMPTS / MANY_ROWS, 4)
        site.tree.run(f"rs_{number:05d}", prompt=f"ps_{number % PROMPTS:03d}", controls=f"{{edge: {weight}}}")


def _run(site: Site, *args: str) -> None:
    subprocess.run(cosmosctl(*args), check=True, **_how(site))  # type: ignore[call-overload]


def _how(site: Site) -> Mapping[str, object]:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return {"cwd": site.tree.root, "env": environment(site.tree.environment()), **quiet}


def _ended(site: Site) -> int:
    """How many shards have."""
    return sum(b'"batch_done"' in path.read_bytes()[-200:] for path in site.dir.glob("batches/*/shards/*/events.jsonl"))


def _told_of(site: Site) -> list[int]:
    """The processes that tell of the shards."""
    wanted = str(site.folder()).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"python3", b"-"] and wanted in words:
            found.append(int(path.parent.name))
    return found


def _rss_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)
