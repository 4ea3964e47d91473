"""The three families over the same run files: what is written is read back exactly, and nothing leaks or gets lost."""

import json
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cosmosctl import models
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.project import PRESETS, Config, Control, Host, HostModel, Prompt, Run, Setting
from cosmosctl.domain.spec import EffectiveControl, Spec, with_warm
from cosmosctl.errors import EXIT_INTERRUPTED
from cosmosctl.models.protocol import Clip
from cosmosctl.plan.planner import Group, Plan, Sources, make_plan
from cosmosctl.schema.settings import SETTING_NAMES
from tests.support import aftermath
from tests.support.clock import Clock
from tests.support.family_batch import STALL_S, family_batch, loads, specs_of
from tests.support.host_batch import WAIT_S
from tests.support.independent_reader import ReadControl, ReadRow, rows
from tests.support.tree import REPOSITORY, Tree
from tests.support.tree import loads as loads_of
from tests.support.waiting import wait_until

FAMILIES = ("transfer1", "transfer2.5", "cosmos3")
HOST = Host("lab", "bare", "/cosmosctl", models={name: HostModel(repo="/repo") for name in FAMILIES})
SCENES = ("v/one", "v/two")
ROLES = ("color", "vis", "edge", "depth", "seg")


def video(path: str, number: int) -> Input:
    width, height = ((1280, 704), (640, 640))[path.startswith("v/two")]
    return Input(path, Path("/p") / path, f"{number:016x}" * 4, 1000, width, height, 24.0, 121)


NAMES = [f"{scene}/{role}.mp4" for scene in SCENES for role in ROLES]
FILES = {name: video(name, number) for number, name in enumerate(NAMES, start=1)}
RECIPES = [
    (f"{scene}/color.mp4", control, preset) for scene in SCENES for control in models.controls() for preset in PRESETS
]
SOURCES = Sources(FILES, {r: video("/".join(r), number) for number, r in enumerate(RECIPES, start=100)})
CLIPS = {name: Clip(found.width, found.height, found.fps, found.frames) for name, found in FILES.items()}

texts = st.text(min_size=1, max_size=20).filter(str.strip)
values: Mapping[str, st.SearchStrategy[Setting]] = {
    "seed": st.integers(0, 2**31),
    "num_steps": st.integers(1, 100),
    "guidance": st.integers(0, 7) | st.floats(0, 7),
    "control_guidance": st.floats(0, 10),
    "sigma_max": st.floats(0, 200),
    "resolution": st.sampled_from(["256", "480", "720", "768", "1080"]),
    "max_frames": st.integers(1, 5000),
    "fps": st.integers(1, 60),
    "negative_prompt": texts,
    "offload_models": st.booleans(),
    "distilled": st.booleans(),
    "checkpoint": st.sampled_from(["Cosmos3-Nano", "Cosmos3-Super"]),
    "diffusion_cache": st.booleans(),
    "warm": st.sampled_from([True, False, "reload"]),
}


@st.composite
def controls(draw: st.DrawFn) -> tuple[Control, ...]:
    names = draw(st.lists(st.sampled_from(tuple(models.controls())), min_size=1, unique=True))
    weights = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), min_size=len(names), max_size=len(names)))
    assume(any(weights))
    made = []
    for name, weight in zip(names, weights, strict=True):
        preset = draw(st.sampled_from([None, *PRESETS])) if name in ("vis", "edge") else None
        source = draw(st.sampled_from([None, "auto", f"v/one/{name}.mp4"])) if preset is None else None
        prompt = draw(st.none() | texts) if name == "seg" else None
        made.append(Control(name, weight, input=source, preset=preset, prompt=prompt))
    return tuple(made)


