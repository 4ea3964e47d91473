"""What one short hour on a rented GPU has to show of the families through Diffusers: prints one table, stores JSON.

usage: python tools/gpu_trial.py [--family transfer2.5|cosmos3] [--out FOLDER] [--size WxH] [--frames N] [--chunk N]
                                 [--steps N] [--memory MODE,...] [--image IMAGE] [--locks FOLDER] [--models FOLDER]
       python tools/gpu_trial.py --weights [--models FOLDER|HUB-ID] [the same]

Run in a clone of cosmosctl by the Python of `cosmosctl host setup`. Rows are made by the very program that travels with
batches, templates/launch/diffusers_rows, in a process for each way to lay the networks into memory.

Without --weights nothing is downloaded: networks of the published sizes with random weights (random_cosmos.py) are made
below FOLDER/models first, unless --models says where some are, and a stand-in takes the guardrail's place. Told are the
time to load, the peak of the GPU's memory, seconds a step with one control and with all, whether the same row has the
same bytes at another place, and whether a row is made after another one found no memory. Then whether the lock of a GPU
keeps a second process out, and whether docker and podman let one GPU alone into a container of IMAGE.

With --weights three clips are rendered with the published weights and the true guardrail, and a sheet of their stills.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
LAUNCH = REPOSITORY / "templates/launch"
PROGRAM = LAUNCH / "diffusers_rows/serve.py"
MODES = {"transfer2.5": ("full", "offload", "group", "small"), "cosmos3": ("full", "group", "small")}
PUBLISHED = {"transfer2.5": "nvidia/Cosmos-Transfer2.5-2B", "cosmos3": "nvidia/Cosmos3-Nano"}
TILED = "+tiled"
"""Behind a mode: with VAE tiling."""
ONE, ALL = ("edge",), ("vis", "edge", "depth", "seg")
STARVED = "starved"
"""The prompt of the row that finds no memory."""
SCENES = ("a street at night in the rain", "a desert town at noon", "the same street under deep snow")
Facts = dict[str, Any]

GUARDRAIL = f'''"""Stands in for cosmos-guardrail where weights are random: refuses nothing, once takes all memory."""

import torch


class CosmosSafetyChecker:
    held = None

    def to(self, *args, **kwargs):
        return self

    def check_text_safety(self, text):
        if self.held is not None:
            self.held = None
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        if text == "{STARVED}":
            self._starve()
        return True

    def check_video_safety(self, frames):
        return frames

    def _starve(self):
        """All but 256 MiB of a GPU is taken until the next row; without one the next convolution says that it is."""
        if torch.cuda.is_available():
            left = torch.cuda.mem_get_info()[0] - (256 << 20)
            self.held = torch.empty(max(0, left), dtype=torch.uint8, device="cuda")
            return
        plain = torch.nn.functional.conv3d

        def scarce(*args, **kwargs):
            torch.nn.functional.conv3d = plain
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        torch.nn.functional.conv3d = scarce
'''
HOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from gpu_lock import GpuLock
lock = GpuLock(Path(sys.argv[2]))
print(lock.take() and not lock.trouble, flush=True)
sys.stdin.read()
"""


