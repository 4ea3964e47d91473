"""Files of the user's are changed without touching what stands around the change; text survives byte for byte."""

import io
import random
import re
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from cosmosctl.domain.project import Control, Run
from cosmosctl.errors import FileError, FilesError
from cosmosctl.io.shipped import template
from cosmosctl.store.new_files import prompt_text, run_text
from cosmosctl.yaml.drop import drop_value
from cosmosctl.yaml.edit import set_in_file, set_value
from cosmosctl.yaml.file import dump_tool, load_tool
from cosmosctl.yaml.reader import parse, parse_bytes
from tests.support.examples import examples

LAB: dict[str, Any] = {
    "address": "me@gpu-box",
    "dir": "/data/me/cosmosctl",
    "engine_command": ["sudo", "-n", "docker"],
    "models": {"transfer1": {"image": "a:b", "repo": "/data/cosmos"}},
    "env": {"HF_HUB_OFFLINE": "1"},
    "gpus": [0, 1],
}
COMMENTS: dict[tuple[str, ...], str] = {
    ("lab",): "the lab",
    ("lab", "address"): "anything ssh takes",
    ("lab", "gpus"): "one model process each",
}
LAB_LINES = """\
  lab:                                  # the lab
    address: me@gpu-box                 # anything ssh takes
    dir: /data/me/cosmosctl
    engine_command: [sudo, -n, docker]
    models:
      transfer1: {image: "a:b", repo: /data/cosmos}
    env:
      HF_HUB_OFFLINE: "1"
    gpus: [0, 1]                        # one model process each
"""

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
defaults: {transfer1: {num_steps: 35, guidance: 5.0, warm: TRUE}}
"""


def test_a_host_is_added_at_the_end_of_hosts_and_no_other_line_changes() -> None:
    changed = set_value(PROJECT, ("hosts", "lab"), LAB, comments=COMMENTS)
    assert changed == PROJECT.replace("  # end of hosts\n", "  # end of hosts\n" + LAB_LINES)


def test_the_first_host_is_added_below_all_that_the_template_says() -> None:
    text = (template("project") / "cosmosctl.yaml").read_text(encoding="utf-8")
    assert set_value(text, ("hosts", "lab"), LAB, comments=COMMENTS) == text + "hosts:\n" + LAB_LINES


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "hosts:\n  lab: # c\n    a: 1\n"),
        ("project: x\n", "project: x\nhosts:\n  lab: # c\n    a: 1\n"),
        ("project: x\nhosts:\n", "project: x\nhosts:\n  lab: # c\n    a: 1\n"),
        ("hosts: ~\n", "hosts:\n  lab: # c\n    a: 1\n"),
        ("hosts: # mine\nproject: x", "hosts: # mine\n  lab: # c\n    a: 1\nproject: x\n"),
        ("hosts: # mine\n# below\nx: 1\n", "hosts: # mine\n  lab: # c\n    a: 1\n# below\nx: 1\n"),
        ("hosts: {} # mine\nproject: x\n", "hosts: # mine\n  lab: # c\n    a: 1\nproject: x\n"),
        ("hosts: {desk: {b: 2}} # d\n", "hosts: {desk: {b: 2}, lab: {a: 1}} # d\n"),
        ("{hosts: {}}\n", "{hosts: {lab: {a: 1}}}\n"),
        ("hosts:\r\n    b:\r\n        c: 1", "hosts:\r\n    b:\r\n        c: 1\r\n    lab: # c\r\n        a: 1\r\n"),
        ("hosts:\n b: |\n  text\n\n# d\nx: 1\n", "hosts:\n b: |\n  text\n lab: # c\n  a: 1\n\n# d\nx: 1\n"),
        ("hosts:\n  b: [1,\n    2]\n", "hosts:\n  b: [1, 2]\n  lab: # c\n    a: 1\n"),
        ("---\nhosts:\n  b:\n    - 1 # d\n\n# e\n", "---\nhosts:\n  b:\n    - 1 # d\n  lab: # c\n    a: 1\n\n# e\n"),
        ("hosts:\n  b: 1 # \x85\n# \u2028\n", "hosts:\n  b: 1 # \x85\n  lab: # c\n    a: 1\n# \u2028\n"),
        ("hosts:\n  b:\n  # d\n# e\n", "hosts:\n  b:\n  lab: # c\n    a: 1\n  # d\n# e\n"),
    ],
)
def test_a_host_is_added_however_hosts_is_written(before: str, after: str) -> None:
    changed = set_value(before, ("hosts", "lab"), {"a": 1}, comments={("lab",): "c"})
    assert re.sub(r"(?<=\S) +#", " #", changed) == after


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("host: local # c\nx: 1\n", "lab", "host: lab   # c\nx: 1\n"),
        ("host:\nx: ~\n", "lab", "host: lab\nx: ~\n"),
        ("host: 'a b'  # c\nx: 0x1F\n", "no", 'host: "no"   # c\nx: 0x1F\n'),
        ("host: [1, 2]\nx: 010\n", 1e-05, "host: 1e-05\nx: 010\n"),
        ("host: 1\nx: 2026-13-45\n", True, "host: true\nx: 2026-13-45\n"),
        ("host: lab\n", "lab", "host: lab\n"),
        ("host: no\n# c\n", "a\nb\n", "host: |\n  a\n  b\n# c\n"),
        ("host: >\n  a\n\n# c\nx: 1\n", "b", "host: >-\n  b\n\n# c\nx: 1\n"),
    ],
)
def test_a_value_is_replaced_in_its_place(before: str, value: Any, after: str) -> None:
    assert set_value(before, ("host",), value) == after


@pytest.mark.parametrize(
    "text",
    [
        "hosts: &all\n  desk: 1\nmine: *all\n",
        "hosts: {desk: {b: 2},\n  # c\n  }\n",
        "# only a comment\n",
    ],
    ids=["an alias would change too", "a comment would be lost", "there is no mapping"],
)
def test_what_cannot_be_changed_alone_is_left_to_the_user(text: str) -> None:
    with pytest.raises(FileError, match=r"^'hosts.lab' cannot be set here without changing more$") as caught:
        set_value(text, ("hosts", "lab"), {"a": 1})
    assert caught.value.hint == "put it in by hand:\nhosts:\n  lab: {a: 1}"


def test_a_key_below_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(FileError, match=r"^'lab' cannot be set inside of what is no mapping$"):
        set_value("hosts: 5 # c\n", ("hosts", "lab"), {"a": 1})


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
COMMENT_TEXT = st.text("abc :{}[]#'\"-é\U0001f600\u2028\x85", max_size=8)


LONGER: list[list[str]] = [
    [],
    ["args:", "  - a  # why", "  # of these", "  - 'b'"],
    ["env: {A: b, C: [d, 0x1F, ~]}  # why"],
    ["notes: |", "\ttext # no comment", "", "\t- more"],
    ["below:", "\ta: TRUE", "\t# why", "\tb: 'it''s'"],
]
"""Other things below a host; a tab is one step of indentation."""


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
        lines += [(step + step + line).replace("\t", step) for line in draw(st.sampled_from(LONGER))]
        lines += [""] * draw(st.integers(0, 2))
    lines += draw(st.sampled_from([[], ["# the end"], ["", "model: transfer1  # m", "# the end"]]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    ends_in_block = any("|" in line for line in lines[-4:])  # its last line has a line end, or else is another text
    return newline.join(lines) + (newline if ends_in_block else draw(st.sampled_from(["", newline])))


def lines_of(text: str) -> list[str]:
    """Its lines without the white space at their ends, in front of comments, and what is more than 4 in front."""
    return [
        re.sub(r"(?<=\S) +#", " #", re.sub(r"^ {4,}", "    ", line.rstrip()))
        for line in re.split("\r?\n", text.rstrip())
    ]


@examples(30)
@given(commented_projects())
def test_adding_a_host_keeps_every_line_and_comment_in_order(text: str) -> None:
    before: Any = parse(text)
    assume(not before.mistakes)
    changed = set_value(text, ("hosts", "lab"), LAB, comments=COMMENTS)
    assert parse(changed).value == {**before.value, "hosts": {**before.value["hosts"], "lab": LAB}}
    assert changed.count("\r\n") in (0, changed.count("\n"))
    lines, old = lines_of(changed), lines_of(text)
    at = next(number for number, line in enumerate(lines) if line.lstrip().startswith("lab:"))
    added = len(LAB_LINES.splitlines())
    assert [line.lstrip() for line in lines[at : at + added]] == [line.lstrip() for line in lines_of(LAB_LINES)]
    assert lines[:at] + lines[at + added :] == old
    below = [line for line in lines[at + added :] if line]
    assert not below or not below[0].startswith(" ")


@examples(30)
@given(commented_projects(), SCALARS)
def test_replacing_a_value_changes_its_own_line_only(text: str, value: Any) -> None:
    before: Any = parse(text)
    assume(not before.mistakes and before.value["project"] != value)
    changed = set_value(text, ("project",), value)
    old, new = lines_of(text), lines_of(changed)
    assert [new[0], *new[2:]] == [old[0], *old[2:]]
    assert new[1].endswith("# id")
    assert parse(changed).value == {**before.value, "project": value}


@examples(60)
@given(st.lists(st.text("ab:-[]{}&*!|>'\"%#?, \n\r\t\u2028é1.", max_size=12), max_size=4))
def test_any_file_is_changed_as_wanted_or_left_to_the_user(values: list[str]) -> None:
    text = "".join(f"k{number}: {value}\n" for number, value in enumerate(values))
    before = parse(text)
    if before.mistakes or not isinstance(before.value, dict):
        return
    try:
        changed = set_value(text, ("hosts", "lab"), {"b": 2})
    except FileError:
        return
    assert parse(changed).value == before.value | {"hosts": {"lab": {"b": 2}}}


def independently(text: str, version: str = "1.2") -> Any:
    """What ruamel.yaml's own pure parser and constructor make of the text."""
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    yaml.version = version
    return yaml.load(io.StringIO(text))


