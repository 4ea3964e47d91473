"""What git takes away, brings back and mixes up: the state of every run stays true, and no video is lost."""

import shutil
from pathlib import Path

import pytest

from cosmosctl.results.receipts import read_receipt
from tests.support.git_world import Truth, Work, World, made_from, world
from tests.support.tree import git


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return world(tmp_path, monkeypatch)


@pytest.fixture
def one(made: World) -> Work:
    return made.works["one"]


def test_a_clean_after_a_batch_takes_the_report_and_nothing_else(one: Work) -> None:
    one.cli("batch")
    one.commit("ran")
    one.write("rs_a", 0.6)
    one.cli("batch", "--changed")
    report = one.run("rs_a").result.report.read_bytes()
    one.commit("again")
    one.git("reset", "-q", "--soft", "HEAD~2")
    one.git("reset", "-q")
    one.git("clean", "-fdq")
    assert not one.run("rs_a").result.report.exists()
    one.git("checkout", "-q", "--", ".")
    one.write("rs_a", 0.6)
    assert one.state("rs_a") == "done"
    assert "nothing is pending" in one.cli("batch")
    one.cli("fetch", "rs_a")
    assert one.run("rs_a").result.report.read_bytes() == report


def test_a_batch_in_flight_is_followed_from_another_branch_whose_own_result_stays(made: World, one: Work) -> None:
    one.cli("batch")
    one.commit("main ran")
    one.git("checkout", "-qb", "look")
    one.write("rs_a", 0.6)
    made.hold()
    one.cli("batch", "rs_a", "--detach")
    one.commit("under way")
    one.git("checkout", "-q", "main")
    assert one.state("rs_a") == "queued"
    made.release()
    one.cli("attach")
    assert one.state("rs_a") == "done"
    assert one.git("status", "--porcelain") == ""
    one.git("checkout", "-q", "look")
    one.cli("status")
    assert one.state("rs_a") == "done"
    assert made_from(one.video("rs_a")) == ("look of rs_a", 0.6)
    one.commit("look ran")
    one.git("checkout", "-q", "main")
    assert (one.state("rs_a"), one.state("rs_b")) == ("absent", "done")
    one.cli("fetch", "rs_a")
    assert made_from(one.video("rs_a")) == ("look of rs_a", 0.5)
    assert one.state("rs_a") == "done"
    assert len(made.rows()) == 3


def test_hopping_between_branches_moves_two_videos_and_copies_none(made: World, one: Work) -> None:
    one.cli("batch", "rs_a")
    one.commit("a")
    one.git("checkout", "-qb", "look", "HEAD~1")
    one.write("rs_a", 0.6)
    one.cli("batch", "rs_a")
    one.commit("look")
    log = one.run("rs_a").result.execution_log.read_bytes()
    manifest = one.run("rs_a").result.manifest.read_bytes()
    for branch, weight in (("main", 0.5), ("look", 0.6), ("main", 0.5), ("look", 0.6)):
        one.git("checkout", "-q", branch)
        assert one.state("rs_a") == "absent"
        one.cli("fetch", "rs_a")
        assert one.state("rs_a") == "done"
        assert made_from(one.video("rs_a"))[1] == weight
        assert len(one.videos()) == 2
    assert one.run("rs_a").result.manifest.read_bytes() == manifest
    assert one.cli("logs", "rs_a").encode() == log
    assert one.git("status", "--porcelain") == ""
    assert "nothing is pending" not in one.cli("batch")  # rs_b never ran
    Truth(made).check()


def test_gc_on_another_branch_keeps_what_this_one_needs(made: World, one: Work) -> None:
    one.git("checkout", "-qb", "look")
    made.hold()
    one.cli("batch", "rs_a", "--detach")
    one.commit("under way")
    one.git("checkout", "-q", "main")
    made.release()
    made.grow_old()
    one.cli("gc", "gpu")
    one.git("checkout", "-q", "look")
    one.cli("attach")
    assert one.state("rs_a") == "done"


def test_a_clean_during_a_batch_forgets_nothing(made: World, one: Work) -> None:
    made.hold()
    one.cli("batch", "--detach")
    one.git("clean", "-fdq")
    [batch] = one.batches()
    assert not one.paths.batch(batch).report.exists()
    assert {state.state for state in one.states().values()} == {"queued"}
    assert "cancel" in one.cli("batch", "rs_a", expect=2)
    made.release()
    one.cli("fetch")
    assert {state.state for state in one.states().values()} == {"done"}
    assert one.paths.batch(batch).report.read_text() == one.paths.batch(batch).whole.read_text().partition("# So")[0]
    assert len(made.rows()) == 2


