"""Sweeps as values: which runs a file spans, what they are called, and what is wrong with one."""

import pytest
from jsonschema import Draft202012Validator

from cosmosctl.commands.sweeps.drawing import more_points
from cosmosctl.commands.sweeps.given import Given, sweep_given
from cosmosctl.domain.ids import is_id
from cosmosctl.domain.project import Control, Run, Setting
from cosmosctl.domain.sweep import Sweep, digest_of, points_of, run_id
from cosmosctl.errors import UsageError
from cosmosctl.models import REGISTRY
from cosmosctl.schema import axes
from cosmosctl.schema.editors.json_schema import Project, json_schemas
from cosmosctl.schema.sweeps import sweep_of
from cosmosctl.store.new_files import is_as_written, run_text, sweep_text
from cosmosctl.yaml.reader import parse

WHOLE = """\
base: rs_a
grid:
  guidance: [3, 5.0]
  controls.edge.weight: [0.2, 0.4]
zip:
  seed: [1, 2]
  prompt: [ps_a, ps_b]
exclude:
  - {guidance: 3, edge: 0.4}
points:
  - {guidance: 4.5, edge: 0.3, seed: 9, prompt: ps_a}
max: 10
notes: a look
"""


def sweep(text: str) -> Sweep:
    parsed = sweep_of(parse(text), "look")
    assert parsed.value is not None, parsed.mistakes
    return parsed.value


def test_a_sweep_spans_its_grid_for_each_row_of_what_goes_side_by_side() -> None:
    points = [dict(point) for point in points_of(sweep(WHOLE))]
    kept = [(3, 0.2), (5.0, 0.2), (5.0, 0.4)]
    assert points == [
        *({"seed": 1, "prompt": "ps_a", "guidance": g, "edge": e} for g, e in kept),
        *({"seed": 2, "prompt": "ps_b", "guidance": g, "edge": e} for g, e in kept),
        {"guidance": 4.5, "edge": 0.3, "seed": 9, "prompt": "ps_a"},
    ]


def test_a_value_that_is_written_twice_is_one_run() -> None:
    assert len(points_of(sweep("base: rs_a\ngrid: {guidance: [5, 5.0, 5]}\npoints: [{guidance: 5}]\n"))) == 1


def test_the_file_that_is_written_says_what_was_given() -> None:
    made = sweep(WHOLE)
    assert sweep(sweep_text(made)) == made


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ({"guidance": 3, "edge": 0.25}, "look-guidance3-edge0.25"),
        ({"edge.preset": "low", "warm": True}, "look-edge.preset_low-warm_true"),
        ({"scene": "inputs/videos/city2/"}, "look-scene_city2-"),
        ({"negative_prompt": "fog, rain; $(x)"}, "look-negative_prompt_fog_rain_x_-"),
        ({"guidance": 0.1 + 0.2}, "look-guidance0.3-"),
        ({"sigma_max": 1e-7}, "look-sigma_max1e_07-"),
        ({"num_steps": 20, "fps": 24, "checkpoint": "a" * 90, "sigma_max": 70}, "look-num_steps20-fps24-checkpoint_"),
    ],
)
def test_an_id_is_made_of_the_values_and_fits(point: dict[str, float | str], name: str) -> None:
    made = run_id("look", point)
    assert made == name if not name.endswith(("-", "_")) else made.startswith(name)
    assert is_id(made)


def test_values_that_an_id_cannot_tell_apart_have_different_ids() -> None:
    texts = ["fog; rain", "fog, rain", "fog  rain", "FOG rain"]
    assert len({run_id("look", {"negative_prompt": text}) for text in texts}) == len(texts)
    assert run_id("look", {"guidance": 5}) == run_id("look", {"guidance": 5.0})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("grid: {guidance: [1]}\n", (1, 1), "base is missing"),
        ("base: rs_a\n", (1, 1), "a sweep has to vary something"),
        ("base: rs_a\ngrid:\n  guidence: [3]\n", (3, 3), "nothing called 'guidence' in a run; did you mean guidance?"),
        ("base: rs_a\ngrid:\n  edge: [0.2, 2]\n", (3, 15), "grid.edge[1] must be a number from 0 to 1, got 2"),
        ("base: rs_a\ngrid:\n  fps: [24, 29.97]\n", (3, 13), "grid.fps[1] must be a whole number"),
        ("base: rs_a\ngrid:\n  guidance: 4\n", (3, 13), "grid.guidance must be a list, got 4"),
        ("base: rs_a\ngrid:\n  guidance: []\n", (3, 13), "grid.guidance must not be empty"),
        ("base: rs_a\ngrid:\n  guidance: [[1]]\n", (3, 14), "grid.guidance[0] must be one value, got a list"),
        ("base: rs_a\ngrid:\n  edge.preset: [weak]\n", (3, 17), "must be one of very_low, low"),
        ("base: rs_a\ngrid:\n  model: [cosmos4]\n", (3, 11), "must be one of transfer1"),
        ("base: rs_a\nzip:\n  fps: [24, 30]\n  seed: [1]\n", (2, 1), "zip wants as many values of each, got fps 2"),
        ("base: rs_a\ngrid:\n  edge: [1]\nzip:\n  controls.edge: [1]\n", (5, 3), "is varied in grid.edge already"),
        ("base: rs_a\ngrid:\n  edge: [1]\nexclude:\n  - {}\n", (5, 5), "exclude[0] names no value"),
        ("base: rs_a\ngrid:\n  edge: [1]\nmax: 0\n", (4, 6), "max must be between 1 and 10000"),
        ("base: rs_a\ngird: {}\n", (2, 1), "unknown key 'gird'; did you mean grid?"),
        (
            f"base: rs_a\ngrid:\n  seed: {list(range(200))}\n  num_steps: {list(range(1, 200))}\n",
            (2, 1),
            "these are 39,800 runs; a sweep has at most 10,000",
        ),
    ],
)
def test_a_mistake_in_a_sweep_is_told_at_its_place(text: str, place: tuple[int, int], words: str) -> None:
    found = sweep_of(parse(text), "look").mistakes
    assert [(m.line, m.column) for m in found if words in m.message] == [place], found


