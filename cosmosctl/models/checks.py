"""What every family checks alike: settings against their rules, controls against the colour video."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.models.buckets import nearest_bucket
from cosmosctl.models.protocol import Clip, Finding


def error(key: str, message: str) -> Finding:
    """A mistake at that key."""
    return Finding("error", key, message)


def warning(key: str, message: str, *, kind: str = "") -> Finding:
    """A surprise at that key; `kind` silences it, else the key does."""
    return Finding("warning", key, message, kind)


def settings(spec: Spec, rules: Mapping[str, SettingRule]) -> Iterator[Finding]:
    """Settings that the family does not have, or not with that value."""
    for name, value in spec.settings.items():
        rule = rules.get(name)
        mistake = (
            rule.mistake(value) if rule else f"is not a setting of {spec.model}; take it out or choose another model"
        )
        if mistake:
            yield error(name, mistake)


def control_file(control: EffectiveControl, spec: Spec, clips: Mapping[str, Clip]) -> Iterator[Finding]:
    """A control's own video of another shape or length than the colour video."""
    if control.path is None:
        return
    key = f"controls.{control.name}"
    color, clip = clips[spec.video], clips[control.path]
    if nearest_bucket(color.width, color.height) != nearest_bucket(clip.width, clip.height):
        sizes = f"{clip.width}x{clip.height}, the video {color.width}x{color.height}"
        yield error(key, f"{control.path} has another aspect: it is {sizes}")
    if clip.frames < color.frames:
        yield error(key, f"{control.path} is shorter than the video: {clip.frames} frames of {color.frames}")
    elif clip.frames > color.frames:
        text = f"{control.path} is longer than the video: {clip.frames} frames, only {color.frames} are used"
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
