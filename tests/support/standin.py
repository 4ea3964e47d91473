"""A stand-in for transfer1's program: its command line, files, log lines and ways to fail, and no video work at all.

`python standin.py --controlnet_specs SPEC --batch_input_path ROWS --video_save_folder OUT` takes a few milliseconds a
row. The environment says what else it does:

STANDIN_TALLY   file outside the batch to which each start, begun row and finished row is appended as a JSON line
STANDIN_FAULTS  JSON object: text to be found in a row's line -> what happens at that row (a name in `FAULTS`);
                the key "load" is about the time before the first row
STANDIN_LAYOUT  folder (default), 000 (video_000.mp4), 0 (video_0.mp4), 1 (counted from 1); with a `-` after it
                no prompt file is written
STANDIN_LOAD_S, STANDIN_ROW_S   how long loading and each row take
STANDIN_GO      folder: each row that has begun waits until a file `all` is there, or one named like its prompt
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tests.support.waiting import take, wait_until

VIDEO = b"\0\0\0\x18ftypmp42 stand-in "


def main() -> int:
    options = _options()
    faults = json.loads(os.environ.get("STANDIN_FAULTS", "{}"))
    _tally("start")
    _log(f"Loading base model checkpoint (local): {options.checkpoint_dir}")
    take(float(os.environ.get("STANDIN_LOAD_S", "0.01")))
    if "load" in faults:
        FAULTS[faults["load"]](options.video_save_folder / "load")
    json.loads(options.controlnet_specs.read_text())
    _log(f"Reading batch inputs from path: {options.batch_input_path}")
    rows = [json.loads(line) for line in options.batch_input_path.read_text(encoding="utf-8").splitlines()]
    for i, row in enumerate(rows):
        fault = next((fault for text, fault in faults.items() if text in row["prompt"]), "")
        _row(options.video_save_folder, i, row, fault)
    return 0


def _row(out: Path, i: int, row: Mapping[str, Any], fault: str) -> None:
    video, prompt = _places(out, i)
    video.parent.mkdir(parents=True, exist_ok=True)
    _log("running preprocessor")
    _tally("begin", row["prompt"])
    if video.name == "output.mp4":
        (video.parent / "edge_input_control_0.mp4").write_bytes(VIDEO + b"edge")
    _log("Starting diffusion sampling")
    take(float(os.environ.get("STANDIN_ROW_S", "0.01")))
    _wait_to_be_let_go(row["prompt"].strip("<>"))
    _log("Completed diffusion sampling")
    if fault in FAULTS:
        FAULTS[fault](video)
    if fault == "passed-over":
        return
    if fault != "no-video":
        video.write_bytes(b"" if fault == "empty-video" else VIDEO + row["prompt"].encode("utf-8", "surrogatepass"))
    _log(f"Saved video to {video}")
    if prompt is not None:
        text = "something else" if fault == "wrong-prompt" else row["prompt"]
        prompt.write_bytes(text.encode("utf-8", "surrogatepass"))
        _log(f"Saved prompt to {prompt}")
    _tally("done", row["prompt"])
    if fault in AFTERWARDS:
        AFTERWARDS[fault](video)


def _wait_to_be_let_go(name: str) -> None:
    folder = os.environ.get("STANDIN_GO")
    if folder is not None:
        wait_until(lambda: any(Path(folder, one).exists() for one in ("all", name)), f"row {name} to be let go")


def _places(out: Path, i: int) -> tuple[Path, Path | None]:
    """Where row i's video and prompt go."""
    layout = os.environ.get("STANDIN_LAYOUT", "folder")
    if layout == "folder":
        return out / f"video_{i}" / "output.mp4", out / f"video_{i}" / "prompt.txt"
    number = {"000": f"{i:03d}", "0": f"{i}", "1": f"{i + 1:03d}"}[layout.rstrip("-")]
    return out / f"video_{number}.mp4", None if layout.endswith("-") else out / f"video_{number}.txt"


def _block(video: Path) -> NoReturn:
    _log("GUARDRAIL BLOCKED: Input text prompt 1 is not safe")
    _log("Guardrail blocked generation for entire batch.")
    raise TypeError("cannot unpack non-iterable NoneType object")


def _blocked_but_gone_on(video: Path) -> None:
    _log("Guardrail blocked generation. Prompt: ...")


def _crash(video: Path) -> NoReturn:
    raise RuntimeError("the network went away")


def _crash_with_half_a_video(video: Path) -> NoReturn:
    video.write_bytes(VIDEO)
    raise RuntimeError("cut off while writing")


def _gpu_oom(video: Path) -> NoReturn:
    raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")


def _killed(video: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _ended_well(video: Path) -> NoReturn:
    sys.exit(0)


_STAYING = "import signal; signal.pause()"


def _stay() -> NoReturn:
    while True:
        signal.pause()


def _silence(video: Path) -> None:
    _stay()


def _stubborn(video: Path) -> None:
    """Silent, deaf to SIGTERM, with a child in a session of its own that is the same."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", _STAYING], start_new_session=True)
    _stay()


def _orphan(video: Path) -> None:
    """A child that outlives the program."""
    subprocess.Popen([sys.executable, "-c", _STAYING], start_new_session=True)


def _nothing(video: Path) -> None:
    """The fault is in what is written, not in what happens."""


FAULTS: Mapping[str, Callable[[Path], None]] = {
    "block": _block,
    "crash": _crash,
    "half-video": _crash_with_half_a_video,
    "gpu-oom": _gpu_oom,
    "kill": _killed,
    "silence": _silence,
    "stubborn": _stubborn,
    "orphan": _orphan,
    "exit-0": _ended_well,
    "passed-over": _blocked_but_gone_on,
    "no-video": _nothing,
    "empty-video": _nothing,
    "wrong-prompt": _nothing,
}
"""What happens at a row, before its video is written."""

AFTERWARDS: Mapping[str, Callable[[Path], None]] = {"crash-after": _crash}
"""What happens when the row is finished."""


def _log(text: str) -> None:
    print(f"[{time.strftime('%m-%d %H:%M:%S')}|INFO|standin.py] {text}", flush=True)


def _tally(what: str, prompt: str = "") -> None:
    path = os.environ.get("STANDIN_TALLY")
    if path is None:
        return
    line = json.dumps(
        {"what": what, "prompt": prompt, "pid": os.getpid(), "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}
    )
    with Path(path).open("a") as tally:
        tally.write(line + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint_dir", default="checkpoints")
    for name in ("controlnet_specs", "batch_input_path", "video_save_folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--num_gpus", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
