"""What one short hour on a rented GPU has to show of the families through Diffusers: prints one table, stores JSON.

usage: python tools/gpu_trial.py --models FOLDER [--family transfer2.5|cosmos3] [--out FOLDER] [--size WxH] [--frames N]
                                 [--chunk N] [--steps N] [--memory MODE,...]

Run by the Python of `cosmosctl host setup`. FOLDER holds the weights as a host's `checkpoints` does, so it is tried
here with tiny ones. Rows are made by the very program that travels with batches, templates/launch/diffusers_rows, in a
process for each way to lay the networks into memory: time to load, peak of the GPU's memory, seconds a step with one
control and with two, and whether the same row has the same bytes at another place. Nothing is downloaded.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).resolve().parents[1] / "templates/launch/diffusers_rows/serve.py"
MODES = {"transfer2.5": ("full", "offload", "group", "small"), "cosmos3": ("full", "group", "small")}
ONE, TWO = {"edge": 1.0}, {"edge": 0.5, "vis": 0.5}
Facts = dict[str, Any]


def main() -> int:
    """Exit code 1 when a row of any mode has no video, or two that should be equal are not."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    clip = _clip(options)
    found = [_tried(mode, clip, options) for mode in options.memory.split(",")]
    (options.out / "gpu_trial.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    return 0 if all(one["videos"] == 3 and one["same_bytes"] for one in found) else 1


def table(found: Sequence[Facts]) -> str:
    """One line for each mode."""
    names = ("memory", "load_s", "peak_gib", "step_s_1_control", "step_s_2_controls", "videos", "same_bytes")
    rows = [names, *(tuple(str(one[name]) for name in names) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def rows(clip: Path, options: argparse.Namespace) -> list[Facts]:
    """The same row first and last, another one between."""
    width, height = map(int, options.size.split("x"))
    chunks = 1 + max(0, -(-(options.frames - options.chunk) // (options.chunk - 1)))
    shared = {"prompt": "a street", "video": str(clip), "seed": 1, "num_steps": options.steps, "guidance": 3}
    shared |= {"control_guidance": 1.5, "frames": options.frames, "chunk_frames": options.chunk, "chunks": chunks}
    shared |= {"size": [width, height], "kept_size": [width, height], "crop": False}
    named = (("first", ONE), ("between", TWO), ("last", ONE))
    return [{**shared, "name": name, "controls": _blocks(controls)} for name, controls in named]


def _blocks(controls: Mapping[str, float]) -> Facts:
    return {name: {"weight": weight, "preset": "medium"} for name, weight in controls.items()}


def _tried(mode: str, clip: Path, options: argparse.Namespace) -> Facts:
    """What one process told and left."""
    folder = options.out / mode
    folder.mkdir(exist_ok=True)
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(clip, options)), encoding="utf-8")
    argv = [sys.executable, "-B", str(PROGRAM), "--family", options.family, "--rows", str(file), "--out", str(folder)]
    argv += ["--checkpoint", str(options.models.resolve()), "--memory", mode]
    times: list[tuple[float, str]] = []
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            times.append((time.monotonic(), line))
            kept.write(line)
        process.wait()
    return {"memory": mode, "exit": process.returncode, **told(times), **_left(folder)}


def told(times: Sequence[tuple[float, str]]) -> Facts:
    """Figures of a log whose lines came at these times."""
    text = "".join(line for _, line in times)
    load, peak = re.search(r"loaded in ([\d.]+) s", text), re.findall(r"peak of the GPU's memory ([\d.]+) GiB", text)
    steps: list[list[float]] = []
    for moment, line in times:
        if re.search(r"row \d+ begins", line):
            steps.append([])
        elif re.search(r": step \d+/", line) and steps:
            steps[-1].append(moment)
    spans = [(row[-1] - row[0]) / (len(row) - 1) if len(row) > 1 else 0.0 for row in steps]
    one, two = (spans[0], spans[1]) if len(spans) > 1 else (0.0, 0.0)
    return {
        "load_s": float(load[1]) if load else None,
        "peak_gib": max(map(float, peak), default=None),
        "step_s_1_control": round(one, 3),
        "step_s_2_controls": round(two, 3),
    }


def _left(folder: Path) -> Facts:
    videos = {path.parent.name: path.read_bytes() for path in sorted(folder.glob("*/output.mp4"))}
    sums = {name: hashlib.sha256(video).hexdigest() for name, video in videos.items()}
    same = "first" in sums and sums["first"] == sums.get("last")
    return {"videos": len(videos), "same_bytes": same, "sha256": sums}


def _clip(options: argparse.Namespace) -> Path:
    """A moving square on a slope of grey."""
    import av
    import numpy as np

    width, height = map(int, options.size.split("x"))
    target: Path = options.out / "color.mp4"
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(options.frames):
            picture = np.repeat(np.linspace(0, 200, width, dtype=np.uint8)[None, :, None], height, axis=0).repeat(3, 2)
            left = (number * 2) % max(1, width - width // 4)
            picture[height // 4 : height // 2, left : left + width // 4] = (250, 180, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return target.resolve()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu_trial.py")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--family", choices=sorted(MODES), default="transfer2.5")
    parser.add_argument("--out", type=Path, default=Path("gpu_trial"))
    parser.add_argument("--size", default="1280x704")
    for name, count in (("--frames", 93), ("--chunk", 93), ("--steps", 4)):
        parser.add_argument(name, type=int, default=count)
    parser.add_argument("--memory", default="")
    options = parser.parse_args()
    options.memory = options.memory or ",".join(MODES[options.family])
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return options


if __name__ == "__main__":
    sys.exit(main())
