"""Batches on a real Slurm: two nodes with two GPUs each that are none, and a model that takes no time."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support.aftermath import Client
from tests.support.slurm_bed import Bed, Site, attached, site_on
from tests.support.tree import Done
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def login(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A login node of that Slurm."""
    with running_sshd(tmp_path_factory.mktemp("sshd"), env=bed.env) as server:
        yield server


def test_a_batch_runs_as_an_array_of_jobs_and_each_row_is_computed_once(site: Site) -> None:
    runs = site.runs(7)
    site.configure(nodes=3)
    site.tree.cli("batch")
    site.assert_well(runs)
    shards = sorted(path.name for path in (site.folder() / "shards").iterdir())
    assert shards == ["0", "1", "2"]
    assert {event["shard"] for event in site.tree.events() if event["ev"] == "run_done"} == {0, 1, 2}


@needs_sshd
def test_over_a_login_node_it_is_the_same(site: Site, login: Sshd, tmp_path: Path) -> None:
    there = site_on(site.bed, tmp_path / "far", login)
    runs = there.runs(4)
    there.tree.cli("batch")
    there.assert_well(runs)


def ended(client: Client, code: int = 0) -> Done:
    done = client.end()
    assert done.code == code, done.err
    return done


def test_a_requeued_job_goes_on_and_only_the_row_in_hand_is_computed_again(site: Site) -> None:
    runs = site.runs(6)
    client = attached(site)
    (task, *_), in_hand = site.bed.until("RUNNING", 2), set(site.begun())
    site.bed.ask("scontrol", "requeue", task)
    wait_until(lambda: sum(site.begun().values()) == 3, "the job to begin once more")
    site.let_go()
    ended(client)
    (again,) = (run for run, count in site.begun().items() if count == 2)
    assert again in in_hand
    site.assert_well(runs, {again: 2})


def test_a_job_whose_time_is_nearly_up_ends_after_its_row_and_that_row_is_computed_once(site: Site) -> None:
    runs = site.runs(6)
    client, in_hand = attached(site), set(site.begun())
    for task in site.bed.until("RUNNING", 2):
        site.bed.ask("scancel", "-b", "-s", "USR1", task)
    site.let_go()
    ended(client)
    site.assert_drained(runs, in_hand)


def test_rows_of_a_job_that_somebody_ended_are_cancelled_and_retry_runs_them(site: Site) -> None:
    runs = site.runs(6)
    client = attached(site)
    site.bed.ask("scancel", site.bed.until("RUNNING", 2)[0])
    wait_until(lambda: len(site.bed.tasks()) == 1, "the job to end", look_s=0.1)
    site.let_go()
    ended(client, code=1)
    states = site.tree.states()
    assert sorted(states.values()) == ["cancelled"] * 3 + ["done"] * 3
    site.tree.cli("retry", *(run for run, state in states.items() if state == "cancelled"))
    assert site.tree.states() == dict.fromkeys(runs, "done")
    assert sum(site.begun().values()) == 7


def test_a_waiting_batch_says_why_and_what_is_cancelled_leaves_the_queue(site: Site) -> None:
    runs = site.runs(4)
    site.queued()
    site.tree.cli("fetch", expect=None)
    said = site.tree.cli("status").out
    assert "queued (" in said
    site.tree.cli("cancel")
    assert site.bed.tasks() == {}
    assert site.tree.states() == dict.fromkeys(runs, "cancelled")
    assert not site.begun()


def test_jobs_that_run_end_at_a_cancel_and_what_is_finished_stays(site: Site) -> None:
    site.runs(6)
    site.hold()
    client = attached(site)
    site.tree.cli("cancel")
    ended(client, code=1)
    assert set(site.tree.states().values()) == {"cancelled"}
    site.bed.until_empty()


def test_a_batch_ended_in_the_queue_by_somebody_else_is_cancelled(site: Site) -> None:
    runs = site.runs(4)
    job = site.queued()
    site.bed.ask("scancel", "-n", next(name for name in site.names()))
    site.bed.ask("scancel", job)
    site.tree.cli("fetch", expect=None)
    site.tree.cli("attach", expect=None)
    assert set(site.tree.states().values()) <= {"cancelled", "done"}
    assert set(site.begun().values()) <= {1}
    assert runs


def test_a_job_that_others_take_the_place_of_goes_on_when_they_have_ended(site: Site) -> None:
    runs = site.runs(6)
    site.configure(more="    partition: low\n")
    client = attached(site)
    job = site.bed.fill("-p", "gpu")
    site.let_go()
    site.bed.ask("scancel", job)
    ended(client)
    site.assert_well(runs, {run: 2 for run, count in site.begun().items() if count == 2})
    assert sum(site.begun().values()) <= 8


def test_what_the_queue_refuses_is_told_in_its_words_with_what_to_do_and_frees_the_runs(site: Site) -> None:
    runs = site.runs(2)
    site.configure(more="    partition: nowhere\n")
    done = site.tree.cli("batch", expect=4)
    assert "invalid partition specified: nowhere" in done.err
    assert "set partition: of the host to one that `sinfo` lists" in done.err
    assert site.tree.states() == dict.fromkeys(runs, "pending")
    assert site.bed.tasks() == {}


