"""Files of the user's are changed without touching what stands around the change; text survives byte for byte."""

import io
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cosmosctl.errors import FileError, FilesError
from cosmosctl.io.yaml_edit import set_in_file, set_value
from cosmosctl.io.yaml_file import dump_tool, load_tool
from cosmosctl.io.yaml_reader import parse, parse_bytes
from cosmosctl.store import prompt_text

LAB = {"address": "me@gpu-box", "dir": "/data/me/cosmosctl", "gpus": [0, 1], "models": {"transfer1": {"image": "a:b"}}}
COMMENTS = {("lab",): "the lab", ("lab", "address"): "anything ssh takes"}

PROJECT = """\
# our project
project: "5f3a91c2"   # do not touch

host: local           # until the lab is up
hosts:
  # the machine under the desk
  desk:
    engine: bare      # no container
    # gpus: [0]
  # end of hosts

# settings
defaults: {transfer1: {num_steps: 35,   guidance: 5}}
"""


def test_a_host_is_added_at_the_end_of_hosts_and_no_other_line_changes() -> None:
    changed = set_value(PROJECT, ("hosts", "lab"), LAB, comments=COMMENTS)
    added = """\
  lab:                                  # the lab
    address: me@gpu-box                 # anything ssh takes
    dir: /data/me/cosmosctl
    gpus: [0, 1]
    models:
      transfer1:
        image: a:b
"""
    assert changed == PROJECT.replace("  # end of hosts\n", "  # end of hosts\n" + added)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "hosts:\n  lab:\n    a: 1\n"),
        ("# only a comment", "# only a comment\nhosts:\n  lab:\n    a: 1\n"),
        ("project: x\n", "project: x\nhosts:\n  lab:\n    a: 1\n"),
        ("project: x\nhosts:\n", "project: x\nhosts:\n  lab:\n    a: 1\n"),
        ("hosts: # mine\nproject: x", "hosts: # mine\n  lab:\n    a: 1\nproject: x"),
        ("hosts: {} # mine\nproject: x\n", "hosts: # mine\n  lab:\n    a: 1\nproject: x\n"),
        ("hosts: {desk: {b: 2}} # c\n", "hosts: {desk: {b: 2}, lab: {a: 1}} # c\n"),
        ("hosts: {desk: {b: 2},\n  # c\n  }\n", "hosts: {desk: {b: 2}, lab: {a: 1},\n  # c\n  }\n"),
        ("hosts:\r\n    desk: {b: 2}\r\nx: 1", "hosts:\r\n    desk: {b: 2}\r\n    lab:\r\n      a: 1\r\nx: 1"),
        ("hosts:\n  desk: |\n    text\n\n# c\nx: 1\n", "hosts:\n  desk: |\n    text\n\n  lab:\n    a: 1\n# c\nx: 1\n"),
        ("hosts:\n  desk: {b: 2}", "hosts:\n  desk: {b: 2}\n  lab:\n    a: 1\n"),
    ],
)
def test_a_host_is_added_however_hosts_is_written(before: str, after: str) -> None:
    assert set_value(before, ("hosts", "lab"), {"a": 1}) == after


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("host: local # c\nx: 1\n", "lab", "host: lab # c\nx: 1\n"),
        ("host:\nx: 1\n", "lab", "host: lab\nx: 1\n"),
        ("host: 'a b' # c\n", "no", 'host: "no" # c\n'),
        ("host: [1, 2]\n", 3, "host: 3\n"),
        ("host: lab\n", "lab", "host: lab\n"),
    ],
)
def test_a_value_is_replaced_in_its_place(before: str, value: Any, after: str) -> None:
    assert set_value(before, ("host",), value) == after


@pytest.mark.parametrize(
    "text",
    ["hosts: &all\n  desk: 1\nmine: *all\n", "{hosts: {}}\n", "hosts:\n  desk: |\n    no line end"],
    ids=["an alias would change too", "no block can stand here", "the text would get a line end"],
)
def test_what_cannot_be_changed_alone_is_left_to_the_user(text: str) -> None:
    with pytest.raises(FileError, match=r"^'hosts.lab' cannot be set here without changing more$") as caught:
        set_value(text, ("hosts", "lab"), {"a": 1})
    assert caught.value.hint == "put it in by hand:\nhosts:\n  lab:\n    a: 1"


