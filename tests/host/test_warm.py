"""Rows served warm equal those of fresh starts; one that fails is alone with it; other code means native starts."""

import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.domain.project import Control, Host, HostModel, Setting
from cosmosctl.domain.spec import fingerprint, spec_hash
from cosmosctl.models import transfer1, transfer1_warm
from cosmosctl.models.transfer1 import SPEC_FILE
from cosmosctl.plan.planner import starts
from tests.support.family_batch import COLOR, VIDEO, family_batch
from tests.support.host_batch import HostBatch
from tests.support.tree import Tree, loads
from tests.support.waiting import wait_until
from tests.support.warm_batch import REPO, SCRIPT, made_with, recorded, repo_batch, results, run_spec, served

SWEEP = [
    run_spec(f"rs_{seed}{guidance:g}", seed=seed, guidance=guidance) for seed in range(1, 9) for guidance in (5.0, 7.0)
]
AUTO = (Control("vis", 0.3), Control("edge", 0.4, input="auto"), Control("depth", 0.2), Control("seg", 0.0))
EVERY = [
    run_spec("rs_0", *AUTO, seed=3, num_steps=20, guidance=6.5, sigma_max=80, fps=30, negative_prompt="fog"),
    run_spec("rs_1", *AUTO, negative_prompt="rain"),
    run_spec("rs_2", *AUTO, text="struck", seed=9, fps=10, sigma_max=90.0),
    run_spec("rs_3", *AUTO, seed=3, num_steps=20, guidance=6.5, sigma_max=80, fps=30),
    run_spec("rs_4", Control("vis", 1.0), *AUTO[1:]),
]
"""Every setting differs somewhere and is left out elsewhere; a row in the middle can be struck."""
STRUCK = "rs_2"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, bytes]]:
    """The results of EVERY, each run by a native start of its own."""
    found: dict[str, Mapping[str, bytes]] = {}
    for spec in EVERY:
        batch = strengthened(repo_batch(tmp_path_factory.mktemp(spec.run), [spec]))
        batch.run()
        found |= results(batch)
    assert len(found) == len(EVERY)
    return found


STRENGTHS = {"rs_0": ("high", "low"), "rs_3": ("very_low", "very_high")}
"""Strengths of the model's own vis and edge: no key of a run file, so they are put into the batch by hand."""


def strengthened(batch: HostBatch) -> HostBatch:
    """The batch with STRENGTHS, where a start reads them."""

    def change(plan: dict[str, Any]) -> None:
        for row in (row for group in plan["groups"] for row in group["rows"] if row["run"] in STRENGTHS):
            settings = dict(zip(("blur_strength", "canny_threshold"), STRENGTHS[row["run"]], strict=True))
            line = json.loads(row["line"])
            if "settings" in line:
                row["line"] = json.dumps({**line, "settings": {**line["settings"], **settings}})
            else:
                files = plan["groups"][0]["files"]
                files[SPEC_FILE] = json.dumps({**json.loads(files[SPEC_FILE]), **settings})

    batch.replan(change)
    return batch


def without(found: Mapping[str, Mapping[str, bytes]], run: str) -> Mapping[str, Mapping[str, bytes]]:
    return {name: files for name, files in found.items() if name != run}


def test_eight_seeds_by_two_guidances_cost_one_load_and_equal_sixteen_native_starts(tmp_path: Path) -> None:
    warm, native = repo_batch(tmp_path / "warm", served(SWEEP, True)), repo_batch(tmp_path / "native", SWEEP)
    for batch in (warm, native):
        batch.run()
        assert set(batch.ends().values()) == {"done"}
    assert (len(recorded(warm, "load")), len(recorded(native, "load"))) == (1, 16)
    assert len({row["pid"] for row in recorded(warm, "row")}) == 1
    assert len({row["pid"] for row in recorded(native, "row")}) == 16
    made, expected = results(warm), results(native)
    assert sorted(made) == sorted(spec.run for spec in SWEEP)
    for spec in SWEEP:
        assert made[spec.run] == expected[spec.run]
        attributes = made_with(made[spec.run]["output.mp4"])["attributes"]
        assert {name: attributes[name] for name in ("seed", "guidance")} == {
            name: spec.settings[name] for name in ("seed", "guidance")
        }


