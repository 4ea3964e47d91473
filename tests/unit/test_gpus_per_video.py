"""Several GPUs for one video, as each family and each engine is told of them. Nothing is started."""

from typing import Any

import pytest

from cosmosctl import engines, models
from cosmosctl.domain.project import Config, Control, Host, HostModel, Prompt, Run
from cosmosctl.domain.spec import Spec
from cosmosctl.models.ranks import started_mistake
from cosmosctl.plan.planner import starts
from cosmosctl.schema.values import host_mistakes

FAMILIES = tuple(models.REGISTRY)
TRANSFER1 = models.get("transfer1")


def spec(model: str, **settings: Any) -> Spec:
    prompt = Prompt("ps_a", "a street", {"color": "v/color.mp4", "depth": "v/depth.mp4"})
    run = Run("rs_a", "ps_a", (Control("depth", 0.5),), model=model, settings=settings)
    return models.spec_of(run, prompt, Config("p", model, "lab", {}, {}))


def command(model: str, gpus: int, launcher: tuple[str, ...] | None = None, **settings: Any) -> tuple[str, ...]:
    family = models.get(model)
    arguments = family.arguments([spec(model, **settings)], checkpoints=family.CHECKPOINTS)
    return family.parallel(family.LAUNCHER if launcher is None else launcher, arguments, gpus)


@pytest.mark.parametrize(
    ("model", "begin", "end"),
    [
        (
            "transfer1",
            ("torchrun", "--standalone", "--nproc_per_node=4", "cosmos_transfer1/diffusion/inference/transfer.py"),
            ("--batch_size", "1", "--num_gpus", "4"),
        ),
        ("transfer2.5", ("torchrun", "--standalone", "--nproc_per_node=4", "examples/inference.py"), ()),
        (
            "cosmos3",
            ("torchrun", "--standalone", "--nproc_per_node=4", "-m", "cosmos_framework.scripts.inference"),
            ("--cp-size=4", "--cfgp-size=1", "--dp-shard-size=1"),
        ),
    ],
)
def test_each_family_shares_a_video_out_over_four_gpus(
    model: str, begin: tuple[str, ...], end: tuple[str, ...]
) -> None:
    made = command(model, 4)
    assert made[: len(begin)] == begin
    assert made[len(made) - len(end) :] == end


@pytest.mark.parametrize("model", FAMILIES)
def test_one_gpu_for_a_video_changes_no_word(model: str) -> None:
    family = models.get(model)
    arguments = family.arguments([spec(model)], checkpoints=family.CHECKPOINTS)
    assert family.parallel(family.LAUNCHER, arguments, 1) == (*family.LAUNCHER, *arguments)


def test_the_weights_of_super_are_parted_too() -> None:
    made = command("cosmos3", 4, checkpoint="Cosmos3-Super")
    assert made[-2:] == ("--cp-size=4", "--cfgp-size=1")


@pytest.mark.parametrize(
    ("model", "possible"),
    [
        ("transfer1", {1, 2, 4, 8, 16}),
        ("transfer2.5", {1, 2, 3, 4, 6, 8, 12, 16, 24}),
        ("cosmos3", {1, 2, 4, 8}),
    ],
)
def test_counts_that_a_family_cannot_take_are_refused(model: str, possible: set[int]) -> None:
    mistakes = {count: models.host_mistake(spec(model), None, count) for count in range(1, 65)}
    assert {count for count, words in mistakes.items() if not words} == possible
    assert mistakes[5].lower().startswith(f"gpus_per_video: {model} can share a video out over 1, 2, ")


def test_a_family_that_is_one_process_takes_one_gpu_alone() -> None:
    name = next(name for name in FAMILIES if "diffusers" in name)
    assert models.host_mistake(spec(name), None, 1) == ""
    assert models.host_mistake(spec(name), None, 2) == f"gpus_per_video: {name} makes a video on one GPU, not on 2"


@pytest.mark.parametrize(("host", "run"), [("Cosmos3-Super", {}), (None, {"checkpoint": "/weights/Cosmos3-Super/"})])
def test_super_needs_four(host: str | None, run: dict[str, str]) -> None:
    assert "needs 4 GPUs" in models.host_mistake(spec("cosmos3", **run), host, 2)
    assert models.host_mistake(spec("cosmos3", **run), host, 4) == ""


def test_a_command_of_the_hosts_own_starts_as_many_processes_as_it_says() -> None:
    script = "cosmos_transfer1/diffusion/inference/transfer.py"
    own = ("/venv/bin/torchrun", "--nproc-per-node=1", script)
    assert command("transfer1", 2, own)[:3] == ("/venv/bin/torchrun", "--nproc-per-node=2", script)
    assert started_mistake(own, 2) == "" and started_mistake(("run-it",), 2) == ""
    assert "starts 4 processes" in started_mistake(("torchrun", "--nproc_per_node=4", script), 2)


@pytest.mark.parametrize(
    ("engine", "sets"),
    [
        ("bare", ((4, 5), (6, 7))),
        ("apptainer", ((4, 5), (6, 7))),
        ("docker", ((0, 1), (2, 3))),
        ("podman", ((0, 1), (2, 3))),
        ("preview", (None,)),
    ],
)
def test_a_process_has_a_set_by_the_numbers_that_it_sees(engine: str, sets: tuple[object, ...]) -> None:
    host = Host("lab", engine, "/data", gpus=(4, 5, 6, 7), gpus_per_video=2)
    assert engines.get(engine).gpus(host) == sets


def test_a_container_becomes_torchrun_with_as_many_processes() -> None:
    block = HostModel("/data/x.sif", "/data/repo")
    host = Host("lab", "apptainer", "/data/us", models={"cosmos3": block}, gpus=(0, 1), gpus_per_video=2)
    family = models.get("cosmos3")
    launcher = engines.get("apptainer").process(host, family).launcher
    made = family.parallel(launcher, ("--checkpoint-path", "Cosmos3-Nano"), 2)
    at = made.index("/data/x.sif")
    assert made[at + 1 : at + 5] == ("torchrun", "--standalone", "--nproc_per_node=2", "-m")


@pytest.mark.parametrize(
    ("gpus", "each", "words"),
    [([0, 1, 2], 2, "cannot be parted into sets of 2"), (None, 2, "1 GPUs cannot"), ([0, 0], 2, "names 0 twice")],
)
def test_gpus_that_cannot_be_parted_into_sets_are_a_mistake(gpus: list[int] | None, each: int, words: str) -> None:
    block = {"engine": "bare", "dir": "/data", "gpus_per_video": each, **({"gpus": gpus} if gpus else {})}
    (mistake,) = host_mistakes({"lab": block})
    assert "hosts.lab.gpus_per_video" in mistake and words in mistake


def test_a_warm_program_serves_one_gpu_alone() -> None:
    specs = [spec("transfer1", warm=True, seed=number) for number in (1, 2)]
    block = {"transfer1": HostModel(repo="/repo")}
    one = Host("lab", "bare", "/data", models=block)
    two = Host("lab", "bare", "/data", models=block, gpus=(0, 1), gpus_per_video=2)
    assert (starts(specs, one), starts(specs, two)) == (1, 2)