@st.composite
def any_specs(draw: st.DrawFn, families: tuple[str, ...] = FAMILIES) -> list[Spec]:
    """Runs as a user might write them, also with settings and controls that their family does not have."""
    specs = []
    names = draw(st.lists(st.text("abcXYZ019._-", min_size=1, max_size=6), min_size=1, max_size=8, unique=True))
    for name in names:
        scene = draw(st.sampled_from(SCENES))
        there = draw(st.sets(st.sampled_from(ROLES[1:])))
        videos = {"color": f"{scene}/color.mp4"} | {role: f"{scene}/{role}.mp4" for role in there}
        prompt = Prompt(f"ps_{name}", draw(texts), videos, draw(st.none() | texts))
        chosen = draw(st.lists(st.sampled_from(sorted(values)), max_size=4, unique=True))
        settings = {setting: draw(values[setting]) for setting in chosen}
        run = Run(f"rs_{name}", prompt.id, draw(controls()), settings=settings)
        family = draw(st.sampled_from(families))
        specs.append(models.spec_of(run, prompt, Config("p", family, "lab", {}, {})))
    return specs


def errors(spec: Spec) -> list[str]:
    clips = {path: CLIPS[path] for path in spec.input_paths}
    return [finding.key for finding in models.get(spec.model).check(spec, clips) if finding.level == "error"]


def valid(specs: list[Spec]) -> dict[str, list[Spec]]:
    """Family -> its runs that pass the check, as `batch` would take them."""
    passed = [spec for spec in specs if not errors(spec)]
    assume(passed)
    return {name: mine for name in FAMILIES if (mine := [spec for spec in passed if spec.model == name])}


def read(group: Group) -> list[ReadRow]:
    lines = "".join(row.line + "\n" for row in group.rows)
    files = {**group.files, group.model.ROWS_FILE: lines}
    return rows(group.model.NAME, group.argv, group.env, files)


def all_groups(plan: Plan) -> Iterator[Group]:
    """Also those that stand in for others."""
    for group in plan.groups:
        yield from (group, *group.fallback)


def expected_control(control: EffectiveControl, spec: Spec) -> ReadControl:
    seen = SOURCES.of(spec).get(control.name)
    path = None if seen is None else f"/cosmosctl/inputs/{seen.pool_name}"
    preset = control.preset if path is None else None
    return ReadControl(control.weight, path, preset, control.prompt)


def expected_settings(spec: Spec) -> dict[str, Any]:
    settings: dict[str, Any] = {name: value for name, value in spec.settings.items() if name != "warm"}
    if spec.model == "cosmos3":
        settings.setdefault("checkpoint", "Cosmos3-Nano")
        settings.pop("max_frames", None)
    return settings


@given(any_specs())
@hypothesis_settings(max_examples=60, deadline=None)
def test_every_row_read_back_gives_exactly_its_runs_effective_settings(specs: list[Spec]) -> None:
    for mine in valid(specs).values():
        plan = make_plan(mine, SOURCES, HOST)
        for group in all_groups(plan):
            for row, found in zip(group.rows, read(group), strict=True):
                spec = row.spec
                assert found.prompt == spec.text
                assert found.video == f"/cosmosctl/inputs/{FILES[spec.video].pool_name}"
                assert found.controls == {control.name: expected_control(control, spec) for control in spec.controls}
                assert found.settings == expected_settings(spec)


@given(any_specs())
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_two_runs_share_a_group_whose_key_differs(specs: list[Spec]) -> None:
    for mine in valid(specs).values():
        plan = make_plan(mine, SOURCES, HOST)
        assert sorted(row.run for row in plan.rows) == sorted(spec.run for spec in mine)
        for group in all_groups(plan):
            assert {group.model.group_key(row.spec) for row in group.rows} == {group.key}
        for groups in (plan.groups, *(group.fallback for group in plan.groups)):
            keys = [group.key for group in groups]
            assert len(keys) == len(set(keys))