def test_rows_that_differ_in_every_setting_equal_fresh_starts(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]]
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True)))
    batch.run()
    assert results(batch) == fresh
    assert len(recorded(batch, "load")) == 1


@pytest.mark.parametrize(
    ("kind", "reason", "attempts"), [("block", "blocked", 1), ("oom", "gpu-oom", 1), ("fail", "bad-input", 1)]
)
def test_rows_after_one_that_was_blocked_or_failed_equal_fresh_starts(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]], kind: str, reason: str, attempts: int
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), strikes=kind))
    batch.run()
    assert batch.ends() == {**dict.fromkeys(fresh, "done"), STRUCK: reason}
    assert results(batch) == without(fresh, STRUCK)
    assert len(recorded(batch, "load")) == 1
    failed = batch.failed(STRUCK)
    assert failed["attempts"] == attempts
    assert "struck" not in batch.log(failed)
    assert batch.log(failed).endswith("transfer1_warm.py: row 2 has no video\n")


def test_a_row_that_fails_ends_before_the_rows_behind_it_begin(tmp_path: Path) -> None:
    batch = repo_batch(tmp_path, served(EVERY, True), strikes="oom")
    events = batch.run()
    ends = [event["run"] for event in events if event["ev"] in ("run_done", "run_failed")]
    assert ends == [spec.run for spec in EVERY]


def test_a_row_that_merely_failed_is_tried_once_more_alone(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]]
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), strikes="crash"))
    batch.run()
    assert batch.ends() == {**dict.fromkeys(fresh, "done"), STRUCK: "model-error"}
    assert [event["runs"] for event in batch.events("process_start")] == [[spec.run for spec in EVERY], [STRUCK]]
    assert batch.failed(STRUCK)["attempts"] == 2
    assert batch.failed(STRUCK)["detail"] == "RuntimeError: shape mismatch"
    assert results(batch) == without(fresh, STRUCK)


@pytest.mark.parametrize("kind", ["cuda", "broken"])
def test_a_process_whose_gpu_is_in_doubt_is_started_again_and_nobody_else_is_blamed(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]], kind: str
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), strikes=kind))
    batch.run()
    assert batch.ends() == {**dict.fromkeys(fresh, "done"), STRUCK: "model-error"}
    assert [event["runs"] for event in batch.events("process_start")] == [
        [spec.run for spec in EVERY],
        ["rs_3", "rs_4"],
        [STRUCK],
    ]
    assert [event["culprit"] for event in batch.events("process_end")] == [STRUCK, None, None]
    assert results(batch) == without(fresh, STRUCK)


def test_after_a_failure_with_offloaded_parts_the_program_is_started_again(tmp_path: Path) -> None:
    specs = [run_spec(f"rs_{n}", text=text, seed=n, offload_models=True) for n, text in enumerate(("a", "struck", "b"))]
    batch = repo_batch(tmp_path, served(specs, True), strikes="oom")
    batch.run()
    assert batch.ends() == {"rs_0": "done", "rs_1": "gpu-oom", "rs_2": "done"}
    assert len(recorded(batch, "load")) == 2


def test_three_doubtful_ends_without_a_result_stop_the_group(tmp_path: Path) -> None:
    batch = repo_batch(
        tmp_path, served([run_spec(f"rs_{n}", text=f"struck {n}", seed=n) for n in range(5)], True), strikes="cuda"
    )
    batch.run()
    reasons = {"rs_0": "model-error", "rs_1": "model-error", "rs_2": "model-error"}
    assert batch.ends() == {**reasons, "rs_3": "not-reached", "rs_4": "not-reached"}
    assert len(recorded(batch, "load")) == 3