def main() -> int:
    """Exit code 1 when anything that was to be shown was not."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    options.out = options.out.resolve()
    if options.weights:
        return rendered(options)
    models = options.models or _random_models(options)
    clips = _clips(options)
    found = [_tried(mode, models, clips, options) for mode in options.memory.split(",")]
    checks = {"lock": lock_holds(options.locks), **containers(options.image)}
    _store(options.out / "gpu_trial.json", {"modes": found, "checks": checks})
    print(table(found))
    print("\n".join(f"{name}: {words}" for name, words in checks.items()))
    is_well = all(one["videos"] == 3 and one["same_bytes"] and one["after_oom"] for one in found)
    return 0 if is_well and not any(words.startswith("no:") for words in checks.values()) else 1


def rendered(options: argparse.Namespace) -> int:
    """Three clips with the published weights, and a sheet of their stills: exit code 1 when one has no video."""
    clips, folder = _clips(options), options.out / "rendered"
    folder.mkdir(exist_ok=True)
    made = [_row(f"clip{n}", scene, ALL[:2], clips, options) for n, scene in enumerate(SCENES, start=1)]
    models = options.models or Path(PUBLISHED[options.family])
    place = str(models.resolve() if models.is_dir() else models)
    facts = _served(folder, made, place, options.memory.partition(",")[0], options)
    videos = sorted(folder.glob("clip*/output.mp4"))
    _store(options.out / "rendered.json", {**facts, "videos": [str(video) for video in videos]})
    for video in videos:
        print(video)
    if videos:
        print(sheet(videos, options.out / "sheet.png"))
    return 0 if len(videos) == len(SCENES) else 1


def table(found: Sequence[Facts]) -> str:
    """One line for each mode."""
    names: tuple[str, ...] = ("memory", "load_s", "peak_gib", "step_s_1_control", "step_s_4_controls")
    names += ("videos", "same_bytes", "after_oom")
    rows = [names, *(tuple(str(one[name]) for name in names) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def rows(clips: Mapping[str, str], options: argparse.Namespace) -> list[Facts]:
    """The same row first and last; between them one that finds no memory and one with all controls."""
    named = (("first", "a street", ONE), ("starved", STARVED, ONE), ("all", "a street", ALL), ("last", "a street", ONE))
    return [_row(name, prompt, controls, clips, options) for name, prompt, controls in named]


def _row(
    name: str, prompt: str, controls: Sequence[str], clips: Mapping[str, str], options: argparse.Namespace
) -> Facts:
    width, height = map(int, options.size.split("x"))
    chunks = 1 + max(0, -(-(options.frames - options.chunk) // (options.chunk - 1)))
    row = {"name": name, "prompt": prompt, "video": clips["color"], "seed": 1, "num_steps": options.steps}
    row |= {"guidance": 3, "control_guidance": 1.5, "crop": False, "size": [width, height]}
    row |= {"kept_size": [width, height], "frames": options.frames, "chunk_frames": options.chunk, "chunks": chunks}
    made = {one: {"path": clips[one]} if one in clips else {"preset": "medium"} for one in controls}
    return {**row, "controls": {one: {"weight": 1 / len(made), **block} for one, block in made.items()}}


def _tried(mode: str, models: Path, clips: Mapping[str, str], options: argparse.Namespace) -> Facts:
    """What one process told and left."""
    folder = options.out / mode
    folder.mkdir(exist_ok=True)
    facts = _served(folder, rows(clips, options), str(models.resolve()), mode, options)
    return {"memory": mode, **facts, **_left(folder)}


def _served(folder: Path, made: Sequence[Facts], models: str, mode: str, options: argparse.Namespace) -> Facts:
    """The program over these rows, its log kept beside them -> its exit code and the figures of its log."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    argv = [sys.executable, "-B", str(PROGRAM), "--family", options.family, "--rows", str(file), "--out", str(folder)]
    argv += ["--checkpoint", models, "--memory", mode.removesuffix(TILED)]
    argv += ["--vae-tiling"] if mode.endswith(TILED) else []
    times: list[tuple[float, str]] = []
    with (folder / "log.txt").open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(options)
        )
        assert process.stdout is not None
        for line in process.stdout:
            times.append((time.monotonic(), line))
            kept.write(line)
        process.wait()
    return {"exit": process.returncode, **told(times)}


def _environment(options: argparse.Namespace) -> dict[str, str]:
    """That of the program: offline and with the stand-in for the guardrail, but with published weights."""
    if options.weights:
        return dict(os.environ)
    place = options.out / "stand_in/cosmos_guardrail"
    place.mkdir(parents=True, exist_ok=True)
    (place / "__init__.py").write_text(GUARDRAIL, encoding="utf-8")
    return {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(place.parent)}


def told(times: Sequence[tuple[float, str]]) -> Facts:
    """Figures of a log whose lines came at these times."""
    text = "".join(line for _, line in times)
    load, peak = re.search(r"loaded in ([\d.]+) s", text), re.findall(r"peak of the GPU's memory ([\d.]+) GiB", text)
    made = re.search(r"made with (\{.*\})", text)
    steps: list[list[float]] = []
    for moment, line in times:
        if re.search(r"row \d+ begins", line):
            steps.append([])
        elif re.search(r": step \d+/", line) and steps:
            steps[-1].append(moment)
    spans = [round((row[-1] - row[0]) / (len(row) - 1), 3) if len(row) > 1 else 0.0 for row in steps]
    starved = re.search(r"row 1 begins(.*?)row 1 has no video", text, flags=re.S)
    return {
        "load_s": float(load[1]) if load else None,
        "peak_gib": max(map(float, peak), default=None),
        "step_s_1_control": spans[0] if spans else None,
        "step_s_4_controls": spans[2] if len(spans) > 2 else None,
        "after_oom": bool(starved and "OutOfMemory" in starved[1] and "row 3 is saved" in text),
        "made_with": json.loads(made[1]) if made else None,
    }


def _left(folder: Path) -> Facts:
    videos = {path.parent.name: path.read_bytes() for path in sorted(folder.glob("*/output.mp4"))}
    sums = {name: hashlib.sha256(video).hexdigest() for name, video in videos.items()}
    same = "first" in sums and sums["first"] == sums.get("last")
    return {"videos": len(videos), "same_bytes": same, "sha256": sums}


