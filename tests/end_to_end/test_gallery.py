"""`gallery` without a browser: what lies in the folder and the zip, what never goes in, what is never overwritten."""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.io.shipped import page
from cosmosctl.shown.discreet import author_words, discreet
from cosmosctl.store import hash_file
from cosmosctl.store.looks import COPY, Looks
from tests import clips
from tests.support.tree import Tree, on_this_machine

HOSTILE = """</script><script>alert(1)</script> "quoted" 'q' & # % <img onerror=alert(2) src=x>"""
SCENE = "inputs/videos/ci ty#&'%"
ROW = {"COSMOSCTL_PREVIEW_ROW_S": "0.01", "COSMOSCTL_PREVIEW_FAULTS": "block:forbidden"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Two finished previews and a blocked one, with words and names that HTML or an address would take amiss."""
    tree = on_this_machine(tmp_path_factory.mktemp("gallery"), ROW)
    clips.scene(tree.root / SCENE)
    tree.prompt("ps_hostile", HOSTILE, scene=json.dumps(SCENE), more=f"notes: {json.dumps(HOSTILE)}\n")
    tree.prompt("ps_no", "forbidden words")
    tree.run("rs_a", more="tags: [fine]\nseed: 1\n")
    tree.run("rs_hostile", prompt="ps_hostile", more="guidance: 7\n")
    tree.run("rs_no", prompt="ps_no")
    tree.cli("batch", "--batch-name", "three", expect=1)
    return tree


@pytest.fixture(scope="module")
def written(project: Tree) -> Path:
    """Its gallery, where one is written by default."""
    return Path(project.cli("gallery", "--zip").lines[0]).parent


def test_it_is_opened_in_the_browser_of_the_user(project: Tree, tmp_path: Path) -> None:
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(f'#!/bin/sh\necho "$1" >{told}\n')
    browser.chmod(0o755)
    done = project.cli("gallery", "--open", "-o", str(tmp_path / "made"), env={"BROWSER": str(browser)})
    assert told.read_text().strip() == Path(done.lines[0]).as_uri()


def data_in(folder: Path) -> dict[str, Any]:
    return data_of((folder / "data.js").read_text(encoding="utf-8"))


def data_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.removeprefix("window.COSMOS=").removesuffix(";\n"))
    return found


def run_in(folder: Path, run: str) -> dict[str, Any]:
    return next(one for one in data_in(folder)["runs"] if one["id"] == run)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_video_has_its_still_its_sheet_and_a_copy_that_steps_fast(written: Path) -> None:
    media = data_in(written)["media"]
    assert media
    for one in media.values():
        assert all((written / one[kind]).is_file() for kind in ("still", "sheet", "look"))
        assert len(clips.frames_of(written / one["look"])) == one["frames"]
    run = run_in(written, "rs_a")
    assert (run["state"], run["kind"]) == ("done", "preview")
    assert [role for role, key, _ in run["inputs"] if key] == ["color", "edge"]
    assert ["seed", 1, "run.yaml"] in run["recipe"]
    assert run["set"]["edge"] == 0.5


def test_the_links_to_the_originals_are_relative_percent_encoded_and_lead_there(written: Path) -> None:
    from urllib.parse import unquote

    links = [one["original"] for one in data_in(written)["media"].values()]
    assert links
    assert all((written / unquote(link)).is_file() for link in links)
    assert any("ci%20ty%23%26%27%25" in link for link in links)
    assert [link for link in links if re.search(r"[ #&'\"<>]", link)] == []


def test_a_run_without_a_video_stands_there_with_its_reason(written: Path) -> None:
    run = run_in(written, "rs_no")
    assert (run["state"], run["reason"], run["video"], run["log"]) == ("failed", "blocked", "", [])
    assert run["next"] == "cosmosctl batch rs_no"


def test_a_batch_comes_with_its_rows_times_and_loads(written: Path) -> None:
    batch = data_in(written)["batches"][-1]
    rows = {row["run"]: row for row in batch["rows"]}
    assert {run: row["state"] for run, row in rows.items()} == {
        "rs_a": "done",
        "rs_hostile": "done",
        "rs_no": "blocked",
    }
    assert rows["rs_a"]["begin"] <= rows["rs_a"]["end"] <= batch["wall_s"]
    assert len(batch["loads"]) >= 1
    assert batch["processes"][0]["begin"] < batch["processes"][0]["loaded"]


def test_neither_page_nor_data_names_a_path_or_an_address(project: Tree, written: Path) -> None:
    alien = (str(project.root.parent), str(Path.home()), "/tmp/", "127.0.0.1", "localhost")
    for name, held in files_in(written).items():
        if name.endswith((".js", ".html", ".css")):
            assert [word for word in alien if word.encode() in held] == [], name
    assert "@" not in (written / "data.js").read_text(encoding="utf-8")


def test_no_word_of_a_project_ends_the_script(written: Path) -> None:
    text = (written / "data.js").read_text(encoding="utf-8")
    assert "<" not in text
    assert HOSTILE in [one["text"] for one in data_of(text)["prompts"]]


def test_the_page_asks_for_nothing_from_elsewhere_and_is_small() -> None:
    files = files_in(page())
    assert sum(map(len, files.values())) < 150_000
    for name, held in files.items():
        found = re.findall(rb"(?:https?:)?//[a-z]", re.sub(rb"// .*", b"", held))
        assert [one for one in found if not name.endswith(".js")] == [], name
        assert b"http://" not in held, name
        assert b"https://" not in held, name
    index = files["index.html"].decode()
    assert "type=module" not in index
    named = re.findall(r"(?:src|href)=(page/[\w.]+)", index)
    assert sorted(named) == sorted(name for name in files if name != "index.html")


def test_a_second_gallery_has_the_same_bytes_and_makes_nothing(project: Tree, written: Path) -> None:
    before, packed = files_in(written), written.with_name("gallery.zip").read_bytes()
    done = project.cli("gallery", "--zip")
    assert "made" not in done.err
    assert files_in(written) == before
    assert written.with_name("gallery.zip").read_bytes() == packed


def test_git_takes_no_notice_of_a_gallery(written: Path) -> None:
    assert (written / ".gitignore").read_text() == "*\n"


def test_the_zip_stands_alone(written: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(written.with_name("gallery.zip")) as made:
        made.extractall(tmp_path)
        assert [one for one in made.infolist() if one.external_attr >> 28 == 0o12] == []
    data = data_in(tmp_path / "gallery")
    assert [one for one in data["media"].values() if "original" in one] == []
    assert all((tmp_path / "gallery" / one["look"]).is_file() for one in data["media"].values())


def test_logs_go_along_when_they_are_wanted_and_never_otherwise(project: Tree, written: Path, tmp_path: Path) -> None:
    project.cli("gallery", "three", "-o", str(tmp_path / "report"), "--with-logs")
    run = run_in(tmp_path / "report", "rs_no")
    assert any("guardrail" in line.lower() for line in run["log"])
    log = project.run_paths("rs_no").preview.execution_log
    assert (tmp_path / "report" / run["logFile"]).read_bytes() == log.read_bytes()
    assert (tmp_path / "report/logs/rs_a.txt").is_file()
    assert not (written / "logs").exists()


def test_only_what_is_named_goes_in(project: Tree, tmp_path: Path) -> None:
    project.cli("gallery", "rs_a", "-o", str(tmp_path / "one"))
    data = data_in(tmp_path / "one")
    assert [run["id"] for run in data["runs"]] == ["rs_a"]
    assert [prompt["id"] for prompt in data["prompts"]] == ["ps_a"]
    assert b"forbidden" not in (tmp_path / "one/data.js").read_bytes()


def test_away_from_the_project_no_link_tells_where_that_is_and_copies_go_along_when_wanted(
    project: Tree, tmp_path: Path
) -> None:
    done = project.cli("gallery", "rs_a", "-o", str(tmp_path / "far/away"))
    assert "--copy" in done.err
    assert "original" not in (tmp_path / "far/away/data.js").read_text()
    project.cli("gallery", "rs_a", "-o", str(tmp_path / "far/away"), "--copy")
    media = data_in(tmp_path / "far/away")["media"]
    result = media[run_in(tmp_path / "far/away", "rs_a")["video"]]
    assert result["original"] == "videos/rs_a.mp4"
    video = project.run_paths("rs_a").preview.outputs / "output.mp4"
    assert (tmp_path / "far/away/videos/rs_a.mp4").read_bytes() == video.read_bytes()


def test_a_folder_that_is_no_gallery_is_never_overwritten(project: Tree, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("my page")
    done = project.cli("gallery", "-o", str(tmp_path / "mine"), expect=2)
    assert "is no gallery" in done.err
    assert (tmp_path / "mine/index.html").read_text() == "my page"
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for folder in (
        tmp_path / "link",
        project.root,
        project.root / "runs/x",
        project.root.parent,
        Path("/etc/hostname"),
    ):
        project.cli("gallery", "-o", str(folder), expect=2)
    (tmp_path / "mine.zip").write_text("my zip")
    shutil.rmtree(tmp_path / "mine")
    project.cli("gallery", "rs_a", "-o", str(tmp_path / "mine"), "--zip", expect=2)
    assert (tmp_path / "mine.zip").read_text() == "my zip"


def test_a_link_in_place_of_a_log_stops_the_gallery_and_leaves_the_earlier_one(project: Tree, tmp_path: Path) -> None:
    target = tmp_path / "looks"
    project.cli("gallery", "rs_a", "-o", str(target))
    before = files_in(target)
    (tmp_path / "secret").write_text("nobody's business")
    log = project.run_paths("rs_no").preview.execution_log
    kept = log.read_bytes()
    log.unlink()
    log.symlink_to(tmp_path / "secret")
    try:
        done = project.cli("gallery", "-o", str(target), "--with-logs", expect=3)
    finally:
        log.unlink()
        log.write_bytes(kept)
    assert "is a symbolic link" in done.err
    assert files_in(target) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["looks", "secret"]


def test_look_copies_that_came_with_a_project_are_made_anew(project: Tree, written: Path) -> None:
    looks = Looks(ProjectPaths(project.root))
    digest = hash_file(project.root, project.run_paths("rs_a").preview.outputs / "output.mp4")
    copy = looks.file(digest, COPY)
    own = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(b"what somebody else put there")
    done = project.cli("gallery", "rs_a")
    assert "1 look copy made" in done.err
    assert copy.read_bytes() == own


def test_a_video_that_does_not_decode_is_told_and_stops_nothing(project: Tree, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project", tmp_path / "home", ROW)
    shutil.copytree(project.root, tree.root)
    color = tree.root / "inputs/videos/city/depth.mp4"
    color.write_bytes(b"no video at all")
    tree.cli("gallery", "-o", str(tmp_path / "looks"))
    problems = [one["problem"] for one in data_in(tmp_path / "looks")["media"].values() if "problem" in one]
    assert problems == ["it cannot be decoded"]


def test_a_rating_stands_with_the_video_that_it_is_of(project: Tree, tmp_path: Path) -> None:
    digest = hash_file(project.root, project.run_paths("rs_a").preview.outputs / "output.mp4")
    lines = [
        f"- {{video: {digest}, kind: preview, author: Ann <ann@lab.example>, stars: 2, at: '2026-01-01T10:00:00Z'}}",
        f"- {{video: {digest}, kind: preview, author: Ann <ann@lab.example>, stars: 4, accepted: true, note: 'fine'}}",
        f"- {{video: {'f' * 64}, kind: result, stars: 1, accepted: false}}",
        "- {video: nonsense, stars: 5}",
    ]
    project.run_paths("rs_a").ratings.write_text("\n".join(lines) + "\n")
    project.cli("gallery", "rs_a", "-o", str(tmp_path / "rated"))
    run = run_in(tmp_path / "rated", "rs_a")
    assert (run["rating"]["stars"], run["rating"]["accepted"], run["rating"]["note"]) == (4, True, "fine")
    assert [one["stars"] for one in run["ratings"]] == [2, 4, 1]
    assert "lab.example" not in (tmp_path / "rated/data.js").read_text()
    project.run_paths("rs_a").ratings.unlink()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cannot open /data/me/ckpt/model.pt: no such file", "cannot open …/model.pt: no such file"),
        ("ssh: connect to me@gpu-box port 22", "ssh: connect to … port 22"),
        ("at 10.0.0.7:8080 refused", "at … refused"),
        ("~/looks/a.mp4 is gone", "…/a.mp4 is gone"),
        ("runs/rs_a/run.yaml:5:18: must be between 0 and 1", "runs/rs_a/run.yaml:5:18: must be between 0 and 1"),
        ("3/4 of 24 fps, 0.3/0.4", "3/4 of 24 fps, 0.3/0.4"),
    ],
)
def test_words_that_are_handed_on_name_no_place(text: str, kept: str) -> None:
    assert discreet(text) == kept


def test_an_author_goes_without_an_address() -> None:
    assert [author_words(one) for one in ("Ann <ann@lab>", "ann@lab", "Ann")] == ["Ann", "ann", "Ann"]


@pytest.fixture(autouse=True)
def _nothing_is_left(project: Tree) -> Iterator[None]:
    yield
    assert [path.name for path in project.root.iterdir() if path.name.startswith(".gallery")] == []