def test_a_stash_gives_back_what_it_took_whatever_was_done_meanwhile(made: World, one: Work) -> None:
    made.hold()
    one.cli("batch", "--detach")
    one.git("stash", "-qu")
    made.release()
    one.cli("attach")
    one.git("stash", "pop", "-q")
    assert {state.state for state in one.states().values()} == {"done"}
    one.git("stash", "-qu")
    assert {state.state for state in one.states().values()} == {"done"}
    one.cli("fetch", "rs_a")
    one.git("stash", "pop", "-q")
    assert len(made.rows()) == 2


def test_another_work_tree_is_refused_while_the_host_holds_the_run_and_fetches_once_git_has_the_receipt(
    made: World, one: Work
) -> None:
    two = made.worktree("two", "side")
    made.hold()
    one.cli("batch", "rs_a", "--detach")
    named = ("--batch-name", "two")  # of one second and title, git would have two files of one name to merge
    assert "rs_a is in batch_" in two.cli("batch", "rs_a", *named, expect=4)
    assert two.state("rs_a") == "pending"
    made.release()
    one.cli("attach")
    one.commit("ran")
    two.git("merge", "-q", "main")
    assert two.state("rs_a") == "absent"
    two.cli("fetch", "rs_a")
    assert two.state("rs_a") == "done"
    assert len(made.rows()) == 1


def test_a_video_of_the_same_size_is_another_one(made: World, one: Work) -> None:
    one.cli("batch", "rs_a")
    video = one.video("rs_a")
    data = video.read_bytes()
    video.write_bytes(data.replace(b"0.5", b"0.7"))
    assert len(video.read_bytes()) == len(data)
    assert one.state("rs_a") == "absent"
    video.write_bytes(data)
    assert one.state("rs_a") == "done"


def test_a_receipt_of_a_newer_version_is_named_and_kept(one: Work) -> None:
    one.cli("batch", "rs_a")
    report = one.run("rs_a").result.report
    text = report.read_text().replace("format: 1", "format: 2")
    report.write_text(text)
    assert one.states()["rs_a"].detail == "runs/rs_a/result.yaml: was written by a newer cosmosctl: install that one"
    assert "newer cosmosctl" in one.cli("fetch", "rs_a", expect=3)
    assert report.read_text() == text


def test_a_removed_receipt_and_report_are_written_again_from_the_events(one: Work) -> None:
    one.cli("batch", "rs_a")
    place = one.run("rs_a").result
    before = read_receipt(place.report)
    place.report.unlink()
    place.receipt.unlink()
    one.cli("fetch", "rs_a")
    assert read_receipt(place.report) == before
    assert one.state("rs_a") == "done"


def test_git_ignores_what_lies_beside_its_copies(one: Work) -> None:
    one.cli("batch", "rs_a")
    seen = {line[3:] for line in one.git("status", "--porcelain", "-uall").splitlines()}
    assert seen == {"runs/rs_a/result.yaml", f"batches/{one.batches()[0]}/batch.yaml"}
    assert Path(one.run("rs_a").result.receipt).is_file()


def test_diff_of_two_branches_names_the_settings_and_both_videos(one: Work) -> None:
    one.cli("batch", "rs_a")
    one.commit("main ran")
    one.git("checkout", "-qb", "look")
    one.write("rs_a", 0.6, "seed: 2\n")
    one.write("rs_new", 0.5)
    one.paths.prompt("ps_rs_new").write_text("text: another\nvideo: inputs/videos/s\n")
    one.cli("batch", "rs_a")
    one.commit("look ran")
    first = one.run("rs_a").history.iterdir().__next__().name
    assert one.cli("diff", "main..look").splitlines() == [
        "rs_a",
        "  seed: 1 -> 2",
        "  controls.edge.weight: 0.5 -> 0.6",
        f"  main  runs/rs_a/history/{first}/outputs/output.mp4",
        "  look  runs/rs_a/outputs/output.mp4",
        "rs_new: only on look",
        "  look  no result",
    ]
    assert one.cli("diff", "look..look") == "no run differs between look and look\n"
    assert "not a valid object name: nothing" in one.cli("diff", "main..nothing", expect=2)
    assert one.git("status", "--porcelain") == ""


