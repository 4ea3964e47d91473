"""Videos that the models' readers disagree about, or cannot read, are told before anything is written or sent."""

import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import EXIT_BUG, FileError
from cosmosctl.io import signed
from cosmosctl.media import frames
from cosmosctl.media.look import Targets, write_look
from cosmosctl.media.probe import Bounds, TooMuch, VideoError, probe
from cosmosctl.media.still import still
from tests import clips
from tests.support.tree import Tree

SEED = 20261129
COLOR = "inputs/videos/city/color.mp4"


def cover_first(path: Path) -> Path:
    return clips.with_cover(path, first=True)


def huge_pictures(path: Path) -> Path:
    return clips.color(path, width=8192, height=2160, frames=2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (clips.text_file, "is not a readable mp4"),
        (clips.empty_file, "is an empty file"),
        (clips.sound_only, "has no video stream"),
        (clips.zero_frames, "has no frame that decodes"),
        (clips.truncated, "frames but only"),
        (clips.variable_frame_rate, "variable frame rate"),
        (clips.rotated, "is turned by"),
        (clips.non_square_pixels, "pixels that are not square"),
        (clips.interlaced, "interlaced"),
        (clips.late_picture, "after its sound"),
        (cover_first, "cover picture before the film"),
        (clips.hdr, "HLG colours"),
        (clips.lfs_pointer, "git lfs pull"),
        (huge_pictures, "pictures of 8192x2160, more than the 16.8 million pixels that are read (the models work at"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_colour_video_stops_check_and_batch_and_changes_nothing(
    tree: Tree, make: Callable[[Path], Path], words: str
) -> None:
    (tree.root / COLOR).unlink()
    make(tree.root / COLOR)
    tree.run("rs_one")
    for command in ("check", "batch"):
        done = tree.cli(command, expect=3)
        assert done.err.startswith(f"error: {COLOR}"), done.err
        assert words in done.err
        assert done.out == ""
    assert not tree.paths.batches.exists()


@pytest.mark.parametrize("make", [clips.variable_frame_rate, clips.rotated, clips.non_square_pixels, clips.interlaced])
def test_a_video_that_can_be_mended_comes_with_the_ffmpeg_line(tree: Tree, make: Callable[[Path], Path]) -> None:
    (tree.root / COLOR).unlink()
    make(tree.root / COLOR)
    tree.run("rs_one")
    assert f"ffmpeg -i {COLOR}" in tree.cli("check", expect=3).err


def test_a_missing_video_is_told_at_the_prompts_line(tree: Tree) -> None:
    (tree.root / COLOR).unlink()
    tree.run("rs_one")
    err = tree.cli("batch", expect=3).err
    assert "prompts/ps_a.yaml:2:" in err
    assert "color.mp4" in err


def test_a_control_of_another_aspect_is_told_at_its_line(tree: Tree) -> None:
    clips.wrong_aspect(tree.root / "inputs/videos/other.mp4")
    tree.run("rs_one", controls="{depth: {weight: 0.5, input: inputs/videos/other.mp4}}")
    err = tree.cli("batch", expect=3).err
    assert err.startswith("error: runs/rs_one/run.yaml:2:19: controls.depth inputs/videos/other.mp4 has another aspect")


def test_a_control_shorter_than_the_video_is_told_at_its_line(tree: Tree) -> None:
    clips.too_short(tree.root / "inputs/videos/city/depth.mp4")
    tree.run("rs_one", controls="{depth: 0.5}")
    err = tree.cli("batch", expect=3).err
    assert "controls.depth inputs/videos/city/depth.mp4 is shorter than the video" in err


def test_sound_and_odd_sizes_are_remarks_and_the_batch_goes_on(tree: Tree) -> None:
    (tree.root / COLOR).unlink()
    clips.with_audio(tree.root / COLOR)
    clips.odd_size(tree.root / "inputs/videos/odd/color.mp4")
    tree.prompt("ps_odd", scene="inputs/videos/odd")
    tree.run("rs_one")
    tree.run("rs_odd", "ps_odd", controls="{edge: {weight: 0.5, preset: low}}")
    err = tree.cli("batch").err
    assert f"warning: {COLOR}" in err
    assert "warning: inputs/videos/odd/color.mp4" in err
    assert set(tree.states().values()) == {"done"}


def test_every_bad_video_is_told_at_once(tree: Tree) -> None:
    clips.rotated(tree.root / "inputs/videos/one/color.mp4")
    clips.text_file(tree.root / "inputs/videos/two/color.mp4")
    for name in ("one", "two"):
        tree.prompt(f"ps_{name}", scene=f"inputs/videos/{name}")
        tree.run(f"rs_{name}", f"ps_{name}")
    err = tree.cli("batch", expect=3).err
    assert "inputs/videos/one/color.mp4" in err
    assert "inputs/videos/two/color.mp4" in err


def test_what_an_older_release_remembers_of_a_video_is_looked_up_again(tree: Tree) -> None:
    (tree.root / COLOR).unlink()
    clips.late_picture(tree.root / COLOR)
    tree.run("rs_one")
    tree.cli("check", expect=3)
    index = ProjectPaths(tree.root).videos_index
    looked = signed.read_cache(index)
    signed.write_cache(index, {digest: {**facts, "late_frames": 0} for digest, facts in looked.items()})
    assert tree.cli("check").err  # so it is remembered
    for facts in looked.values():
        del facts["late_frames"]
    signed.write_cache(index, looked)
    assert "after its sound" in tree.cli("check", expect=3).err


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (
            lambda path: path.symlink_to("../../../.git/annex/objects/Gx/7k/SHA256E-s9--0/SHA256E-s9--0"),
            "git annex get",
        ),
        (lambda path: path.with_name("color.mp4.dvc").write_text("outs:\n- path: color.mp4\n"), "dvc pull"),
    ],
    ids=["annex", "dvc"],
)
def test_a_video_that_another_tool_keeps_is_told_with_its_command(
    tree: Tree, leave: Callable[[Path], object], words: str
) -> None:
    (tree.root / COLOR).unlink()
    leave(tree.root / COLOR)
    tree.run("rs_one")
    err = tree.cli("check", expect=3).err
    assert "prompts/ps_a.yaml:2:" in err
    assert words in err


