"""What is said to Slurm, and what is understood of its answers. All of these answers were seen."""

import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from cosmosctl import models, schedulers
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.events.lines import parse_lines, shard_lines, shards_line
from cosmosctl.events.progress import progress
from cosmosctl.schedulers import slurm
from cosmosctl.state.queue_words import queue_hints, queue_words

HOST = Host(
    "site",
    "bare",
    "/project/me",
    scheduler="slurm",
    nodes=4,
    models={"transfer1": HostModel(command=("python3", "t.py"))},
)
FOLDER = "city_20261129_090000-3fa81c07"
ANSWER = """\
12|0|COMPLETED|None|gpu1|2026-11-29T06:06:48
12|1|RUNNING|None|gpu2|2026-11-29T06:06:48
12|2|PENDING|Priority||2026-11-29T14:20:00
12|3|PENDING|JobHeldUser||2026-11-29T14:20:00
"""


def told(*events: dict[str, object]) -> list[dict[str, object]]:
    return list(parse_lines(json.dumps(event).encode() for event in events))  # type: ignore[arg-type]


def test_sbatch_is_told_everything_by_arguments_and_nothing_of_the_prompt() -> None:
    host = replace(HOST, partition="gpu", account="a b", time="04:00:00", extra=("--mem=64G",))
    argv = slurm.commands(host, FOLDER).submit
    assert argv[:3] == ("sbatch", "--parsable", "--job-name=cosmosctl-3fa81c07")
    assert {"--account=a b", "--partition=gpu", "--time=04:00:00", "--gres=gpu:1", "--mem=64G"} <= set(argv)
    assert {"--export=NONE", "--output=/dev/null", "--requeue"} <= set(argv)
    assert "city" not in " ".join(argv)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("10:30", 630), ("04:00:00", 14400), ("1-12", 129600), ("1-12:30", 131400), ("2-0:0:5", 172805)],
)
def test_a_time_limit_is_read_as_sbatch_reads_it(time: str, seconds: int) -> None:
    assert slurm.seconds(time) == seconds


def test_a_short_job_is_told_of_its_end_late_enough_that_it_begins_something() -> None:
    assert slurm.drain_s(replace(HOST, time="12:00:00")) == slurm.DRAIN_S
    assert slurm.drain_s(HOST) == slurm.UNKNOWN_DRAIN_S, "a partition's own limit may be minutes"
    assert slurm.drain_s(replace(HOST, time="10")) == 135
    assert slurm.drain_s(replace(HOST, time="1")) == 1


@pytest.mark.parametrize(("gres", "count"), [(None, 1), ("gpu", 1), ("gpu:4", 4), ("gpu:a100:2", 2), ("gpu:a100", 1)])
def test_the_gpus_of_a_task_are_read_from_its_gres(gres: str | None, count: int) -> None:
    assert slurm.gpus(replace(HOST, gres=gres)) == count


def test_the_script_quotes_its_folder_and_runs_the_prolog_first() -> None:
    host = replace(HOST, dir="/a b/it's", prolog=("module load apptainer",))
    script = slurm.script(host, models.get("transfer1"), PurePosixPath(f"/a b/it's/batches/{FOLDER}"))
    assert script.startswith("#!/bin/bash -l\n")
    assert f"cd '/a b/it'\"'\"'s/batches/{FOLDER}' || exit 1\n" in script
    assert script.index("module load apptainer\n") < script.index('python3 -B supervise "$shard") &\n')


def test_each_task_is_told_with_why_it_waits() -> None:
    words = [slurm.words(task) for task in slurm.tasks(ANSWER)]
    assert words == [
        "its job has ended (COMPLETED)",
        "running on gpu2",
        "queued (Priority; starts about 14:20)",
        "held (JobHeldUser)",
    ]


