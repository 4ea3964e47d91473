"""What befalls a batch on a real Slurm that has a way to fail: nothing is lost, nothing computed twice, no job left."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support.aftermath import Client
from tests.support.slurm_bed import Bed, Site, attached, running_bed, site_on
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real
CLOSED = "PartitionName=closed Nodes=gpu[1-2] MaxTime=01:00:00 State=UP AllowAccounts=physics"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A Slurm whose nodes start no job while there is a file `ill`, and with a partition for one account alone."""
    folder = tmp_path_factory.mktemp("slurm")
    prolog = folder / "prolog"
    prolog.write_text(f"#!/bin/sh\n[ ! -e '{folder}/ill' ]\n")
    prolog.chmod(0o755)
    with running_bed(folder / "bed", EXTRA=f"Prolog={prolog}\n{CLOSED}") as started:
        yield started


@pytest.fixture
def far(bed: Bed, tmp_path: Path) -> Iterator[Site]:
    """The same Slurm behind a login node."""
    with running_sshd(tmp_path / "sshd", env=bed.env) as login:
        made = site_on(bed, tmp_path / "far", login)
        yield made
        made.end()


def ended(client: Client, code: int = 0) -> str:
    done = client.end()
    assert done.code == code, done.err
    return done.err


def login_of(site: Site) -> Sshd:
    assert site.box is not None
    return site.box


@needs_sshd
def test_the_login_node_may_lose_the_line_and_nothing_is_computed_twice(far: Site) -> None:
    runs = far.runs(4)
    client = attached(far)
    login = login_of(far)
    login.stop_listening()
    for pid in login.sessions():
        os.kill(pid, signal.SIGKILL)
    far.let_go()
    wait_until(lambda: len(far.begun()) == 4, "all rows to begin, whoever looks")
    login.start()
    ended(client)
    far.assert_well(runs)


def test_a_job_that_no_node_could_start_is_told_as_held_with_what_to_do(site: Site) -> None:
    runs = site.runs(2)
    ill = site.bed.folder.parent / "ill"
    ill.touch()
    try:
        site.tree.cli("batch", "--detach")
        wait_until(lambda: "held" in site.bed.ask("squeue", "-h", "-r", "-o", "%r"), "the jobs to be held", look_s=0.1)
    finally:
        ill.unlink()
    site.tree.cli("fetch", expect=None)
    said = site.tree.cli("status").out
    assert "held (launch failed requeued held)" in said
    assert "scontrol release" in said
    client = Client(site.tree, "attach")
    wait_until(lambda: site.bed.mended() and client.has_ended(), "the batch to end", look_s=0.2)
    ended(client)
    site.assert_well(runs)


def test_an_account_that_may_not_compute_there_is_told_with_what_to_do(site: Site) -> None:
    runs = site.runs(2)
    site.configure(more="    partition: closed\n    account: arts\n")
    site.tree.cli("batch", "--detach")
    site.tree.cli("fetch", expect=None)
    said = site.tree.cli("status").out
    assert "queued (Job's account not known, so it can't use this partition" in said
    assert "set account: of the host" in said
    site.tree.cli("cancel")
    assert site.tree.states() == dict.fromkeys(runs, "cancelled")
    assert site.bed.tasks() == {}


SRUN = """\
#!/bin/bash
# In place of pyxis: takes its options away and notes them. Slurm's own srun does the rest.
for word; do
    case $word in
        --container-* | --no-container-*) echo "$word" >>"${0%/*}/options" ;;
        *) kept+=("$word") ;;
    esac
done
exec /usr/bin/srun "${kept[@]}"
"""


def test_a_job_in_a_container_of_sruns_drains_requeues_and_goes_on_as_any_other(site: Site, tmp_path: Path) -> None:
    runs = site.runs(6)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    more = f"    container: pyxis\n    prolog: ['export PATH={programs}:$PATH']\n"
    site.configure(more=more)
    config = site.tree.paths.config
    site.tree.config(config.read_text().replace("{command:", "{image: 'nvcr.io#x:1', command:"))
    client, in_hand = attached(site), set(site.begun())
    for task in site.bed.until("RUNNING", 2):
        site.bed.ask("scancel", "-b", "-s", "USR1", task)
    site.let_go()
    ended(client)
    site.assert_drained(runs, in_hand)
    assert "--container-image=nvcr.io#x:1" in (programs / "options").read_text().splitlines()


@pytest.fixture
def small(bed: Bed, tmp_path: Path) -> Iterator[Site]:
    """A site whose shared folder has room for little."""
    made = site_on(bed, tmp_path / "small")
    made.dir.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=160M", "none", str(made.dir)), capture_output=True)
    if mounted.returncode:
        pytest.skip(f"SKIPPED on this machine: a full shared folder, as nothing can be mounted: {mounted.stderr!r}")
    try:
        yield made
        made.end()
    finally:
        subprocess.run(("umount", "-l", str(made.dir)), check=True)


def models(site: Site) -> list[int]:
    """The processes of its model."""
    wanted = f"\0{site.model}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes()
            found += [int(path.parent.name)] if wanted in words and b"quick_model" in words else []
    return found


def test_a_shared_folder_that_is_full_for_a_while_loses_nothing(small: Site) -> None:
    runs = small.runs(4)
    client = attached(small)
    in_hand = set(small.begun())
    filler = small.dir / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            """Until there is no room for a byte."""
    small.let_go()
    wait_until(lambda: not models(small), "the models to end, which found no room")
    filler.unlink()
    ended(client)
    small.assert_well(runs, dict.fromkeys(in_hand, 2))
