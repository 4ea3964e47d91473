"""What an editor says of a file, by the schemas that a project holds, is what `check` says of it."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cosmosctl.commands.start.init import init_project
from cosmosctl.schema.editors import for_git
from cosmosctl.schema.editors.json_schema import Project
from cosmosctl.schema.values import config_of, prompt_of, run_of
from cosmosctl.yaml.reader import parse
from tests import clips
from tests.support.file_check import run_mistakes
from tests.support.tree import Tree

P = "prompt: ps_a\n"
EDGE = f"{P}controls: {{edge: 0.3}}\n"

GOOD_RUNS = (
    EDGE,
    f"---\n{EDGE}",
    EDGE.replace("\n", "\r\n"),
    f"{P}controls:\n  vis: 0.3\n  edge: {{weight: 0.4, preset: low}}\n",
    f"{P}controls: {{depth: {{weight: 0.2, input: auto}}, seg: {{weight: 0.1, prompt: car}}}}\n",
    f"{P}controls: {{edge: &w 0.5, vis: *w}}\n",
    f"{P}controls: {{edge: {{weight: 1, input: inputs/a/../e.mp4}}}}\n",
    f"{P}controls: {{seg: 0, edge: 1}}\n",
    f"{EDGE}tags:\nnotes:\nquiet:\n",
    f"{EDGE}tags: [a, b]\nnotes: x\nquiet: [fps, video]\n",
    f"{EDGE}seed: 1.0\nnum_steps: 1e1\n",
    f"{EDGE}seed: 0x1F\nfps: 30\nsigma_max: 80.5\nguidance: 5\nwarm: reload\n",
    f"{EDGE}offload_models: true\nwarm: false\n",
    f"{EDGE}model: transfer2.5\nseed: 4294967295\nguidance: 7\nresolution: 720\nmax_frames: 93\n",
    f"{EDGE}model: transfer2.5\nresolution: 720robocasa\ndistilled: true\n",
    f"{EDGE}model: cosmos3\nguidance: 3.5\ncontrol_guidance: 10\ncheckpoint: Cosmos3-Super\n",
    f'{EDGE}model: cosmos3\nresolution: "768"\ndiffusion_cache: false\n',
    f"{P}model: cosmos3\ncontrols: {{depth: {{weight: 0, input: auto}}, edge: 1}}\n",
    f"{P}upscale: {{weight: 0.5}}\n",
    f"{P}upscale: {{run: rs_a, weight: 1}}\nseed: 3\n",
    f"{P}upscale: {{weight: 0.5}}\nmodel: cosmos3\n",
)
BAD_RUNS = (
    "",
    "- a\n",
    P,
    "controls: {edge: 0.3}\n",
    f"{P}controls: {{}}\n",
    f"{P}controls:\n",
    f"{P}controls: {{edge: 1.1}}\n",
    f"{P}controls: {{edge: -0.1}}\n",
    f"{P}controls: {{edge: '0.3'}}\n",
    f"{P}controls: {{edge: yes}}\n",
    f"{P}controls: {{edge: {{wieght: 0.3}}}}\n",
    f"{P}controls: {{edge: {{preset: low}}}}\n",
    f"{P}controls: {{blur: 0.3}}\n",
    f"{P}controls: {{edge: 0, vis: {{weight: 0.0}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, preset: lo}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, preset: low, input: auto}}}}\n",
    f"{P}controls: {{depth: {{weight: 0.3, preset: low}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, prompt: car}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, input: /abs.mp4}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, input: ../up.mp4}}}}\n",
    f"{P}controls: {{edge: {{weight: 0.3, input: ''}}}}\n",
    "prompt: a b\ncontrols: {edge: 0.3}\n",
    "prompt: 5\ncontrols: {edge: 0.3}\n",
    f"{EDGE}upscale: {{weight: 0.5}}\n",
    f"{P}upscale: {{weight: 0}}\n",
    f"{P}upscale: {{run: rs_a}}\n",
    f"{EDGE}model: transfer\n",
    f"{EDGE}seed: -1\n",
    f"{EDGE}seed: 4294967296\n",
    f"{EDGE}seed: 1.5\n",
    f"{EDGE}seed: 1_000\n",
    f"{EDGE}seed: '1'\n",
    f"{EDGE}seed:\n",
    f"{EDGE}seed: true\n",
    f"{EDGE}num_steps: 0\n",
    f"{EDGE}fps: 29.97\n",
    f"{EDGE}fps: 0\n",
    f"{EDGE}guidance: 101\n",
    f"{EDGE}guidance: five\n",
    f'{EDGE}negative_prompt: ""\n',
    f"{EDGE}offload_models: yes\n",
    f"{EDGE}warm: sometimes\n",
    f"{EDGE}steps: 3\n",
    f"{EDGE}tags: night\n",
    f"{EDGE}tags: ['']\n",
    f"{EDGE}quiet: [fsp]\n",
    f"{EDGE}notes: [a]\n",
    f"{EDGE}resolution: 480\n",
    f"{EDGE}distilled: true\n",
    f"{EDGE}control_guidance: 1\n",
    f"{EDGE}model: transfer2.5\nguidance: 9\n",
    f"{EDGE}model: transfer2.5\nguidance: 3.5\n",
    f"{EDGE}model: transfer2.5\nresolution: 300\n",
    f"{EDGE}model: transfer2.5\nsigma_max: 70\n",
    f"{EDGE}model: transfer2.5\nfps: 24\n",
    f"{EDGE}model: cosmos3\nguidance: 8\n",
    f"{EDGE}model: cosmos3\nwarm: true\n",
    f"{EDGE}model: cosmos3\nmax_frames: 5001\n",
    f"{P}model: cosmos3\ncontrols: {{depth: {{weight: 0.3, input: auto}}}}\n",
    f"{P}model: cosmos3\ncontrols: {{seg: {{weight: 0.3, prompt: car}}}}\n",
)
PROMPTS = {
    "text: a\nvideo: inputs/v\n": True,
    "text: a\nvideo: {color: a.mp4, seg: b.mp4}\nnegative_prompt: x\ntags:\nnotes:\n": True,
    "text: ''\nvideo: inputs/v\n": False,
    "text: a\n": False,
    "text: a\nvideo: {seg: a.mp4}\n": False,
    "text: a\nvideo: {color: a.mp4, blur: b.mp4}\n": False,
    "text: a\nvideo: 5\n": False,
    "text: a\nvideo: [a]\n": False,
    "text: 12\nvideo: inputs/v\n": False,
}
PROJECTS = {
    "project: a\n": True,
    "project: a\ndefaults:\nhosts:\n": True,
    "project: a\ndefaults: {transfer1: {seed: 3}, transfer2.5: {resolution: 480}, cosmos3: {guidance: 6}}\n": True,
    "project: a\ndefaults: {transfer1: {distilled: true}}\n": False,
    "project: a\ndefaults: {transfer1: {resolution: 480}}\n": False,
    "project: a\ndefaults: {transfer2.5: {guidance: 9}}\n": False,
    "project: a\ndefaults: {transfer2.5: {fps: 24}}\n": False,
    "project: a\ndefaults: {cosmos3: {seed: x}}\n": False,
    "project: a\ndefaults: {cosmos: {seed: 1}}\n": False,
    "project: a\ndefaults: {cosmos3:}\n": False,
    "project: a\nmodel: transfer\n": False,
    "project: a\nhosts: {lab: {engine: dokcer}}\n": False,
    "project: a\nhosts: {lab: {engine: bare, dir: x}}\n": False,
    "project: a\nhosts: {lab: {engine: bare, models: {transfer2.5: {checkpoints: /c}}}}\n": False,
    "project: a\nhosts: {lab: {engine: bare, gpus: []}}\n": False,
}


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Draft202012Validator]:
    """Kind of file -> its schema, as a new project holds it."""
    folder = init_project(tmp_path_factory.mktemp("editor") / "project", demo=False) / ".cosmosctl/schema"
    return {path.stem: Draft202012Validator(json.loads(path.read_bytes())) for path in folder.iterdir()}


@pytest.mark.parametrize("text", GOOD_RUNS)
def test_what_check_accepts_an_editor_accepts(text: str, editor: dict[str, Draft202012Validator]) -> None:
    assert run_mistakes(text, "transfer1") == []
    assert [one.message for one in editor["run"].iter_errors(parse(text).value)] == []


@pytest.mark.parametrize("text", BAD_RUNS)
def test_what_check_refuses_an_editor_refuses(text: str, editor: dict[str, Draft202012Validator]) -> None:
    assert run_mistakes(text, "transfer1") != []
    assert not editor["run"].is_valid(parse(text).value)


def test_the_schema_that_git_versions_judges_as_the_derived_one(editor: dict[str, Draft202012Validator]) -> None:
    """Other programs than yaml-language-server pass over what it says to that one alone."""
    versioned = Draft202012Validator(json.loads(for_git.texts(Project("transfer1"))["run"]))
    versioned.check_schema(versioned.schema)
    for text in (*GOOD_RUNS, *BAD_RUNS):
        value = parse(text).value
        assert versioned.is_valid(value) == editor["run"].is_valid(value), text


@pytest.mark.parametrize(("text", "is_good"), PROMPTS.items())
def test_of_prompts_they_say_the_same(text: str, is_good: bool, editor: dict[str, Draft202012Validator]) -> None:
    assert (prompt_of(parse(text)).mistakes == ()) == is_good
    assert editor["prompt"].is_valid(parse(text).value) == is_good


@pytest.mark.parametrize(("text", "is_good"), PROJECTS.items())
def test_of_projects_they_say_the_same(text: str, is_good: bool, editor: dict[str, Draft202012Validator]) -> None:
    assert (config_of(parse(text)).mistakes == ()) == is_good
    assert editor["project"].is_valid(parse(text).value) == is_good


def test_a_run_without_a_model_is_looked_at_by_the_family_of_its_project(tree: Tree) -> None:
    tree.config("project: 5f3a91c2\nmodel: cosmos3\n")
    tree.cli("check")
    cosmos3 = _written(tree, "run")
    assert cosmos3.is_valid(parse(f"{EDGE}control_guidance: 1\n").value)
    assert not cosmos3.is_valid(parse(f"{EDGE}sigma_max: 70\n").value)
    tree.config("project: 5f3a91c2\nmodel: transfer1\n")
    tree.cli("check")
    assert _written(tree, "run").is_valid(parse(f"{EDGE}sigma_max: 70\n").value)


def test_the_prompts_that_there_are_are_offered(tree: Tree) -> None:
    clips.scene(tree.root / "inputs/videos/city", width=64, height=36)
    tree.prompt("ps_here")
    tree.run("rs_a", "ps_here")
    tree.cli("check")
    family = _written(tree, "run").schema["$defs"]["transfer1"]
    assert "ps_here" in family["properties"]["prompt"]["examples"]
    assert "ps_k3f9qz" not in family["properties"]["prompt"]["examples"]


def test_a_byte_order_mark_is_no_mistake_and_moves_no_place(tree: Tree) -> None:
    clips.scene(tree.root / "inputs/videos/city", width=64, height=36)
    tree.prompt("ps_here")
    tree.run("rs_a", "ps_here")
    file = tree.root / "runs/rs_a/run.yaml"
    file.write_text(f"\ufeff{file.read_text()}", encoding="utf-8")
    assert tree.cli("check").code == 0
    file.write_text("\ufeffprompt: ps_here\ncontrols: {edge: 2}\n", encoding="utf-8")
    assert "runs/rs_a/run.yaml:2:18: controls.edge must be between 0 and 1, got 2" in tree.cli("check", expect=3).err


def test_a_whole_number_may_be_written_with_a_point(tree: Tree) -> None:
    """As JSON Schema has it, so that an editor and `check` agree; the run is the same."""
    one, other = (run_of(parse(f"{EDGE}seed: {word}\n"), "r", "f").value for word in ("1000", "1e3"))
    assert one == other
    assert one is not None
    assert type(one.settings["seed"]) is int


def _written(tree: Tree, name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((Path(tree.root) / f".cosmosctl/schema/{name}.json").read_bytes()))
