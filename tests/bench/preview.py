"""How long a preview takes beside the bare sum of its parts: the same functions one by one, on the same cores."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import template
from cosmosctl.media import encode, frames
from cosmosctl.media.encode import Quality
from cosmosctl.media.frames import Pixels
from cosmosctl.models.buckets import nearest_bucket
from cosmosctl.preview.drawing import annotators, studio
from cosmosctl.preview.drawing.picture import picture_of
from cosmosctl.preview.drawing.row_picture import Layer, Shot
from tests.support.waiting import PATIENCE_S

WEIGHTS = {"vis": 0.3, "edge": 0.4, "depth": 0.2, "seg": 0.1}
"""One row with every control, all of them generated."""

REPEATS = 2
"""The best of so many counts: other work on the machine only ever adds."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass
class Stopwatch:
    """Seconds by name of the part."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, part: str, work: Callable[[], _Made]) -> _Made:
        """What `work` makes; its seconds are added to those of `part`."""
        begin = time.perf_counter()
        made = work()
        self.seconds[part] = self.seconds.get(part, 0) + time.perf_counter() - begin
        return made


def measure_demo(workdir: Path) -> Iterator[Mapping[str, float]]:
    """The figures of a preview of the demo scene."""
    yield measure(template("demo", DEMO_SCENE, "color.mp4"), workdir)


def measure(video: Path, workdir: Path) -> dict[str, float]:
    """Seconds of a preview of one row, from the start of the process to its end, and of its parts; of a second row with
    the same controls, and of its parts, which are fewer: no control is computed again.

    Seconds of processor time stand beside them: they do not grow when something else runs on the machine.
    """
    tries = [_try(video, workdir) for _ in range(REPEATS)]
    best = {key: min(seconds[key] for seconds in tries) for key in tries[0]}
    total = sum(seconds for key, seconds in best.items() if key.startswith("part_"))
    drawing = sum(best[f"part_{part}_s"] for part in ("decode", "draw", "encode"))
    return {
        **best,
        "parts_s": total,
        "ratio": best["one_row_s"] / total,
        "cpu_ratio": best["one_row_cpu_s"] / best["parts_cpu_s"],
        "second_row_parts_s": drawing,
        "second_row_s": best["two_rows_s"] - best["one_row_s"],
        "second_row_cpu_share": (best["two_rows_cpu_s"] - best["one_row_cpu_s"]) / best["one_row_cpu_s"],
    }


def _try(video: Path, workdir: Path) -> dict[str, float]:
    """Every figure once."""
    cpu = time.process_time()
    parts = {f"part_{part}_s": seconds for part, seconds in _parts(video, workdir).items()}
    parts_cpu = time.process_time() - cpu
    one, one_cpu = _preview(video, workdir, 1)
    two, two_cpu = _preview(video, workdir, 2)
    rows = {"one_row_s": one, "one_row_cpu_s": one_cpu, "two_rows_s": two, "two_rows_cpu_s": two_cpu}
    return {**parts, "parts_cpu_s": parts_cpu, **rows}


def _preview(video: Path, workdir: Path, rows: int) -> tuple[float, float]:
    """Seconds of the whole program, by the clock and of processor time."""
    hints = {hint: {"control_weight": weight, "input_control": None} for hint, weight in WEIGHTS.items()}
    line = {"prompt": "a city at night", "visual_input": str(video), "control_overrides": hints}
    (workdir / "spec.json").write_text(json.dumps({"input_video_path": "unused", **hints}))
    (workdir / "batch.jsonl").write_text(f"{json.dumps(line)}\n" * rows)
    command = (sys.executable, "-m", "cosmosctl.preview.transfer1", "--controlnet_specs", workdir / "spec.json")
    flags = ("--batch_input_path", workdir / "batch.jsonl", "--video_save_folder", workdir / "out")
    begin, cpu = time.perf_counter(), _children_cpu_s()
    subprocess.run((*command, *flags), check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
    return time.perf_counter() - begin, _children_cpu_s() - cpu


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _parts(video: Path, workdir: Path) -> dict[str, float]:
    watch = Stopwatch()
    controls = {hint: _control(hint, video, workdir / f"{hint}.mp4", watch) for hint in WEIGHTS}
    layers = tuple(Layer(hint, controls[hint], weight) for hint, weight in WEIGHTS.items())
    width, height = nearest_bucket(*frames.size(video))
    shot = Shot("a city at night", video, layers, frames.announced(video), 24, 1, 35, 5.0)
    picture = picture_of(shot, width, height)
    decoded = watch.time("decode", lambda: [list(frames.decoded(path)) for path in picture.paths])
    drawn = watch.time("draw", lambda: _together(picture.draw, list(zip(*decoded, strict=True))))
    watch.time("encode", lambda: _encode(drawn, workdir / "parts.mp4", (width, height), studio.QUALITY))
    return watch.seconds


def _control(hint: str, video: Path, target: Path, watch: Stopwatch) -> Path:
    """The video of a control, made as the program makes it."""
    decoded = watch.time("control_decode", lambda: list(frames.decoded(video)))
    size = (decoded[0].width, decoded[0].height)
    work = partial(studio.annotated, annotators.annotator(hint, blur_strength="medium"), size)
    made = watch.time("control_filter", lambda: _together(work, decoded))
    watch.time("control_encode", lambda: _encode(made, target, size, studio.CONTROL_QUALITY))
    return target


def _together(work: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
    with ThreadPoolExecutor(frames.THREADS) as pool:
        return list(pool.map(work, items))


def _encode(pictures: Sequence[Pixels], target: Path, size: tuple[int, int], quality: Quality) -> None:
    with encode.writing(target, width=size[0], height=size[1], fps=Fraction(24), quality=quality) as writer:
        for picture in pictures:
            writer.write(picture)
