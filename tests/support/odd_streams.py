"""Commands with odd standard streams, each in a child of its own: `python -m tests.support.odd_streams` < cases.json.

A case is [argv, {"stdin"|"stdout"|"stderr": how}]; how is "closed", "unread", "full" or the name of an encoding. Prints
a JSON list of [exit code, stdout, stderr], where a stream that went nowhere is "".
"""

import json
import os
import pkgutil
import sys
import tempfile
from importlib import import_module
from typing import IO, NoReturn

import cosmosctl
from cosmosctl.cli.main import main

PLACES = {"stdin": 0, "stdout": 1, "stderr": 2}


def run(argv: list[str], streams: dict[str, str]) -> tuple[int, str, str]:
    """What the command leaves."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            in_child(argv, streams, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("latin-1"))
    return code, texts[0], texts[1]


def in_child(argv: list[str], streams: dict[str, str], out: IO[bytes], err: IO[bytes]) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    encodings = {}
    for name, how in streams.items():
        if how == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), PLACES[name])
        elif how == "unread":
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, PLACES[name])
        elif how == "closed":
            os.close(PLACES[name])
        else:
            encodings[name] = how
    for name in ("stdout", "stderr"):  # as Python makes them when it starts
        is_closed = streams.get(name) == "closed"
        encoding = encodings.get(name, "utf-8")
        setattr(sys, name, None if is_closed else open(PLACES[name], "w", encoding=encoding))  # noqa: PTH123, SIM115
    main(argv)
    raise AssertionError("main ends the process")


def import_everything() -> None:
    """Once, so that no child has to."""
    for module in pkgutil.walk_packages(cosmosctl.__path__, "cosmosctl."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in (
        "rich.progress",
        "rich.table",
        "invoke",
        "av",
        "cv2",
        "pydantic",
        "filelock",
        "hashlib",
        "rich.console",
    ):
        import_module(name)


if __name__ == "__main__":
    import_everything()
    cases = json.load(sys.stdin)
    print(json.dumps([run(argv, streams) for argv, streams in cases]))