def test_three_failures_in_a_row_stop_the_group_and_are_not_tried_again(tmp_path: Path) -> None:
    specs = [run_spec(f"rs_{n}", text="fine" if n == 0 else f"struck {n}", seed=n) for n in range(7)]
    batch = repo_batch(tmp_path, served(specs, True), strikes="crash")
    batch.hold()
    batch.let_go(*(spec.text for spec in specs[:4]))
    batch.run()
    ends = batch.ends()
    assert [ends[f"rs_{n}"] for n in range(4)] == ["done", *["model-error"] * 3]
    assert {ends[f"rs_{n}"] for n in (4, 5, 6)} == {"not-reached"}
    assert len(recorded(batch, "load")) == 1
    assert batch.failed("rs_2")["detail"] == "RuntimeError: shape mismatch"
    assert batch.failed("rs_6")["detail"].startswith("3 failures without a finished run between them")


def test_failures_with_finished_rows_between_them_do_not_stop_a_warm_group(tmp_path: Path) -> None:
    specs = [run_spec(f"rs_{n}", text=f"struck {n}" if n % 2 else "fine", seed=n) for n in range(8)]
    batch = repo_batch(tmp_path, served(specs, True), strikes="crash")
    batch.run()
    assert list(batch.ends().values()).count("done") == list(batch.ends().values()).count("model-error") == 4
    assert len(recorded(batch, "load")) == 1 + 4


def test_a_killed_supervisor_and_model_lose_no_finished_row(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]]
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True)))
    batch.hold()
    batch.let_go("rs_0", "rs_1")
    process = batch.start()
    batch.until("run_done", 2)
    process.kill()
    process.wait()
    os.killpg(batch.events("process_start")[0]["pid"], signal.SIGKILL)
    batch.let_go()
    batch.run()
    assert results(batch) == fresh
    assert sum(len(event["runs"]) for event in batch.events("process_start")) <= 5 + 3


def test_a_supervisor_that_adopts_a_warm_model_hears_what_failed_meanwhile(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]]
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), strikes="crash"))
    batch.hold()
    batch.let_go("rs_0")
    process = batch.start()
    batch.until("row_start", 2)
    process.kill()
    process.wait()
    batch.let_go("rs_1", "struck")
    wait_until(lambda: len(recorded(batch, "row")) >= 4, "the row behind the one that fails")
    batch.let_go()
    batch.run()
    assert batch.ends() == {**dict.fromkeys(fresh, "done"), STRUCK: "model-error"}
    assert [event["runs"] for event in batch.events("process_start")] == [[spec.run for spec in EVERY], [STRUCK]]
    assert results(batch) == without(fresh, STRUCK)


@pytest.mark.parametrize("name", ["", "another name of an attribute"])
def test_a_supervisor_killed_again_and_again_computes_each_row_once(tmp_path: Path, name: str) -> None:
    """Each time before a step that the seed draws; meanwhile the model goes on to the end of one row more."""
    repo, chance = other_repo(tmp_path, name) if name else REPO, random.Random(20261122)
    batch = repo_batch(tmp_path / "host", served(EVERY, True), repo=repo, strikes="crash")
    batch.hold()
    for prompt in ("rs_0", "rs_1", "struck", "rs_3", "rs_4"):
        for most in (8, 14):
            batch.start_to_be_killed(chance.randint(1, most))
        batch.let_go(prompt)
    batch.run()
    assert batch.ends() == {**dict.fromkeys((spec.run for spec in EVERY), "done"), STRUCK: "model-error"}
    generated = Counter(row["facts"]["prompt"][0] for row in recorded(batch, "row"))
    assert generated == {"rs_0": 1, "rs_1": 1, "struck": 2, "rs_3": 1, "rs_4": 1}
    assert len(batch.events("group_replaced")) == bool(name)


