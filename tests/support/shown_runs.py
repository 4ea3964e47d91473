"""Galleries of videos that tests made themselves: no batch has to run for them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import ProjectPaths
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
    paths = dict.fromkeys(
        path for one in runs for path in (one["video"], *(key for _, key, _ in one["inputs"])) if path
    )
    made = {path: Video(hash_file(root, root / path), root / path, path, Path(path).stem, True) for path in paths}
    videos = {video.key: video for video in made.values()}
    keyed = [
        {
            **one,
            "video": made[one["video"]].key if one["video"] else "",
            "inputs": [[role, made[path].key, words] for role, path, words in one["inputs"]],
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


def film(path: Path, frames: int, fps: Fraction, codec: str = "libx264", mark: int = 0) -> None:
    """A coded clip; those with other marks are other videos."""
    path.write_bytes(clips.film(coded(frames, mark), fps=fps, codec=codec, tagged=False))
