"""What a stranger may do to files that we read: edits that hypothesis draws.

Nothing here writes outside of the root, whatever edits came before: an edit of what lies behind a link does nothing.
"""

import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

TARGETS = (
    *["{twin}"] * 12,
    *("{base}/mine", "{base}/mine/thesis.txt", "{base}/mine/empty", "{base}/mine/pipe", "{base}/mine/holidays.mp4"),
    *("{base}/mine/result.yaml", "{base}/mine/plan.json", "{base}/home/.ssh/id_ed25519", "{base}/home", "{base}"),
    *(
        "{base}/mine/nothing",
        "{base}/state/cosmosctl/key",
        "{base}/state/cosmosctl",
        "{base}/data",
        "{base}/work/project",
    ),
    *("/dev/zero", "/dev/full", "/dev/tty", "/dev/stdin", "/proc/self/environ", "/proc/self/fd/0", "/proc/kmsg"),
    *("../../../mine", "../../../../mine/thesis.txt", ".", "..", "{self}", "nowhere", "../../mine/pipe"),
)
"""Where links lead; {twin} is the same place in a project of the user's own, {self} a loop."""
NAMES: tuple[bytes, ...] = (
    *(b"zz$(touch {pwned})", b"`touch {pwned}`", b"-rf", b"--help", b"a;touch b", b"a\nb", b"a\x1b[2Jb", b"a\x07b"),
    *(
        b"\xff\xfe",
        b"x" * 255,
        b"\xe2\x80\xaegpj",
        b"a b",
        b"~",
        b"'",
        b'"',
        b"a:b",
        b"*",
        b"%s%n",
        b".hidden",
        b"nul\x7f",
    ),
    *(b"result.yaml", b"CON", b"rs_a.new", b"b_20260101_000000", b"0" * 64, b"\xc3\xa9", b"e\xcc\x81", b"..."),
)
VALUES: tuple[Any, ...] = (
    *(
        "../../../mine",
        "{base}/mine/thesis.txt",
        "../../../../mine/half_20260101_000000",
        "/",
        "",
        ".",
        "..",
        "/dev/zero",
    ),
    *(
        "-oProxyCommand=touch {pwned}",
        "$(touch {pwned})",
        "`touch {pwned}`",
        "; touch {pwned}",
        "a\nb",
        "\x1b]0;x\x07",
        "x" * 5000,
    ),
    *(
        "{base}/home/.ssh/id_ed25519",
        "rs_a/../../..",
        "rs_zz",
        "local",
        "done",
        "failed",
        "\ud800",
        "\x00",
        "‮",
        "2026-13-45T99:99:99Z",
    ),
    *(
        True,
        False,
        None,
        0,
        -1,
        1,
        2**31,
        2**63,
        2**70,
        10**400,
        -(2**70),
        0.5,
        float("nan"),
        float("inf"),
        1e308,
        -0.0,
    ),
    *([], {}, [[]], {"": ""}, [None], ["sh", "-c", "touch {pwned}"], {"path": "../x", "bytes": 1, "sha256": "0"}),
    *(
        [["a"] * 100] * 100,
        "9" * 5000,
        "1e999",
        "!!python/object/apply:os.system ['touch {pwned}']",
        "&a [*a]",
        "=1",
        "<<",
    ),
)
"""What a value in a file may become; {base} and {pwned} are paths."""
HOST_VALUES: Mapping[str, tuple[Any, ...]] = {
    "engine": ("bare", "docker", "podman", "preview", "local", "sh", 5),
    "address": ("me@127.0.0.1", "-oProxyCommand=touch {pwned}", "ssh://x:99999", "$(touch {pwned})@h", "a b", ""),
    "ssh_args": (
        ["-oProxyCommand=touch {pwned}"],
        ["-F", "conf"],
        ["-F", "/dev/zero"],
        ["-oLocalCommand=touch {pwned}"],
        "x",
    ),
    "engine_command": (["sh", "-c", "touch {pwned}"], ["{base}/work/project/tasks.py"], "touch {pwned}"),
    "engine_args": (["--env-file", "{base}/home/.config/token"], ["-v", "/:/host"], "x"),
    "env": ({"PATH": "{base}/work/project"}, {"LD_PRELOAD": "x.so"}, {"A\nB": "c"}, "x"),
    "env_file": ("{base}/home/.config/token", "/dev/zero", "../../mine/pipe"),
    "prolog": ("touch {pwned}", ["touch {pwned}"]),
    "scheduler": ("slurm", "touch {pwned}"),
    "container": ("pyxis", "touch {pwned}"),
    "dir": ("{base}/mine", "~", "../../mine", "/", "{base}/data/cosmosctl", "/dev/null/x", "a\nb"),
    "command": ("touch {pwned}", ["sh", "-c", "touch {pwned}"]),
    "gpus": ([0], ["$(touch {pwned})"], 2**70, [-1]),
    "models": (
        {"transfer1": {"repo": "{base}/mine", "checkpoints": "/x", "command": ["touch", "{pwned}"]}},
        {"transfer1": {"image": "$(touch {pwned})"}},
        "x",
    ),
}
MOST_PARSED = 50_000
"""Characters of a file that an edit looks into; of a longer one it changes a word."""