SETS = [
    run_spec("rs_0", *AUTO[:2], seed=1),
    run_spec("rs_1", Control("edge", 1.0), seed=2),
    run_spec("rs_2", *AUTO[:2], seed=3),
    run_spec("rs_3", *AUTO, seed=4),
    run_spec("rs_4", Control("vis", 1.0), seed=5),
    run_spec("rs_5", Control("edge", 0.5), Control("depth", 0.5), seed=6),
]
"""In the order in which they are served, a single control follows several: encoders of before would be in its way."""


def test_with_reload_rows_of_other_sets_of_controls_share_the_load_and_equal_fresh_starts(tmp_path: Path) -> None:
    warm, native = repo_batch(tmp_path / "warm", served(SETS, "reload")), repo_batch(tmp_path / "native", SETS)
    for batch in (warm, native):
        batch.run()
        assert set(batch.ends().values()) == {"done"}
    assert results(warm) == results(native)
    assert (len(recorded(warm, "load")), len(recorded(warm, "reload"))) == (1, 4)


def test_without_reload_each_set_of_controls_is_a_load(tmp_path: Path) -> None:
    batch = repo_batch(tmp_path, served(SETS, True))
    batch.run()
    assert (len(recorded(batch, "load")), len(recorded(batch, "reload"))) == (5, 0)


MUTANTS = {
    "strengths are kept": ("setattr(self.preprocessors, name, None)", "pass"),
    "regional prompts are kept": ("_prompts, self.pipeline.region_definitions = [], []", "_prompts"),
    "blocks are shared": ("return copy.deepcopy({name: block", "return dict({name: block"),
    "the pipeline's blocks are kept": (
        "inputs = self._fresh_blocks()\n        self.pipeline.reg",
        "inputs\n        self.pipeline.reg",
    ),
    "the environment is kept": ("os.environ.update(self.environment)", "pass"),
    "the random state is kept": ('misc.set_random_seed(settings["seed"])', "misc"),
    "what a row does not set is kept": (
        "name, settings[name])",
        "name, row['settings'].get(name, getattr(self.pipeline, name)))",
    ),
    "all are saved at the same rate": ('folder, settings["fps"])', "folder, self.cfg.fps)"),
    "the negative prompt is the parser's": ('settings["negative_prompt"],', "self.cfg.negative_prompt,"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_driver_that_falls_into_a_trap_is_noticed(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]], name: str
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), strikes="oom"))
    rewrite(batch.folder / "transfer1_warm.py", *MUTANTS[name])
    batch.run()
    assert results(batch) != without(fresh, STRUCK)


def rewrite(path: Path, before: str, after: str) -> None:
    """The file with another text in place of `before`, which stands there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


INFERENCE = "cosmos_transfer1/diffusion/inference"
OTHER_CODE = {
    "preprocessors without strengths": (
        f"{INFERENCE}/preprocessors.py",
        ("_model", "_maker"),
        "the preprocessors have no vis_model, edge_model",
    ),
    "another name of an attribute": (
        f"{INFERENCE}/world_generation_pipeline.py",
        ("self.guidance", "self.scale"),
        "the pipeline never sets guidance; the pipeline never reads guidance",
    ),
    "generate needs something more": (
        f"{INFERENCE}/world_generation_pipeline.py",
        ("batch_size: int = 1,", "batch_size: int = 1, *, regional: object = None, mode: str,"),
        "generate needs mode too",
    ),
    "no way to reload": (
        f"{INFERENCE}/world_generation_pipeline.py",
        ("reload_model(self)", "reload_model(self, where: str)"),
        "the pipeline has no reload_model that is known here",
    ),
    "encoders of another name": (
        f"{INFERENCE}/world_generation_pipeline.py",
        ("hint_encoders", "encoders"),
        "the pipeline has no hint_encoders",
    ),
    "no parser": (f"{INFERENCE}/transfer.py", ("parse_arguments", "arguments"), "transfer has no parse_arguments"),
    "a module that is gone": (
        f"{INFERENCE}/transfer.py",
        ("import argparse\n", "import argparse\nimport no_such_module\n"),
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
}


def other_repo(folder: Path, name: str) -> Path:
    """A copy of the stand-in whose code is another release's."""
    repo = Path(shutil.copytree(REPO, folder / "repo", ignore=shutil.ignore_patterns("__pycache__")))
    file, (before, after), _ = OTHER_CODE[name]
    text = (repo / file).read_text(encoding="utf-8")
    assert before in text
    (repo / file).write_text(text.replace(before, after), encoding="utf-8")
    return repo


