"""Cosmos-Transfer1 kept loaded: what templates/launch/transfer1_warm.py reads, writes and logs.

It calls the model's own code at nvidia-cosmos/cosmos-transfer1, commit 5005e82; read there, not run on a GPU. What a
row may set for itself is read there when generating: seed, steps, guidance, fps, sigma_max, negative prompt. Each row
has the set of controls that is loaded; with `warm: reload` the program reads the networks again where that changes.
Pure; nothing runs here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import WARM, EffectiveControl, Spec
from cosmosctl.models import transfer1
from cosmosctl.models.protocol import Clip

NAME = transfer1.NAME
SETTINGS: Mapping[str, SettingRule] = transfer1.SETTINGS
DROPPED = transfer1.DROPPED
CONTROLS = transfer1.CONTROLS
HOME = transfer1.HOME
PREVIEW = "cosmosctl.preview.transfer1_warm"
CHECKPOINTS = transfer1.CHECKPOINTS
NATIVE_PRESETS = transfer1.NATIVE_PRESETS
LESS_MEMORY = transfer1.LESS_MEMORY
ROWS_FILE = transfer1.ROWS_FILE
SCRIPT = "transfer1_warm.py"
RELOAD = "reload"

LAYOUTS = transfer1.LAYOUTS[:1]
"""It writes this one, whatever the release of the model's own program would do."""

PATTERNS = replace(
    transfer1.PATTERNS,
    row_failed=rf"^{re.escape(SCRIPT)}: row \d+ has no video",
    unfit=rf"^{re.escape(SCRIPT)}: does not fit the model's code: ",
)

_OWN_PROGRAMS: Mapping[str, str] = {
    "cosmos_transfer1/diffusion/inference/transfer.py": f"{{batch}}/{SCRIPT}",
    transfer1.PREVIEW: PREVIEW,
}
"""The part of a launcher that names the model's program -> the one that serves warm rows in its place."""

LAUNCHER = (*transfer1.LAUNCHER[:-1], _OWN_PROGRAMS[transfer1.LAUNCHER[-1]])

defaults = transfer1.defaults
check = transfer1.check
arguments = transfer1.arguments
parallel = transfer1.parallel
gpus_mistake = transfer1.gpus_mistake
env = transfer1.env
FRAMES_AT_ONCE = transfer1.FRAMES_AT_ONCE
frames = transfer1.frames
steps = transfer1.steps
random_controls = transfer1.random_controls


def takes(spec: Spec) -> bool:
    """Upscaling has a network of its own and stays a start of its own."""
    return bool(spec.settings.get(WARM)) and not spec.upscales


def launcher(native: Sequence[str]) -> tuple[str, ...]:
    """The same launcher with our program; () for a command of the host's own that names no known one."""
    own = tuple(_in_place_of(part) for part in native)
    return own if own != tuple(native) else ()


def group_key(spec: Spec) -> tuple[tuple[str, Setting], ...]:
    """What the load decides; the set of controls only where it is not read again."""
    reloads = spec.settings[WARM] == RELOAD
    controls = () if reloads else (("controls", transfer1.controls_word(spec)),)
    kept = {name: value for name, value in spec.settings.items() if name not in transfer1.SPEC_SETTINGS}
    return (*controls, *sorted(kept.items()))


def in_order(specs: Sequence[Spec]) -> tuple[Spec, ...]:
    """By set of controls, so that none is read twice; else as they were."""
    return tuple(sorted(specs, key=transfer1.controls_word))


def row(spec: Spec, seen: Mapping[str, str], clip: Clip) -> str:
    """The line of the model's own program, and the row's settings under `settings`."""
    settings = {name: spec.settings[name] for name in transfer1.SPEC_SETTINGS if name in spec.settings}
    return json.dumps({**json.loads(transfer1.row(spec, seen, clip)), "settings": settings}, ensure_ascii=True)


def files(specs: Sequence[Spec]) -> Mapping[str, str]:
    """The spec file without settings and with every control of any row."""
    controls: dict[str, EffectiveControl] = {}
    for spec in specs:
        controls |= {control.name: control for control in spec.controls}
    return transfer1.spec_file({}, [controls[name] for name in CONTROLS if name in controls])


def _in_place_of(part: str) -> str:
    """The part of a launcher that starts our program where `part` starts the model's; any other part as it is."""
    known = (own for program, own in _OWN_PROGRAMS.items() if part == program or part.endswith(f"/{program}"))
    return next(known, part)
