"""Stands in for a Python with Diffusers: `python quick_rows.py FOLDER -B serve.py`, then its command line.

Each row's video is the one it was given. What it says that it was made with is the file FOLDER/PROMPT, byte for byte.
The log tells the sha256 of HF_TOKEN.
"""

import hashlib
import json
import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path


def main(folder: Path, argv: list[str]) -> None:
    options = dict(pairwise(argv))
    _say(f"token {hashlib.sha256(os.environ.get('HF_TOKEN', '').encode()).hexdigest()}")
    _say("loaded in 0.1 s")
    for number, line in enumerate(Path(options["--rows"]).read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        place = Path(options["--out"], row["name"])
        place.mkdir(parents=True)
        _say(f"row {number} begins")
        shutil.copyfile(row["video"], place / "output.mp4")
        shutil.copyfile(folder / row["prompt"], place / "made_with.json")
        (place / "prompt.txt").write_text(row["prompt"], encoding="utf-8")
        _say(f"row {number} is saved")


def _say(words: str) -> None:
    print(f"diffusers_rows: {words}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
