"""Several GPUs for one process: their locks are taken together or not at all, by real supervisors."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.host_batch import WAIT_S, HostBatch
from tests.support.supervisor import part


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[HostBatch]:
    """A batch folder without a plan; what a test leaves running is killed by its number."""
    batch = HostBatch(tmp_path / "host" / "batches" / "city-1a2b3c4d")
    yield batch
    batch.close()


def is_free(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def test_sets_that_lie_across_each_other_wait_and_end(batch: HostBatch, tmp_path: Path) -> None:
    """[0, 1] and [2, 3] against [3, 1]: the one set waits for both others, and keeps neither of its GPUs meanwhile."""
    batch.plan(["a1", "a2"], gpus=[[0, 1], [2, 3]])
    batch.hold()
    first = batch.start()
    batch.until("row_start", 2)
    other = HostBatch(tmp_path / "other" / "batches" / "b-1")
    other.plan(["b1"], gpus=[[3, 1]], gpu_locks=str(batch.gpu_locks))
    second = other.start()
    try:
        assert other.until("waiting")["lock"] == str(batch.gpu_locks / "gpu-1")
        batch.let_go("a1")
        batch.until("run_done")
        assert other.events("process_start") == [], "GPU 3 is another's still"
        batch.let_go("a2")
        assert (first.wait(WAIT_S), second.wait(WAIT_S)) == (0, 0)
    finally:
        other.close()
    assert (batch.ends(), other.ends()) == ({"a1": "done", "a2": "done"}, {"b1": "done"})
    assert [start["set"] for start in batch.events("process_start")] == [[0, 1], [2, 3]]
    ends = [event["up"] for event in batch.events("process_end")]
    assert other.events("process_start")[0]["up"] >= max(ends)


def test_a_set_that_lacks_one_keeps_none(tmp_path: Path) -> None:
    locks = [tmp_path / "locks" / f"gpu-{number}" for number in range(3)]
    one, other = part("gpu_lock").GpuLocks(locks[1:]), part("gpu_lock").GpuLocks(reversed(locks[:2]))
    assert one.take()
    assert not other.take()
    assert (other.held_by_others, is_free(locks[0])) == (locks[1], True)
    one.release()
    assert other.take() and len(other.descriptors) == 2
    assert [is_free(lock) for lock in locks] == [False, False, True]


def test_a_process_sees_its_own_set_alone(batch: HostBatch) -> None:
    batch.plan(["r1"], gpus=[[2, 3]])
    batch.hold()
    supervisor = batch.start()
    pid = batch.until("process_start")["pid"]
    batch.until("row_start")
    assert b"CUDA_VISIBLE_DEVICES=2,3" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert {str(batch.gpu_locks / f"gpu-{number}") for number in (2, 3)} <= held, "the model keeps the locks itself"
    batch.let_go()
    assert supervisor.wait(WAIT_S) == 0


def test_a_plan_whose_sets_share_a_gpu_is_refused(batch: HostBatch) -> None:
    batch.plan(["r1"], gpus=[[0, 1], [1, 2]])
    with pytest.raises(part("plan").Strange, match="GPU 1 is in two sets"):
        part("plan").read_plan(batch.folder / "plan.json")
    assert batch.start().wait(WAIT_S) == 1
    assert batch.events() == []