@pytest.mark.parametrize("name", ["preprocessors without strengths", "another name of an attribute", "no parser"])
def test_other_code_is_noticed_before_anything_is_loaded_and_the_native_command_is_used(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]], name: str
) -> None:
    batch = repo_batch(tmp_path / "host", served(EVERY[:2], True), repo=other_repo(tmp_path, name))
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    (replaced,) = batch.events("group_replaced")
    assert replaced["detail"] == f"transfer1_warm.py: does not fit the model's code: {OTHER_CODE[name][2]}"
    names = ["01-vis-edge-depth-seg-native-01", "01-vis-edge-depth-seg-native-02"]
    assert (replaced["group"], replaced["by"]) == ("01-vis-edge-depth-seg", names)
    assert [event["group"] for event in batch.events("process_start")] == ["01-vis-edge-depth-seg", *names]
    assert len(recorded(batch, "load")) == 2
    for event in batch.events("run_done"):
        assert "Saved prompt to" in batch.log(event)
    if name == "preprocessors without strengths":
        assert set(results(batch)) == {"rs_0", "rs_1"}


@pytest.mark.parametrize("name", ["no way to reload", "encoders of another name"])
def test_networks_that_cannot_be_read_again_for_sure_are_not(tmp_path: Path, name: str) -> None:
    repo = other_repo(tmp_path, name)
    for warm, replaced in (("reload", 1), (True, 0)):
        batch = repo_batch(tmp_path / f"host-{warm}", served(SETS, warm), repo=repo)
        batch.run()
        assert set(batch.ends().values()) == {"done"}
        assert [OTHER_CODE[name][2] in event["detail"] for event in batch.events("group_replaced")] == [True] * replaced


@pytest.mark.parametrize("flag", ["--use_distilled", "--upsample_prompt", "--offload_diffusion_transformer"])
def test_what_is_not_served_warm_is_left_to_the_native_command(tmp_path: Path, flag: str) -> None:
    batch = repo_batch(tmp_path, served(EVERY[:2], True))
    batch.replan(lambda plan: plan["groups"][0]["argv"].append(flag))
    batch.run()
    assert batch.events("group_replaced")[0]["detail"].endswith(f": {flag} is not served warm")
    assert set(batch.ends().values()) == {"done"}


@pytest.mark.parametrize("name", ["generate needs something more", "a module that is gone"])
def test_code_that_the_native_command_cannot_use_either_fails_for_its_own_reason(tmp_path: Path, name: str) -> None:
    batch = repo_batch(tmp_path / "host", served(EVERY[:2], True), repo=other_repo(tmp_path, name))
    batch.run()
    assert OTHER_CODE[name][2] in batch.events("group_replaced")[0]["detail"]
    assert set(batch.ends().values()) == {"model-error"}
    assert "transfer1_warm" not in batch.failed("rs_0")["detail"]


def test_a_supervisor_that_is_started_again_does_not_ask_the_warm_program_again(tmp_path: Path) -> None:
    repo = other_repo(tmp_path, "preprocessors without strengths")
    batch = repo_batch(tmp_path / "host", served(EVERY[:3], True), repo=repo, STANDIN_LOAD_S="0.5")
    process = batch.start()
    batch.until("process_start", 2)
    process.kill()
    process.wait()
    batch.run()
    groups = [event["group"] for event in batch.events("process_start")]
    assert groups.count("01-vis-edge-depth-seg") == 1
    assert set(batch.ends().values()) == {"done"}


