"""The toy family's program, which is its own preview: `program ROWS OUT` hands each video back."""

import json
import shutil
import sys
from pathlib import Path


def main() -> None:
    rows, out = map(Path, sys.argv[1:])
    print("pencils are sharp", flush=True)
    for line in rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        folder = out / row["name"]
        folder.mkdir(parents=True)
        print(f"draws {row['name']}\n1/1", flush=True)
        shutil.copyfile(row["video"], folder / "drawn.mp4")
        (folder / "done.json").write_text(line, encoding="utf-8")
        print(f"has drawn {row['name']}", flush=True)


if __name__ == "__main__":
    main()