def test_a_held_job_is_told_as_held_and_runs_when_it_is_released(site: Site) -> None:
    runs = site.runs(2)
    job = site.queued()
    for task in site.bed.until("PENDING"):
        site.bed.ask("scontrol", "hold", task)
    site.bed.ask("scancel", job)
    site.tree.cli("fetch", expect=None)
    said = site.tree.cli("status").out
    assert "held (JobHeld" in said
    for task in site.bed.until("PENDING"):
        site.bed.ask("scontrol", "release", task)
    site.tree.cli("attach")
    site.assert_well(runs)


def test_rows_go_on_while_the_controller_is_away_and_a_queue_without_an_answer_is_no_dead_job(site: Site) -> None:
    runs = site.runs(4)
    client = attached(site)
    site.bed.stop_controller()
    site.let_go()
    wait_until(lambda: len(site.begun()) == 4, "all rows to begin")
    site.bed.start_controller()
    ended(client)
    site.assert_well(runs)


def test_a_batch_that_the_controller_was_away_for_is_submitted_by_the_next_attach(site: Site) -> None:
    runs = site.runs(2)
    site.bed.stop_controller()
    try:
        assert "its queue does not answer now" in site.tree.cli("batch", expect=4).err
    finally:
        site.bed.start_controller()
    site.tree.cli("attach")
    site.assert_well(runs)


def test_a_client_that_is_killed_is_taken_up_by_the_next(site: Site) -> None:
    runs = site.runs(4)
    client = attached(site)
    client.send(signal.SIGKILL)
    client.end()
    site.let_go()
    site.tree.cli("attach")
    site.assert_well(runs)


def test_host_check_asks_the_queue_and_names_what_there_is(site: Site) -> None:
    said = site.tree.cli("host", "check", "site", expect=None).out
    assert "slurm-wlm" in said
    assert "low 1:00:00 2 gpu:fake:2" in said
    assert "to start at" in said
    site.configure(more="    partition: gpu\n    time: '02:00:00'\n")
    assert "above the limit of partition gpu, 01:00:00" in site.tree.cli("host", "check", "site", expect=None).out
    site.configure(more="    gres: gpu:fake:7\n")
    assert "FAIL" in site.tree.cli("host", "check", "site", expect=None).out


def test_a_dry_run_tells_what_other_numbers_of_jobs_cost_and_many_hours_are_asked_about(site: Site) -> None:
    runs = site.runs(4)
    first = site.tree.cli("batch", "--dry-run").out
    assert "2 jobs, 2 at a time, with 2 model starts: wall time and GPU hours unknown" in first
    site.tree.cli("batch")
    site.configure(more="    max_gpu_hours: 0.00000001\n")
    table = site.tree.cli("batch", "--all", "--dry-run").out.splitlines()
    at = table.index("  nodes  jobs  starts  GPU hours  wall time")
    assert [line.split()[:3] for line in table[at + 1 : at + 5]] == [
        [n, m, m] for n, m in zip("1248", "1244", strict=True)
    ]
    refused = site.tree.cli("batch", "--all", expect=2)
    assert "more than its max_gpu_hours" in refused.err
    site.tree.cli("batch", "--all", "--yes")
    site.assert_well(runs, dict.fromkeys(runs, 2))


def test_logs_of_jobs_are_shown_while_they_run_and_after(site: Site) -> None:
    runs = site.runs(4)
    site.hold()
    site.tree.cli("batch", "--detach")
    wait_until(lambda: len(site.begun()) == 2, "both jobs to begin a row")
    name = site.tree.batches()[-1].name
    assert site.tree.cli("logs", name).out.count("running preprocessor") == 2
    follows = Client(site.tree, "logs", "-f", name)
    wait_until(lambda: follows.has_printed("running preprocessor"), "the log to be shown")
    site.let_go()
    site.tree.cli("attach")
    assert ended(follows).out.count("Saved prompt to") == 4
    whole = site.tree.cli("logs", name).out
    assert "job0| === 01-edge-0.1: 2 runs" in whole
    assert "job1| === 01-edge-1.1: 2 runs" in whole
    site.assert_well(runs)


def test_an_exported_batch_is_submitted_by_its_own_line_and_taken_in_again(site: Site, tmp_path: Path) -> None:
    runs = site.runs(4)
    told = site.tree.cli("batch", "--export", str(site.dir)).out
    start = next(line for line in told.splitlines() if "launch.sh" in line)
    assert site.bed.ask("sh", "-c", start).strip() == "launched"
    shards = site.folder() / "shards"
    wait_until(lambda: all("batch_done" in _text(shards / n / "events.jsonl") for n in "01"), "both shards to end")
    site.tree.cli("fetch", "--from", str(site.dir))
    site.assert_well(runs)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_here_and_in_jobs_a_preview_is_the_same_bytes(site: Site, tmp_path: Path) -> None:
    (run,) = site.runs(1)
    video = site.tree.run_paths(run).preview.outputs / "output.mp4"
    site.tree.cli("batch", "--host", "local")
    local = video.read_bytes()
    site.configure(engine="preview")
    site.tree.cli("batch", "--all")
    assert video.read_bytes() == local


def test_two_clients_of_a_batch_bring_each_result_once(site: Site) -> None:
    runs = site.runs(4)
    client = attached(site)
    other = Client(site.tree, "attach")
    site.let_go()
    ended(client)
    ended(other)
    site.assert_well(runs)
