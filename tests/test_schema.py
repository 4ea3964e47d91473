"""Files of the user's into values, YAML 1.2 as it is written, and the JSON Schemas that editors use."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmosctl.domain.project import CONTROLS, PRESETS, VIDEO_STEMS, Config, Control, Host, HostModel, Place, Run
from cosmosctl.schema import write_schemas
from cosmosctl.schema.files import ENGINES, MODELS, SETTING_NAMES, Controls, VideoFiles
from cosmosctl.schema.json_schema import json_schemas
from cosmosctl.schema.values import PromptValues, config_of, prompt_of, run_of
from cosmosctl.yaml.file import dump_tool, load_tool
from cosmosctl.yaml.reader import parse, parse_bytes

RUN = """\
# yaml-language-server: $schema=../../.cosmosctl/schema/run.json
prompt: ps_k3f9qz
model: transfer1
controls:
  vis: 0.3                              # shorthand for {weight: 0.3}
  edge: {weight: 0.4, preset: low}
  depth: {weight: 1, input: auto}
  seg:
    weight: 0.0
    input: inputs/videos/city1/seg.mp4
    prompt: car. road
seed: 1
num_steps: 35
guidance: 5
control_guidance: 1.5
negative_prompt: ""
sigma_max: 70.5
fps: 24
resolution: 720
max_frames: 121
offload_models: true
warm: False
distilled: false
checkpoint: Cosmos3-Super
diffusion_cache: false
tags: [night, rain]
notes: |
  for the review
"""


def test_a_run_file_with_every_key_is_a_run() -> None:
    parsed = run_of(parse(RUN), "rs_x7m2ab", "runs/rs_x7m2ab/run.yaml")
    assert parsed.mistakes == ()
    assert parsed.value == Run(
        id="rs_x7m2ab",
        prompt="ps_k3f9qz",
        model="transfer1",
        controls=(
            Control("vis", 0.3),
            Control("edge", 0.4, preset="low"),
            Control("depth", 1.0, input="auto"),
            Control("seg", 0.0, input="inputs/videos/city1/seg.mp4", prompt="car. road"),
        ),
        settings={
            "seed": 1,
            "num_steps": 35,
            "guidance": 5,
            "control_guidance": 1.5,
            "negative_prompt": "",
            "sigma_max": 70.5,
            "fps": 24,
            "resolution": "720",
            "max_frames": 121,
            "offload_models": True,
            "warm": False,
            "distilled": False,
            "checkpoint": "Cosmos3-Super",
            "diffusion_cache": False,
        },
        tags=("night", "rain"),
        notes="for the review\n",
    )
    assert type(parsed.value.settings["guidance"]) is int
    assert type(parsed.value.controls[2].weight) is float


def test_a_run_knows_where_each_of_its_values_stands() -> None:
    parsed = run_of(parse(RUN), "rs_x7m2ab", "runs/rs_x7m2ab/run.yaml")
    assert parsed.value is not None
    places = parsed.value.places
    assert places["controls.edge.preset"] == Place("runs/rs_x7m2ab/run.yaml", 6, 31)
    assert places["controls.vis"] == Place("runs/rs_x7m2ab/run.yaml", 5, 8)
    assert places["seed"] == Place("runs/rs_x7m2ab/run.yaml", 12, 7)
    assert set(SETTING_NAMES) <= set(places)


def test_a_control_that_is_left_out_is_not_in_the_set() -> None:
    parsed = run_of(parse("prompt: a\ncontrols: {seg: 0, vis: 0.5}\n"), "r", "f")
    assert parsed.value is not None
    assert parsed.value.controls == (Control("vis", 0.5), Control("seg", 0.0))
    assert parsed.value.settings == {}


def test_a_prompt_names_a_folder_or_its_files() -> None:
    folder = prompt_of(parse("text: |\n  A city\n\n  at night\nvideo: inputs/videos/city1\ntags:\nnotes:\n"))
    assert folder.value == PromptValues("A city\n\nat night\n", "inputs/videos/city1", {}, None, (), "")
    files = prompt_of(parse("text: 'no'\nvideo: {color: a.mp4, seg: b.mp4}\nnegative_prompt: blur\ntags: [x]\n"))
    assert files.value == PromptValues("no", "", {"color": "a.mp4", "seg": "b.mp4"}, "blur", ("x",), "")


def test_a_project_file_with_every_key_is_a_config() -> None:
    text = """\
