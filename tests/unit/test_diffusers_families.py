"""The families through Diffusers: what is refused in words, what shares a start, how long and large a row is."""

import json
from collections.abc import Mapping

import pytest

from cosmosctl import engines, models
from cosmosctl.commands.machines.host_findings import Looked
from cosmosctl.commands.machines.own_programs import own_program_findings
from cosmosctl.domain.project import Config, Control, Host, HostModel, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec
from cosmosctl.models import diffusers_rows
from cosmosctl.models.protocol import Clip

CLIP = Clip(1920, 1080, 24.0, 200)
DEPTH = "inputs/videos/a/depth.mp4"
FAMILIES = ("transfer2.5-diffusers", "cosmos3-diffusers")
EDGE = Control("edge", 0.5)


def spec(family: str, *controls: Control, **settings: Setting) -> Spec:
    prompt = Prompt("ps_a", "a street", {"color": "inputs/videos/a/color.mp4"})
    run = Run("rs_a", "ps_a", controls or (EDGE,), settings=settings)
    return models.spec_of(run, prompt, Config("5f3a91c2", family, "lab", {}, {}))


def told(found: Spec) -> list[str]:
    clips = dict.fromkeys(found.input_paths, CLIP)
    return [f"{one.key} {one.message}" for one in models.get(found.model).check(found, clips) if one.level == "error"]


def line(found: Spec, clip: Clip = CLIP) -> Mapping[str, object]:
    row: Mapping[str, object] = json.loads(models.get(found.model).row(found, {"color": "/pool/color.mp4"}, clip))
    return row


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["sigma_max", "distilled", "offload_models", "fps"])
def test_a_setting_that_diffusers_does_not_have_is_refused_with_the_reason(family: str, name: str) -> None:
    [mistake] = told(spec(family, **{name: 1}))
    assert mistake == f"{name} has no effect: {models.get(family).DROPPED[name]}; take it out"


@pytest.mark.parametrize("family", FAMILIES)
def test_controls_that_nobody_makes_there_need_a_file(family: str) -> None:
    for name in ("depth", "seg"):
        [mistake] = told(spec(family, Control(name, 0.5)))
        assert f"controls.{name} needs a file: {family} makes only vis and edge itself" in mistake
    assert told(spec(family, Control("depth", 0.5, input=DEPTH))) == []


def test_weights_that_differ_are_refused_where_all_controls_have_the_same_say() -> None:
    several = (Control("vis", 0.3), Control("edge", 0.7))
    assert told(spec("transfer2.5-diffusers", *several)) == []
    [mistake] = told(spec("cosmos3-diffusers", *several))
    assert mistake.startswith("controls weights differ (vis 0.3, edge 0.7): ")
    assert told(spec("cosmos3-diffusers", Control("vis", 0.3), Control("edge", 0.3))) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chunk_that_the_encoder_cannot_hold_is_refused(family: str) -> None:
    assert told(spec(family, chunk_frames=18)) == ["chunk_frames must be 4n + 1, such as 17, got 18"]
    assert told(spec(family, chunk_frames=17)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_runs_of_any_settings_share_a_start_but_for_another_checkpoint(family: str) -> None:
    group_key = models.get(family).group_key
    one, other = spec(family, seed=1), spec(family, Control("vis", 1.0), seed=2, num_steps=9, guidance=2)
    assert group_key(one) == group_key(other) == ()
    assert group_key(spec(family, checkpoint="/data/own")) != group_key(one)


@pytest.mark.parametrize(
    ("family", "memory", "mib", "verdict", "word"),
    [
        ("transfer2.5-diffusers", None, "81559", "PASS", "24 GiB of weights"),
        ("transfer2.5-diffusers", None, "23034", "FAIL", "memory: offload"),
        ("transfer2.5-diffusers", None, "12288", "FAIL", "memory: group"),
        ("transfer2.5-diffusers", "offload", "23034", "PASS", "15.45 GiB of weights"),
        ("cosmos3-diffusers", None, "23034", "FAIL", "memory: group"),
        ("cosmos3-diffusers", "small", "8192", "SKIP", "not measured"),
        ("cosmos3-diffusers", None, "", "SKIP", "nvidia-smi does not tell"),
    ],
)
def test_host_check_says_whether_the_weights_fit_and_what_would(
    family: str, memory: str | None, mib: str, verdict: str, word: str
) -> None:
    host = Host("gpu", "bare", "/data", models={family: HostModel(memory=memory)})
    *_, found = own_program_findings(Looked(host, family, {"gpu-mib": mib}, "", 0.0))
    assert found.verdict == verdict
    assert word in found.words + found.mend


def test_memory_and_tiling_of_a_host_reach_the_program() -> None:
    block = HostModel(memory="small", vae_tiling=True, python="/opt/python")
    host = Host("gpu", "bare", "/data", models={"transfer2.5-diffusers": block}, gpus=(0,))
    started = engines.get("bare").process(host, models.get("transfer2.5-diffusers")).launcher
    assert started[:3] == ("/opt/python", "-B", "{batch}/diffusers_rows/serve.py")
    setup = ("--setup", "cosmosctl host setup gpu", "--fetch", "cosmosctl host setup gpu --weights")
    assert started[3:] == ("--memory", "small", "--vae-tiling", *setup)


@pytest.mark.parametrize("engine", ["docker", "podman", "apptainer"])
def test_no_program_in_an_image_asks_for_a_setup_that_does_not_reach_it(engine: str) -> None:
    host = Host("lab", engine, "/data", models={"cosmos3-diffusers": HostModel(image="/images/cosmos.sif")}, gpus=(0,))
    started = engines.get(engine).process(host, models.get("cosmos3-diffusers")).launcher
    assert started[started.index("--setup") :] == (
        "--setup",
        "make the image anew: docs/diffusers.md",
        "--fetch",
        "cosmosctl retry",
    )


def test_the_native_families_have_no_such_line() -> None:
    host = Host("gpu", "bare", "/data")
    assert list(own_program_findings(Looked(host, "transfer1", {"gpu-mib": "8192"}, "", 0.0))) == []


@pytest.mark.parametrize(
    ("frames", "length", "chunks"), [(1, 93, 1), (93, 93, 1), (94, 93, 2), (33, 17, 2), (34, 17, 3)]
)
def test_a_video_is_made_of_chunks_that_overlap_by_one_frame(frames: int, length: int, chunks: int) -> None:
    assert diffusers_rows.chunks(frames, length) == chunks


@pytest.mark.parametrize("length", [5, 17, 93])
def test_the_chunks_are_those_of_the_native_programs(length: int) -> None:
    """cosmos_framework/inference/transfer.py: _get_num_chunks; the same rule in transfer2.5 (model-contracts 2e)."""
    for frames in range(1, 500):
        left, stride = frames - length, length - 1
        native = 1 if left <= 0 else 1 + left // stride + (1 if left % stride else 0)
        assert diffusers_rows.chunks(frames, length) == native, frames


def test_a_row_is_of_the_native_programs_size_or_the_videos_own() -> None:
    stretched = line(spec("transfer2.5-diffusers"))
    assert (stretched["size"], stretched["crop"], stretched["kept_size"]) == ([1280, 704], False, [1920, 1080])
    cropped = line(spec("cosmos3-diffusers"))
    assert (cropped["size"], cropped["crop"], cropped["kept_size"]) == ([1280, 720], True, [1280, 720])
    own = line(spec("transfer2.5-diffusers", resolution="input"), Clip(70, 50, 10.0, 33))
    assert (own["size"], own["kept_size"]) == ([64, 48], [70, 50])
