"""Files of the user's into values, YAML 1.2 as it is written, and the JSON Schemas that editors use."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cosmosctl import models
from cosmosctl.domain.project import PRESETS, Config, Control, Host, HostModel, Place, Run, Setting
from cosmosctl.schema import write_schemas
from cosmosctl.schema.controls import Controls, VideoFiles
from cosmosctl.schema.editors.for_git import texts
from cosmosctl.schema.editors.json_schema import Project, json_schemas
from cosmosctl.schema.files import MODELS
from cosmosctl.schema.hosts import ENGINES
from cosmosctl.schema.settings import SETTING_NAMES
from cosmosctl.schema.values import PromptValues, config_of, prompt_of, run_of
from cosmosctl.yaml.file import dump_tool, load_tool
from cosmosctl.yaml.reader import MAX_BYTES, MAX_NODES, parse, parse_bytes
from tests.support.examples import examples
from tests.support.file_check import run_mistakes

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
chunk_frames: 93
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
            "chunk_frames": 93,
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


@examples(150)
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
    rows = [{"run": f"{number:080}", "facts": [1, 2.5, None]} for number in range(1000)]
    head, body = dump_tool({"rows": rows}).split("\n", 1)
    text = f"{head}\n{body * 15}"
    assert len(text) > MAX_BYTES and MAX_NODES < 25 * 1000 * 7, "more than is read of a user's file"
    assert load_tool(text) == {"rows": rows * 15}


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "? [a]\n: 1\n", "a: \x01", "[" * 5000])
def test_a_damaged_tool_file_counts_as_nothing(text: str) -> None:
    assert load_tool(text) is None


# What editors get


SCHEMAS = json_schemas(Project("transfer1"))
KINDS = ("run", "prompt", "project", "result", "batch")


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that is told of anywhere in a schema, but for what a condition looks at."""
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", {}).items()
    below = {**schema.get("$defs", {}), **schema.get("properties", {}), **schema.get("patternProperties", {})}
    for inner in (*below.values(), schema.get("items"), schema.get("additionalProperties")):
        yield from properties(inner)


