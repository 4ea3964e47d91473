"""Transport ssh against a real sshd: reaching it, what it says when that fails, and whole batches through it."""

import fcntl
import json
import os
import random
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cosmosctl.domain.project import Host
from cosmosctl.errors import FileError, HostError
from cosmosctl.io.shipped import template
from cosmosctl.transport import ssh
from cosmosctl.transport.address import Address, parse_address
from cosmosctl.transport.ssh_config import CIPHERS, config_file
from tests.end_to_end.test_api import inv
from tests.proxy import Proxy, running_proxy
from tests.sshd import Sshd, free_port, needs_sshd, running_sshd, write_client_config
from tests.support import aftermath
from tests.support.aftermath import Client
from tests.support.killed_client import Moment
from tests.support.tree import REPOSITORY, Tree
from tests.support.waiting import PATIENCE_S, wait_until

TIMEOUT_S = PATIENCE_S
PREPARE = template("launch", "prepare.sh")


@pytest.fixture(autouse=True)
def own_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test makes connections of its own."""
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as folder:  # pytest's own paths are too long for sockets
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def host_at(box: Sshd, config: Path | None = None, address: str = "box") -> Host:
    return Host("lab", "preview", "/data/us", address, ssh_args=("-F", str(config or box.config)))


def answer(host: Host, *argv: str) -> "subprocess.CompletedProcess[str]":
    """What a command leaves on that host."""
    return subprocess.run(ssh.command(host, argv), capture_output=True, text=True, timeout=TIMEOUT_S)


def words_of(host: Host) -> str:
    failed = answer(host, "true")
    assert failed.returncode == 255
    found = ssh.trouble(host, failed.stderr)
    assert found is not None, failed.stderr
    return found.words


@pytest.mark.parametrize(
    ("text", "address", "rsync"),
    [
        ("gpu-box", Address("gpu-box"), "gpu-box"),
        ("me@gpu-box", Address("gpu-box", "me"), "me@gpu-box"),
        ("me@work@gpu-box", Address("gpu-box", "me@work"), "me@work@gpu-box"),
        ("ssh://me@gpu-box:2222", Address("gpu-box", "me", "2222"), "me@gpu-box"),
        ("ssh://gpu-box", Address("gpu-box"), "gpu-box"),
        ("::1", Address("::1"), "[::1]"),
        ("me@fe80::1%eth0", Address("fe80::1%eth0", "me"), "me@[fe80::1%eth0]"),
        ("ssh://me@[2001:db8::7]:22", Address("2001:db8::7", "me", "22"), "me@[2001:db8::7]"),
    ],
)
def test_an_address_is_taken_apart_as_ssh_and_rsync_need_it(text: str, address: Address, rsync: str) -> None:
    assert parse_address(text) == address
    assert address.rsync_host == rsync


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("me@gpu-box:2222", "no port after a colon", "write ssh://me@gpu-box:2222"),
        ("me@", "nothing that ssh takes", "user@host"),
        ("-oProxyCommand=touch /tmp/x", "nothing that ssh takes", "user@host"),
        ("me@-oProxyCommand=x", "nothing that ssh takes", "user@host"),
        ("ssh://a b", "nothing that ssh takes", "user@host"),
    ],
)
def test_an_address_that_ssh_would_misread_is_refused(text: str, complaint: str, hint: str) -> None:
    with pytest.raises(FileError, match=complaint) as told:
        parse_address(text)
    assert hint in told.value.hint


def test_the_configuration_of_ours_comes_after_the_users_and_sockets_have_short_paths() -> None:
    file, rest = config_file(("-F", "/home/me/l*b.conf", "-4"))
    lines = file.read_text().splitlines()
    assert lines[:2] == ['Include "/home/me/l\\*b.conf"', "Host *"]
    assert rest == ("-4",)
    assert config_file(())[0].read_text().splitlines()[:2] == [
        'Include "~/.ssh/config"',
        'Include "/etc/ssh/ssh_config"',
    ]
    assert len(str(file.parent)) + len("/01234567-") + 40 + 17 <= 100


def test_the_ciphers_that_the_user_chose_count_else_the_fast_ones_come_first(tmp_path: Path) -> None:
    chosen = tmp_path / "config"
    chosen.write_text("Host *\n  Ciphers aes256-ctr\n")
    found = []
    for named in (str(chosen), "none"):
        config, _ = config_file(("-F", named))
        said = subprocess.run(("ssh", "-G", "-F", str(config), "box"), capture_output=True, text=True, check=True)
        found += [line.split()[1] for line in said.stdout.splitlines() if line.startswith("ciphers ")]
    assert found == ["aes256-ctr", CIPHERS]


def test_a_runtime_folder_that_others_can_read_is_refused(own_sockets: Path) -> None:
    (own_sockets / "cosmosctl").mkdir(mode=0o755)
    with pytest.raises(HostError, match="not a folder that only you can read"):
        config_file(())


OTHERS_WERE_FASTER = """
mount --bind "$1" /mnt && mount -t tmpfs tmpfs /tmp && mkdir -p "$1" && mount --bind /mnt "$1"  # a clone in /tmp stays
mkdir -m "$0" /tmp/cosmosctl-0
unset XDG_RUNTIME_DIR
shift
exec "$@"
"""


@pytest.mark.parametrize(("mode", "is_taken"), [("777", False), ("700", True)])
def test_a_folder_in_tmp_that_somebody_else_made_is_not_used(mode: str, is_taken: bool) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a /tmp of one's own needs root and unshare (util-linux)")
    ask = "from cosmosctl.transport.ssh_config import config_file; print(config_file(())[0].parent)"
    argv = ("unshare", "--mount", "sh", "-ec", OTHERS_WERE_FASTER, mode, str(REPOSITORY), sys.executable, "-c", ask)
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout.strip()
    assert said.startswith("/tmp/cosmosctl-")
    assert (said == "/tmp/cosmosctl-0") is is_taken


@needs_sshd
@pytest.mark.parametrize("quiet", ["", "quiet: [rsync]\n"])
def test_an_old_rsync_of_this_machine_is_warned_of_until_the_project_says_to_be_quiet(
    lab: Tree, tmp_path: Path, quiet: str
) -> None:
    (tmp_path / "bin").mkdir()
    version = 'exec echo "rsync  version 3.2.7  protocol version 31"'
    script = f'#!/bin/sh\n[ "$1" != --version ] || {version}\nexec {shutil.which("rsync")} "$@"\n'
    (tmp_path / "bin/rsync").write_text(script)
    (tmp_path / "bin/rsync").chmod(0o755)
    lab.run("rs_a")
    with (lab.root / "cosmosctl.yaml").open("a") as config:
        config.write(quiet)
    told = lab.cli("batch", env={"PATH": f"{tmp_path}/bin:{lab.environment()['PATH']}"}).err
    assert told.count("rsync 3.2.7 of this machine is older than 3.4") == (0 if quiet else 1)
    assert ("'quiet: [rsync]' in cosmosctl.yaml silences it" in told) is not bool(quiet)


@needs_sshd
def test_a_word_arrives_as_it_was_sent_whatever_it_holds(box: Sshd) -> None:
    hostile = (
        "a b",
        "it's",
        '"',
        "$(touch pwned)",
        "`id`",
        ";",
        "two\nlines",
        "-n",
        "*",
        "~",
        "\\",
        "",
        "日本 🎬",
        "!x",
    )
    said = answer(host_at(box), "printf", "%s\\0", *hostile)
    assert said.stdout.split("\0")[:-1] == list(hostile)
    assert not (box.home / "pwned").exists()


@needs_sshd
def test_two_hundred_hostile_names_arrive_as_they_are(box: Sshd, tmp_path: Path) -> None:
    """Host dirs and file names, through a script, a command and rsync; the seed is in the id of what fails."""
    host, draw = host_at(box), random.Random(20261121)
    pieces = (" ", "'", '"', "$", "$(touch pwned)", "`touch pwned`", ";", "\n", "-", "--", "*", "?", "[a]", "\\", "~",
              "夜", "&&", "|", ">", "<", "#", "!", "{a,b}", "%", "=", ":", ",", "\t", "\r", "a", "🎬")  # fmt: skip
    names = ["".join(draw.choices(pieces, k=draw.randint(1, 6))) for _ in range(200)]
    for number, name in enumerate(names):
        dir = f"{tmp_path}/{number}/{name}"
        (tmp_path / str(number)).mkdir()
        made = ssh.command(host, ("sh", "-s", "--", dir, f"batch-{number}", "0", "", ""))
        with PREPARE.open("rb") as script:
            done = subprocess.run(made, stdin=script, capture_output=True, timeout=TIMEOUT_S)
        assert (done.returncode, done.stderr) == (0, b""), (number, name)
        assert Path(dir, "batches", f"batch-{number}", "incoming").is_dir(), (number, name)
        if number % 4 == 0:
            Path(dir, name).write_bytes(name.encode())
            source = ssh.rsync_source(host, f"{dir}/{name}")
            argv = ("rsync", "-s", *ssh.rsync_options(host), "--", source, f"{tmp_path}/back{number}")
            subprocess.run(argv, check=True, timeout=TIMEOUT_S)
            assert Path(tmp_path, f"back{number}").read_bytes() == name.encode()
    assert not list(box.home.rglob("pwned")) and not list(tmp_path.rglob("pwned"))
    assert len(list(tmp_path.iterdir())) == 250


@needs_sshd
def test_twenty_commands_make_one_connection(box: Sshd) -> None:
    before = box.connections()
    for _ in range(20):
        assert answer(host_at(box), "true").returncode == 0
    assert box.connections() - before == 1


@needs_sshd
def test_a_live_master_of_the_users_own_is_used(box: Sshd, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("m")
    config = folder / "config"
    config.write_text(f"Host *\n  ControlMaster auto\n  ControlPath {folder}/%C\n{box.config.read_text()}")
    master = ("ssh", "-F", str(config), "-MNf", "box")
    subprocess.run(master, check=True, timeout=TIMEOUT_S, stderr=subprocess.DEVNULL)
    before = box.connections()
    assert answer(host_at(box, config), "echo", "hello").stdout == "hello\n"
    assert box.connections() == before
    subprocess.run(("ssh", "-F", str(config), "-O", "exit", "box"), check=True, timeout=TIMEOUT_S, capture_output=True)


@needs_sshd
def test_users_ports_and_jumps_reach_the_host(box: Sshd) -> None:
    user = subprocess.run(("id", "-un"), check=True, capture_output=True, text=True).stdout.strip()
    for address in (f"{user}@box", f"ssh://{user}@127.0.0.1:{box.port}", f"ssh://127.0.0.1:{box.port}/"):
        assert answer(host_at(box, address=address), "echo", "here").stdout == "here\n"
    config = box.folder / "jump_config"
    config.write_text(f"Host inner\n  HostName 127.0.0.1\n  Port {box.port}\n  ProxyJump box\n{box.config.read_text()}")
    before = box.connections()
    assert answer(host_at(box, config, "inner"), "echo", "there").stdout == "there\n"
    assert box.connections() - before == 2


@needs_sshd
def test_rsync_goes_through_the_same_connection(box: Sshd, tmp_path: Path) -> None:
    host = host_at(box)
    (tmp_path / "a file").write_text("content")
    before = box.connections()
    target = ssh.rsync_path(host, f"{tmp_path}/it's $HOME; here/")
    argv = ("rsync", "-r", "-s", "--mkpath", *ssh.rsync_options(host), "--", str(tmp_path / "a file"), target)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert answer(host, "cat", f"{tmp_path}/it's $HOME; here/a file").stdout == "content"
    assert box.connections() - before == 1


@needs_sshd
def test_an_option_with_spaces_and_quotes_reaches_ssh_through_rsync(box: Sshd, tmp_path: Path) -> None:
    mark = tmp_path / "it's a mark"
    proxy = f"ProxyCommand=touch {shlex.quote(str(mark))}; exec nc.traditional 127.0.0.1 {box.port}"
    host = replace(host_at(box), ssh_args=("-F", str(box.config), "-o", proxy))
    argv = ("rsync", *ssh.rsync_options(host), "--", ssh.rsync_path(host, "/etc/hostname"), f"{tmp_path}/x")
    subprocess.run(argv, capture_output=True, timeout=TIMEOUT_S)
    assert mark.exists()


@needs_sshd
def test_ssh_errors_are_told_apart_in_words(box: Sshd) -> None:
    closed = free_port()
    wrong_key = write_client_config(box, name="wrong_key", key="other_key")
    unknown = write_client_config(box, name="unknown")
    unknown.with_name("unknown.known_hosts").write_text("")
    changed = write_client_config(box, name="changed")
    other = " ".join((box.folder / "other_key.pub").read_text().split()[:2])
    changed.with_name("changed.known_hosts").write_text(f"[127.0.0.1]:{box.port} {other}\n")
    broken = box.folder / "broken"
    broken.write_text("Hots *\n")
    assert "refused our key" in words_of(host_at(box, wrong_key))
    assert "is not known here" in words_of(host_at(box, unknown))
    assert "host key has changed" in words_of(host_at(box, changed))
    assert "refused the connection" in words_of(host_at(box, write_client_config(box, port=closed, name="closed")))
    assert "name is not known" in words_of(host_at(box, address="no-such-host.invalid"))
    assert "cannot read its configuration" in words_of(host_at(box, broken))


@needs_sshd
def test_a_host_that_accepts_and_says_nothing_times_out(box: Sshd) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = write_client_config(box, port=silent.getsockname()[1], name="silent")
        config.write_text(f"Host *\n  ConnectTimeout 1\n{config.read_text()}")
        assert "did not answer in time" in words_of(host_at(box, config))


@needs_sshd
def test_a_key_with_a_passphrase_fails_at_once_instead_of_asking(box: Sshd) -> None:
    key = box.folder / "locked_key"
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "a secret phrase", "-f", str(key))
    subprocess.run(argv, check=True, timeout=TIMEOUT_S)
    config = write_client_config(box, name="locked", key="locked_key")
    assert "refused our key" in words_of(host_at(box, config))


@pytest.fixture
def lab(tree: Tree, box: Sshd, own_sockets: Path, tmp_path: Path) -> Tree:
    """A project whose host `lab` is reached by ssh; its preview does nothing for a tenth of a second a row."""
    tree.config(config_of(box, tmp_path))
    tree.home.mkdir()
    return Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": str(own_sockets)})


def config_of(box: Sshd, tmp_path: Path, *, more: str = "", row_s: str = "0.1", faults: str = "") -> str:
    """A row that is `held` goes on when there is a file `go` in `tmp_path`."""
    folder = tmp_path / "the host's $HOME; dir"
    env = {"COSMOSCTL_PREVIEW_ROW_S": row_s, "COSMOSCTL_PREVIEW_TALLY": str(tmp_path / "tally")}
    env |= {"COSMOSCTL_PREVIEW_FAULTS": faults, "COSMOSCTL_PREVIEW_STATE": str(tmp_path)}
    block = f"    dir: {json.dumps(str(folder))}\n    engine: preview\n    env: {json.dumps(env)}\n"
    return f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{box.block()}{block}{more}"


def tallied(tmp_path: Path, what: str) -> int:
    """How often the model did that."""
    file = tmp_path / "tally"
    return [line.split()[0] for line in file.read_text().splitlines()].count(what) if file.exists() else 0


@needs_sshd
def test_a_batch_over_ssh_brings_each_video_home_through_one_connection(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    for name in ("rs_a", "rs_b", "rs_c"):
        lab.run(name)
    before = box.connections()
    lab.cli("batch", "--batch-name", "far")
    assert lab.states() == {"rs_a": "done", "rs_b": "done", "rs_c": "done"}
    assert box.connections() - before == 1
    assert tallied(tmp_path, "load") == 1
    assert (tmp_path / "the host's $HOME; dir" / "inputs").is_dir()
    assert not (lab.home / "cosmosctl").exists()


@needs_sshd
def test_a_second_batch_over_the_same_video_sends_none_of_it(lab: Tree, tmp_path: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    pool = sorted((tmp_path / "the host's $HOME; dir" / "inputs").rglob("*.mp4"))
    stats = [path.stat().st_ino for path in pool]
    lab.run("rs_b", more="seed: 2\n")
    done = lab.cli("batch", env={"COSMOSCTL_LOG_LEVEL": "DEBUG"})
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}
    assert [path.stat().st_ino for path in pool] == stats
    assert done.code == 0


@needs_sshd
def test_a_detached_batch_ends_without_us_and_fetch_brings_it(lab: Tree, tmp_path: Path) -> None:
    lab.run("rs_a")
    lab.run("rs_b")
    name = lab.cli("batch", "--detach").out.strip()
    wait_until(lambda: "batch_done" in events_there(tmp_path, name), "the end of the batch")
    assert lab.states() != {"rs_a": "done", "rs_b": "done"}
    lab.cli("fetch")
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}


@needs_sshd
def test_cancel_over_ssh_keeps_what_is_finished(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    lab.config(config_of(box, tmp_path, faults="silence@2"))
    for name in ("rs_a", "rs_b", "rs_c"):
        lab.run(name)
    name = lab.cli("batch", "--detach").out.strip()
    wait_until(lambda: "run_done" in events_there(tmp_path, name), "the first video")
    lab.cli("cancel", name, expect=None)
    end = lab.batches()[0].end.read_text()
    assert "state: cancelled" in end
    assert end.count(": cancelled") == 3
    assert tallied(tmp_path, "done") == 1


@needs_sshd
@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        ("openrsync: protocol version 29", "openrsync"),
        ("rsync  version 3.0.9  protocol version 30", "3.0.9 is too old"),
    ],
)
def test_an_rsync_that_cannot_do_it_is_refused_by_name(
    lab: Tree, box: Sshd, tmp_path: Path, version: str, complaint: str
) -> None:
    lab.run("rs_a")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rsync").write_text(f"#!/bin/sh\necho '{version}'\n")
    (programs / "rsync").chmod(0o755)
    here = lab.cli("batch", "--batch-name", "here", env={"PATH": f"{programs}:{os.environ['PATH']}"}, expect=4)
    assert complaint in here.err
    with running_sshd(tmp_path / "old", path=str(programs)) as old:
        lab.config(config_of(old, tmp_path))
        refused = lab.cli("batch", expect=4)
    assert complaint in refused.err


def events_there(tmp_path: Path, batch: str) -> str:
    files = list((tmp_path / "the host's $HOME; dir" / "batches").glob(f"{batch}-*/events.jsonl"))
    return files[0].read_text() if files else ""


@needs_sshd
def test_a_push_that_is_cut_goes_on_with_the_missing_tail(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    with running_proxy(box.port) as line:
        behind(lab, box, line, tmp_path)
        big = lab.root / "inputs/videos/city/color.mp4"
        box_of_nothing = struct.pack(">I4s", 8 + (16 << 20), b"free") + os.urandom(16 << 20)
        big.write_bytes(big.read_bytes() + box_of_nothing)
        line.cut_after = 12 << 20
        lab.cli("batch", expect=None)
        lab.cli("attach", expect=None)
        assert lab.states() == dict.fromkeys(("rs_a", "rs_b", "rs_c"), "done")
        assert line.sent < 21 << 20, "more was sent again than what was on its way"  # ssh has up to 2 MiB there


def behind(lab: Tree, box: Sshd, line: Proxy, tmp_path: Path, *, faults: str = "") -> None:
    """The host of `lab` is reached through `line`; there are three runs."""
    config = write_client_config(box, port=line.port, name=f"line_{line.port}")
    lab.config(config_of(box, tmp_path, faults=faults).replace(str(box.config), str(config)))
    for name in ("rs_a", "rs_b", "rs_c"):
        lab.run(name)


@needs_sshd
def test_a_push_over_a_slow_line_shows_bytes_rate_and_time_left_on_a_terminal(
    lab: Tree, box: Sshd, tmp_path: Path
) -> None:
    with running_proxy(box.port) as line:
        behind(lab, box, line, tmp_path)
        big = lab.root / "inputs/videos/city/color.mp4"
        big.write_bytes(big.read_bytes() + struct.pack(">I4s", 8 + 600_000, b"free") + os.urandom(600_000))
        line.bytes_per_s = 250_000
        shown = on_terminal(lab, "batch", "--detach")
        line.bytes_per_s = 0
        lab.cli("attach")
    assert re.search(r": sending to lab: 0\.\d MB, \d+%, +\d+\.\d+kB/s, \d:\d\d:\d\d left", shown), shown


@needs_sshd
def test_nobody_is_told_of_bytes_where_stderr_is_no_terminal(lab: Tree) -> None:
    lab.run("rs_a")
    assert "B/s" not in lab.cli("batch").err


@needs_sshd
def test_a_host_out_of_reach_is_told_as_unreachable_and_nothing_as_failed(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    with running_proxy(box.port) as line:
        behind(lab, box, line, tmp_path, faults="held@2")
        following = Client(lab, "batch")
        following.wait_for("phase: follow")
        line.refuse()
        line.cut()
        following.wait_for("lab unreachable since ")
        assert set(lab.states().values()) <= {"queued", "running"}
        line.listen()
        (tmp_path / "go").touch()
        assert following.end().code == 0


@needs_sshd
def test_logs_are_followed_over_ssh_and_retry_runs_what_failed(lab: Tree, box: Sshd, tmp_path: Path) -> None:
    config = config_of(box, tmp_path)
    lab.prompt("ps_b", "a forbidden street")
    lab.run("rs_a")
    lab.run("rs_b", prompt="ps_b")
    lab.config(config_of(box, tmp_path, faults="block:forbidden"))
    name = lab.cli("batch", "--detach").out.strip()
    followed = lab.cli("logs", "-f", name).out
    assert followed.count("Saved prompt to ") == 1
    assert "Guardrail blocked" in followed
    lab.cli("attach", name, expect=1)
    assert lab.states() == {"rs_a": "done", "rs_b": "blocked"}
    lab.config(config)
    lab.cli("retry", name)
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}
    assert tallied(tmp_path, "done") == 2


@needs_sshd
def test_the_steps_of_inv_work_over_ssh_and_a_dry_one_touches_nothing(lab: Tree, tmp_path: Path) -> None:
    lab.cli("init", ".")
    lab.run("rs_a")
    aftermath.killed(lab, Moment("push", step=1), "batch")
    name = lab.batches()[0].name
    there = tmp_path / "the host's $HOME; dir"
    printed = inv(lab, "--dry", "push", "-b", name)
    assert "box:" in printed and "rsync" in printed
    assert not there.exists()
    for step in ("push", "launch", "follow", "pull"):
        inv(lab, step, "-b", name)
    lab.cli("attach")
    assert lab.states() == {"rs_a": "done"}
    assert tallied(tmp_path, "load") == 1


def on_terminal(tree: Tree, *args: str) -> str:
    """What a command draws where stderr is a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    process = subprocess.Popen(
        (sys.executable, "-m", "cosmosctl", *args),
        cwd=tree.root,
        env=tree.environment({"TERM": "xterm"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # it has ended
        while data := os.read(ours, 4096):
            shown += data
    os.close(ours)
    assert process.wait(TIMEOUT_S) == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
