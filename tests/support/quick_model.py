"""A stand-in for transfer1's program that starts in no time: `python -S quick_model.py FOLDER`, then its command line.

Each result is `stage/sleep_model.mp4` with what it was made from in a box at its end, so that a test can tell whose.
FOLDER/rows gets a line for each row, as the model began it; while FOLDER/hold is there, a row waits.
"""

import json
import struct
import sys
import time
from itertools import pairwise
from pathlib import Path

_SLEEP_MODEL = Path(__file__).parents[1] / "stage" / "sleep_model.mp4"


def main(folder: Path, argv: list[str]) -> None:
    options = dict(pairwise(argv))
    out = Path(options["--video_save_folder"])
    print(f"Reading batch inputs from path: {options['--batch_input_path']}", flush=True)
    lines = Path(options["--batch_input_path"]).read_text(encoding="utf-8").splitlines()
    for i, row in enumerate(map(json.loads, lines)):
        _make(folder, out, out / f"video_{i}", row)


def _make(folder: Path, out: Path, place: Path, row: dict[str, object]) -> None:
    print("running preprocessor", flush=True)
    place.mkdir(parents=True, exist_ok=True)
    made_from = {"prompt": row["prompt"], "controls": row["control_overrides"]}
    with (folder / "rows").open("a") as tally:
        tally.write(json.dumps({**made_from, "out": str(out)}) + "\n")
    while (folder / "hold").exists():
        time.sleep(0.01)
    (place / "output.mp4").write_bytes(_SLEEP_MODEL.read_bytes() + _box(json.dumps(made_from).encode()))
    print("Completed diffusion sampling", flush=True)
    (place / "prompt.txt").write_text(str(row["prompt"]), encoding="utf-8")
    print(f"Saved prompt to {place / 'prompt.txt'}", flush=True)


def _box(text: bytes) -> bytes:
    """An MP4 box of type `free`, which every reader passes over (ISO/IEC 14496-12, 8.1.2)."""
    return struct.pack(">I4s", 8 + len(text), b"free") + text


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