def test_a_file_with_mistakes_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "cosmosctl.yaml"
    file.write_text("a: 1\na: 2\n")
    with pytest.raises(FilesError, match=r"cosmosctl.yaml:2:1: the key 'a' is there already, in line 1$"):
        set_in_file(file, ("hosts", "lab"), LAB)
    assert file.read_text() == "a: 1\na: 2\n"


def test_an_edited_file_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("# c\nhost: local\n")
    real.chmod(0o600)
    link = tmp_path / "cosmosctl.yaml"
    link.symlink_to("real.yaml")
    set_in_file(link, ("host",), "lab")
    assert link.is_symlink()
    assert real.read_text() == "# c\nhost: lab\n"
    assert real.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cosmosctl.yaml", "real.yaml"]


WORDS = st.text("abcXYZ019 _-.:#'\"{}[]&*!|>%@`é\U0001f600\u2028\x85", max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
COMMENT_TEXT = st.text("abc :{}[]#'\"-", max_size=8)


@st.composite
def commented_projects(draw: st.DrawFn) -> str:
    """A file with hosts in block style, comments everywhere a person would put them, and odd line ends and indents."""
    step = draw(st.integers(1, 4)) * " "
    lines = [f"# {draw(COMMENT_TEXT)}", "project: x  # id"]
    lines += ["hosts:" + draw(st.sampled_from(["", "  # all of them", " # {}"]))]
    for number in range(draw(st.integers(1, 3))):
        lines += [f"{step}# {draw(COMMENT_TEXT)}"] * draw(st.integers(0, 2))
        lines.append(f"{step}h{number}:" + draw(st.sampled_from(["", "   # a host"])))
        for key in range(draw(st.integers(1, 3))):
            value = dump_tool({f"k{key}": draw(SCALARS)}).splitlines()
            lines += [f"{step}{step}{line}" for line in value] if len(value) == 1 else [f"{step}{step}k{key}: x"]
            lines[-1] += draw(st.sampled_from(["", "  # why"]))
            lines += [f"{step}{step}# {draw(COMMENT_TEXT)}"] * draw(st.integers(0, 1))
        lines += [""] * draw(st.integers(0, 2))
    lines += draw(st.sampled_from([[], ["# the end"], ["", "model: transfer1  # m", "# the end"]]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


@settings(max_examples=150, deadline=None)
@given(commented_projects())
def test_adding_a_host_keeps_every_line_and_comment_in_order(text: str) -> None:
    before = parse(text)
    assume(not before.mistakes and isinstance(before.value, dict))
    assert isinstance(before.value, dict)
    hosts = before.value["hosts"]
    assert isinstance(hosts, dict)
    changed = set_value(text, ("hosts", "lab"), LAB, comments=COMMENTS)
    assert parse(changed).value == {**before.value, "hosts": {**hosts, "lab": LAB}}
    start = next(at for at, (a, b) in enumerate(zip(text + "\0", changed + "\0", strict=False)) if a != b)
    lines, old = changed.splitlines(keepends=True), text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.lstrip().startswith("lab:"))
    kept = lines[:at] + lines[at + 7 :]
    assert [line.rstrip("\r\n") for line in kept] == [line.rstrip("\r\n") for line in old]
    assert start <= len(text)


@settings(max_examples=100, deadline=None)
@given(commented_projects(), SCALARS)
def test_replacing_a_value_changes_its_own_line_only(text: str, value: Any) -> None:
    before = parse(text)
    assume(not before.mistakes)
    assume(before.value["project"] != value)  # type: ignore[call-overload,index]  # the generator made a mapping
    changed = set_value(text, ("project",), value)
    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    assert new[0] == old[0]
    assert new[2:] == old[2:]
    assert new[1].rstrip().endswith("# id")
    assert parse(changed).value["project"] == value  # type: ignore[call-overload,index]


def independently(text: str) -> Any:
    """What ruamel.yaml's own pure parser and YAML 1.2 constructor make of the text."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(io.StringIO(text))


NASTY = [
    "",
    "plain",
    "  leading and trailing  ",
    "\n",
    "\n\n\nx\n\n",
    "a\nb",
    "a\nb\n",
    " a\n  b\n",
    "\ta\n\tb",
    "a \nb \n \n",
    "a\r\nb",
    "a\rb",
    "quotes ' \" ''' \"\"\" `",
    "$(rm -rf /) `id` ${HOME} $HOME",
    "a: b\n- c\n# no comment\n--- \n...\n%YAML",
    "emoji \U0001f680 and \u2028 and \u2029 and \x85 and \ufeff",
    "nul \x00 bell \x07 escape \x1b del \x7f c1 \x80",
    "no",
    "null",
    "~",
    "1e5",
    "0x1f",
    "2026-11-21",
    "12:30:00",
    "- x",
    "? x",
    "{a}",
    "[a]",
    "\\n \\u0041 \\",
    "\ufffe\uffff",
    "\ue000\ue001\u2028",
]

TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_of_a_tool_file_reads_back_equal(text: str) -> None:
    written = dump_tool({"a": text, "b": [text, {"c": text}], "d": 1})
    assert load_tool(written) == {"a": text, "b": [text, {"c": text}], "d": 1}
    assert written.endswith("\n")


@pytest.mark.parametrize("text", NASTY)
def test_any_text_of_a_prompt_survives_being_written_and_read(text: str) -> None:
    check_prompt(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_any_generated_text_of_a_prompt_survives(text: str, notes: str) -> None:
    check_prompt(text, notes)


def check_prompt(text: str, notes: str = "") -> None:
    written = prompt_text(text, "inputs/videos/city1", negative_prompt=text, tags=["a b", text], notes=notes)
    document = parse_bytes(written.encode())
    assert document.mistakes == ()
    expected = {"text": text, "video": "inputs/videos/city1", "negative_prompt": text, "tags": ["a b", text]}
    assert document.value == ({**expected, "notes": notes} if notes else expected)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_another_yaml_parser_reads_the_same_text(text: str) -> None:
    assume(not {"\x85", "\u2028", "\u2029"} & set(text))  # breaks of YAML 1.1: ruamel folds them in double quotes
    assert independently(dump_tool({"a": text, "b": [text]})) == {"a": text, "b": [text]}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_values_of_a_tool_file_read_back_equal_and_in_order(data: dict[str, Any]) -> None:
    read = load_tool(dump_tool(data))
    assert read == data
    assert list(read) == list(data)
    assert dump_tool(read) == dump_tool(data)


def test_a_tool_file_looks_like_one() -> None:
    data = {
        "run": "rs_x7m2ab",
        "seconds": 1e-05,
        "big": 1e16,
        "seed": 1,
        "warm": False,
        "reason": None,
        "id": "5e31",
        "prompt": "first line\nsecond: line\n",
        "gpus": [0, 1],
        "none": [],
        "empty": {},
        "rows": [{"run": "rs_a", "weights": {"vis": 0.3}}, {"run": "rs_b"}],
        "command": ["docker", "run", "--gpus", "device=0"],
    }
    assert dump_tool(data) == (
        "run: rs_x7m2ab\n"
        "seconds: 1.0e-05\n"
        "big: 1.0e+16\n"
        "seed: 1\n"
        "warm: false\n"
        "reason: null\n"
        'id: "5e31"\n'
        "prompt: |\n"
        "  first line\n"
        "  second: line\n"
        "gpus: [0, 1]\n"
        "none: []\n"
        "empty: {}\n"
        "rows:\n"
        "  - run: rs_a\n"
        "    weights:\n"
        "      vis: 0.3\n"
        "  - run: rs_b\n"
        'command: [docker, run, "--gpus", device=0]\n'
    )


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the text holds U\+DCFF, which is no character: its source was not UTF-8$"):
        dump_tool({"a": "x\udcff"})
