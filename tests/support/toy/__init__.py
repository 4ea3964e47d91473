"""A model family that no one has: what it takes to add one is this module, its preview and a line in the registry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import Spec
from cosmosctl.models import catalog, checks
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.names import opaque_name
from cosmosctl.models.protocol import Clip, Finding, Home, Layout, Patterns

NAME = "toy"
CONTROLS: Mapping[str, ControlRule] = {
    "edge": catalog.EDGE,
    "sketch": ControlRule("Pencil lines.", "Pencil lines", ("sketch",), (0.1, 0.9), needs_file=True),
}
"""One that others have too, and one of its own."""
SETTINGS: Mapping[str, SettingRule] = {
    "seed": replace(catalog.SEED, default=7, source="tests/toy"),
    "softness": SettingRule(float, 0.5, "tests/toy", low=0, high=2, about="How soft the pencil is.", examples=(1,)),
}
DROPPED: Mapping[str, str] = {}
HOME = Home("https://example.org/toys/pencil")
PREVIEW = "tests.support.toy.program"
LAUNCHER = ("python3", "-m", PREVIEW)
CHECKPOINTS = ""
NATIVE_PRESETS = True
LESS_MEMORY = "take a smaller video"
FRAMES_AT_ONCE = 1
ROWS_FILE = "rows.jsonl"
LAYOUTS = (
    Layout(
        primary="output.mp4",
        started="out/{name}",
        marker="out/{name}/done.json",
        files={"out/{name}/drawn.mp4": "output.mp4"},
        is_named=True,
    ),
)
PATTERNS = Patterns(
    loaded=r"^pencils are sharp", row_start=r"^draws ", row_end=r"^has drawn ", progress=r"(\d+)/(\d+)", reasons=()
)


def defaults(controls: Sequence[str], chosen: Mapping[str, Setting]) -> Mapping[str, Setting]:
    return {}


def check(spec: Spec, clips: Mapping[str, Clip]) -> tuple[Finding, ...]:
    return (*checks.settings(spec, SETTINGS, DROPPED), *checks.controls(spec, CONTROLS))


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    return ()


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    weights = {control.name: control.weight for control in spec.controls}
    return json.dumps({"name": opaque_name(spec.run), "video": seen["color"], "weights": weights, **spec.settings})


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    return {}


def arguments(specs: Sequence[Spec], *, checkpoints: str) -> tuple[str, ...]:
    return ("{work}/" + ROWS_FILE, "{work}/out")


def parallel(launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    return (*launcher, *arguments)


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    return "a pencil has one hand" if gpus > 1 else ""


def env(specs: Sequence[Spec]) -> Mapping[str, str]:
    return {}


def frames(spec: Spec, counts: Mapping[str, int]) -> int:
    return counts["color"]


def steps(frames: int) -> int:
    return 1


def random_controls(spec: Spec) -> tuple[str, ...]:
    return ()