def test_two_gpus_that_both_meet_other_code_share_the_native_starts(tmp_path: Path) -> None:
    repo = other_repo(tmp_path, "preprocessors without strengths")
    batch = repo_batch(tmp_path / "host", served(EVERY, True), repo=repo, gpus=2)
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    assert len(recorded(batch, "load")) == len(recorded(batch, "row")) == len(EVERY)


def test_two_gpus_share_a_warm_group_and_load_once_each(
    tmp_path: Path, fresh: Mapping[str, Mapping[str, bytes]]
) -> None:
    batch = strengthened(repo_batch(tmp_path, served(EVERY, True), gpus=2))
    batch.run()
    assert results(batch) == fresh
    assert len(recorded(batch, "load")) == 2


def test_a_command_of_the_hosts_own_that_is_not_known_is_served_natively(tmp_path: Path) -> None:
    host = Host("lab", "bare", str(tmp_path), models={"transfer1": HostModel(command=("python3", "/opt/own.py"))})
    assert starts(served(SWEEP, True), host) == 16


@pytest.mark.parametrize("prefix", ["", "/opt/cosmos/"])
def test_the_launcher_of_the_host_starts_our_program_where_it_names_the_models_own(prefix: str) -> None:
    own = ("nice", "torchrun", "--nproc_per_node=1", f"{prefix}{SCRIPT}")
    assert transfer1_warm.launcher(own) == (*own[:3], "{batch}/transfer1_warm.py")


def test_upscaling_stays_a_start_of_its_own() -> None:
    host = Host("lab", "bare", "/c", models={"transfer1": HostModel(repo="/repo")})
    upscaling = run_spec("rs_large", Control("upscale", 0.5), warm=True)
    assert starts([*served(SWEEP, True), upscaling], host) == 2


def test_warm_is_no_fact_of_a_result() -> None:
    spec = EVERY[0]
    prints = [
        spec_hash(fingerprint(one, {COLOR: "0"})) for one in (spec, *served([spec], True), *served([spec], "reload"))
    ]
    assert len(set(prints)) == 1


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (True, ""),
        (False, ""),
        ("reload", ""),
        ("hot", "must be true or false or reload, got 'hot'"),
        (1, "must be true or false or reload, got 1"),
    ],
)
def test_warm_takes_true_false_and_reload(value: Setting, mistake: str) -> None:
    assert transfer1.SETTINGS["warm"].mistake(value) == mistake


def sweep_files(tree: Tree, more: str = "") -> list[str]:
    """Run files of eight seeds by two guidances."""
    runs = [f"rs_{seed}{guidance}" for seed in range(1, 9) for guidance in (5, 7)]
    for run in runs:
        tree.run(run, more=f"seed: {run[3]}\nguidance: {run[4]}\n{more}")
    return runs


def test_a_dry_run_tells_what_warm_rows_would_save(quick_tree: Tree) -> None:
    sweep_files(quick_tree)
    assert "\n16 loads; 1 with warm: true\n" in quick_tree.cli("batch", "--dry-run").out
    quick_tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\ndefaults: {transfer1: {warm: true}}\n")
    out = quick_tree.cli("batch", "--dry-run").out
    assert "\n1 load; 16 where warm rows do not fit the model's code\n" in out
    settings = [json.loads(line)["settings"] for line in out.splitlines() if line.startswith("{")]
    assert [(one["seed"], one["guidance"]) for one in settings] == [(s, g) for s in range(1, 9) for g in (5, 7)]


