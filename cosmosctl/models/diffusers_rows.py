"""What the families have alike that templates/launch/diffusers_rows serves: Cosmos through Hugging Face Diffusers.

Rows of any settings share one load: only the checkpoint is loaded for a whole start. Pure; nothing runs here.
"""

from collections.abc import Iterator, Mapping, Sequence

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.models import checks
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.protocol import TORCH_OOM, Finding, Layout, Patterns

PROGRAM = "diffusers_rows"
ROWS_FILE = "batch.jsonl"
FRAMES_AT_ONCE = 4
"""The encoder of all of them holds four frames in one, after the first (AutoencoderKLWan)."""
CHUNK_FRAMES = 93
"""Frames that the networks were trained to make at once; chunks overlap by one."""

PACKAGES = (
    "torch==2.13.0",
    "torchvision==0.28.0",
    "diffusers==0.42.1",
    "transformers==5.24.0",
    "accelerate==1.15.0",
    "av==18.1.0",
    "opencv-python-headless==5.0.0.93",
)
"""What was tried together. The program refuses another diffusers: it uses names that are no promise of it."""
GUARDRAIL = "cosmos-guardrail==0.3.2"
"""The checker that the licence of transfer2.5's weights asks for."""

_NAME = rf"^{PROGRAM}: "
PATTERNS = Patterns(
    loaded=rf"{_NAME}loaded in ",
    row_start=rf"{_NAME}row \d+ begins",
    row_end=rf"{_NAME}row \d+ is saved",
    progress=rf"{_NAME}step (\d+)/(\d+)",
    reasons=(
        ("blocked", rf"(?m){_NAME}blocked: "),
        ("gpu-oom", TORCH_OOM[1] + r"|OutOfMemoryError|DefaultCPUAllocator: can't allocate memory"),
        ("bad-input", r"BadInput: "),
        ("model-error", rf"(?m){_NAME}cannot start: "),
    ),
    row_failed=rf"{_NAME}row \d+ has no video",
    prefix=_NAME,
)

CHUNK_RULE = SettingRule(
    int,
    CHUNK_FRAMES,
    "the published networks' own",
    low=5,
    high=CHUNK_FRAMES,
    unit="frames",
    about="Frames that are made at once, 4n + 1: fewer fit a smaller GPU, and drift sooner.",
    examples=(93, 17),
)
RESOLUTION_OF_INPUT = "input"
"""The choice of `resolution` that takes the video's own size."""


def layouts(controls: Mapping[str, ControlRule]) -> tuple[Layout, ...]:
    """A folder for each row; prompt.txt is written last."""
    names = ("output.mp4", "prompt.txt", "made_with.json", *(f"control_{control}.mp4" for control in controls))
    return (
        Layout(
            primary="output.mp4",
            started="out/{name}",
            marker="out/{name}/prompt.txt",
            files={f"out/{{name}}/{name}": name for name in names},
            is_named=True,
        ),
    )


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    """The checkpoint. Nothing else holds for a whole start: the networks of all its rows' controls are loaded."""
    return tuple((name, spec.settings[name]) for name in ("checkpoint",) if name in spec.settings)


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    """No other file is read."""
    return {}


def env(specs: Sequence[Spec]) -> Mapping[str, str]:
    """Nothing."""
    return {}


def parallel(launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """The same: the pipeline is one process on one GPU."""
    return (*launcher, *arguments)


def steps(frames: int) -> int:
    """Chunks of the usual length; the program's own lines count the steps of all of them."""
    return chunks(frames, CHUNK_FRAMES)


def random_controls(spec: Spec) -> tuple[str, ...]:
    """None: edge and vis are the same each time, the others are files."""
    return ()


def checkpoint_rule(usual: str) -> SettingRule:
    """The setting that names other weights than `usual`."""
    return SettingRule(
        str,
        None,
        "from_pretrained",
        about="A repository on the Hub, or a folder as the model's process sees it.",
        otherwise=f"the host's `checkpoints`, else {usual}",
        examples=(usual,),
    )


def arguments(family: str, specs: Sequence[Spec], checkpoints: str) -> tuple[str, ...]:
    """What follows the launcher."""
    return (
        *("--family", family, "--rows", "{work}/" + ROWS_FILE, "--out", "{work}/out"),
        *("--checkpoint", str(specs[0].settings.get("checkpoint", checkpoints))),
    )


def control_blocks(spec: Spec, seen: Mapping[str, str]) -> dict[str, dict[str, Setting]]:
    """Control -> its weight, and its file or the strength at which the program makes it."""
    return {control.name: _block(control, seen) for control in spec.controls}


def _block(control: EffectiveControl, seen: Mapping[str, str]) -> dict[str, Setting]:
    if control.name in seen:
        return {"weight": control.weight, "path": seen[control.name]}
    return {"weight": control.weight, "preset": control.preset or "medium"}


def own_size(width: int, height: int) -> tuple[int, int]:
    """The nearest size to that of a video that the networks take: whole patches of 16 pixels."""
    return max(16, round(width / 16) * 16), max(16, round(height / 16) * 16)


def chunks(frames: int, chunk_frames: int) -> int:
    """How many chunks a video is made of; each but the first repeats one frame."""
    return 1 + max(0, -(-(frames - chunk_frames) // (chunk_frames - 1)))


def chunk_frames(spec: Spec) -> int:
    """Frames that a run has made at once."""
    length = spec.settings.get("chunk_frames", CHUNK_FRAMES)
    return length if isinstance(length, int) else CHUNK_FRAMES


def check_chunk(spec: Spec) -> Iterator[Finding]:
    """A number of frames that the encoder cannot hold."""
    length = spec.settings.get("chunk_frames")
    if isinstance(length, int) and length % FRAMES_AT_ONCE != 1:
        near = length // FRAMES_AT_ONCE * FRAMES_AT_ONCE + 1
        yield checks.error("chunk_frames", f"must be 4n + 1, such as {near}, got {length}")
