"""The shell scripts of a batch's way, as shipped: fed to `sh -s`, as they are over ssh, on real folders and jobs."""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest

from cosmosctl.engines.container import container_user
from cosmosctl.transport.rsync import rsync_warning
from tests.support.host_batch import LAUNCH, WAIT_S, HostBatch, alive, faults, runs
from tests.support.supervisor import SUPERVISE
from tests.support.waiting import wait_until

SHELLS = sorted({os.path.realpath(path) for path in map(shutil.which, ("sh", "dash", "bash")) if path})
HOSTILE = ["with space's quo\"te", "$HOME;touch x `id` & *", "line\nbreak -rf", "-ünï⛱ a=b\\c"]


@dataclass
class HostFolder:
    """`hosts: dir` of a host, and batches that are pushed into it."""

    root: Path

    def pushed(
        self, name: str, names: Sequence[str], videos: Sequence[bytes] = (), project: str = "5f3a91c2"
    ) -> HostBatch:
        """A batch as a push leaves it: all of it in incoming/."""
        batch = HostBatch(self.root / "batches" / name, {})
        batch.plan(names, inputs=[self._input(video, names) for video in videos])
        bundle = batch.folder / "incoming" / "bundle"
        (bundle / "01-edge").mkdir(parents=True)
        (bundle / "01-edge" / "command").write_text("python standin.py\n")
        (batch.folder / "plan.json").rename(bundle / "plan.json")
        shutil.copytree(SUPERVISE, bundle / "supervise", ignore=shutil.ignore_patterns("__pycache__"))
        (bundle / "rows.txt").write_text("".join(f"{project} {run} {run:0>64}\n" for run in names))
        (bundle / "inputs.txt").write_text("".join(f"{_place(video)} {len(video)}\n" for video in videos))
        for video in videos:
            send(batch, video)
        return batch

    def _input(self, video: bytes, names: Sequence[str]) -> dict[str, object]:
        path = self.root / "inputs" / _place(video)
        return {
            "path": str(path),
            "bytes": len(video),
            "sha256": hashlib.sha256(video).hexdigest(),
            "runs": list(names),
        }


def _place(video: bytes) -> str:
    return f"{hashlib.sha256(video).hexdigest()[:16]}/video.mp4"


def send(batch: HostBatch, video: bytes, whole: bytes = b"") -> None:
    """Puts a video, or what has arrived of a whole one, where rsync puts it."""
    place = batch.folder / "incoming" / "inputs" / _place(whole or video)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(video)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostFolder]:
    """A host's folder; jobs that a test leaves there are killed by their numbers."""
    host = HostFolder(tmp_path / "host")
    yield host
    for folder in sorted((host.root / "batches").glob("*")) if (host.root / "batches").is_dir() else ():
        batch = HostBatch(folder)
        for start in batch.events("batch_start"):
            stop(start["pid"], folder)
        batch.close()


def stop(pid: int, folder: Path) -> None:
    """Kills a supervisor, if that number is still its own."""
    argv = Path(f"/proc/{pid}/cmdline")
    if argv.exists() and os.fsencode(folder) in argv.read_bytes():
        os.kill(pid, signal.SIGKILL)


def script(name: str, *args: str, shell: str = "sh", **env: str) -> subprocess.CompletedProcess[bytes]:
    """What a script of templates/launch/ said, run as the client runs it on a host."""
    with (LAUNCH / name).open("rb") as stream:
        argv = [shell, "-s", "--", *args]
        return subprocess.run(
            argv, stdin=stream, capture_output=True, timeout=WAIT_S, check=False, env={**os.environ, **env}
        )


def launch(batch: HostBatch, *argv: str, **env: str) -> tuple[int, str]:
    """(exit code, stdout) of launching a batch."""
    started = argv or (sys.executable, "-B", str(batch.folder / "supervise"), str(batch.folder))
    env = {"STANDIN_TALLY": str(batch.tally_file), **batch.env, **env}
    said = script("launch.sh", str(batch.folder.parent.parent), batch.folder.name, "detach", "--", *started, **env)
    return said.returncode, said.stdout.decode()


def follow(batch: HostBatch, offset: int, *file: str, **env: str) -> subprocess.Popen[bytes]:
    with (LAUNCH / "follow.sh").open("rb") as stream:
        argv = ["sh", "-s", "--", str(batch.folder), str(offset), *file]
        return subprocess.Popen(
            argv, stdin=stream, stdout=subprocess.PIPE, bufsize=0, start_new_session=True, env={**os.environ, **env}
        )