def test_of_a_shard_that_was_submitted_twice_the_task_that_lives_counts_else_the_newest() -> None:
    lines = ["12|0|CANCELLED|None||N/A", "13|0|PENDING|None||N/A", "14|1|FAILED|None||N/A", "12|1|TIMEOUT|None||N/A"]
    assert [(one.job, one.state) for one in slurm.tasks("\n".join(lines))] == [("13", "PENDING"), ("14", "FAILED")]
    assert slurm.tasks("\n".join(reversed(lines)))[0].state == "FAILED"


def test_the_books_are_read_like_the_queue() -> None:
    (task,) = slurm.tasks("12_3|CANCELLED by 1000|gpu1\n12_[4-7]|PENDING|\n")
    assert (task.shard, task.state, task.node) == (3, "CANCELLED", "gpu1")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("sbatch: error: invalid partition specified: gpuu", "sinfo"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination", "account:"),
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", "restarting"),
        ("launch failed requeued held", "scontrol release"),
        ("Job's account not known, so it can't use this partition (closed allows physics)", "account:"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available", ""),
    ],
)
def test_what_slurm_says_has_one_hint_or_none(said: str, words: str) -> None:
    assert words in slurm.hint(said)
    assert bool(words) == bool(slurm.hint(said))


def test_a_queue_that_does_not_answer_ends_no_job() -> None:
    seen = progress(
        told(
            {"ev": "shards", "t": 1, "count": 4},
            {"ev": "queue", "by": "slurm", "t": 2, "code": 0, "text": ANSWER},
            {"ev": "queue", "by": "slurm", "t": 3, "code": 1, "text": "slurm_load_jobs error: Unable to contact slurm"},
        )
    )
    words = queue_words(seen)
    assert words.startswith("1 job running, 1 queued (Priority; starts about 14:20), 1 held (JobHeldUser)")
    assert "does not answer" in words
    assert len(queue_hints(seen)) == 2


def test_shards_are_reckoned_alone_and_joined() -> None:
    def shard(number: int, *events: dict[str, object]) -> list[dict[str, object]]:
        data = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events).encode()
        return list(parse_lines(shard_lines(number, data)))  # type: ignore[arg-type]

    begin = {"ev": "batch_start", "t": 10, "gpus": [{"name": "H200"}]}
    first = shard(0, begin, {"ev": "row_start", "t": 11, "run": "rs_a"}, {"ev": "batch_done", "t": 12, "state": "done"})
    second = shard(1, {**begin, "t": 20}, {"ev": "row_start", "t": 21, "run": "rs_b"})
    count = list(parse_lines([shards_line(2)]))
    seen = progress([*count, *second, *first])
    assert (seen.finished, seen.started, dict(seen.running)) == (False, 10, {"rs_b": 0.0})
    assert not progress([*count, *first]).finished, "the other one has not begun"
    last = shard(
        1, {"ev": "run_cancelled", "t": 30, "run": "rs_b"}, {"ev": "batch_done", "t": 31, "state": "cancelled"}
    )
    whole = progress([*count, *second, *first, *last])
    assert (whole.state, whole.elapsed.seconds, list(whole.ends)) == ("cancelled", 21, ["rs_b"])


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("gpu*|1:00:00|gpu:fake:2;low|1:00:00|gpu:fake:2", ("gpu", "1:00:00", "gpu:fake:1")),
        ("cpu*|2-00:00:00|(null);a100|infinite|gpu:a100:8(S:0-1)", ("a100", "", "gpu:a100:1")),
        ("cpu*|1:00:00|(null)", ("", "", "")),
        ("gpu|1-12:00:00|gpu:4", ("gpu", "1-12:00:00", "gpu:1")),
    ],
)
def test_the_partition_of_a_new_host_is_one_with_gpus(said: str, found: tuple[str, str, str]) -> None:
    partition = slurm.partition(said)
    assert (partition.name, partition.time, partition.gres) == found


def test_a_host_without_a_scheduler_has_no_queue() -> None:
    assert schedulers.queue(replace(HOST, scheduler=None)) is None