def test_a_dry_run_of_one_start_says_nothing_of_loads(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    assert "1 load" not in quick_tree.cli("batch", "--dry-run").out


def test_warm_runs_are_previewed_by_one_start_each_with_its_own_settings(quick_tree: Tree) -> None:
    runs = sweep_files(quick_tree, "warm: true\n")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_ROW_S": "0.02"})
    assert quick_tree.states() == dict.fromkeys(runs, "done")
    assert loads(quick_tree.events()) == 1
    assert Path(quick_tree.env["COSMOSCTL_PREVIEW_TALLY"]).read_text().count("load\n") == 1
    for run in runs:
        video = (quick_tree.run_paths(run).preview.outputs / "output.mp4").read_bytes()
        assert f'"seed": {run[3]}'.encode() in video and f'"guidance": {run[4]}'.encode() in video
    assert quick_tree.cli("batch", expect=0).err.startswith("nothing is pending")


def test_setting_warm_makes_no_result_old(quick_tree: Tree) -> None:
    runs = sweep_files(quick_tree)[:2]
    quick_tree.cli("batch", *runs, env={"COSMOSCTL_PREVIEW_ROW_S": "0.02"})
    sweep_files(quick_tree, "warm: true\n")
    assert {quick_tree.states()[run] for run in runs} == {"done"}


def test_a_blocked_and_a_failed_preview_end_alone(tmp_path: Path) -> None:
    specs = served(
        [run_spec(f"rs_{n}", text=word, seed=n) for n, word in enumerate(("one", "two", "three", "four"))], True
    )
    batch = family_batch(tmp_path, specs, faults="block:two,gpu-oom:three")
    batch.run()
    assert batch.ends() == {"rs_0": "done", "rs_1": "blocked", "rs_2": "gpu-oom", "rs_3": "done"}
    assert len(batch.events("process_start")) == 1


def test_with_reload_a_preview_shows_each_row_with_its_own_controls(tmp_path: Path) -> None:
    batch = family_batch(tmp_path, served(SETS, "reload"))
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    assert len(batch.events("process_start")) == 1


@pytest.mark.parametrize("name", ["", "another name of an attribute"])
def test_warm_runs_come_home_from_a_host_whatever_its_code(quick_tree: Tree, name: str) -> None:
    repo, record = other_repo(quick_tree.home, name) if name else REPO, quick_tree.home / "record"
    env = {"STANDIN_RECORD": record, "STANDIN_VIDEO": VIDEO, "STANDIN_FAULTS": json.dumps({"struck": "block"})}
    host = {
        "engine": "bare",
        "dir": str(quick_tree.home / "host"),
        "models": {"transfer1": {"repo": str(repo), "command": [sys.executable, SCRIPT]}},
        "env": {key: str(value) for key, value in env.items()},
    }
    defaults = "defaults: {transfer1: {warm: reload}}"
    hosts = json.dumps({"lab": host})
    quick_tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\n{defaults}\nhosts: {hosts}\n")
    quick_tree.prompt("ps_b", "struck")
    quick_tree.run("rs_1", more="seed: 1\n")
    quick_tree.run("rs_2", "ps_b", more="seed: 2\n")
    quick_tree.run("rs_3", controls="{vis: 1}", more="seed: 3\n")
    quick_tree.run("rs_4", more="seed: 4\n")
    told = quick_tree.cli("batch", expect=1).err
    assert quick_tree.states() == {"rs_1": "done", "rs_2": "blocked", "rs_3": "done", "rs_4": "done"}
    assert ("does not fit the model's code" in told) == bool(name)
    loads = [line for line in record.read_text().splitlines() if '"load"' in line]
    assert len(loads) == (4 if name else 1)
    for seed in (1, 3, 4):
        paths = quick_tree.run_paths(f"rs_{seed}")
        attributes = made_with((paths.result.outputs / "output.mp4").read_bytes())["attributes"]
        assert attributes["seed"] == seed
        execution = paths.result.execution_log.read_text()
        assert execution.count("running preprocessor") == execution.count("Saved prompt to") == 1
    blocked = quick_tree.run_paths("rs_2").result.execution_log.read_text()
    assert "GUARDRAIL BLOCKED" in blocked and "Saved prompt to" not in blocked
