"""The fault matrix of a real GPU host: whatever goes wrong, and whenever, every run gets its right result, once.

A case is a function over a `Lab`; what it draws from the seed is its moment. `make test` tries one moment of each case,
`make soak` (COSMOSCTL_SOAK=1) ten. COSMOSCTL_FAULT_SEED sets another seed.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import containers
from tests.containers import Engine, needs_podman
from tests.sshd import needs_sshd
from tests.support import aftermath
from tests.support.lab import Lab, running_lab
from tests.support.matrix import files, line, missing, neighbours, processes

SEED = int(os.environ.get("COSMOSCTL_FAULT_SEED", "20261122"))
TIMES = 10
"""Moments of each case in a soak."""
LANES = 3
"""Cases of a soak that go on at once: most of their time is waiting."""

Case = Callable[[Lab], None]


@dataclass(frozen=True)
class Setting:
    """What a case needs: how long a row takes, and whether the host runs containers."""

    case: Case
    row_s: float = 0.15
    boxed: bool = False


CASES: Mapping[str, Setting] = {
    setting.case.__name__: setting
    for setting in (
        Setting(line.session_killed_during_push, row_s=0.02),
        Setting(line.session_killed_during_follow, row_s=0.3),
        Setting(line.session_killed_during_pull, row_s=0.1),
        Setting(line.line_frozen_and_back),
        Setting(line.port_refused_for_a_while, row_s=0.3),
        Setting(line.answer_to_launch_lost),
        Setting(processes.client_killed),
        Setting(processes.client_gone_for_the_whole_batch),
        Setting(processes.model_killed),
        Setting(processes.supervisor_killed_with_the_model_alive, row_s=0.3),
        Setting(processes.events_with_garbage_and_a_torn_end),
        Setting(processes.two_clients_attach_to_one_batch, row_s=0.4),
        Setting(neighbours.two_projects_batch_at_once),
        Setting(neighbours.two_users_batch_at_once),
        Setting(neighbours.two_clones_batch_the_same_runs, row_s=0.8),
        Setting(neighbours.input_edited_while_it_is_sent, row_s=0.02),
        Setting(neighbours.gc_at_the_moment_of_a_push, row_s=0.05),
        Setting(line.wrong_host_key, row_s=0.02),
        Setting(line.output_truncated_in_flight, row_s=0.05),
        Setting(files.result_replaced_by_a_link_to_a_secret, row_s=0.02),
        Setting(files.more_than_a_result_can_be, row_s=0.02),
        Setting(files.disk_full_on_the_host),
        Setting(files.disk_full_here, row_s=0.1),
        Setting(processes.container_killed, row_s=0.4, boxed=True),
        Setting(processes.host_rebooted, row_s=0.4, boxed=True),
        Setting(processes.gpu_of_another_batch_is_waited_for, row_s=0.1, boxed=True),
        Setting(missing.image_missing, row_s=0.1, boxed=True),
        Setting(missing.engine_missing, row_s=0.1, boxed=True),
        Setting(missing.python_missing_in_the_image, row_s=0.1, boxed=True),
    )
}


pytestmark = needs_sshd


@pytest.mark.parametrize("name", [name for name, setting in CASES.items() if not setting.boxed])
def test_every_run_gets_its_right_result_once(name: str, tmp_path: Path) -> None:
    _try(name, 0, tmp_path, None)


@needs_podman
@pytest.mark.parametrize("name", [name for name, setting in CASES.items() if setting.boxed])
def test_every_run_gets_its_right_result_once_in_a_container(name: str, tmp_path: Path, engine: Engine) -> None:
    _try(name, 0, tmp_path, engine)


@pytest.mark.soak
@pytest.mark.skipif("COSMOSCTL_SOAK" not in os.environ, reason="COSMOSCTL_SOAK is not set; make soak sets it")
def test_every_run_gets_its_right_result_once_at_ten_moments_of_each_case(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """COSMOSCTL_FAULT_CASES, words, names the cases to try; else all are."""
    engine: Engine | None = None if containers.missing() else request.getfixturevalue("engine")
    names = os.environ.get("COSMOSCTL_FAULT_CASES", "").split() or list(CASES)
    with ThreadPoolExecutor(LANES) as pool:
        tries = {
            (name, number): pool.submit(_told, name, number, tmp_path, engine)
            for number in range(TIMES)
            for name in names
        }
    told = {key: one.result() for key, one in tries.items()}
    print(_table({name: [told[name, number] for number in range(TIMES)] for name in names}))
    assert [f"{name} {number}: {one.trouble}" for (name, number), one in told.items() if one.trouble] == []


@dataclass(frozen=True)
class Told:
    """What came of one moment: `finished` and `again` count rows, `trouble` is why it failed."""

    seconds: float
    finished: int = 0
    again: int = 0
    skipped: str = ""
    trouble: str = ""


def _told(name: str, number: int, folder: Path, engine: Engine | None) -> Told:
    begin = time.monotonic()
    if CASES[name].boxed and engine is None:
        return Told(0, skipped=f"needs {', '.join(containers.missing())}")
    try:
        lab = _try(name, number, folder, engine if CASES[name].boxed else None)
    except pytest.skip.Exception as e:
        return Told(time.monotonic() - begin, skipped=str(e))
    except Exception as e:  # the others go on; the test fails at its end
        print(f"FAILED {name} {number}: {type(e).__name__}: {e}", flush=True)
        return Told(time.monotonic() - begin, trouble=f"{type(e).__name__}: {e}")
    rows = aftermath.rows_done(lab.tree)
    shutil.rmtree(lab.root, ignore_errors=True)
    return Told(time.monotonic() - begin, sum(rows.values()), sum(rows.values()) - len(rows))


def _table(told: Mapping[str, Sequence[Told]]) -> str:
    """The figures of a soak, a line a case."""
    head = f"seed {SEED}\n{'case':<44} moments  failed  skipped  rows  rows again  seconds"
    lines = [
        f"{name:<44} {len(all_of):>7} {sum(bool(one.trouble) for one in all_of):>7} "
        f"{sum(bool(one.skipped) for one in all_of):>8} {sum(one.finished for one in all_of):>5} "
        f"{sum(one.again for one in all_of):>11} {sum(one.seconds for one in all_of):>8.1f}"
        for name, all_of in told.items()
    ]
    return "\n".join([head, *lines])


def _try(name: str, number: int, folder: Path, engine: Engine | None) -> Lab:
    """One moment of one case, told when it is over."""
    setting, chance = CASES[name], random.Random(f"{SEED} {name} {number}")
    with running_lab(folder / f"{name}-{number}", chance, engine=engine, row_s=setting.row_s) as lab:
        try:
            setting.case(lab)
        finally:
            print(f"seed {SEED}: {name} {number}: {', '.join(lab.moment)}", flush=True)
    return lab