class Edit(Protocol):
    """Something a stranger did."""

    def apply(self, root: Path, words: Mapping[str, str]) -> None: ...


@dataclass(frozen=True)
class Linked:
    """A link there."""

    place: str
    target: str

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        if path := _emptied(root, self.place):
            there = {**words, "twin": f"{words['twin']}/{self.place}", "self": path.name}
            path.symlink_to(_filled(self.target, there))


@dataclass(frozen=True)
class Special:
    """A pipe, a socket, a device, a folder, an empty file, or nothing at all there."""

    place: str
    kind: str

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        if path := _emptied(root, self.place):
            KINDS[self.kind](path)


@dataclass(frozen=True)
class Filled:
    """A file of that content there."""

    place: str
    content: str

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        if path := _emptied(root, self.place):
            CONTENTS[self.content](path, words)


@dataclass(frozen=True)
class Changed:
    """One value in a file of JSON, JSON lines or YAML became another, or its key did, or was said twice."""

    place: str
    at: int
    value: Any
    how: str = "value"

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        path = _reached(root, self.place)
        if path is None or not path.is_file() or path.is_symlink() or path.stat().st_size > 1 << 20:
            return
        data = path.read_bytes().decode(errors="surrogateescape")
        changed = _changed(path.suffix, data, self.at, _all_filled(self.value, words), self.how)
        path.write_bytes(changed.encode(errors="surrogatepass"))


@dataclass(frozen=True)
class Torn:
    """Of a file's bytes those after `at` per mille are gone, or a few there are others."""

    place: str
    at: int
    bytes: bytes | None

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        path = _reached(root, self.place)
        if path is None or not path.is_file() or path.is_symlink() or path.stat().st_size > 1 << 20:
            return
        data = path.read_bytes()
        at = len(data) * self.at // 1000
        path.write_bytes(data[:at] + (b"" if self.bytes is None else self.bytes + data[at + len(self.bytes) :]))


@dataclass(frozen=True)
class Named:
    """A copy of a file or folder beside it under another name, `ending` included."""

    place: str
    name: bytes

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        path = _reached(root, self.place)
        if path is None or not os.path.lexists(path):
            return
        name = (
            self.name.replace(b"{pwned}", b"pwned").replace(b"/", b"_")[: 255 - len(path.suffix)] + path.suffix.encode()
        )
        target = Path(os.fsdecode(os.fsencode(path.parent) + b"/" + name))
        if not os.path.lexists(target):
            _copied(path, target)