def test_a_clip_of_more_pixels_than_are_read_is_told_by_its_packets(tmp_path: Path) -> None:
    clip = clips.color(tmp_path / "clip.mp4", frames=9)
    bounds = Bounds(pixels=64 * 48, all_pixels=64 * 48 * 8)
    with pytest.raises(TooMuch, match="has more than 8 frames of 64x48") as told:
        probe(clip, bounds)
    assert "ffmpeg -ss START -t SECONDS" in told.value.hint
    assert probe(clip, Bounds(pixels=64 * 48, all_pixels=64 * 48 * 9)).frames == 9


def torn_in_its_header(folder: Path, count: int) -> Iterator[Path]:
    """Beginnings of a clip whose header comes first, cut off where ffmpeg opens it and knows no codec."""
    whole = clips.color(folder / "whole.mp4").read_bytes()
    end, found = whole.index(b"mdat"), 0
    for size in range(end, 0, -1):
        part = folder / f"torn{size}.mp4"
        part.write_bytes(whole[:size])
        if names_no_codec(part):
            found += 1
            yield part
        if found == count:
            return


def names_no_codec(path: Path) -> bool:
    try:
        with frames.opened(path) as container:
            return any(stream.codec_context is None for stream in container.streams.video)
    except (OSError, ValueError, VideoError):
        return False


def test_wherever_the_header_is_torn_a_video_is_told(tmp_path: Path) -> None:
    whole = clips.color(tmp_path / "whole.mp4").read_bytes()
    said = set()
    for size in range(1, whole.index(b"mdat"), 3):
        (tmp_path / "torn.mp4").write_bytes(whole[:size])
        with pytest.raises(VideoError) as told:
            probe(tmp_path / "torn.mp4")
        said.add(told.value.message.partition("torn.mp4 ")[2])
    assert "names no codec that can be decoded here" in said
    assert "cannot be decoded: end of file" in said
    assert "has no video stream" in said


def test_a_clip_with_damage_anywhere_in_its_header_is_read_or_told(tmp_path: Path) -> None:
    _damage_many(tmp_path, 40)


@pytest.mark.soak
@pytest.mark.skipif("COSMOSCTL_SOAK" not in os.environ, reason="COSMOSCTL_SOAK is not set; make soak sets it")
def test_a_thousand_clips_with_damage_in_their_headers(tmp_path: Path) -> None:
    _damage_many(tmp_path, 1000)


def _damage_many(folder: Path, times: int) -> None:
    whole, clip = clips.color(folder / "whole.mp4").read_bytes(), folder / "damaged.mp4"
    chance, told = random.Random(SEED), 0
    targets = Targets(*(folder / name for name in ("copy.mp4", "still.jpg", "sheet.jpg")))
    for _ in range(times):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(whole.index(b"mdat") + 200)] = chance.choice((0, 255, chance.randrange(256)))
        clip.write_bytes(data[: chance.choice((len(data), len(data), chance.randrange(len(data))))])
        try:
            probe(clip)
            still(clip, 64)
            write_look(clip, targets, lambda done, most: None)
        except FileError:
            told += 1
    assert told > times / 8


def test_a_video_that_is_torn_in_its_header_is_told_by_whatever_looks_at_it(tmp_path: Path) -> None:
    torn = list(torn_in_its_header(tmp_path, 3))
    assert torn
    targets = Targets(*(tmp_path / name for name in ("copy.mp4", "still.jpg", "sheet.jpg")))
    looks: Mapping[str, Callable[[Path], object]] = {
        "probe": probe,
        "still": lambda path: still(path, 320),
        "look": lambda path: write_look(path, targets, lambda done, most: None),
        "size": frames.size,
        "frames": lambda path: list(frames.decoded(path)),
    }
    for path in (*torn, clips.sound_only(tmp_path / "sound.mp4")):
        for name, look in looks.items():
            with pytest.raises(VideoError, match=r"no video stream|no codec that can be decoded"):
                look(path)
                pytest.fail(f"{name} says nothing of {path.name}")


def test_a_result_that_is_torn_in_its_header_is_a_tile_without_a_picture(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.cli("batch")
    [torn] = torn_in_its_header(quick_tree.home, 1)
    result = quick_tree.run_paths("rs_a").preview.outputs
    for video in result.glob("*.mp4"):
        video.unlink()
        shutil.copy(torn, video)
    quick_tree.cli("gallery")
    for words in (("show", "rs_a"), ("compare", "rs_a", "rs_a", "-o", "out.png"), ("status",)):
        assert quick_tree.cli(*words, expect=None).code != EXIT_BUG, words


@pytest.mark.parametrize(
    ("make", "plays"),
    [
        *((clips.color, True), (clips.with_audio, True), (clips.half_indexed, True), (clips.late_picture, False)),
        *((clips.without_edit_list, False), (clips.variable_frame_rate, False)),
    ],
)
def test_a_page_takes_frames_from_an_original_only_where_they_lie_at_their_numbers(
    make: Callable[[Path], Path], plays: bool, tmp_path: Path
) -> None:
    targets = Targets(*(tmp_path / name for name in ("copy.mp4", "still.jpg", "sheet.jpg")))
    facts = write_look(make(tmp_path / "clip.mp4"), targets, lambda done, most: None)
    assert facts.plays == plays