@given(any_specs(("transfer1",)))
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_stands_in_for_a_warm_start_is_what_the_runs_would_be_without_it(specs: list[Spec]) -> None:
    for mine in valid(specs).values():
        for group in make_plan(mine, SOURCES, HOST).groups:
            cold = make_plan([with_warm(row.spec, False) for row in group.rows], SOURCES, HOST)
            assert bool(group.fallback) == bool(group.rows[0].spec.settings.get("warm"))
            assert [parts(one) for one in group.fallback or [group]] == [parts(one) for one in cold.groups]


def parts(group: Group) -> object:
    lines = [(row.run, row.line, row.spec_hash) for row in group.rows]
    return group.key, group.argv, group.cwd, group.env, group.files, lines


@given(any_specs(), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=40, deadline=None)
def test_a_runs_line_does_not_depend_on_the_other_runs(specs: list[Spec], random: Any) -> None:
    for mine in valid(specs).values():
        together = {row.run: row.line for row in make_plan(mine, SOURCES, HOST).rows}
        one = random.choice(mine)
        assert make_plan([one], SOURCES, HOST).rows[0].line == together[one.run]


@given(any_specs(), st.sampled_from(SETTING_NAMES))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_setting_that_the_family_does_not_have_is_an_error_and_no_other_is(specs: list[Spec], name: str) -> None:
    for spec in specs:
        foreign = [key for key in spec.settings if key not in models.get(spec.model).SETTINGS]
        assert set(foreign) <= set(errors(spec))
    plain = Prompt("ps_a", "x", {"color": "v/one/color.mp4"})
    for family in FAMILIES:
        run = Run("rs_a", "ps_a", (Control("edge", 1.0),))
        spec = models.spec_of(run, plain, Config("p", family, "lab", {}, {}))
        assert errors(spec) == []
        assert name in models.get(family).SETTINGS or name not in spec.settings