def test_the_video_of_a_run_that_another_clone_renamed_is_found_in_the_old_folder(made: World, one: Work) -> None:
    one.cli("batch", "rs_a")
    one.commit("ran")
    three = made.clone("three")
    three.git("mv", "runs/rs_a", "runs/rs_new")
    three.commit("renamed")
    shutil.rmtree(made.host)
    one.git("pull", "-q", str(three.root), "main")
    assert one.state("rs_new") == "absent"
    one.cli("fetch", "rs_new")
    assert one.state("rs_new") == "done"
    one.git("reset", "-q", "--hard", "HEAD~1")
    assert one.state("rs_a") == "done"
    assert len(made.rows()) == 1


def test_two_branches_are_compared_in_the_hook_of_another_repository(
    one: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.git("branch", "look")
    git(tmp_path, "init", "-q", "other")
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "other/.git"))
    assert one.cli("diff", "main..look") == "no run differs between main and look\n"


def test_check_names_what_would_be_one_file_on_other_systems(one: Work) -> None:
    shutil.copytree(one.run("rs_a").root, one.run("RS_A").root)
    one.paths.prompt("Ps_rs_b").write_text("text: x\nvideo: inputs/videos/s\n")
    said = one.cli("check")
    assert "note: runs/RS_A and runs/rs_a are one where case does not count, as on macOS and Windows" in said
    assert "note: prompts/Ps_rs_b and prompts/ps_rs_b are one where" in said


def test_a_batch_of_another_clone_is_left_to_it_and_nothing_is_to_be_deleted(made: World, one: Work) -> None:
    made.hold()
    one.cli("batch", "--detach")
    one.commit("under way")
    [batch] = one.batches()
    three = made.clone("three")
    for verb in ("attach", "cancel", "fetch", "retry"):
        said = three.cli(verb, batch, expect=3)
        assert f"batch {batch} was made in another clone for host gpu: only there" in said
        assert "cosmosctl fetch RUN" in said
    assert "was made in another clone" in three.cli("logs", batch, expect=3)
    assert "elsewhere" in three.cli("list", "batches")
    made.release()


def test_no_other_way_to_write_the_same_makes_a_run_changed(one: Work) -> None:
    one.write("rs_a", 0.5, "guidance: 5\nsigma_max: 70\n")
    one.cli("batch", "rs_a")
    for more in ("guidance: 5.0\nsigma_max: 7e1\n", "sigma_max: 70.0\nguidance: 5\n", "guidance: 5\n", ""):
        one.write("rs_a", 5e-1, more)
        assert one.state("rs_a") == "done"
        assert one.cli("diff", "rs_a").startswith("nothing changed since")
    one.write("rs_a", 0.5, "guidance: 6\n")
    assert one.states()["rs_a"].changed == ("guidance",)


def test_a_project_of_the_version_before_is_read_once_and_written_forward(made: World, one: Work) -> None:
    one.cli("batch", "rs_a")
    one.git("checkout", "-qb", "look")
    made.hold()
    one.cli("batch", "rs_b", "--detach")
    first, second = one.batches()
    _as_before(one)
    one.commit("of the version before")
    report = one.run("rs_a").result.report.read_bytes()
    one.git("checkout", "-q", "main")
    assert not one.paths.batch(second).report.exists()
    made.release()
    made.grow_old()
    one.cli("gc", "gpu")
    assert {run: state.state for run, state in one.states().items()} == {"rs_a": "done", "rs_b": "queued"}
    assert "nothing is pending" in one.cli(
        "batch"
    )  # git has no receipt here: the events of the batch tell of the video
    one.cli("attach")
    one.git("checkout", "-q", "look")
    one.cli("status")
    assert {state.state for state in one.states().values()} == {"done"}
    assert one.run("rs_a").result.report.read_bytes() == report
    one.git("clean", "-fdq")
    assert {state.state for state in one.states().values()} == {"done"}
    assert one.paths.batch(first).whole.is_file()
    assert len(made.rows()) == 2
    Truth(made).check()


def _as_before(work: Work) -> None:
    """Take away what the version before did not write."""
    for file in (*work.paths.runs.rglob("result.local.yaml"), *work.paths.batches.rglob("batch.local.yaml")):
        file.unlink()
    for file in (*work.paths.runs.rglob("result.yaml"), work.paths.config):
        file.write_text(file.read_text(encoding="utf-8").replace("format: 1\n", ""), encoding="utf-8")
    work.paths.forward.unlink()
