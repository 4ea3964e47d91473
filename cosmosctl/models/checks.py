"""What every family checks alike: settings against their rules, controls against the colour video."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.models.buckets import nearest_bucket
from cosmosctl.models.catalog import LAST_SEED, ControlRule
from cosmosctl.models.protocol import Clip, Finding


def error(key: str, message: str) -> Finding:
    """A mistake at that key."""
    return Finding("error", key, message)


def warning(key: str, message: str, *, kind: str = "") -> Finding:
    """A surprise at that key; `kind` silences it, else the key does."""
    return Finding("warning", key, message, kind)


def settings(
    spec: Spec, rules: Mapping[str, SettingRule], dropped: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Settings that the family does not have, or not with that value. `dropped`: those that its program takes and never
    looks at -> why.
    """
    for name, value in spec.settings.items():
        if name in rules:
            mistake = rules[name].mistake(value)
        elif name in (dropped or {}):
            mistake = f"has no effect: {(dropped or {})[name]}; take it out"
        else:
            mistake = f"is not a setting of {spec.model}; take it out or choose another model"
        if mistake:
            yield error(name, mistake)


def controls(spec: Spec, rules: Mapping[str, ControlRule]) -> Iterator[Finding]:
    """Controls that the family does not have, or not from there."""
    for control in spec.controls:
        key, rule = f"controls.{control.name}", rules.get(control.name)
        if rule is None:
            yield error(key, f"is no control of {spec.model}; it has {', '.join(rules)}")
            continue
        if rule.needs_file and control.is_native:
            made = " and ".join(name for name, other in rules.items() if not other.needs_file)
            text = f"needs a file: {spec.model} makes only {made} itself; give input: PATH, or put one beside the video"
            yield error(key, text)
        if not rule.has_prompt and (control.prompt or control.unread) is not None:
            yield error(f"{key}.prompt", f"is not a setting of {spec.model}; take it out")


def without_effect(spec: Spec, names: Iterable[str], why: str) -> Iterator[Finding]:
    """Settings that somebody chose although nothing comes of them."""
    for name in names:
        if spec.sources.get(name, "model") != "model":
            yield warning(name, f"has no effect {why}")


def counts(spec: Spec, clips: Mapping[str, Clip]) -> Mapping[str, int]:
    """Frames of the colour video ("color") and of each control that is a file, by its name."""
    files = {control.name: clips[control.path].frames for control in spec.controls if control.path is not None}
    return {"color": clips[spec.video].frames, **files}


def length(spec: Spec, frames: int) -> Iterator[Finding]:
    """A result of a single frame."""
    if frames == 1:
        key = "max_frames" if spec.settings.get("max_frames") == 1 else "prompt"
        text = f"makes a single frame, for which {spec.model} writes a picture and no video: at least 2 are needed"
        yield error(key, text if key == "max_frames" else f"{spec.video} {text}")


def chunk_seeds(spec: Spec, chunks: int) -> Iterator[Finding]:
    """A seed that is too large for the last of a video's chunks, each of which takes the next number."""
    seed, last = spec.settings.get("seed"), LAST_SEED - (chunks - 1)
    if isinstance(seed, int) and last < seed <= LAST_SEED:
        text = f"chunk k of a video takes seed + k, and {LAST_SEED} is the last that numpy takes"
        yield error("seed", f"must be between 0 and {last} for a video of {chunks} chunks, got {seed}: {text}")


def control_file(control: EffectiveControl, spec: Spec, clips: Mapping[str, Clip], needed: int) -> Iterator[Finding]:
    """A control's own video of another shape than the colour video, or with fewer frames than are `needed`; a prompt
    for making one that is not made.
    """
    key = f"controls.{control.name}"
    if control.unread is not None:
        used = (
            "weight 0 makes nothing"
            if control.path is None
            else f"{control.path} is used; input: auto has the model make it"
        )
        yield warning(f"{key}.prompt", f"has no effect: {used}")
    if control.path is None:
        return
    color, clip = clips[spec.video], clips[control.path]
    if nearest_bucket(color.width, color.height) != nearest_bucket(clip.width, clip.height):
        sizes = f"{clip.width}x{clip.height}, the video {color.width}x{color.height}"
        yield error(key, f"{control.path} has another aspect: it is {sizes}")
    if clip.frames < needed:
        yield error(key, f"{control.path} is shorter than the video: {clip.frames} frames of {needed}")
    elif clip.frames > max(color.frames, needed):
        text = f"{control.path} is longer than the video: {clip.frames} frames, only {needed} are used"
        yield warning(key, text)


def endings(spec: Spec, color: tuple[str, ...], controls: tuple[str, ...]) -> Iterator[Finding]:
    """Videos whose ending the program does not read."""
    named = [("prompt", spec.video, color)]
    named += [(f"controls.{c.name}", c.path, controls) for c in spec.controls if c.path is not None]
    named += [(f"controls.{c.name}", spec.video, controls) for c in spec.controls if c.source == "color"]
    for key, path, known in named:
        if PurePosixPath(path).suffix.lower() not in known:
            convert = f"ffmpeg -i {path} -c copy {PurePosixPath(path).with_suffix('.mp4')}"
            yield error(key, f"{path}: {spec.model} reads only {', '.join(known)} here; {convert}")


def truncated(spec: Spec, clip: Clip, frames: int) -> Iterator[Finding]:
    """A clip of which only the first `frames` frames are used."""
    if frames < clip.frames:
        key = "max_frames" if frames == spec.settings.get("max_frames") else "prompt"
        yield warning(key, f"{spec.video} has {clip.frames} frames; only the first {frames} are used")