def until_sent(process: subprocess.Popen[bytes], event: str) -> bytes:
    """What a follower sends up to an event of that name."""
    sent = b""
    while f'{{"ev":"{event}"'.encode() not in sent:
        line = process.stdout.readline() if process.stdout else b""
        assert line, f"it ended before {event}"
        sent += line
    return sent


@dataclass
class Tools:
    """Programs that come first on a PATH: each notes that it was called, and then is what it always is.

    `sleep` takes no time but goes on when the test says so.
    """

    folder: Path

    def path(self, *names: str) -> str:
        self.folder.mkdir(exist_ok=True)
        for name in names:
            program, real = self.folder / name, shutil.which(name)
            wait = (
                f"while ! [ -e '{self.folder}/go' ]; do {real} 0.02; done" if name == "sleep" else f'exec {real} "$@"'
            )
            program.write_text(f'#!/bin/sh\necho {name} "$@" >>"{self.folder}/calls"\n{wait}\n')
            program.chmod(0o755)
        return f"{self.folder}:{os.environ['PATH']}"

    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def go_on(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "tools")


def events_file(batch: HostBatch) -> Path:
    return batch.folder / "events.jsonl"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", sorted(path.name for path in LAUNCH.glob("*.sh")))
def test_every_shell_reads_the_scripts(shell: str, name: str) -> None:
    subprocess.run([shell, "-n", str(LAUNCH / name)], check=True)


def test_a_pushed_batch_is_launched_runs_and_is_finished(host: HostFolder) -> None:
    videos = [b"colour video", b"depth video", b""]
    batch = host.pushed("city-1a2b3c4d", runs(2), videos)
    assert launch(batch) == (0, "launched\n")
    batch.until("batch_done")
    assert launch(batch) == (0, "finished\n")
    assert batch.ends() == {"r1": "done", "r2": "done"}
    pool = host.root / "inputs"
    assert {path.relative_to(pool).as_posix(): path.read_bytes() for path in pool.rglob("*.mp4")} == {
        _place(video): video for video in videos
    }
    assert not list((batch.folder / "incoming").iterdir())
    assert (batch.folder / "01-edge" / "command").read_text() == "python standin.py\n"