NASTY = [
    "",
    "0\x85\n",
    "a\n\u2028b\n",
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

PIECES = [*" \n\r\t'\"\\`$#:,-?[]{}&*!|>%@~=<.+_/", "\r\n", "  ", " #", ": ", "- ", "---", "...", "$(x)", "${X}"]
PIECES += [
    *"a1é\U0001f680\U0010ffff\u2028\u2029\x85\xa0\x00\x07\x1b\x7f\x80\ufeff\ufffe\ue000",
    "no",
    "null",
    "1e5",
    "0x",
]
TEXTS = (
    st.sampled_from(NASTY)
    | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
)
"""Any text, and above all what YAML writers and readers stumble over."""


@pytest.mark.parametrize("text", NASTY)
def test_any_text_of_a_prompt_survives_being_written_and_read(text: str) -> None:
    check_prompt(text, text)


@examples(40)
@given(TEXTS, TEXTS)
def test_any_generated_text_of_a_prompt_survives(text: str, notes: str) -> None:
    check_prompt(text, notes)


def check_prompt(text: str, notes: str = "") -> None:
    written = prompt_text(text, {"color": text}, negative_prompt=text, tags=["a b", text], notes=notes)
    document = parse_bytes(written.encode())
    assert document.mistakes == ()
    expected = {"text": text, "video": {"color": text}, "negative_prompt": text, "tags": ["a b", text]}
    assert document.value == (expected | ({"notes": notes} if notes else {}))
    assert independently(written) == document.value


@examples(30)
@given(TEXTS)
def test_any_text_of_a_run_survives(text: str) -> None:
    run = Run("rs_a", text, (Control("seg", 0.5, input=text, prompt=text),), text, {"negative_prompt": text}, (text,))
    assert parse(run_text(run)).value == {
        "prompt": text,
        **({"model": text} if text else {}),
        "controls": {"seg": {"weight": 0.5, "input": text, "prompt": text}},
        "negative_prompt": text,
        "tags": [text],
    }


@examples(30)
@given(TEXTS)
def test_any_text_survives_being_set_in_a_file(text: str) -> None:
    changed = set_value(PROJECT, ("hosts", "lab", "env"), {"A": text, "B": [text]})
    assert parse(changed).value["hosts"]["lab"] == {"env": {"A": text, "B": [text]}}  # type: ignore[index,call-overload]


@examples(40)
@given(TEXTS)
def test_any_text_of_a_tool_file_reads_the_same_by_any_reader(text: str) -> None:
    data = {"a": text, "b": [text, {"c": text}], text: 1.5e-7, "d": 1e16}
    written = dump_tool(data)
    assert load_tool(written) == data
    assert independently(written) == data
    assert independently(written, version="1.1") == data


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@examples(40)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_values_of_a_tool_file_read_back_equal_and_in_order(data: dict[str, Any]) -> None:
    read = load_tool(dump_tool(data))
    assert read == data
    assert list(read) == list(data)
    assert dump_tool(read) == dump_tool(data)


def test_random_hex_ids_and_words_of_yaml_1_1_stay_text() -> None:
    chance = random.Random(1)
    words = [f"{chance.getrandbits(32):08x}" for _ in range(3000)]
    words += [f"{number:02}e{power:05}" for number in range(20) for power in range(0, 99999, 9973)]
    words += ["12345678", "0x123456", "no", "null", "y", "on", "12:30", "1_000", "2026-01-01T00:00:00Z", "2026-01-01"]
    written = dump_tool({"words": words})
    for read in (load_tool(written), independently(written), independently(written, version="1.1")):
        assert read == {"words": words}


def test_a_tool_file_looks_like_one() -> None:
    data = {
        "run": "rs_x7m2ab",
        "seconds": 1e-05,
        "big": 1e16,
        "seed": 1,
        "warm": False,
        "reason": None,
        "id": "5e31",
        "prompt": "first line\nsecond: \U0001f680 line\n",
        "gpus": [0, 1],
        "none": [],
        "empty": {},
        "inputs": {"color": "ab12", "depth": "cd34"},
        "rows": [{"run": "rs_a", "weights": {"vis": 0.3, "edge": 0.7}}, {"run": "rs_b"}],
        "command": ["docker", "run", "--gpus", "device=0"],
        "long": ["x" * 60, "y" * 60],
    }
    assert (
        dump_tool(data)
        == f"""\
run: rs_x7m2ab
seconds: 1.0e-05
big: 1.0e+16
seed: 1
warm: false
reason: null
id: '5e31'
prompt: |
  first line
  second: \U0001f680 line
gpus: [0, 1]
none: []
empty: {{}}
inputs:
  color: ab12
  depth: cd34
rows:
- run: rs_a
  weights: {{vis: 0.3, edge: 0.7}}
- {{run: rs_b}}
command: [docker, run, --gpus, device=0]
long:
- {"x" * 60}
- {"y" * 60}
"""
    )


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError, match=r"surrogates not allowed$"):
        dump_tool({"a": "x\udcff"})
    with pytest.raises(UnicodeEncodeError, match=r"surrogates not allowed$"):
        prompt_text("x\udcff", "inputs/videos/city1")


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("a: 1\nnotes: x # mine\nb: 2\n", ("notes",), "a: 1\nb: 2\n"),
        ("a: 1\nnotes: |\n  # text\n  more\n\n# of b\nb: 2\n", ("notes",), "a: 1\n\n# of b\nb: 2\n"),
        ("# head\nnotes: x\n# of b\nb: 2\n", ("notes",), "# head\n# of b\nb: 2\n"),
        ("a: 1\nnotes: x", ("notes",), "a: 1\n"),
        ("a: 1\n", ("notes",), "a: 1\n"),
        ("c:\n  x: 1 # x\n  y: 2\n  # of z\n  z: 3\nd: 4\n", ("c", "y"), "c:\n  x: 1 # x\n  # of z\n  z: 3\nd: 4\n"),
        ("c:\n  x: 1\n  y:\n    - 2\n# of d\nd: 4\n", ("c", "y"), "c:\n  x: 1\n# of d\nd: 4\n"),
        ("a: 1\r\nnotes: x\r\nb: 2\r\n", ("notes",), "a: 1\r\nb: 2\r\n"),
    ],
)
def test_a_key_is_taken_out_with_its_own_lines_and_no_other(before: str, keys: tuple[str, ...], after: str) -> None:
    assert drop_value(before, keys) == after


def test_a_key_that_shares_its_line_is_left_to_the_user() -> None:
    with pytest.raises(FileError, match=r"'c\.y' cannot be taken out here"):
        drop_value("c: {x: 1, y: 2}\n", ("c", "y"))
