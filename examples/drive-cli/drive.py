"""Drives the command line by subprocess: makes a prompt and a run, runs them, prints where the video is.

usage, inside a project: python drive.py SCENE_FOLDER PROMPT_TEXT
"""

import re
import subprocess
import sys

ID = re.compile(r"(ps|rs)_[a-z0-9]+")


def cosmosctl(*args: str) -> str:
    """What the command printed on stdout; its messages go to our stderr."""
    return subprocess.run(("cosmosctl", *args), check=True, stdout=subprocess.PIPE, text=True).stdout


def first_id(stdout: str) -> str:
    """The first prompt or run id of an output."""
    found = ID.search(stdout)
    if found is None:
        raise SystemExit(f"no id in {stdout!r}")
    return found.group()


def main(scene: str, text: str) -> None:
    prompt = first_id(cosmosctl("create", "prompt", text, scene))
    run = first_id(cosmosctl("create", "run", prompt, "--weights", "0.3", "0.4", "0.2", "0.1"))
    cosmosctl("batch", run, "--batch-name", "driven")
    print(cosmosctl("show", run, "--json"))


if __name__ == "__main__":
    main(*sys.argv[1:])
