"""`mv`, `rm`, `gc` without a host and `compare`: what is chosen, and what is thrown away."""

import csv
import hashlib
import io
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from cosmosctl.commands.choose.remove import remove
from cosmosctl.commands.choose.rename import rename
from cosmosctl.commands.look.compare import Asked, compare, differences
from cosmosctl.commands.machines.gc_here import Which, tidy
from cosmosctl.errors import CosmosctlError, UsageError
from cosmosctl.media import frames
from cosmosctl.results.receipts import read_receipt
from cosmosctl.store import load_all
from tests.support.tree import Tree, on_this_machine

QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Runs rs_a, with an earlier result, rs_b of the same prompt, rs_c without a result, rs_big that enlarges rs_a."""
    tree = on_this_machine(tmp_path_factory.mktemp("choose"), QUICK)
    tree.prompt("ps_b", "a park")
    tree.run("rs_a", more="guidance: 3\n")
    tree.cli("batch", "--batch-name", "first")
    tree.run("rs_a", more="guidance: 5\n")
    tree.run("rs_b", controls="{edge: 0.7}", more="guidance: 3\n")
    tree.cli("batch", "rs_a", "rs_b", "--batch-name", "second")
    tree.run("rs_c", prompt="ps_b", more="notes: rs_a was better\n")
    tree.run_paths("rs_big").root.mkdir()
    tree.run_paths("rs_big").spec.write_text("prompt: ps_a\nupscale: {run: rs_a, weight: 0.5} # of rs_a\n")
    (tree.root / "sweeps").mkdir()
    (tree.root / "sweeps/look.yaml").write_text(
        "base: rs_a  # the best\ngrid:\n  prompt: [ps_a, ps_b]\nexclude:\n  - {prompt: ps_b}\n"
    )
    return tree


@pytest.fixture
def done(made: Tree, tmp_path: Path) -> Tree:
    """A copy of it."""
    shutil.copytree(made.root, tmp_path / "project", symlinks=True)
    return Tree(tmp_path / "project", made.home, QUICK)


def yes(question: str) -> bool:
    return True


def test_a_run_that_is_renamed_keeps_its_results_and_all_that_names_it(done: Tree) -> None:
    out = done.cli("mv", "rs_a", "rs_best")
    assert out.out == "rs_best\n"
    assert "rs_a was named in 2 files: runs/rs_big/run.yaml, sweeps/look.yaml" in out.err
    assert done.states()["rs_best"] == "done"
    assert [path.name for path in done.run_paths("rs_best").history.iterdir()] != []
    assert done.run_paths("rs_big").spec.read_text() == "prompt: ps_a\nupscale: {run: rs_best, weight: 0.5} # of rs_a\n"
    assert (done.root / "sweeps/look.yaml").read_text().startswith("base: rs_best # the best\n")
    assert "notes: rs_a was better" in done.run_paths("rs_c").spec.read_text()
    assert not done.run_paths("rs_a").root.exists()


def test_a_prompt_that_is_renamed_is_renamed_in_its_runs_and_sweeps(done: Tree) -> None:
    renamed = rename(done.root, "ps_b", "ps_park")
    assert renamed.files == ("runs/rs_c/run.yaml", "sweeps/look.yaml")
    text = (done.root / "sweeps/look.yaml").read_text()
    assert "prompt: [ps_a, ps_park]" in text
    assert "- {prompt: ps_park}" in text
    snapshot = load_all(done.root)
    assert (snapshot.problems, snapshot.runs["rs_c"].prompt) == ((), "ps_park")


@pytest.mark.parametrize(
    ("word", "name", "what"),
    [
        ("rs_z", "rs_y", "there is no run or prompt 'rs_z'"),
        ("rs_a", "rs_b", "there is a run 'rs_b' already"),
        ("rs_a", "RS_B", "would be one file where case does not count"),
        ("rs_a", "a/b", "run id 'a/b' may hold letters"),
    ],
)
def test_what_cannot_be_renamed_stays_as_it_is(done: Tree, word: str, name: str, what: str) -> None:
    before = done.files()
    with pytest.raises(UsageError) as error:
        rename(done.root, word, name)
    assert what in error.value.message
    assert done.files() == before


def test_a_name_that_cannot_be_put_into_a_file_leaves_all_as_it_was(done: Tree) -> None:
    file = done.root / "sweeps/look.yaml"
    file.write_text(file.read_text().replace("  - {prompt: ps_b}\n", "  - prompt: ps_b  # too bright\n"))
    before = done.files()
    with pytest.raises(CosmosctlError, match=r"sweeps/look\.yaml: 'exclude' cannot be set here"):
        rename(done.root, "ps_b", "ps_park")
    assert done.files() == before


def test_what_is_thrown_away_is_told_asked_about_and_can_be_brought_back(done: Tree) -> None:
    refused = done.cli("rm", "rs_a", "rs_big", expect=2)
    assert "run rs_a with its preview, 1 earlier result (" in refused.err
    assert "cosmosctl rm --yes rs_a rs_big does not ask" in refused.err
    assert done.run_paths("rs_a").root.is_dir()
    out = done.cli("rm", "rs_a", "rs_big", "--yes").lines
    assert [line.split("\t")[0] for line in out] == ["rs_a", "rs_big"]
    assert sorted(done.states()) == ["rs_b", "rs_c"]
    (done.root / out[0].split("\t")[1]).rename(done.run_paths("rs_a").root)
    assert done.states()["rs_a"] == "done"
    done.cli("gc", "--yes")
    assert not (done.root / ".cosmosctl/trash").exists() or not list((done.root / ".cosmosctl/trash").iterdir())


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("ps_b",), "ps_b is used by 1 run: rs_c"),
        (("rs_a",), "rs_a is used by 1 run: rs_big"),
        (("rs_z",), "there is no run or prompt 'rs_z'"),
    ],
)
def test_what_others_need_is_not_thrown_away(done: Tree, words: tuple[str, ...], what: str) -> None:
    before = done.files()
    with pytest.raises(UsageError) as error:
        remove(done.root, words, yes)
    assert what in error.value.message
    assert done.files() == before


def test_a_run_that_a_batch_holds_is_neither_renamed_nor_thrown_away(done: Tree) -> None:
    done.cli("batch", "rs_c", "--export", str(done.root.with_name("out")))
    for refused in (lambda: rename(done.root, "rs_c", "rs_d"), lambda: remove(done.root, ["rs_c"], yes)):
        with pytest.raises(UsageError, match="rs_c is in batch batch_"):
            refused()


def test_gc_here_removes_old_and_rejected_results_and_nothing_that_is_needed(done: Tree) -> None:
    assert tidy(done.root, Which(), yes, dry_run=True) == ()
    old = tidy(done.root, Which(older_than_days=0), yes, dry_run=True)
    assert [one.kind for one in old] == ["earlier result"]
    assert tidy(done.root, Which(older_than_days=30), yes, dry_run=True) == ()
    done.cli("rate", "--reject", "rs_b")
    with pytest.raises(UsageError, match="nothing is removed: 1 x rejected result"):
        tidy(done.root, Which(rejected=True), lambda question: False, dry_run=False)
    removed = tidy(done.root, Which(rejected=True), yes, dry_run=False)
    assert [one.name for one in removed] == ["runs/rs_b/preview/outputs"]
    assert done.run_paths("rs_b").preview.report.exists()
    assert done.states()["rs_a"] == "done"
    done.run("rs_a", more="guidance: 3\n")  # what history/ keeps is the result of what the file says now
    assert tidy(done.root, Which(older_than_days=0), yes, dry_run=True) == ()
    done.run("rs_a", more="guidance: 5\n")
    assert len(tidy(done.root, Which(older_than_days=0), yes, dry_run=False)) == 1
    assert list(done.run_paths("rs_a").history.iterdir()) == []


def test_gc_here_removes_look_copies_of_no_video(done: Tree) -> None:
    digest = next(iter(read_receipt(done.run_paths("rs_b").preview.report).outputs.values()))  # type: ignore[union-attr]
    done.paths.looks.mkdir()
    for name in (f"{digest[:32]}.mp4", f"{'a' * 32}.mp4", f"{'a' * 32}-sheet.jpg", "notes.txt"):
        (done.paths.looks / name).write_bytes(b"x" * 2048)
    removed = tidy(done.root, Which(), lambda question: False, dry_run=False)
    assert sorted(one.name for one in removed) == [f"{'a' * 32}-sheet.jpg", f"{'a' * 32}.mp4"]
    assert len(list(done.paths.looks.iterdir())) == 2


def test_a_host_and_what_is_for_here_do_not_go_together(done: Tree) -> None:
    assert "leave out HOST" in done.cli("gc", "local", "--rejected", expect=2).err


def test_words_notes_and_tags_are_changed_and_comments_stay(done: Tree) -> None:
    file = done.paths.prompt("ps_a")
    file.write_text(
        "# mine\ntext: a street  # short\nvideo: inputs/videos/city\ntags: [old]  # two\n", encoding="utf-8"
    )
    said = done.cli("edit", "ps_a", "--text", "a wet street\nat night", "--notes", "try fog: soon", "--tag", "new")
    assert said.lines == [str(file)]
    text = file.read_text(encoding="utf-8")
    assert "# mine" in text
    assert "# two" in text
    prompt = load_all(done.root).prompts["ps_a"]
    assert (prompt.text, prompt.notes, prompt.tags) == ("a wet street\nat night", "try fog: soon", ("new",))
    done.cli("edit", "ps_a", "--notes", "", "--no-tags")
    assert "fog" not in file.read_text(encoding="utf-8")
    before = done.states()
    done.cli("edit", "rs_a", "--notes", "good", "--tag", "best")
    assert done.states() == before, "tags and notes change no state"


def test_what_somebody_wrote_meanwhile_and_what_would_be_a_mistake_is_not_written_over(done: Tree) -> None:
    file = done.paths.prompt("ps_a")
    seen = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(file.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    now = file.read_bytes()
    refused = done.cli("edit", "ps_a", "--text", "mine", "--was", seen, expect=3)
    assert "changed meanwhile" in refused.err
    for words, code in (("--text=",), 3), (("--tag=",), 3), ((), 2):
        done.cli("edit", "ps_a", *words, expect=code)
    assert "its prompt" in done.cli("edit", "rs_a", "--text", "x", expect=2).err
    assert file.read_bytes() == now
    done.cli("edit", "ps_a", "--text", "mine", "--was", hashlib.sha256(now).hexdigest()[:16])
    assert "mine" in file.read_text(encoding="utf-8")
    assert "# more" in file.read_text(encoding="utf-8")


def test_what_was_chosen_is_packed_with_receipts_and_a_table_and_no_link_is_followed(
    done: Tree, tmp_path: Path
) -> None:
    done.prompt("ps_a", "=cmd()")
    done.cli("rate", "--accept", "--stars", "5", "--author", "Ann <ann@lab>", "rs_a")
    target = tmp_path / "best.zip"
    assert done.cli("pack", "rs_a", "-o", str(target)).lines == [str(target)]
    with zipfile.ZipFile(target) as made:
        names = sorted(made.namelist())
        video = made.read("chosen/rs_a/rs_a.mp4")
        rows = list(csv.DictReader(io.StringIO(made.read("chosen/table.csv").decode())))
        everything = b"".join(made.read(name) for name in names if not name.endswith(".mp4"))
    assert names == [
        "chosen/prompts/ps_a.yaml",
        "chosen/rs_a/result.yaml",
        "chosen/rs_a/rs_a.mp4",
        "chosen/rs_a/run.yaml",
        "chosen/table.csv",
    ]
    assert hashlib.sha256(video).hexdigest() == rows[0]["sha256"]
    assert (rows[0]["run"], rows[0]["stars"], rows[0]["accepted"], rows[0]["by"]) == ("rs_a", "5.0", "True", "Ann")
    assert str(done.root).encode() not in everything
    assert "is there already" in done.cli("pack", "rs_a", "-o", str(target), expect=2).err
    again = done.cli("pack", "rs_a", "-o", str(tmp_path / "again.zip")).lines[0]
    assert Path(again).read_bytes() == target.read_bytes()
    spec = done.run_paths("rs_a").spec
    spec.rename(tmp_path / "run.yaml")
    spec.symlink_to(tmp_path / "run.yaml")
    done.cli("pack", "rs_a", "-o", str(target), "--force", expect=0)
    with zipfile.ZipFile(target) as made:
        assert "chosen/rs_a/run.yaml" not in made.namelist()


def test_results_are_compared_as_a_video_and_as_pictures_labelled_with_what_differs(done: Tree, tmp_path: Path) -> None:
    out = done.cli("compare", "rs_a", "runs/rs_b", "-o", str(tmp_path / "out.mp4")).out
    assert out == f"{tmp_path / 'out.mp4'}\n"
    assert frames.announced(tmp_path / "out.mp4") == 8
    receipts = [read_receipt(done.run_paths(run).preview.report) for run in ("rs_a", "rs_b")]
    words = differences([one for one in receipts if one is not None])
    assert words == ["guidance=5, edge=0.5", "guidance=3, edge=0.7"]
    for layout in ("side", "wipe", "diff", "grid", "sheet"):
        target = compare(done.root, Asked(("rs_a", "rs_b"), tmp_path / f"{layout}.png", layout))
        assert target.read_bytes().startswith(b"\x89PNG")
    earlier = compare(done.root, Asked(("rs_a", "rs_a@first"), tmp_path / "earlier.png"))
    assert earlier.is_file()


@pytest.mark.parametrize(
    ("runs", "name", "more", "what"),
    [
        (("rs_a",), "out.png", {}, "two different results are needed"),
        (("rs_a", "rs_c"), "out.png", {}, "rs_c has no video here to compare"),
        (("rs_a", "rs_b"), "out.gif", {}, "the name has to end in .mp4 or .png"),
        (("rs_a", "rs_b"), "there.png", {}, "is there already"),
        (("rs_a", "rs_b"), "out.mp4", {"layout": "sheet"}, "a sheet is a picture"),
        (("rs_a", "rs_b"), "out.mp4", {"at_s": 1.0}, "--at is the time of a picture"),
        (("rs_a", "rs_b", "rs_c"), "out.png", {"layout": "wipe"}, "compares two runs, got 3"),
        (("rs_a", "rs_a@third"), "out.png", {}, "there is no batch 'third'"),
    ],
)
def test_what_cannot_be_compared_writes_nothing(
    made: Tree, tmp_path: Path, runs: tuple[str, ...], name: str, more: dict[str, object], what: str
) -> None:
    (tmp_path / "there.png").write_text("mine")
    with pytest.raises(UsageError) as error:
        compare(made.root, Asked(runs, tmp_path / name, **more))  # type: ignore[arg-type]
    assert what in error.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]
    assert (tmp_path / "there.png").read_text() == "mine"


def test_what_is_no_file_among_a_runs_files_is_thrown_away_with_it(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    os.mkfifo(quick_tree.root / "runs/rs_a/notes")
    quick_tree.cli("rm", "rs_a", "--yes")
    assert not (quick_tree.root / "runs/rs_a").exists()
    assert list(quick_tree.root.glob(".cosmosctl/trash/**/notes"))