@dataclass(frozen=True)
class Hosts:
    """Host blocks in the project's file, one of them chosen, and leave for videos from outside."""

    name: str
    block: Mapping[str, Any]
    outside: bool

    def apply(self, root: Path, words: Mapping[str, str]) -> None:
        path = _reached(root, "cosmosctl.yaml")
        if path is None or not path.is_file() or path.is_symlink():
            return
        facts = {
            "project": "5f3a91c2",
            "model": "transfer1",
            "host": self.name,
            "hosts": {self.name: _all_filled(self.block, words)},
        }
        path.write_text(json.dumps({**facts, "allow_outside_inputs": self.outside}), encoding="utf-8")


def edits(places: Sequence[str]) -> st.SearchStrategy[Edit]:
    """Any edit of these places, which are names below a root."""
    place = st.sampled_from(list(places))
    values = st.sampled_from(VALUES)
    at = st.integers(0, 400)
    return st.one_of(
        st.builds(Linked, place, st.sampled_from(TARGETS)),
        st.builds(Linked, place.map(_above), st.sampled_from(TARGETS)),
        st.builds(Special, place, st.sampled_from(sorted(KINDS))),
        st.builds(Filled, place, st.sampled_from(sorted(CONTENTS))),
        *[
            st.builds(
                Changed, place.filter(_has_values), at, values, st.sampled_from(("value", "value", "key", "more"))
            )
            for _ in range(3)
        ],
        st.builds(Torn, place, st.integers(0, 1000), st.none() | st.binary(min_size=1, max_size=4)),
        st.builds(Named, place | place.map(_above), st.sampled_from(NAMES)),
    )


def hosts() -> st.SearchStrategy[Edit]:
    """A host block that asks for trouble."""
    block = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in HOST_VALUES.items()})
    return st.builds(Hosts, st.sampled_from(["evil", "local", "-x", "a b", "$(touch x)"]), block, st.booleans())


def _above(place: str) -> str:
    """One of the folders on the way to a place, always the same one."""
    parts = place.split("/")
    return "/".join(parts[: 1 + sum(map(len, parts)) % len(parts)])


def _has_values(place: str) -> bool:
    return place.endswith((".json", ".jsonl", ".yaml", ".txt", "command", "index"))


def _reached(root: Path, place: str) -> Path | None:
    """The path of that place, where only folders lead to it; they are made."""
    path = root
    for part in Path(place).parent.parts:
        path /= part
        if not os.path.lexists(path):
            path.mkdir()
        if not stat.S_ISDIR(path.lstat().st_mode):
            return None
    return root / place


def _emptied(root: Path, place: str) -> Path | None:
    path = _reached(root, place)
    if path is not None and os.path.lexists(path):
        shutil.rmtree(path) if stat.S_ISDIR(path.lstat().st_mode) else path.unlink()
    return path


def _copied(path: Path, target: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        shutil.copytree(path, target, symlinks=True, ignore=_strange)
    elif stat.S_ISREG(mode):
        shutil.copyfile(path, target)
    elif stat.S_ISLNK(mode):
        target.symlink_to(path.readlink())


def _strange(folder: str, names: list[str]) -> list[str]:
    """What is not copied: pipes and the like, and large files."""
    found = {name: Path(folder, name).lstat() for name in names}
    return [name for name, status in found.items() if not _is_plain(status)]


def _is_plain(status: os.stat_result) -> bool:
    if stat.S_ISREG(status.st_mode):
        return status.st_size < 4 << 20
    return stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def _all_filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, words)
    if isinstance(value, dict):
        return {key: _all_filled(one, words) for key, one in value.items()}
    return [_all_filled(one, words) for one in value] if isinstance(value, list) else value