def test_the_editors_schema_takes_and_refuses_what_the_reader_does() -> None:
    check = Draft202012Validator(json_schemas(Project("transfer1", ("ps_a",)))["sweep"])
    assert list(check.iter_errors(parse(WHOLE).value)) == []
    wrong = [
        "grid: {guidance: [1]}",
        "base: rs_a",
        "base: rs_a\ngrid: {guidence: [3]}",
        "base: rs_a\ngrid: {edge: [2]}",
        "base: rs_a\ngrid: {guidance: 4}",
        "base: rs_a\ngrid: {guidance: []}",
        "base: rs_a\ngrid: {edge.preset: [weak]}",
        "base: rs_a\ngrid: {edge: [1]}\nexclude: [{}]",
    ]
    for text in wrong:
        assert sweep_of(parse(text), "look").mistakes
        assert list(check.iter_errors(parse(text).value)), text


def test_each_axis_changes_its_own_part_of_a_run() -> None:
    base = Run("rs_a", "ps_a", (Control("edge", 0.5, input="auto"), Control("seg", 0.1)), settings={"seed": 1})
    values: dict[str, Setting] = {"vis": 0.25, "edge.preset": "low", "seg.prompt": "car", "seed": 2}
    values |= {"model": "cosmos3", "prompt": "ps_b"}
    run = base
    for name, value in values.items():
        run = axes.with_value(run, axes.axes()[name], value)
    assert run.controls == (Control("vis", 0.25), Control("edge", 0.5, preset="low"), Control("seg", 0.1, prompt="car"))
    assert (run.settings, run.model, run.prompt) == ({"seed": 2}, "cosmos3", "ps_b")
    assert {name: axes.value_of(run, axes.axes()[name]) for name in values} == values


def test_a_run_of_a_sweep_tells_whether_somebody_edited_it() -> None:
    run = Run("rs_a", "ps_a", (Control("edge", 0.5),), settings={"guidance": 5}, sweep="look")
    text = run_text(run)
    assert f"as written: {digest_of(run)}" in text
    assert is_as_written(run, text)
    assert not is_as_written(Run("rs_a", "ps_a", run.controls, settings={"guidance": 6}, sweep="look"), text)
    assert not is_as_written(run, text.replace("# as written", "# mine"))


def test_more_points_lie_near_the_accepted_ones_within_the_rules_and_are_the_same_each_time() -> None:
    made = sweep("base: rs_a\ngrid:\n  guidance: [0, 7]\n  edge: [0.0, 1]\n  num_steps: [10, 50]\n  seed: [1, 2]\n")
    centre = {"guidance": 7, "edge": 0.9, "num_steps": 40, "seed": 1}
    family = REGISTRY["cosmos3"]
    points = more_points(made, family, [centre], 40)
    assert points == more_points(made, family, [centre], 40)
    assert len({run_id("look", point) for point in (*points, *points_of(made))}) == 40 + 16
    assert all(0 <= point["guidance"] <= 7 and 0 <= point["edge"] <= 1 for point in points)  # type: ignore[operator]
    assert all(isinstance(point["num_steps"], int) for point in points)
    middle = sum(float(point["edge"]) for point in points) / len(points)
    assert middle > 0.65, "drawn around 0.9, not over the whole span"
    assert all(point["seed"] not in (1, 2) for point in points)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given(grid=("guidance",)), "--grid guidance: write AXIS=VALUE,VALUE"),
        (Given(grid=("guidence=3",)), "did you mean guidance?"),
        (Given(grid=("edge=0.2,much",)), "edge must be a number from 0 to 1, got 'much'"),
        (Given(grid=("edge=1", "controls.edge=0.5")), "edge is there twice"),
        (Given(grid=("edge=1",), zip=("edge=1",)), "edge stands in --grid and in --zip"),
        (Given(zip=("seed=1,2", "fps=24")), "--zip wants as many values of each axis"),
        (Given(grid=("seed=1",), seeds=3), "--seeds counts seeds from the base's own"),
        (Given(), "a sweep has to vary something"),
    ],
)
def test_options_that_make_no_sweep_are_refused(given: Given, words: str) -> None:
    with pytest.raises(UsageError) as error:
        sweep_given("look", "rs_a", given, first_seed=1)
    assert words in error.value.message


def test_options_become_the_sweep_that_they_say() -> None:
    given = Given(grid=("guidance=3,5.5", "resolution=720,480"), seeds=3, exclude=("guidance=3,seed=7",), most=5)
    made = sweep_given("look", "rs_a", given, first_seed=6)
    assert made.grid == {"guidance": (3, 5.5), "resolution": ("720", "480"), "seed": (6, 7, 8)}
    assert (made.exclude, made.most) == (({"guidance": 3, "seed": 7},), 5)
