"""The planner is deterministic, never mixes group keys, and no run's settings reach another's line."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cosmosctl import models
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.project import PRESETS, Config, Control, Host, HostModel, Prompt, Run
from cosmosctl.domain.spec import Spec, effective_spec
from cosmosctl.models import transfer1
from cosmosctl.plan.planner import Plan, Sources, differences, make_plan
from tests.support.examples import examples

HOST = Host("lab", "bare", "/data", models={"transfer1": HostModel(repo="/repo")})
SCENES = ("v/one", "v/two")


def video(path: str, number: int) -> Input:
    return Input(path, Path("/p") / path, f"{number:016x}" * 4, 1000, 1280, 704, 24.0, 121)


NAMES = [f"{scene}/{role}.mp4" for scene in SCENES for role in ("color", "depth", "seg")]
FILES = {name: video(name, number) for number, name in enumerate(NAMES, start=1)}
RECIPES = [
    (f"{scene}/color.mp4", control, preset) for scene in SCENES for control in ("vis", "edge") for preset in PRESETS
]
SOURCES = Sources(FILES, {r: video("/".join(r), number) for number, r in enumerate(RECIPES, start=100)})

weights = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])


@st.composite
def controls(draw: st.DrawFn) -> tuple[Control, ...]:
    names = draw(st.lists(st.sampled_from(tuple(models.controls())), min_size=1, unique=True))
    made = []
    for name in names:
        preset = draw(st.sampled_from([None, *PRESETS])) if name in ("vis", "edge") else None
        given_input = draw(st.sampled_from([None, "auto"])) if preset is None else None
        made.append(Control(name, draw(weights), input=given_input, preset=preset))
    return tuple(made)


@st.composite
def spec_lists(draw: st.DrawFn) -> list[Spec]:
    count = draw(st.integers(1, 12))
    config = Config("p", "transfer1", "lab", {}, {})
    specs = []
    for number in range(count):
        scene = draw(st.sampled_from(SCENES))
        roles = {"color": f"{scene}/color.mp4"}
        roles |= {role: f"{scene}/{role}.mp4" for role in ("depth", "seg") if draw(st.booleans())}
        prompt = Prompt(f"ps_{number}", draw(st.text(min_size=1, max_size=30)), roles)
        chosen = draw(st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2), "guidance": st.just(7.0)}))
        run = Run(f"rs_{number:03d}", prompt.id, draw(controls()), settings=chosen)
        specs.append(effective_spec(run, prompt, config, model="transfer1", rules=transfer1.SETTINGS))
    return specs


def everything(plan: Plan) -> list[object]:
    return [(g.name, g.key, g.argv, g.files, [(r.run, r.line, r.spec_hash) for r in g.rows]) for g in plan.groups]


@given(spec_lists(), st.randoms())
@examples(20)
def test_the_same_runs_in_any_order_give_the_same_plan(specs: list[Spec], random: st.DataObject) -> None:
    shuffled = list(specs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    assert everything(make_plan(specs, SOURCES, HOST)) == everything(make_plan(shuffled, SOURCES, HOST))


@given(spec_lists())
@examples(25)
def test_runs_share_a_group_exactly_when_their_keys_are_equal(specs: list[Spec]) -> None:
    plan = make_plan(specs, SOURCES, HOST)
    keys = [transfer1.group_key(row.spec) for group in plan.groups for row in group.rows]
    assert sorted(row.run for row in plan.rows) == [spec.run for spec in specs]
    assert all({transfer1.group_key(row.spec) for row in group.rows} == {group.key} for group in plan.groups)
    assert len(plan.groups) == len(set(keys))


@given(spec_lists())
@examples(25)
def test_each_line_holds_its_own_runs_values_and_nothing_of_another(specs: list[Spec]) -> None:
    by_run = {spec.run: spec for spec in specs}
    for group in make_plan(specs, SOURCES, HOST).groups:
        base = json.loads(group.files["controlnet_spec.json"])
        for row in group.rows:
            spec, line = by_run[row.run], json.loads(row.line)
            assert line["prompt"] == spec.text
            assert line["visual_input"] == f"/data/inputs/{FILES[spec.video].pool_name}"
            given_weights = {name: block["control_weight"] for name, block in line["control_overrides"].items()}
            assert given_weights == {control.name: control.weight for control in spec.controls}
            assert {name for name, value in base.items() if isinstance(value, dict)} == set(given_weights)
            assert all(base[name] == spec.settings[name] for name in ("seed", "guidance", "num_steps", "fps"))
            for control in spec.controls:
                expected = SOURCES.of(spec).get(control.name)
                path = line["control_overrides"][control.name]["input_control"]
                assert path == (None if expected is None else f"/data/inputs/{expected.pool_name}")


@given(spec_lists())
@examples(20)
def test_differences_name_what_keeps_groups_apart(specs: list[Spec]) -> None:
    groups = make_plan(specs, SOURCES, HOST).groups
    found = differences(groups)
    assert bool(found) == (len(groups) > 1)
    for name, values in found.items():
        assert values == tuple(dict(group.key).get(name) for group in groups)


def test_a_video_that_many_runs_use_is_sent_once() -> None:
    prompt = Prompt("ps_a", "x", {"color": "v/one/color.mp4"})
    config = Config("p", "transfer1", "lab", {}, {})
    specs = [
        effective_spec(
            Run(f"rs_{n}", "ps_a", (Control("edge", 0.5),)), prompt, config, model="transfer1", rules=transfer1.SETTINGS
        )
        for n in range(100)
    ]
    assert [found.path for found in make_plan(specs, SOURCES, HOST).inputs] == ["v/one/color.mp4"]