def _changed(suffix: str, text: str, at: int, value: Any, how: str) -> str:
    """The text of a file with its `at`th value changed, counted around."""
    if suffix == ".jsonl":
        lines = text.splitlines() or [""]
        number = at % len(lines)
        lines[number] = _changed(".json", lines[number], at // len(lines), value, how).strip("\n")
        return "\n".join(lines) + "\n"
    try:
        if len(text) > MOST_PARSED or "*" in text:  # an earlier edit's: minutes to read, or without end to walk
            raise ValueError
        facts = json.loads(text) if suffix == ".json" else YAML(typ="safe").load(text)
    except (ValueError, YAMLError, RecursionError):
        facts = None
    if not isinstance(facts, dict | list):
        words = text.split(" ")
        words[at % len(words)] = value if isinstance(value, str) else json.dumps(value)
        return " ".join(words)
    nodes = list(_nodes(facts))
    if nodes:
        _put(*nodes[at % len(nodes)], value, how)
    try:
        return json.dumps(facts, default=str) + "\n"
    except RecursionError:
        return text


def _nodes(value: Any) -> Sequence[tuple[Any, Any]]:
    """(container, key) of everything in a value."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [found for key in keys for found in ((value, key), *_nodes(value[key]))]


def _put(container: Any, key: Any, value: Any, how: str) -> None:
    if how == "value" or isinstance(container, list):
        container[key] = value
    elif how == "key":
        container[str(value)[:1000]] = container.pop(key)
    else:
        container[f"{key}_"] = value
        del container[key]


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # another /dev/zero
    except PermissionError:
        path.touch()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        above = os.open(path.parent, os.O_PATH)
        try:
            made.bind(f"/proc/self/fd/{above}/{path.name}"[:107])
        except OSError:
            path.touch()
        finally:
            os.close(above)


KINDS: Mapping[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "device": _device,
    "folder": Path.mkdir,
    "empty": Path.touch,
    "nothing": lambda path: None,
    "closed": lambda path: path.touch(mode=0),
}


def _sparse(path: Path, words: Mapping[str, str]) -> None:
    path.touch()
    os.truncate(path, 10 << 30)


def _text(text: str | bytes) -> Callable[[Path, Mapping[str, str]], None]:
    def write(path: Path, words: Mapping[str, str]) -> None:
        path.write_bytes(_filled(text, words).encode() if isinstance(text, str) else text)

    return write


_LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'lol'] * 9)}]" for n in range(9))

CONTENTS: Mapping[str, Callable[[Path, Mapping[str, str]], None]] = {
    "ten gigabytes": _sparse,
    "a megabyte in a line": _text("x" * (1 << 20)),
    "a megabyte of digits": _text("9" * (1 << 20)),
    "deep yaml": _text("{a: " * 15_000),
    "deep list": _text("[" * 60_000),
    "wide yaml": _text("{" + "a," * 30_000),
    "a thousand mistakes": _text("".join(f"k{n}: 1\n" for n in range(8000))),
    "laughs": _text(_LAUGHS),
    "deep json": _text('{"a":' * 100_000),
    "closed deep json": _text("[" * 900 + "]" * 900),
    "nul": _text(b"\0" * 5000),
    "not utf-8": _text(b"prompt: \xff\xfe\n"),
    "utf-16": _text("prompt: ps_a\n".encode("utf-16")),
    "conflict": _text("<<<<<<< HEAD\nprompt: ps_a\n=======\nprompt: ps_b\n>>>>>>> theirs\n"),
    "escapes": _text("text: \x1b]0;x\x07\x1b[2J\r\n\u202e\n"),
    "a million lines": _text("\n" * 1_000_000),
    "many events": _text(
        '{"ev":"run_failed","t":1,"run":"rs_a","reason":"model-error","detail":"x","kept":[]}\n' * 20_000
    ),
    "program": _text("#!/bin/sh\ntouch {pwned}\n"),
    "playlist": _text("#EXTM3U\n#EXTINF:1,\nfile://{base}/home/.ssh/id_ed25519\n#EXT-X-ENDLIST\n"),
    "concat": _text("ffconcat version 1.0\nfile {base}/mine/holidays.mp4\n"),
    "git": _text("[core]\n\tfsmonitor = touch {pwned}\n\thooksPath = hooks\n\tpager = touch {pwned}\n"),
}