project: 5f3a91c2
model: cosmos3
host: lab
defaults: {transfer1: {num_steps: 35, guidance: 5, offload_models: false}, transfer2.5: {guidance: 3}}
hosts:
  lab:
    address: me@gpu-box
    dir: /data/me/cosmosctl
    engine: docker
    engine_command: [sudo, -n, docker]
    engine_args: [--cpus=8]
    models:
      transfer1: {image: "cosmos-transfer1:latest", repo: /data/cosmos-transfer1, checkpoints: /data/checkpoints}
      transfer2.5: {command: [python3, -m, x]}
    mounts: [/data/lora:/lora:ro]
    cache: /data/hf
    env_file: /home/me/.config/cosmos.env
    env: {HF_HUB_OFFLINE: "1"}
    gpus: [0, 1]
  desk: {engine: bare}
allow_outside_inputs: true
"""
    assert config_of(parse(text)).value == Config(
        project="5f3a91c2",
        model="cosmos3",
        host="lab",
        defaults={
            "transfer1": {"num_steps": 35, "guidance": 5, "offload_models": False},
            "transfer2.5": {"guidance": 3},
        },
        hosts={
            "lab": Host(
                name="lab",
                engine="docker",
                dir="/data/me/cosmosctl",
                address="me@gpu-box",
                engine_command=("sudo", "-n", "docker"),
                engine_args=("--cpus=8",),
                models={
                    "transfer1": HostModel("cosmos-transfer1:latest", "/data/cosmos-transfer1", "/data/checkpoints"),
                    "transfer2.5": HostModel(command=("python3", "-m", "x")),
                },
                mounts=("/data/lora:/lora:ro",),
                cache="/data/hf",
                env_file="/home/me/.config/cosmos.env",
                env={"HF_HUB_OFFLINE": "1"},
                gpus=(0, 1),
            ),
            "desk": Host("desk", "bare", ""),
        },
        allow_outside_inputs=True,
    )


def test_the_least_a_project_file_can_say_is_its_id() -> None:
    assert config_of(parse("project: x\nhosts:\n  # none yet\ndefaults:\n")).value == Config(
        "x", "transfer1", "local", {}, {}, False
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("-12", -12),
        ("+12", 12),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-21", "2026-11-21"),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("~", None),
        ("null", None),
        ("", None),
        ("nULL", "nULL"),
        ("=", "="),
        ("<<", "<<"),
        ("1.2.3", "1.2.3"),
        ("9" * 5000, float("inf")),
        ("!!str 12", "12"),
        ("'12'", "12"),
    ],
)
def test_plain_words_are_read_as_yaml_1_2(text: str, value: object) -> None:
    document = parse(f"key: {text}\n")
    assert document.mistakes == ()
    assert document.value == {"key": value}


@pytest.mark.parametrize(
    "text",
    [
        'a: "\u2028x\x85"\nb: 1\n',
        "a: x\u2028y\nb: 1\n",
        "a: |\n  x\u2028y\n  z\x85\nb: 1\n",
        "# \u2028\na: 1\nb: 1\n",
        "a: \ue000\u2028\nb: 1\n",
    ],
)
def test_line_breaks_of_yaml_1_1_are_ordinary_characters(text: str) -> None:
    document = parse(text)
    assert document.mistakes == ()
    assert document.key_place(("b",)) == (text.count("\n"), 1)
    for char in ("\u2028", "\x85"):
        in_comment = text.startswith("#")
        assert str(document.value).count(repr(char)[1:-1]) == (0 if in_comment else text.count(char))


def test_anchors_and_aliases_may_be_used() -> None:
    document = parse("prompt: a\ncontrols: {vis: &w 0.5, edge: *w}\n")
    parsed = run_of(document, "r", "f")
    assert parsed.value is not None
    assert parsed.value.controls == (Control("vis", 0.5), Control("edge", 0.5))


@pytest.mark.parametrize("text", ["a: [x:y, http://z/w, a?b]\n", "a: {image: b:c}\n"])
def test_colons_inside_of_brackets_are_text(text: str) -> None:
    assert parse(text).value in ({"a": ["x:y", "http://z/w", "a?b"]}, {"a": {"image": "b:c"}})


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"%@`#?, \n\t\u2028\x00é<", max_size=40).map(str.encode))
def test_no_file_breaks_the_reader(data: bytes) -> None:
    document = parse_bytes(data)
    for mistake in document.mistakes:
        assert mistake.line >= 1
        assert mistake.column >= 1
        assert mistake.message
    for parsed in (run_of(document, "r", "f"), prompt_of(document), config_of(document)):
        assert (parsed.value is None) == bool(parsed.mistakes)


def test_the_reader_of_tool_files_takes_any_size() -> None:
    data = {"rows": [{"run": f"rs_{number}", "facts": [1, 2.5, None]} for number in range(25_000)]}
    assert load_tool(dump_tool(data)) == data


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "? [a]\n: 1\n", "a: \x01", "[" * 5000])
def test_a_damaged_tool_file_counts_as_nothing(text: str) -> None:
    assert load_tool(text) is None


# What editors get


SCHEMAS = json_schemas()


def properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for owner in (schema, *schema.get("$defs", {}).values()):
        yield from owner.get("properties", {}).items()


@pytest.mark.parametrize("name", ["run", "prompt", "project"])
def test_each_key_has_a_description_and_an_example_in_the_schema(name: str) -> None:
    for key, facts in properties(SCHEMAS[name]):
        if "$ref" not in facts:
            assert facts.get("description"), key
            assert facts.get("examples"), key
            assert facts.get("default", ...) is not None, key
            assert all(accepts(facts, example, SCHEMAS[name]) for example in facts["examples"]), key


def test_the_schemas_say_range_and_default() -> None:
    seed = SCHEMAS["run"]["properties"]["seed"]
    assert (seed["type"], seed["minimum"], seed["maximum"], seed["default"]) == ("integer", 0, 4294967295, 1)
    weight = SCHEMAS["run"]["$defs"]["AutoControl"]["properties"]["weight"]
    assert (weight["type"], weight["minimum"], weight["maximum"]) == ("number", 0, 1)
    assert SCHEMAS["project"]["properties"]["host"]["default"] == "local"
    assert {schema["$schema"] for schema in SCHEMAS.values()} == {"https://json-schema.org/draft/2020-12/schema"}


def test_the_schemas_know_the_words_of_the_domain() -> None:
    assert tuple(Controls.model_fields) == CONTROLS
    assert set(VideoFiles.model_fields) == set(VIDEO_STEMS)
    definitions = SCHEMAS["run"]["$defs"]
    assert tuple(definitions["PresetControl"]["properties"]["preset"]["enum"]) == PRESETS
    assert tuple(SCHEMAS["run"]["properties"]["model"]["enum"]) == MODELS
    assert tuple(SCHEMAS["project"]["$defs"]["HostKeys"]["properties"]["engine"]["enum"]) == ENGINES


def test_schemas_are_written_once(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    folder = tmp_path / ".cosmosctl/schema"
    assert {path.name: json.loads(path.read_bytes()) for path in folder.iterdir()} == {
        f"{name}.json": schema for name, schema in SCHEMAS.items()
    }
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    (folder / "run.json").write_text("{}")
    write_schemas(tmp_path)
    assert json.loads((folder / "run.json").read_bytes()) == SCHEMAS["run"]
    assert (folder / "prompt.json").stat().st_ino == before[folder / "prompt.json"]


WEIGHTS = st.sampled_from([0, 0.0, 0.3, 1, 1.4, -0.1, "0.3", True, None, [1]])
CONTROL = st.fixed_dictionaries(
    {"weight": WEIGHTS},
    optional={
        "input": st.sampled_from(["auto", "a.mp4", "", 1]),
        "preset": st.sampled_from(["low", "lo"]),
        "prompt": st.sampled_from(["car", 3]),
        "other": st.just(1),
    },
)
RUN_FILES = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["ps_a", "a b", "", 5])},
    optional={
        "controls": st.dictionaries(st.sampled_from([*CONTROLS, "blur"]), WEIGHTS | CONTROL, max_size=4),
        "model": st.sampled_from([*MODELS, "transfer"]),
        "seed": st.sampled_from([0, 5, -1, 1.5, 2**32, True, "1"]),
        "num_steps": st.sampled_from([1, 0, 35]),
        "guidance": st.sampled_from([0, 3.5, -1, False]),
        "fps": st.sampled_from([0, 24, 23.976, 241]),
        "resolution": st.sampled_from(["720", 720, 1.5]),
        "warm": st.sampled_from([True, "no", 1]),
        "tags": st.sampled_from([[], ["a"], [""], "a", [1]]),
        "notes": st.sampled_from(["", "x", 1]),
        "nots": st.just("x"),
    },
)


@settings(max_examples=400, deadline=None)
@given(RUN_FILES)
def test_an_editor_and_cosmosctl_agree_on_what_is_wrong(data: dict[str, Any]) -> None:
    """But for the one rule that a schema cannot say: not all weights are 0."""
    parsed = run_of(parse(dump_tool(data)), "r", "f")
    mistakes = [m for m in parsed.mistakes if not m.message.startswith("all weights")]
    assert accepts(SCHEMAS["run"], data, SCHEMAS["run"]) == (not mistakes)


TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def accepts(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    """The words of JSON Schema that the files use; any other word in a schema is an error of this test."""
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda ref: accepts(root["$defs"][ref.removeprefix("#/$defs/")], value, root),
        "type": lambda names: any(is_type(value, name) for name in ([names] if isinstance(names, str) else names)),
        "enum": lambda values: value in values,
        "minimum": lambda low: not is_type(value, "number") or value >= low,
        "exclusiveMinimum": lambda low: not is_type(value, "number") or value > low,
        "maximum": lambda high: not is_type(value, "number") or value <= high,
        "pattern": lambda pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
        "items": lambda items: not isinstance(value, list) or all(accepts(items, item, root) for item in value),
        "minItems": lambda count: not isinstance(value, list) or len(value) >= count,
        "minProperties": lambda count: not isinstance(value, dict) or len(value) >= count,
        "required": lambda keys: not isinstance(value, dict) or all(key in value for key in keys),
        "oneOf": lambda options: sum(accepts(option, value, root) for option in options) == 1,
        "not": lambda other: not accepts(other, value, root),
        "properties": lambda known: (
            not isinstance(value, dict)
            or all(accepts(known[key], item, root) for key, item in value.items() if key in known)
        ),
        "patternProperties": lambda known: (
            not isinstance(value, dict)
            or all(
                accepts(inner, item, root)
                for key, item in value.items()
                for pattern, inner in known.items()
                if re.search(pattern, key)
            )
        ),
        "additionalProperties": lambda allowed: (
            allowed is not False or not isinstance(value, dict) or set(value) <= set(schema.get("properties", {}))
        ),
    }
    silent = {"$schema", "$defs", "title", "description", "examples", "default"}
    return all(checks[word](facts) for word, facts in schema.items() if word not in silent)


def is_type(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
