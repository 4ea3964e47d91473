"""Galleries of videos that tests made themselves: no batch has to run for them."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.media.frames import Pixels
from cosmosctl.shown import folder
from cosmosctl.shown.folder import Gallery
from cosmosctl.shown.project import Shown
from cosmosctl.shown.videos import Video
from cosmosctl.store import hash_file
from cosmosctl.store.looks import Looks
from tests import clips
from tests.support.browser import coded

EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(
        ("reason", "detail", "batch", "notes", "sweep", "host", "text", "next", "reproducible", "preview"), ""
    ),
    "tags": [],
    "mistakes": [],
    "recipe": [],
    "controls": [],
    "facts": [],
    "hashes": [],
    "warnings": [],
    "log": [],
    "ratings": [],
    "history": [],
    "inputs": [],
    "rating": None,
    "prompt": "ps_a",
    "scene": "city",
    "model": "transfer1",
    "state": "done",
    "kind": "result",
    "ended": "2026-01-01T00:00:00Z",
    "path": "",
}


def run(name: str, video: str = "", **facts: Any) -> dict[str, Any]:
    """A run as the page reads it; `video` is a file of `gallery`'s folder."""
    made = {**EMPTY, "id": name, "video": video, "path": f"runs/{name}/outputs/output.mp4", **facts}
    return {
        **made,
        "set": {"prompt": made["prompt"], "scene": made["scene"], "model": made["model"], **facts.get("set", {})},
    }


def prompt(name: str = "ps_a", text: str = "a street", **facts: Any) -> dict[str, Any]:
    """A prompt as the page reads it."""
    empty = {"negative": "", "scene": "city", "tags": [], "notes": "", "videos": [], "mistakes": []}
    return {"id": name, "text": text, **empty, **facts}


def gallery(root: Path, runs: list[dict[str, Any]], prompts: list[dict[str, Any]] | None = None, **facts: Any) -> Path:
    """index.html of a gallery in `root`/gallery; videos are named by their paths below `root`."""
    paths = dict.fromkeys(path for one in runs for path in _paths(one) if path)
    made = {path: Video(hash_file(root, root / path), root / path, path, Path(path).stem, True) for path in paths}
    videos = {video.key: video for video in made.values()}
    keyed = [
        {
            **one,
            "video": made[one["video"]].key if one["video"] else "",
            "inputs": [[role, made[path].key, words] for role, path, words in one["inputs"]],
            "history": [earlier | {"video": made[earlier["video"]].key} for earlier in one["history"]],
        }
        for one in runs
    ]
    known: dict[str, Any] = {
        "format": 1,
        "project": "5f3a91c2",
        "title": "tests",
        "runs": keyed,
        "batches": [],
        "reasons": {},
    }
    known |= {"prompts": [prompt()] if prompts is None else prompts, **facts}
    looks = Looks(ProjectPaths(root))
    with looks.keeping():
        have = {
            key: looks.known(one.sha256) or looks.made(one.sha256, one.file, lambda *_: None)
            for key, one in videos.items()
        }
    target = root / "gallery"
    folder.write(Gallery(target, root, Shown(known, videos, {}, {}), looks, have, copies=False))
    return target / folder.INDEX


def _paths(one: Mapping[str, Any]) -> Iterator[str]:
    """The videos of a run: its own, its inputs, its earlier results."""
    yield from (
        one["video"],
        *(path for _, path, _ in one["inputs"]),
        *(earlier["video"] for earlier in one["history"]),
    )


def numbered(root: Path) -> Path:
    """index.html of a gallery of videos that tell their frames: 24 fps four times, other rates, lengths, HEVC."""
    (root / "v").mkdir()
    made = {
        **{f"n{k}": (48, Fraction(24)) for k in range(4)},
        "slow": (48, Fraction(24000, 1001)),
        "quick": (60, Fraction(30000, 1001)),
        "thirty": (60, Fraction(30)),
        "short": (24, Fraction(24)),
        "sixty": (60, Fraction(60)),
        "long": (121, Fraction(24)),
        "one": (1, Fraction(24)),
    }
    for mark, (name, (frames, fps)) in enumerate(made.items()):
        film(root / f"v/{name}.mp4", frames, fps, mark=mark)
    if clips.has_encoder(clips.HEVC):
        film(root / "v/hevc.mp4", 24, Fraction(24), clips.HEVC)
    runs = [
        run(path.stem, f"v/{path.name}", set={"seed": k, "guidance": k % 2 + 1}, tags=["x"])
        for k, path in enumerate(sorted((root / "v").iterdir()))
    ]
    runs.append(run("failed", state="failed", reason="blocked", kind="", log=["CRITICAL guardrail", "the end"]))
    return gallery(root, runs)


FOUR = {"a": (3, 0.25), "b": (3, 0.5), "c": (7, 0.25), "d": (7, 0.5)}
"""Runs of a grid: guidance and weight of each, in the order of their videos' marks."""
INPUT, EARLIER, NEWEST = 4, 5, 6
"""The marks of the videos of the run `again`."""
WIDE, WIDE_ONES = (1280, 720), ("wide", "pieces", "late")
"""One film: as a plain mp4, as a fragmented one, as one whose header does not say that its first frame comes late."""


def looked_at(root: Path) -> Path:
    """index.html of a gallery: a grid of four, a run with input and earlier result, a wide film as three mp4."""
    (root / "v").mkdir()
    for mark, name in enumerate((*FOUR, "input", "earlier", "newest")):
        film(root / f"v/{name}.mp4", 24, Fraction(24), mark=mark)
    (root / "v/wide.mp4").write_bytes(clips.film(striped(24), fps=24, codec="libx264", tagged=False))
    in_pieces(root / "v/wide.mp4", root / "v/pieces.mp4", "delay_moov")
    in_pieces(root / "v/wide.mp4", root / "v/late.mp4", "empty_moov")
    runs = [
        run(name, f"v/{name}.mp4", sweep="four", set={"guidance": guidance, "edge": edge})
        for name, (guidance, edge) in FOUR.items()
    ]
    earlier = {"batch": "first", "ended": "2025-12-31T00:00:00Z", "state": "done", "kind": "result", "detail": ""}
    again = {"inputs": [["color", "v/input.mp4", "city"]], "history": [earlier | {"video": "v/earlier.mp4"}]}
    runs += [run("again", "v/newest.mp4", **again), *(run(name, f"v/{name}.mp4") for name in WIDE_ONES)]
    return gallery(root, runs)


def striped(frames: int) -> Iterator[Pixels]:
    """Coded pictures with upright stripes, a pixel each, below their middle: no smaller copy has them."""
    width, height = WIDE
    for picture in coded(frames, width=width, height=height):
        picture[height // 2 : height * 3 // 4] = np.where(np.arange(width) % 2, 235, 20)[None, :, None]
        yield picture


def in_pieces(source: Path, target: Path, header: str) -> None:
    """The same film as a fragmented mp4, a quarter of a second in each fragment; `header`: the muxer's flag for its."""
    options = {"movflags": f"frag_keyframe+{header}", "frag_duration": "250000"}
    with av.open(str(source)) as whole, av.open(str(target), "w", format="mp4", options=options) as pieces:
        stream = pieces.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                pieces.mux(packet)


def film(path: Path, frames: int, fps: Fraction, codec: str = "libx264", mark: int = 0) -> None:
    """A coded clip; those with other marks are other videos."""
    path.write_bytes(clips.film(coded(frames, mark), fps=fps, codec=codec, tagged=False))