@pytest.mark.parametrize("name", KINDS)
def test_a_schema_is_one_of_the_draft_that_it_names(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_what_a_schema_refers_to_is_in_it() -> None:
    """An editor that follows a reference to nowhere offers nothing of the whole file."""
    versioned = {f"versioned {kind}": json.loads(text) for kind, text in texts(Project("transfer1")).items()}
    schemas = {**SCHEMAS, **versioned}
    assert any(list(_references(schema)) for schema in schemas.values())
    lost = {name: [ref for ref in _references(schema) if not _leads(schema, ref)] for name, schema in schemas.items()}
    assert {name: refs for name, refs in lost.items() if refs} == {}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(found := node.get("$ref"), str) and found.startswith("#/"):
            yield found
        node = list(node.values())
    for one in node if isinstance(node, list) else ():
        yield from _references(one)


def _leads(schema: Any, reference: str) -> bool:
    for step in reference.split("/")[1:]:
        if step not in schema:
            return False
        schema = schema[step]
    return True


@pytest.mark.parametrize("name", KINDS)
def test_each_key_has_a_description_and_good_examples_in_the_schema(name: str) -> None:
    for key, facts in properties(SCHEMAS[name]):
        if "$ref" not in facts:
            assert facts.get("description"), key
            assert facts.get("default", ...) is not None, key
            assert all(accepts(facts, example, SCHEMAS[name]) for example in facts.get("examples", ())), key


@pytest.mark.parametrize("name", models.REGISTRY)
def test_every_setting_of_a_family_has_its_own_range_and_default(name: str) -> None:
    """Under `defaults:` and in a run; what depends on more than the family has no default to be filled in."""
    run = SCHEMAS["run"]["$defs"][name]["properties"]
    project = SCHEMAS["project"]["properties"]["defaults"]["properties"][name]["properties"]
    rules = models.get(name).SETTINGS
    assert project == {key: run[key] for key in rules}
    for key, rule in rules.items():
        limits = [run[key].get(word) for word in ("minimum", "maximum")]
        assert limits == [rule.low, rule.high], key
        assert run[key].get("default") == (None if rule.varies else rule.default), key
        assert not rule.default_words or rule.default_words in run[key]["description"], key


@pytest.mark.parametrize("name", models.REGISTRY)
def test_a_setting_varies_exactly_where_another_set_of_controls_or_choice_changes_its_default(name: str) -> None:
    family = models.get(name)
    chosen: list[dict[str, Setting]] = [{}, {"distilled": True}, {"checkpoint": "Cosmos3-Edge"}]
    looked = [family.defaults(controls, one) for controls in (["edge"], ["edge", "depth"]) for one in chosen]
    assert {key for one in looked for key in one} == {key for key, rule in family.SETTINGS.items() if rule.varies}


def test_the_schemas_know_the_words_of_the_domain() -> None:
    assert tuple(Controls.model_fields) == tuple(models.controls())
    assert set(VideoFiles.model_fields) == set(models.video_stems())
    for name, family in models.REGISTRY.items():
        run = SCHEMAS["run"]["$defs"][name]["properties"]
        assert set(run["controls"]["properties"]) == set(family.CONTROLS)
        assert run["controls"]["properties"]["edge"]["properties"]["preset"]["enum"] == list(PRESETS)
        assert tuple(run["model"]["enum"]) == MODELS == tuple(models.REGISTRY)
    assert tuple(SCHEMAS["project"]["$defs"]["HostKeys"]["properties"]["engine"]["enum"]) == ENGINES
    assert SCHEMAS["project"]["properties"]["host"]["default"] == "local"
    assert {schema["$schema"] for schema in SCHEMAS.values()} == {"https://json-schema.org/draft/2020-12/schema"}


def test_schemas_are_written_once(tmp_path: Path) -> None:
    write_schemas(tmp_path, model="transfer1")
    folder = tmp_path / ".cosmosctl/schema"
    assert {path.name: json.loads(path.read_bytes()) for path in folder.iterdir()} == {
        f"{name}.json": schema for name, schema in SCHEMAS.items()
    }
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    (folder / "run.json").write_text("{}")
    write_schemas(tmp_path, model="transfer1")
    assert json.loads((folder / "run.json").read_bytes()) == SCHEMAS["run"]
    assert (folder / "prompt.json").stat().st_ino == before[folder / "prompt.json"]


WEIGHTS = st.sampled_from([0.3, 0.0, 1, 0.3, 0.3, 0, 1.4, -0.1, "0.3", True, None, [1]])
CONTROL = st.fixed_dictionaries(
    {"weight": st.sampled_from([0.3, 0.3, 1, 0, 2])},
    optional={
        "input": st.sampled_from(["auto", "a.mp4", "a.mp4", "", 1, "/a.mp4", "../a.mp4"]),
        "preset": st.sampled_from(["low", "low", "lo"]),
        "prompt": st.sampled_from(["car", 3]),
    },
) | st.just({"weigth": 0.3})
CONTROLS = st.dictionaries(st.sampled_from(tuple(models.controls())), WEIGHTS | CONTROL, min_size=1, max_size=2)
VALUES: dict[str, list[Any]] = {
    "prompt": ["a b", "", 5],
    "controls": [{}, {"blur": 0.3}, {"vis": 0, "edge": {"weight": 0}}],
    "model": [*MODELS, "transfer"],
    "seed": [0, 1.0, 1e3, -1, 1.5, 2**32, True, "1"],
    "num_steps": [1, 0, 35],
    "guidance": [0, 3, 3.5, 9, -1, False],
    "control_guidance": [1, 11],
    "sigma_max": [70, 1001],
    "fps": [0, 24, 23.976, 241],
    "resolution": ["720", 720, 512, "12", 1.5],
    "max_frames": [121, 5001],
    "negative_prompt": ["x", ""],
    "distilled": [False],
    "checkpoint": ["Cosmos3-Super", ""],
    "diffusion_cache": [False, "no"],
    "offload_models": [True, 1],
    "warm": [True, "reload", "no", 1],
    "tags": [[], ["a"], [""], "a", [1], None],
    "quiet": [["fps"], ["fsp"], None],
    "notes": ["", "x", 1, None],
    "nots": ["x"],
}
CHANGES = st.lists(st.sampled_from([(key, value) for key, values in VALUES.items() for value in values]), max_size=2)


@examples(120)
@given(CONTROLS, CHANGES, st.sampled_from(MODELS))
def test_an_editor_and_cosmosctl_agree_on_what_is_wrong(
    controls: dict[str, Any], changes: list[tuple[str, Any]], project: str
) -> None:
    """In a project of any family; what a family says of a run's videos is beyond a schema."""
    data = {"prompt": "ps_a", "controls": controls, **dict(changes)}
    assert RUNS_OF[project].is_valid(data) == (not run_mistakes(dump_tool(data), project))


RUNS_OF = {name: Draft202012Validator(json_schemas(Project(name))["run"]) for name in MODELS}


def accepts(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    return bool(Draft202012Validator({"$defs": root.get("$defs", {}), **schema}).is_valid(value))