def lock_holds(folder: Path) -> str:
    """Whether a second process is kept from the first GPU for as long as a first one has its lock."""
    sys.path.insert(0, str(LAUNCH / "supervise"))
    from gpu_lock import gpu_facts

    gpu = gpu_facts().get(0, {"uuid": "none", "name": "no GPU that nvidia-smi knows"})
    argv = (sys.executable, "-B", "-c", HOLDER, str(LAUNCH / "supervise"), str(folder / f"gpu-{gpu['uuid']}"))
    taken: list[bool] = []
    first, second = (_holder(argv, taken) for _ in range(2))
    first.communicate("")
    third = _holder(argv, taken)
    for process in (second, third):
        process.communicate("")
    return f"{'yes' if taken == [True, False, True] else 'no: ' + str(taken)} ({gpu['name']})"


def _holder(argv: Sequence[str], taken: list[bool]) -> "subprocess.Popen[str]":
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    taken.append(process.stdout.readline().strip() == "True")
    return process


def containers(image: str) -> dict[str, str]:
    """Engine -> whether its container of that image sees GPU 0 and no other, by the arguments of a batch."""
    sys.path.insert(0, str(REPOSITORY))
    from cosmosctl.domain.project import Host
    from cosmosctl.engines import docker, podman

    found = {}
    for name, engine in (("docker", docker), ("podman", podman)):
        host = Host(name, name, "/tmp", gpus=(0,))
        argv = (*engine.command(host), "run", "--rm", *engine.devices(host), image, "nvidia-smi", "-L")
        if not image or shutil.which(name) is None or shutil.which("nvidia-smi") is None:
            found[name] = "not tried: that takes --image, the engine and a GPU"
            continue
        done = subprocess.run(argv, capture_output=True, text=True)
        seen = len(re.findall(r"^GPU \d+:", done.stdout, flags=re.M))
        found[name] = "yes" if seen == 1 else f"no: {seen} GPUs, {done.stderr.strip()[-200:]}"
    return found


def sheet(videos: Sequence[Path], target: Path) -> Path:
    """A picture with a line for each video: five stills of it."""
    import av
    import cv2
    import numpy as np

    lines = []
    for video in videos:
        with av.open(str(video)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        stills = [frames[round(part * (len(frames) - 1) / 4)] for part in range(5)]
        lines.append(np.concatenate(stills, axis=1))
    cv2.imwrite(str(target), cv2.cvtColor(np.concatenate(lines), cv2.COLOR_RGB2BGR))
    return target


def _random_models(options: argparse.Namespace) -> Path:
    """Networks of the published sizes, made once: 24 GiB and more."""
    folder: Path = options.out / "models"
    if not (folder / "complete").exists():
        print(f"making networks of random weights in {folder}", file=sys.stderr)
        argv = (sys.executable, str(Path(__file__).with_name("random_cosmos.py")), str(folder))
        subprocess.run((*argv, "--size", "real", "--family", options.family), check=True)
        (folder / "complete").touch()
    return folder / {"transfer2.5": "transfer25", "cosmos3": "cosmos3"}[options.family]


def _clips(options: argparse.Namespace) -> dict[str, str]:
    """Role -> a clip of that size and length: a moving square on a slope of grey, its depth, its outline of colours."""
    import av
    import numpy as np

    width, height = map(int, options.size.split("x"))
    slope = np.repeat(np.linspace(0, 200, width, dtype=np.uint8)[None, :, None], height, axis=0).repeat(3, 2)
    papers = {"color": (slope, (250, 180, 40)), "depth": (slope // 2, (220, 220, 220))}
    papers |= {"seg": (np.full_like(slope, 60), (20, 200, 90))}
    made = {}
    for role, (paper, ink) in papers.items():
        target = options.out / f"{role}.mp4"
        with av.open(str(target), "w") as container:
            stream = container.add_stream("libx264", rate=24, options={"crf": "10"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(options.frames):
                picture, left = paper.copy(), (number * 2) % max(1, width - width // 4)
                picture[height // 4 : height // 2, left : left + width // 4] = ink
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        made[role] = str(target)
    return made


def _store(file: Path, facts: Facts) -> None:
    file.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu_trial.py")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--weights", action="store_true")
    parser.add_argument("--family", choices=sorted(MODES), default="transfer2.5")
    parser.add_argument("--out", type=Path, default=Path("gpu_trial"))
    parser.add_argument("--size", default="1280x704")
    for name, count in (("--frames", 93), ("--chunk", 93), ("--steps", 0)):
        parser.add_argument(name, type=int, default=count)
    parser.add_argument("--memory", default="", help=f"{TILED} behind one: with VAE tiling")
    parser.add_argument("--image", default="", help="of docker or podman, to look at GPUs in")
    parser.add_argument("--locks", type=Path, default=Path("/var/tmp/cosmosctl"), help="where GPUs are locked")
    options = parser.parse_args()
    options.memory = options.memory or ",".join((*MODES[options.family], f"full{TILED}"))
    options.steps = options.steps or (35 if options.weights else 4)
    return options


if __name__ == "__main__":
    sys.exit(main())