@given(any_specs(("transfer2.5", "cosmos3")))
@hypothesis_settings(max_examples=40, deadline=None)
def test_names_of_rows_are_safe_and_hold_nothing_of_the_users(specs: list[Spec]) -> None:
    for mine in valid(specs).values():
        plan = make_plan(mine, SOURCES, HOST)
        names = [found.name for group in plan.groups for found in read(group)]
        assert len(set(names)) == len(mine)
        assert all(name.isascii() and name.isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_of_a_row_are_those_of_its_shortest_video_at_most_max_frames(family: str) -> None:
    prompt = Prompt("ps_a", "x", {"color": "v/one/color.mp4"})
    spec = models.spec_of(Run("rs_a", "ps_a", (Control("edge", 1.0),)), prompt, Config("p", family, "lab", {}, {}))
    assert make_plan([spec], SOURCES, HOST).rows[0].frames == 121
    if "max_frames" in models.get(family).SETTINGS:
        short = replace(spec, settings={**spec.settings, "max_frames": 50})
        assert make_plan([short], SOURCES, HOST).rows[0].frames == 50


PROMPTS = ("one", "two", "three", "four", "five")
"""rs_1 to rs_5, in the order of one start."""


@pytest.mark.parametrize(
    ("family", "fault", "reason", "starts"),
    [
        # transfer1: a block kills the process, the rest is started again; nothing is tried twice but a mere crash
        ("transfer1", "block:three", "blocked", 2),
        ("transfer1", "block-video:three", "blocked", 2),
        ("transfer1", "bad-input:three", "bad-input", 2),
        ("transfer1", "gpu-oom:three", "gpu-oom", 2),
        ("transfer1", "crash:three", "model-error", 3),
        ("transfer1", "crash_once:three", "done", 3),
        ("transfer1", "signal-9:three", "host-oom", 3),
        ("transfer1", "silence:three", "stalled", 2),
        ("transfer1", "no-prompt:three", "bad-output", 1),
        # transfer2.5: a block is passed over with exit code 0
        ("transfer2.5", "block:three", "blocked", 1),
        ("transfer2.5", "block-video:three", "blocked", 1),
        ("transfer2.5", "block:five", "blocked", 1),
        ("transfer2.5", "block-video:five", "blocked", 1),
        ("transfer2.5", "bad-input:three", "bad-input", 2),
        ("transfer2.5", "gpu-oom:three", "gpu-oom", 2),
        ("transfer2.5", "crash:three", "model-error", 3),
        ("transfer2.5", "crash_once:three", "done", 3),
        ("transfer2.5", "signal-9:three", "host-oom", 3),
        ("transfer2.5", "silence:three", "stalled", 2),
        # cosmos3: a bad sample ends the job without its sample_outputs.json, and no guardrail runs
        ("cosmos3", "block:three", "done", 1),
        ("cosmos3", "bad-input:three", "bad-input", 2),
        ("cosmos3", "gpu-oom:three", "gpu-oom", 2),
        ("cosmos3", "crash:three", "model-error", 3),
        ("cosmos3", "crash_once:three", "done", 3),
        ("cosmos3", "signal-9:three", "host-oom", 3),
        ("cosmos3", "silence:three", "stalled", 2),
        ("cosmos3", "no-prompt:three", "bad-output", 1),
    ],
)
def test_a_failed_row_has_its_reason_and_the_others_are_done(
    tmp_path: Path, family: str, fault: str, reason: str, starts: int
) -> None:
    batch, clock = family_batch(tmp_path, specs_of(family, PROMPTS), faults=fault), Clock(tmp_path / "clock")
    supervisor = batch.start(**clock.env)
    if reason == "stalled":
        clock.put_forward_until(lambda: batch.events("process_end"), by_s=STALL_S + 1)
    assert supervisor.wait(WAIT_S) == 0
    struck = f"rs_{PROMPTS.index(fault.partition(':')[2]) + 1}"
    assert batch.ends() == {f"rs_{n}": reason if f"rs_{n}" == struck else "done" for n in range(1, 6)}
    assert loads(batch) == starts


@pytest.mark.parametrize("family", FAMILIES)
def test_a_missing_checkpoint_with_20_rows_costs_one_start(tmp_path: Path, family: str) -> None:
    specs = specs_of(family, [f"prompt {number}" for number in range(20)])
    batch = family_batch(tmp_path, specs, faults="before-first")
    batch.run()
    assert set(batch.ends().values()) == {"model-error"}
    assert len(batch.ends()) == 20
    assert loads(batch) == 1
    assert "No such file or directory" in batch.failed("rs_7")["detail"]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_result_holds_its_own_rows_values(tmp_path: Path, family: str) -> None:
    batch = family_batch(tmp_path, specs_of(family, PROMPTS))
    batch.run()
    for number, prompt in enumerate(PROMPTS, start=1):
        video = (batch.folder / "done" / f"rs_{number}" / "output.mp4").read_bytes()
        assert f'"prompt": "{prompt}"'.encode() in video


def test_the_batch_of_one_family_comes_home_while_that_of_another_runs(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_slow", "a slow street")
    quick_tree.run("rs_a", "ps_slow")
    quick_tree.run("rs_b", more="model: cosmos3\n")
    tree = aftermath.swift(quick_tree)
    client = aftermath.Client(tree, "batch", env=aftermath.faults("held:slow"))
    wait_until(tree.run_paths("rs_b").preview.receipt.exists, "the quick one to come home")
    wait_until(lambda: aftermath.states(tree)["rs_a"] == "running", "news of the slow one")
    assert tree.states() == {"rs_a": "running", "rs_b": "done"}
    aftermath.let_go(tree)
    done = client.end()
    assert tree.states() == {"rs_a": "done", "rs_b": "done"}, done.err
    assert [line.split()[0] for line in done.lines if line.startswith("rs_")] == ["rs_a", "rs_b"]


def test_ctrl_c_stops_watching_all_batches_and_attach_brings_them_home(quick_tree: Tree) -> None:
    quick_tree = aftermath.swift(quick_tree)
    for run, family in (("rs_a", "transfer1"), ("rs_b", "cosmos3")):
        quick_tree.run(run, more=f"model: {family}\n")
    client = aftermath.Client(quick_tree, "batch", env=aftermath.faults("held"))
    wait_until(lambda: client.has_told("phase: follow", times=2), "both to be followed")
    client.send(signal.SIGINT)
    done = client.end()
    assert done.code == EXIT_INTERRUPTED, done.err
    one, two = (batch.name for batch in sorted(quick_tree.batches(), key=lambda batch: "cosmos3" in batch.name))
    told = f"stopped watching; {one}, {two} go on by themselves on local\n"
    told += f"  cosmosctl attach comes back, cosmosctl cancel {one}, cosmosctl cancel {two} end them\n"
    assert f"\n{told}" in done.err  # what the threads that follow note may come after it
    assert "error:" not in done.err
    aftermath.let_go(quick_tree)
    quick_tree.cli("attach")
    assert quick_tree.states() == {"rs_a": "done", "rs_b": "done"}
    aftermath.assert_nothing_left_over(quick_tree)


def test_a_hundred_runs_of_three_families_in_one_command_are_three_batches(quick_tree: Tree) -> None:
    for number in range(100):
        quick_tree.run(f"rs_{number:03d}", more=f"model: {FAMILIES[number % 3]}\n")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_ROW_S": "0.005"})
    assert set(quick_tree.states().values()) == {"done"}
    assert [name.rpartition("-")[2].partition("_")[0] for name in sorted(b.name for b in quick_tree.batches())] == [
        "cosmos3",
        "transfer1",
        "transfer2.5",
    ]
    assert all(loads_of(quick_tree.events(batch.name)) == 1 for batch in quick_tree.batches())


@pytest.mark.parametrize("family", ["transfer2.5", "cosmos3"])
def test_the_same_runs_can_be_tried_on_another_family(quick_tree: Tree, family: str) -> None:
    quick_tree.run("rs_one", controls="{edge: {weight: 1, preset: low}}")
    quick_tree.cli("batch", "rs_one", "--model", family)
    assert json.loads((quick_tree.batches()[-1].plan).read_text())["model"] == family
    assert (quick_tree.run_paths("rs_one").preview.outputs / "sample_args.json").is_file()


def test_a_setting_of_another_family_is_told_at_its_line_before_anything_is_sent(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", more="model: transfer2.5\nfps: 24\n")
    told = quick_tree.cli("batch", expect=3).err
    assert "runs/rs_one/run.yaml:4:6: fps is not a setting of transfer2.5" in told
    assert not quick_tree.paths.batches.exists()


@pytest.mark.parametrize("fault", ["flat", "flat1", "own-name"])
def test_other_layouts_of_transfer1_are_mapped_by_their_order(tmp_path: Path, fault: str) -> None:
    batch = family_batch(tmp_path, specs_of("transfer1", PROMPTS), faults=fault)
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    for number, prompt in enumerate(PROMPTS, start=1):
        assert f'"prompt": "{prompt}"'.encode() in (batch.folder / f"done/rs_{number}/output.mp4").read_bytes()


@pytest.mark.parametrize("blocked", PROMPTS)
@pytest.mark.parametrize("layout", ["", "flat,"])
def test_a_compacted_batch_is_recognised_by_its_prompts(tmp_path: Path, blocked: str, layout: str) -> None:
    batch = family_batch(tmp_path, specs_of("transfer1", PROMPTS), faults=f"compacted,{layout}block:{blocked}")
    batch.run()
    for number, prompt in enumerate(PROMPTS, start=1):
        if prompt == blocked:
            assert batch.ends()[f"rs_{number}"] == "blocked"
        else:
            assert f'"prompt": "{prompt}"'.encode() in (batch.folder / f"done/rs_{number}/output.mp4").read_bytes()
    assert len(batch.events("process_start")) == 1


def test_a_compacted_batch_whose_files_could_belong_to_two_runs_is_kept_aside(tmp_path: Path) -> None:
    batch = family_batch(tmp_path, specs_of("transfer1", ("one", "two", "same", "same")), faults="compacted,block:one")
    batch.run()
    assert batch.ends() == {"rs_1": "blocked", "rs_2": "done", "rs_3": "bad-output", "rs_4": "bad-output"}
    assert "could belong to another run" in batch.failed("rs_3")["detail"]
    assert batch.failed("rs_3")["kept"]


@pytest.mark.parametrize("layout", ["", "flat,"])
def test_in_a_compacted_batch_of_one_prompt_no_run_is_given_the_video_of_another(tmp_path: Path, layout: str) -> None:
    batch = family_batch(tmp_path, specs_of("transfer1", ["same"] * 4), faults=f"compacted,{layout}block@2")
    batch.run()
    assert batch.ends() == {"rs_1": "done", "rs_2": "blocked", "rs_3": "bad-output", "rs_4": "bad-output"}
    assert batch.failed("rs_2")["detail"] == "GUARDRAIL BLOCKED: Prompt blocked by safety checker"
    assert "could belong to another run" in batch.failed("rs_3")["detail"]


@pytest.mark.parametrize(("family", "starts"), [("transfer1", 2), ("transfer2.5", 2), ("cosmos3", 1)])
def test_the_five_runs_of_the_demo_on_each_family(quick_tree: Tree, family: str, starts: int) -> None:
    no_clips = shutil.ignore_patterns("inputs")  # the stand-in's videos are as long as the clips that are here
    shutil.copytree(REPOSITORY / "templates/demo", quick_tree.root, dirs_exist_ok=True, ignore=no_clips)
    if family == "cosmos3":
        told = quick_tree.cli("batch", "rs_noseg0", "--model", family, expect=3).err
        assert (
            "runs/rs_noseg0/run.yaml:6:10: controls.depth needs a file: cosmos3 makes only vis and edge itself" in told
        )
        path = quick_tree.run_paths("rs_noseg0").spec
        path.write_text(path.read_text(encoding="utf-8").replace(", input: auto", ""), encoding="utf-8")
    quick_tree.cli("batch", "--model", family, env={"COSMOSCTL_PREVIEW_ROW_S": "0.02"})
    assert sum(event["ev"] == "run_done" for event in quick_tree.events()) == 5
    assert loads_of(quick_tree.events()) == starts


_TOLD = """
from tests.support.waiting import wait_until

def told():
    return open({events!r}).read().count('{{"ev":"progress"')
"""


@pytest.mark.parametrize("family", ["transfer2.5", "cosmos3"])
def test_progress_within_a_video_counts_the_steps_of_all_its_chunks(tmp_path: Path, family: str) -> None:
    lines = {
        "transfer2.5": ["[1/1] Processing sample r0", *["Generating chunk 1/3", "Generating samples:  50%|#| 5/10 ["]],
        "cosmos3": ["Saved sample args to 'x'", *["Using sampler: UniPC (shift=10)", "Sampling:  50%|#| 5/10 ["]],
    }[family]
    batch = family_batch(tmp_path, specs_of(family, ("one",)))
    script = [_TOLD.format(events=str(batch.folder / "events.jsonl")), f"print({lines[0]!r}, flush=True)"]
    for chunk in (1, 2, 3):  # each is shown when the one before has been told of
        script += [f"print({lines[1]!r}); print({lines[2]!r}, flush=True); wait_until(lambda: told() >= {chunk})"]
    batch.replan(lambda plan: plan["groups"][0].update(argv=[sys.executable, "-c", "\n".join(script)]))
    batch.replan(lambda plan: plan["groups"][0]["rows"][0].update(steps=3))
    batch.run()
    told = [(event["done"], event["total"]) for event in batch.events("progress")]
    assert told[:3] == [(5, 30), (15, 30), (25, 30)]
