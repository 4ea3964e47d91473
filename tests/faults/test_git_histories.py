"""Random histories: git commands, edits, batches, host ends and fetches over two branches, two work trees and a clone.

After each step holds what `git_world.Truth` says. `make test` runs SEQUENCES of at least STEPS steps from fixed seeds;
`make soak` goes on with others for an hour. Both say at their end how many there were. FAULTS are what the product did
before its state rested on files that git ignores: each is put back, and a sequence finds it.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from cosmosctl.commands.machines import gc as gc_walk
from cosmosctl.domain.layout import RESULT, BatchPaths
from cosmosctl.state import answers, batch_list
from cosmosctl.state.attempt_index import Traces
from cosmosctl.store import load_all
from tests.support.counts import TellCount
from tests.support.examples import IS_SOAK
from tests.support.git_world import RUNS, Truth, Work, World, wanted, world
from tests.support.waiting import is_over

SEQUENCES, STEPS = 30, 10
SOAK_S, ROUND = 3600, 10
"""In the soak as many rounds as begin in time; a round is so many sequences, so that a fault in one does not end it."""
WEIGHTS = (0.5, 0.6, 0.7)
OTHER = {"main": "look", "look": "main", "side": "main"}


class History:
    """One sequence: what was done, and what has to hold."""

    def __init__(self, made: World, seed: int) -> None:
        self.made, self.truth, self.draw = made, Truth(made), random.Random(seed)
        self.done: list[str] = []

    def go_on(self) -> None:
        """Something that people do, in one of the work trees: one act, or several that go together."""
        name = self.draw.choice(("one", "one", "one", "one", "two", "three"))
        for act in self.draw.choice(HABITS) if self.draw.random() < 0.3 else (self.draw.choice(ACTS),):
            self.done.append(f"{name} {act.__name__}")
            act(self, self.made.works[name])
            self.truth.check(self.made.works[name])

    def branch(self, work: Work) -> str:
        return work.git("rev-parse", "--abbrev-ref", "HEAD").strip()

    def run(self) -> str:
        return self.draw.choice(RUNS)


def edit(history: History, work: Work) -> None:
    work.write(history.run(), history.draw.choice(WEIGHTS))


def commit(history: History, work: Work) -> None:
    work.commit(f"step {len(history.done)}")


def switch(history: History, work: Work) -> None:
    branch = history.branch(work)
    if branch in OTHER and branch != "side":
        work.git("checkout", "-q", OTHER[branch], expect=None)


def stash(history: History, work: Work) -> None:
    work.git("stash", "-qu", expect=None)


def pop(history: History, work: Work) -> None:
    if work.git("stash", "list"):
        work.git("stash", "pop", "-q", expect=None)
        _settle_conflicts(history, work)


def clean(history: History, work: Work) -> None:
    work.git("clean", "-fdq")


def reset(history: History, work: Work) -> None:
    work.git("reset", "-q", "--hard", history.draw.choice(("HEAD", "HEAD~1")), expect=None)


def soft_reset(history: History, work: Work) -> None:
    work.git("reset", "-q", "--soft", "HEAD~1", expect=None)


def merge(history: History, work: Work) -> None:
    work.git("merge", "-q", "--no-edit", _other(history, work), expect=None)
    _settle_conflicts(history, work)


def rebase(history: History, work: Work) -> None:
    work.git("rebase", "-q", _other(history, work), expect=None)
    if _is_at_it(work):
        history.truth.check()
        work.git("rebase", "--abort", expect=None)


def pick(history: History, work: Work) -> None:
    work.git("cherry-pick", _other(history, work), expect=None)
    history.truth.check()
    work.git("cherry-pick", "--abort", expect=None)


def batch(history: History, work: Work) -> None:
    history.made.release()
    work.cli("batch", *history.draw.choice(((), (), ("--changed",))), expect=None)


def detached(history: History, work: Work) -> None:
    history.made.hold()
    try:
        work.cli("batch", "--changed", "--detach", expect=None)
    finally:
        history.truth.check()
        if history.draw.random() < 0.5:
            history.made.release()


def again(history: History, work: Work) -> None:
    """One run, whether it has a result or not."""
    run = history.run()
    spec = wanted(load_all(work.root), run)
    if spec is not None:
        name = next(name for name, one in history.made.works.items() if one is work)
        history.truth.asked[name, spec] += 1
        history.made.release()
        work.cli("batch", run, expect=None)


def ran(history: History, work: Work) -> None:
    """What people do most: an edit of both runs, a batch, a commit."""
    for run in RUNS:
        work.write(run, history.draw.choice(WEIGHTS))
    history.made.release()
    work.cli("batch", "--changed", expect=None)
    work.commit("ran")


def hop(history: History, work: Work) -> None:
    """To the other branch, with nothing left behind."""
    work.commit("left")
    switch(history, work)


def end(history: History, work: Work) -> None:
    history.made.release()


def attach(history: History, work: Work) -> None:
    history.made.release()
    work.cli("attach", expect=None)


def fetch(history: History, work: Work) -> None:
    work.cli("fetch", expect=None)


def fetch_run(history: History, work: Work) -> None:
    work.cli("fetch", history.run(), expect=None)


def gc(history: History, work: Work) -> None:
    history.made.grow_old()
    work.cli("gc", "gpu", expect=None)


def look(history: History, work: Work) -> None:
    run = history.run()
    for words in (("list", "batches"), ("show", run), ("logs", run), ("history",), ("diff", run), ("check",)):
        work.cli(*words, expect=None)


Act = Callable[[History, Work], None]

ACTS: tuple[Act, ...] = (
    *(edit, commit, switch, stash, pop, clean, reset, soft_reset, merge, rebase, pick),
    *(ran, ran, hop, hop, hop, batch, detached, again, end),
    *(edit, commit, switch, attach, fetch, fetch_run, gc, look),
)
HABITS: tuple[tuple[Act, ...], ...] = (
    (ran, hop, ran, hop),
    (detached, hop, end, gc, hop),
    (detached, stash, end, attach, pop),
    (detached, clean, end, batch),
)
"""A result on each branch; a batch that is left for a weekend; a stash, then a clean, while a batch is under way."""


def _other(history: History, work: Work) -> str:
    branch = history.branch(work)
    if work is history.made.works["three"]:
        work.git("fetch", "-q")
        return history.draw.choice(("origin/main", "origin/look", "origin/side"))
    return history.draw.choice([name for name in ("main", "look", "side") if name != branch])


def _is_at_it(work: Work) -> bool:
    folder = Path(work.git("rev-parse", "--absolute-git-dir").strip())
    return any((folder / name).exists() for name in ("rebase-merge", "rebase-apply", "MERGE_HEAD"))


def _settle_conflicts(history: History, work: Work) -> None:
    """What somebody would do: look, let cosmosctl mend the receipts, take one side of the rest, commit."""
    unmerged = work.git("diff", "--name-only", "--diff-filter=U").split()
    if not unmerged:
        return
    history.truth.check()
    side = history.draw.choice(("--ours", "--theirs"))
    for file in unmerged:
        work.git("checkout", side, "--", file, expect=None)
    for run in {Path(file).parent.name for file in unmerged if file.endswith(RESULT)}:
        work.cli("fetch", run, expect=None)
    work.commit("merged")


Fresh = Callable[[], World]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """A project with two branches, two work trees and a clone, as often as it is wanted, always in the same place."""
    folder = tmp_path_factory.mktemp("histories")
    place, kept = folder / "played", folder / "kept"
    place.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        made = world(place, patch)
        made.works["one"].git("branch", "look")
        made.worktree("two", "side")
        made.clone("three").git("branch", "look", "origin/look")
        shutil.copytree(place, kept, symlinks=True)
        yield lambda: _anew(made, kept)


def _anew(made: World, kept: Path) -> World:
    shutil.rmtree(made.folder)
    shutil.copytree(kept, made.folder, symlinks=True)
    return made


def _play(made: World, seed: int) -> int:
    """How many steps there were."""
    history = History(made, seed)
    try:
        while len(history.done) < STEPS:
            history.go_on()
        history.truth.check()
    except BaseException:
        print(f"seed {seed}:", *history.done, sep="\n  ")
        raise
    finally:
        made.release()
    return len(history.done)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_no_video_is_lost_and_no_state_is_untrue_under_git(seed: int, fresh: Fresh, tell_count: TellCount) -> None:
    tell_count("git histories", 1)
    tell_count("steps of git histories", _play(fresh(), seed))


@dataclass(frozen=True)
class Fault:
    """A function of the product as it was once, a sequence that finds it, and what is seen then."""

    seed: int
    module: ModuleType
    name: str
    instead: Callable[..., object]
    seen: str


def _own_by_size(folder: str, left: Traces) -> str:
    named = [one for one in (left.report, left.here) if one is not None]
    video = Path(folder, named[0].video) if named else None
    has_size = video is not None and video.is_file() and video.stat().st_size == named[0].video_bytes
    return named[0].sha256 if has_size else ""


def _whole_by_gits_file(paths: BatchPaths, names: frozenset[str]) -> bool:
    return paths.report.name in names


def _half_by_gits_file(paths: BatchPaths) -> bool:
    return not paths.report.exists()


FAULTS = {
    "done by git's receipt and a video of its size": Fault(3, answers, "_own", _own_by_size, "is done by the video of"),
    "a batch is whole by batch.yaml": Fault(
        0, batch_list, "_is_whole", _whole_by_gits_file, "a batch of it was started"
    ),
    "gc keeps what this branch names": Fault(5, gc_walk, "_is_half", _half_by_gits_file, "has no plan any more"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_that_the_product_had_is_found(fault: Fault, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault.module, fault.name, fault.instead)
    with pytest.raises(AssertionError, match=fault.seen):
        _play(fresh(), fault.seed)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1000) if IS_SOAK else [0])
def test_other_histories_for_an_hour(number: int, fresh: Fresh, tell_count: TellCount) -> None:
    if not IS_SOAK or is_over("git histories", SOAK_S):
        pytest.skip("the hour is over" if IS_SOAK else "COSMOSCTL_SOAK is not set; make soak sets it")
    draw = random.SystemRandom()
    for _ in range(ROUND):
        tell_count("git histories", 1)
        tell_count("steps of git histories", _play(fresh(), draw.randrange(1 << 32)))