@pytest.mark.parametrize(("shell", "name"), [(SHELLS[n % len(SHELLS)], name) for n, name in enumerate(HOSTILE)])
def test_any_name_of_the_hosts_folder_and_of_the_batch_will_do(tmp_path: Path, shell: str, name: str) -> None:
    batch = HostFolder(tmp_path / name / "host").pushed(f"{name}-1a2b3c4d", ["r1"], [b"video"])
    argv = (sys.executable, "-B", str(batch.folder / "supervise"), str(batch.folder))
    args = (str(batch.folder.parent.parent), batch.folder.name, "detach", "--", *argv)
    assert script("launch.sh", *args, shell=shell).stdout == b"launched\n"
    followed = script("follow.sh", str(batch.folder), "0", shell=shell)
    assert (followed.returncode, followed.stdout) == (0, events_file(batch).read_bytes())
    assert script("cancel.sh", str(batch.folder), shell=shell).stdout == b"finished\n"
    assert batch.ends() == {"r1": "done"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_the_job_is_detached_and_holds_no_lock_of_the_launch(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    assert launch(batch, STANDIN_FAULTS=faults(r1="silence")) == (0, "launched\n")
    pid = batch.until("batch_start")["pid"]
    assert os.getsid(pid) == pid
    streams = {str(Path(f"/proc/{pid}/fd/{stream}").readlink()) for stream in (0, 1, 2)}
    assert streams == {"/dev/null", str(batch.folder / "supervise.out")}
    with (host.root / "launch.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_launching_twice_at_once_gives_one_job(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(2), [b"video"])
    batch.env["STANDIN_FAULTS"] = faults(r2="silence")
    argv = [sys.executable, "-B", str(batch.folder / "supervise"), str(batch.folder)]
    args = ["sh", str(LAUNCH / "launch.sh"), str(host.root), batch.folder.name, "detach", "--", *argv]
    both = [subprocess.Popen(args, stdout=subprocess.PIPE, env={**os.environ, **batch.env}) for _ in range(2)]
    assert [process.communicate(timeout=WAIT_S)[0] for process in both] == [b"launched\n", b"launched\n"]
    assert launch(batch) == (0, "launched\n")
    batch.until("run_done")
    assert len(batch.events("batch_start")) == len(batch.events("process_start")) == 1


def test_a_job_that_was_killed_is_started_again_by_the_next_launch(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(3))
    batch.hold()
    batch.let_go("r1")
    launch(batch)
    batch.until("run_done")
    os.kill(batch.events("batch_start")[0]["pid"], signal.SIGKILL)
    assert launch(batch) == (0, "launched\n")
    batch.let_go()
    batch.until("batch_done")
    assert set(batch.ends().values()) == {"done"}
    assert batch.tally("begin") == dict.fromkeys(runs(3), 1)


@pytest.mark.parametrize("moved", [1, 2, 4])
def test_a_launch_cut_off_while_it_moved_files_goes_on(host: HostFolder, moved: int) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"], [b"video"])
    bundle = batch.folder / "incoming" / "bundle"
    for name in ("rows.txt", "01-edge", "inputs.txt", "plan.json", "supervise")[:moved]:
        (bundle / name).rename(batch.folder / name)
    assert launch(batch) == (0, "launched\n")
    batch.until("batch_done")
    assert batch.ends() == {"r1": "done"}
    assert not bundle.exists()


def test_pushing_again_while_the_job_runs_changes_nothing(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"], [b"video"])
    launch(batch, STANDIN_FAULTS=faults(r1="silence"))
    batch.until("row_start")
    before = (batch.folder / "plan.json").stat().st_ino
    host.pushed("city-1a2b3c4d", ["r1"], [b"video"])
    assert launch(batch) == (0, "launched\n")
    assert (batch.folder / "plan.json").stat().st_ino == before
    assert not list((batch.folder / "incoming").iterdir())


def test_a_video_that_is_missing_or_half_sent_means_push_again(host: HostFolder) -> None:
    whole, half, gone = b"whole video", b"half of a video", b"gone"
    batch = host.pushed("city-1a2b3c4d", ["r1"], [whole, half, gone])
    send(batch, half[:4], half)
    shutil.rmtree((batch.folder / "incoming" / "inputs" / _place(gone)).parent)
    assert launch(batch) == (75, f"missing inputs/{_place(half)}\nmissing inputs/{_place(gone)}\n")
    assert (batch.folder / "incoming" / "inputs" / _place(half)).read_bytes() == half[:4], (
        "the next push goes on with it"
    )
    assert not (batch.folder / "rows.txt").exists(), "a batch that cannot start holds no runs"
    send(batch, half)
    send(batch, gone)
    assert launch(batch) == (0, "launched\n")
    batch.until("batch_done")
    assert batch.ends() == {"r1": "done"}


def test_a_bundle_that_did_not_arrive_means_push_again(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    (batch.folder / "incoming" / "bundle" / "plan.json").unlink()
    assert launch(batch) == (75, "missing bundle/plan.json\n")


@pytest.mark.parametrize("part", sorted(file.name for file in SUPERVISE.glob("*.py")))
def test_a_program_of_which_a_part_did_not_arrive_means_push_again(host: HostFolder, part: str) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    (batch.folder / "incoming" / "bundle" / "supervise" / part).unlink()
    assert launch(batch) == (75, f"missing bundle/supervise/{part}\n")


def test_a_program_that_travels_and_did_not_arrive_whole_means_push_again(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    bundle = batch.folder / "incoming" / "bundle"
    plan = json.loads((bundle / "plan.json").read_text())
    plan["groups"][0]["argv"] = ["python3", "-B", "{batch}/diffusers_rows/serve.py"]
    (bundle / "plan.json").write_text(json.dumps(plan, indent=1))
    shutil.copytree(SUPERVISE.parent / "diffusers_rows", bundle / "diffusers_rows")
    (bundle / "diffusers_rows/hub.py").unlink()
    assert launch(batch) == (75, "missing bundle/diffusers_rows/hub.py\n")


def test_a_job_that_runs_lacks_nothing_though_its_bundle_is_of_an_earlier_version(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    launch(batch, STANDIN_FAULTS=faults(r1="silence"))
    shutil.rmtree(batch.folder / "supervise")
    assert launch(batch) == (0, "launched\n")


def test_what_the_pool_has_is_never_replaced_unless_its_size_is_wrong(host: HostFolder) -> None:
    there, short = b"there", b"short"
    batch = host.pushed("city-1a2b3c4d", ["r1"], [there, short])
    for video, content in ((there, b"THERE"), (short, b"sho")):
        place = host.root / "inputs" / _place(video)
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    launch(batch, "true")
    assert (host.root / "inputs" / _place(there)).read_bytes() == b"THERE"
    assert (host.root / "inputs" / _place(short)).read_bytes() == b"short"
    assert (host.root / "inputs" / (_place(short) + ".damaged")).read_bytes() == b"sho"


def test_the_pool_folders_of_a_batch_are_touched_at_launch(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"], [b"video"])
    place = (host.root / "inputs" / _place(b"video")).parent
    place.mkdir(parents=True)
    (place / "video.mp4").write_bytes(b"video")
    written = place.stat().st_mtime_ns
    os.utime(place, (0, 0))
    launch(batch)
    assert place.stat().st_mtime_ns >= written


def test_a_run_of_another_unfinished_batch_is_refused_until_that_one_ends(host: HostFolder) -> None:
    first = host.pushed("first-1", ["r1", "r2"])
    first.env["STANDIN_FAULTS"] = faults(r2="silence")
    second = host.pushed("second-2", ["r3", "r2", "r1"])
    third = host.pushed("third-3", ["r2"], project="another0")
    assert launch(first) == (0, "launched\n")
    assert launch(second) == (76, "held r1 first-1\nheld r2 first-1\n")
    assert launch(third) == (0, "launched\n"), "the same id in another project is another run"
    first.until("run_done")
    assert launch(first) == (0, "launched\n"), "a refused batch holds nothing"
    assert script("cancel.sh", str(first.folder)).stdout == b"cancelling\n"
    first.until("batch_done")
    assert launch(second) == (0, "launched\n")
    second.until("batch_done")
    assert second.ends() == {"r1": "done", "r2": "done", "r3": "done"}


def test_a_name_that_another_clone_of_the_project_has_given_is_refused(host: HostFolder) -> None:
    first = host.pushed("city_20261129_091500-11111111", ["r1"])
    assert launch(first) == (0, "launched\n")
    first.until("batch_done")
    second = host.pushed("city_20261129_091500-22222222", ["r2"])
    longer = host.pushed("city_20261129_091500-b-33333333", ["r3"])
    other = host.pushed("city_20261129_091500-44444444", ["r4"], project="another0")
    assert launch(second) == (77, f"named {first.folder.name}\n")
    assert not (second.folder / "rows.txt").exists()
    assert [launch(one) for one in (longer, other)] == [(0, "launched\n")] * 2
    for one in (longer, other):
        one.until("batch_done")


def test_the_same_run_with_another_spec_is_computed_beside_it(host: HostFolder) -> None:
    first = host.pushed("first-1", ["r1"])
    first.env["STANDIN_FAULTS"] = faults(r1="silence")
    assert launch(first) == (0, "launched\n")
    other = host.pushed("other-2", ["r1"])
    rows = other.folder / "incoming/bundle/rows.txt"
    rows.write_text(rows.read_text().replace(f"{'r1':0>64}", "f" * 64))
    assert launch(other) == (0, "launched\n")
    other.until("batch_done")
    assert script("cancel.sh", str(first.folder)).stdout == b"cancelling\n"
    first.until("batch_done")


@pytest.mark.parametrize("freed_by", ["abandoned", "cancel"])
def test_a_batch_that_was_given_up_holds_no_runs(host: HostFolder, freed_by: str) -> None:
    first, second = host.pushed("first-1", ["r1"]), host.pushed("second-2", ["r1"])
    launch(first, STANDIN_FAULTS=faults(r1="silence"))
    first.until("row_start")
    os.kill(first.events("batch_start")[0]["pid"], signal.SIGKILL)
    assert launch(second)[0] == 76, "a batch whose job is gone still holds its runs: attach goes on with it"
    (first.folder / freed_by).touch()
    assert launch(second) == (0, "launched\n")


def test_two_batches_with_the_same_run_launched_at_once_are_one_job(host: HostFolder) -> None:
    batches = [host.pushed(f"b{n}-1a2b3c4d", ["r1"]) for n in range(4)]
    processes = []
    for batch in batches:
        argv = [sys.executable, "-B", str(batch.folder / "supervise"), str(batch.folder)]
        args = ["sh", str(LAUNCH / "launch.sh"), str(host.root), batch.folder.name, "detach", "--", *argv]
        env = {**os.environ, "STANDIN_FAULTS": faults(r1="silence")}
        processes.append(subprocess.Popen(args, stdout=subprocess.PIPE, env=env))
    codes = [process.wait(WAIT_S) for process in processes]
    assert sorted(codes) == [0, 76, 76, 76]


def test_a_job_that_does_not_start_is_told_with_its_own_words(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    args = (str(host.root), batch.folder.name, "detach", "--")
    said = script("launch.sh", *args, "/no/python3", str(batch.folder))
    assert said.returncode == 70
    assert b"/no/python3" in said.stderr and b"did not start" in said.stderr
    assert launch(batch) == (0, "launched\n")


def test_what_a_job_that_did_not_start_said_is_read_of_a_file_alone(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["rs_a"])
    (batch.folder / "supervise.out").symlink_to("/dev/zero")
    said = script("launch.sh", str(host.root), batch.folder.name, "detach", "--", "/no/python3")
    assert said.returncode == 70 and b"\nthe job of city-1a2b3c4d did not start" in said.stderr


@pytest.mark.parametrize("name", ["supervise.out", "lock", "cancel"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_batch_is_launched_and_cancelled_with_files_of_its_own_alone(
    host: HostFolder, tmp_path: Path, name: str, kind: str
) -> None:
    batch = host.pushed("city-1a2b3c4d", ["rs_a"])
    batch.hold()
    (tmp_path / "mine").write_text("mine\n")

    def put() -> None:
        if kind == "link":
            (batch.folder / name).symlink_to(tmp_path / "mine")
        else:
            os.mkfifo(batch.folder / name)

    put()
    launch(batch)
    batch.until("row_start")
    if name == "cancel":
        put()
    said = script("cancel.sh", str(batch.folder))
    assert said.stdout == b"cancelling\n" or (name == "cancel" and said.returncode == 0)  # it may have been seen before
    batch.until("batch_done")
    if name == "supervise.out":
        (batch.folder / name).unlink()
        put()
        assert script("tidy.sh", str(batch.folder), "echo said by", "true").returncode == 0
        assert (batch.folder / name).read_text() == "said by city-1a2b3c4d\n"
    assert (tmp_path / "mine").read_text() == "mine\n"


def test_without_flock_the_scripts_say_what_to_install(host: HostFolder, tmp_path: Path) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    for tool in ("sh", "mkdir", "cat", "wc"):
        path = shutil.which(tool)
        assert path is not None
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(path)
    for name, args in (
        ("launch.sh", (str(host.root), "city-1a2b3c4d", "detach", "--", "x")),
        ("follow.sh", ("/x", "0")),
    ):
        said = script(name, *args, PATH=str(tmp_path / "bin"))
        assert (said.returncode, said.stderr.split(b";")[0]) == (69, b"flock is not installed on the host")
    assert not (batch.folder / "rows.txt").exists()


def test_follow_sends_every_byte_of_the_events_up_to_batch_done(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(5))
    batch.hold()
    launch(batch)
    process = follow(batch, 0)
    sent = until_sent(process, "row_start")
    batch.let_go()
    sent += process.communicate(timeout=WAIT_S)[0]
    assert sent == events_file(batch).read_bytes()
    assert json.loads(sent.splitlines()[-1])["ev"] == "batch_done"


def test_follow_begins_at_any_byte(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    launch(batch)
    batch.until("batch_done")
    whole = events_file(batch).read_bytes()
    for offset in (len(whole), len(whole) - 1, 100):
        said = script("follow.sh", str(batch.folder), str(offset))
        assert (said.returncode, said.stdout) == (0, whole[offset:])
    assert script("follow.sh", str(batch.folder), str(len(whole) + 1)).returncode == 4


def test_follow_sends_events_as_they_come(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(4))
    batch.hold()
    launch(batch)
    with follow(batch, 0) as process:
        for run in runs(4):
            assert f'"run":"{run}"'.encode() in until_sent(process, "row_start")
            batch.let_go(run)  # nothing happens on the host before what has happened is here
            until_sent(process, "run_done")
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 0


def test_follow_says_that_the_job_is_gone_after_it_sent_everything(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(2))
    launch(batch, STANDIN_FAULTS=faults(r2="silence"))
    batch.until("run_done")
    process = follow(batch, 0)
    sent = until_sent(process, "run_done")
    wait_until(lambda: len(session(process.pid)) == 4, "follow to wait for the job")
    os.kill(batch.events("batch_start")[0]["pid"], signal.SIGKILL)
    sent += process.communicate(timeout=WAIT_S)[0]
    assert (process.returncode, sent) == (3, events_file(batch).read_bytes())


def test_follow_waits_a_moment_for_a_job_that_is_just_starting(host: HostFolder, tools: Tools) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    process = follow(batch, 0, PATH=tools.path("sleep"))
    wait_until(lambda: tools.calls() == ["sleep 0.2"], "follow to find no job")
    launch(batch)
    tools.go_on()
    sent, _ = process.communicate(timeout=WAIT_S)
    assert (process.returncode, sent) == (0, events_file(batch).read_bytes())


def test_follow_gives_up_on_a_job_that_never_starts(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    assert follow(batch, 0).wait(WAIT_S) == 3


def test_follow_serves_a_log_too_from_before_it_exists(host: HostFolder, tools: Tools) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(3))
    process = follow(batch, 0, "logs/01-edge.1.log", PATH=tools.path("sleep"))
    wait_until(lambda: tools.calls() == ["sleep 0.2"], "follow to find no log")
    launch(batch)
    tools.go_on()
    sent, _ = process.communicate(timeout=WAIT_S)
    assert (process.returncode, sent) == (0, (batch.folder / "logs" / "01-edge.1.log").read_bytes())


def test_several_followers_do_not_disturb_each_other_or_the_job(host: HostFolder, tools: Tools) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(4))
    path = tools.path("sleep")  # once: a program that runs may not be written
    processes = [follow(batch, 0, PATH=path) for _ in range(4)]
    wait_until(lambda: len(tools.calls()) == 4, "all of them to find no job")
    launch(batch)
    tools.go_on()
    sent = [process.communicate(timeout=WAIT_S)[0] for process in processes]
    assert set(sent) == {events_file(batch).read_bytes()}
    assert len(batch.events("batch_start")) == 1


def session(leader: int) -> list[int]:
    """The living processes of the session that `leader` leads."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
            found += [int(path.parent.name)] if int(number) == leader and state != "Z" else []
    return found


def test_follow_ends_by_itself_when_its_client_goes(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    launch(batch, STANDIN_FAULTS=faults(r1="silence"))
    batch.until("row_start")
    argv = [sys.executable, "-c", _CLIENT, str(LAUNCH / "follow.sh"), str(batch.folder)]
    clients = [subprocess.Popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE) for _ in range(4)]
    leaders = [int(client.stderr.readline()) for client in clients if client.stderr]
    wait_until(lambda: all(len(session(leader)) >= 3 for leader in leaders), "follow to be at work")
    if clients[0].stdout:
        clients[0].stdout.close()
    clients[1].kill()
    os.kill(leaders[2], signal.SIGKILL)
    os.kill(leaders[3], signal.SIGTERM)
    wait_until(lambda: not any(map(session, leaders)), f"follow to end: {list(map(session, leaders))}")
    assert alive(batch.events("process_start")[0]["pid"], batch), "the batch goes on"
    for client in clients:
        client.kill()
        client.communicate()


_CLIENT = """
import subprocess, sys
with open(sys.argv[1]) as script:
    follow = subprocess.Popen(["sh", "-s", "--", sys.argv[2], "0"], stdin=script, start_new_session=True)
sys.stderr.write(f"{follow.pid}\\n")
sys.stderr.flush()
sys.stdin.read()
"""


def test_following_takes_four_processes_and_starts_few_more(host: HostFolder, tools: Tools) -> None:
    batch = host.pushed("city-1a2b3c4d", ["r1"])
    launch(batch, STANDIN_FAULTS=faults(r1="silence"))
    batch.until("row_start")
    waits, looks = f"flock -s -w 2 {batch.folder}/lock true", f"flock -n -s {batch.folder}/lock true"
    with follow(batch, 0, PATH=tools.path("flock", "sleep", "grep", "wc")) as process:
        wait_until(lambda: tools.calls().count(waits) > 2, "follow to wait for the lock")
        wait_until(lambda: len(session(process.pid)) == 4, "shell, watcher, tail and flock")
        process.terminate()
    started = [call for call in tools.calls() if call != "wc -c"]
    assert started[:6] == [looks, waits] * 3, "each look is followed by a wait of two seconds"


def test_cancel_says_how_it_found_the_batch(host: HostFolder) -> None:
    batch = host.pushed("city-1a2b3c4d", runs(2))
    assert script("cancel.sh", str(batch.folder)).stdout == b"gone\n"
    (batch.folder / "cancel").unlink()
    launch(batch, STANDIN_FAULTS=faults(r2="silence"))
    batch.until("run_done")
    assert script("cancel.sh", str(batch.folder)).stdout == b"cancelling\n"
    batch.until("batch_done")
    assert batch.ends() == {"r1": "done", "r2": "cancelled"}
    assert script("cancel.sh", str(batch.folder)).stdout == b"finished\n"
    said = script("cancel.sh", str(host.root / "none"))
    assert (said.returncode, said.stderr) == (66, f"there is no {host.root}/none on the host\n".encode())


ODD_ENGINE = """#!/bin/sh
case "$*" in *--env-file*) ;; *) exit 1 ;; esac
echo 'Fehler: "hf_sEcReT and more" ist keine Zuweisung' >&2
echo 'no such image' >&2
exit 125
"""
"""An engine whose words nobody has foreseen."""

UNFIT = {
    "=hf_sEcReT": "1",
    "A B=hf_sEcReT": "1",
    "# hf_sEcReT\n\nGOOD=1\n hf_sEcReT!\nexport A=hf_sEcReT": "4, 5",
    "\ufeffGOOD=1\r\n-x=hf_sEcReT\r": "2",
}


def engine_said(host: HostFolder, tmp_path: Path, script_name: str, lines: str, option: str) -> str:
    """All that a script says of an odd engine that is given an env_file with these lines."""
    engine, secrets = tmp_path / "an engine", tmp_path / "it's secret.env"
    engine.write_text(ODD_ENGINE)
    engine.chmod(0o755)
    secrets.write_bytes(lines.encode())
    given = [f"--env-file={secrets}"] if option == "=" else ["--env-file", str(secrets)]
    verb, env_files = shlex.quote(str(engine)), shlex.quote(str(secrets))
    if script_name == "check.sh":
        args = [str(host.root), *[verb] * 4, env_files, *[""] * 8, "--", str(engine), "run", *given, "image:1"]
        done = script("check.sh", *args)
    else:
        batch = host.pushed("city-1a2b3c4d", ["rs_a"])
        args = [
            str(host.root),
            batch.folder.name,
            *[verb] * 5,
            env_files,
            "--",
            str(engine),
            "create",
            *given,
            "image:1",
        ]
        done = script("launch.sh", *args)
        assert done.returncode == 70
        left = batch.folder / "supervise.out"
        assert b"sEcReT" not in (left.read_bytes() if left.exists() else b"")
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("lines", UNFIT)
@pytest.mark.parametrize("name", ["launch.sh", "check.sh"])
def test_a_mistake_in_an_env_file_is_told_by_its_number_alone(
    host: HostFolder, tmp_path: Path, name: str, lines: str
) -> None:
    said = engine_said(host, tmp_path, name, lines, " ")
    assert f"line {UNFIT[lines]} of the env_file is not NAME=value: {tmp_path}/it's secret.env" in said
    assert "sEcReT" not in said


@pytest.mark.parametrize("option", [" ", "="])
@pytest.mark.parametrize("name", ["launch.sh", "check.sh"])
def test_a_line_of_an_env_file_that_an_engine_quotes_is_not_shown_in_whatever_words(
    host: HostFolder, tmp_path: Path, name: str, option: str
) -> None:
    said = engine_said(host, tmp_path, name, "TOKEN='hf_sEcReT and more'\n", option)
    assert "(a line that quotes the env_file)" in said
    assert "no such image" in said
    assert "sEcReT" not in said


def test_the_two_scripts_treat_an_env_file_alike() -> None:
    texts = [(LAUNCH / name).read_text().replace("launch.sh", "check.sh") for name in ("launch.sh", "check.sh")]
    shared = [text[text.index("# Calls `$1 FILE`") : text.index("# end of what")] for text in texts]
    assert shared[0] == shared[1]


PROBED_ENGINE = """#!/bin/sh
[ "$AS_ROOT" ] || exit 1
case $1 in images) echo 'cosmos mine:1'; echo other:2 ;; esac
"""
"""An engine that root alone may use."""


@pytest.mark.parametrize("sudo", [True, False])
def test_a_machine_is_asked_for_the_engines_that_it_is_told_of(tmp_path: Path, sudo: bool) -> None:
    programs = {"crane": PROBED_ENGINE, "sudo": f'#!/bin/sh\n[ "$1" = -n ] && shift\nAS_ROOT={sudo or ""} exec "$@"\n'}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    crane = ("crane", "crane", "crane ps", "crane images 'a b'")
    said = script(
        "probe.sh", "no-repo", "", *crane, "gone", "gone-42", "true", "true", PATH=f"{tmp_path}:{os.environ['PATH']}"
    )
    told = [line for line in said.stdout.decode().splitlines() if "crane" in line or "gone" in line]
    assert told == (["crane\tsudo", "image crane\tcosmos mine:1"] if sudo else ["crane\trefused"])


def engine_with_user(folder: Path, user: str) -> str:
    """A container engine that knows of an image nothing but its user."""
    program = folder / f"an engine-{user or 'none'}"
    program.write_text(f"#!/bin/sh\necho {user}\n")
    program.chmod(0o755)
    return shlex.quote(str(program))


def modes_after_preparing(
    folder: Path, batch: str, engine: str, user: str = "", *, same_users: bool = True
) -> tuple[int, int]:
    """The permissions of the pool and of the batch's folder."""
    of_image = ("image", "", engine, engine, engine, "same" if same_users else "", user) if engine else ()
    said = script("prepare.sh", str(folder), batch, "0", *of_image)
    assert said.returncode == 0, said.stderr
    pool, own = folder / "inputs", folder / "batches" / batch
    return pool.stat().st_mode & 0o777, own.stat().st_mode & 0o777


@pytest.mark.parametrize("user", ["", "root", "0:0", str(os.getuid())])
def test_what_is_sent_is_closed_to_others_where_the_containers_user_can_still_read_it(
    tmp_path: Path, user: str
) -> None:
    assert modes_after_preparing(tmp_path / "host", "a-1", engine_with_user(tmp_path, user)) == (0o700, 0o700)
    assert modes_after_preparing(tmp_path / "bare", "a-1", "") == (0o700, 0o700)


def test_what_is_sent_stays_open_for_a_container_of_another_user_until_its_batch_is_over(tmp_path: Path) -> None:
    host, engine = tmp_path / "host", engine_with_user(tmp_path, "12345")
    assert modes_after_preparing(host, "a-1", engine) == (0o755, 0o755)
    assert modes_after_preparing(host, "b-2", engine, "keep-id") == (0o755, 0o700)
    (host / "batches/a-1/events.jsonl").write_text('{"ev":"batch_done"}\n')
    assert modes_after_preparing(host, "b-2", "") == (0o700, 0o700)


def test_what_is_sent_stays_open_where_the_users_of_a_container_are_others_than_the_hosts(tmp_path: Path) -> None:
    engine = engine_with_user(tmp_path, str(os.getuid() or 1234))
    modes = modes_after_preparing(tmp_path / "host", "a-1", engine, same_users=False)
    assert modes == (0o755, 0o755)


def test_the_user_of_a_container_is_told_by_the_hosts_arguments() -> None:
    assert [container_user(args) for args in ((), ("--user=7:8",), ("-u", "9"), ("--userns=keep-id",))] == [
        "",
        "7:8",
        "9",
        "keep-id",
    ]


def test_an_rsync_that_a_hostile_host_can_use_is_warned_of() -> None:
    assert "3.2.7 of this machine is older than 3.4" in rsync_warning("rsync  version 3.2.7  protocol version 31\n")
    assert rsync_warning("rsync  version 3.4.0  protocol version 32\n") == ""


@pytest.mark.parametrize("how", ["link", "pipe"])
def test_no_script_waits_for_events_that_are_a_link_or_a_pipe(host: HostFolder, how: str) -> None:
    """Where it did, whoever asked waited until its time was over: the pipe has no writer."""
    batch = host.pushed("strange-1a2b3c4d", ["r1"])
    endless = host.root / "endless"
    os.mkfifo(endless)
    events = batch.folder / "events.jsonl"
    if how == "link":
        events.symlink_to(endless)
    else:
        os.mkfifo(events)
    (host.root / "launch.lock").touch()
    assert script("gc.sh", "list", str(host.root)).stdout == b""
    assert script("cancel.sh", str(batch.folder)).stdout == b"gone\n"
    assert script("prepare.sh", str(host.root), "next-1a2b3c4d", "0").returncode == 0
    events.unlink()  # or whoever clears up after this test waits
