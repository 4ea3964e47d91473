"""The gallery of 1,000 runs: written again, first stills, a filter, a step of four look copies; what a look copy costs.

With `cosmosctl ui`: until eight tabs show a change, until Ctrl-C ends it. The browser is Chromium; without it what
needs none is measured all the same.
"""

import resource
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from cosmosctl.io.shipped import template
from cosmosctl.media import frames
from cosmosctl.media.encode import writing
from cosmosctl.media.look import COPY_WIDTH, QUALITY, Targets, fitting, packed, write_look
from cosmosctl.results.receipts import read_receipt, receipt_text
from cosmosctl.store import hash_file
from tests import clips
from tests.bench.timing import cosmosctl, medians, once
from tests.bench.trees import grow
from tests.support import browser, shown_runs
from tests.support.browser import coded
from tests.support.tree import on_this_machine
from tests.support.waiting import PATIENCE_S

RUNS = 1_000
STEPS = 20
TRIES = 3


def measure(folder: Path) -> Iterator[Mapping[str, float]]:
    """Wall seconds and CPU seconds."""
    yield _price(folder)
    root = grow(folder / "many", runs=2 * RUNS, with_results=True).root  # every other one has a result
    _give_videos(root)
    for run in sorted((root / "runs").iterdir())[1::2]:
        shutil.rmtree(run)
    first = once(cosmosctl("gallery"), cwd=root).wall_s
    again = medians(cosmosctl("gallery"), cwd=root)
    yield {
        f"gallery_{RUNS}_videos_first_s": round(first, 3),
        f"gallery_{RUNS}_videos_again_s (at most 5)": round(again.wall_s, 3),
        f"gallery_{RUNS}_videos_again_cpu_s": round(again.cpu_s, 3),
    }
    if browser.PROGRAM is None:
        pytest.skip("the figures of a page that is seen need chromium")
    with browser.chromium(folder / "playwright") as program:
        yield _seen(folder, program, root / "gallery/index.html")
        yield _live(folder / "live", program)


def _give_videos(root: Path) -> None:
    """A video of its own for each run that has a result."""
    clip = clips.color(root / "clip.mp4").read_bytes()
    for number, receipt in enumerate(sorted((root / "runs").glob("*/preview/result.yaml"))):
        video = receipt.parent / "outputs/output.mp4"
        video.write_bytes(clip + struct.pack(">I4sI", 12, b"free", number))
        known = read_receipt(receipt)
        assert known is not None
        told = replace(known, primary_bytes=len(clip) + 12, outputs={"output.mp4": hash_file(root, video)})
        receipt.write_text(receipt_text(told), encoding="utf-8")


def _price(folder: Path) -> Mapping[str, float]:
    """CPU seconds for the demo's colour video: our copy alone beside ffmpeg making the same file, then the rest."""
    source = template("demo", "inputs/videos/city/color.mp4")
    targets = Targets(folder / "a.mp4", folder / "a.jpg", folder / "b.jpg")
    ours = _median_cpu_s(lambda: _copy_alone(source, folder / "b.mp4"))
    whole = _median_cpu_s(lambda: write_look(source, targets, lambda *_: None))
    found = {"look_copy_alone_cpu_s": ours, "still_and_sheet_cpu_s": round(whole - ours, 3)}
    if shutil.which("ffmpeg") is None:
        return found
    # as QUALITY says, on one thread, by code that is the same on every processor
    options = ("-c:v", "libx264", "-preset", "superfast", "-crf", "20", "-g", "12", "-bf", "0", "-tune", "fastdecode")
    same = ("-vf", "scale=640:-2,format=yuv420p", *options, "-threads", "1", "-x264-params", "cpu-independent=1")
    argv = ("ffmpeg", "-v", "error", "-y", "-i", str(source), *same, "-movflags", "+faststart", str(folder / "c.mp4"))
    return found | {"ffmpeg_copy_alone_cpu_s": _median_cpu_s(lambda: subprocess.run(argv, check=True))}


def _copy_alone(source: Path, target: Path) -> None:
    pictures = frames.decoded(source)
    first = next(pictures)
    size = fitting(first.width, first.height, COPY_WIDTH)
    with writing(target, width=size[0], height=size[1], fps=frames.rate(source), quality=QUALITY) as copy:
        for picture in chain((first,), pictures):
            copy.write(packed(picture, *size))


def _median_cpu_s(act: Callable[[], object]) -> float:
    """Of this process and of those that it waited for."""
    taken = []
    for _ in range(TRIES):
        before = _all_cpu_s()
        act()
        taken.append(_all_cpu_s() - before)
    return round(median(taken), 3)


def _all_cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _live(folder: Path, program: Any) -> Mapping[str, float]:
    """Wall seconds. Wherever `cosmosctl ui` cannot be had: skipped."""
    from tests.support.page_server import eight_tabs, served

    folder.mkdir()
    tree = on_this_machine(folder, {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.run("rs_a")
    with served(tree) as (process, address, port), browser.opened(program) as seen:
        tabs = eight_tabs(seen, address, port)
        taken = []
        for number in range(TRIES):
            start = time.perf_counter()
            tree.run(f"rs_{number}", more=f"seed: {number}\n")
            for tab in tabs:
                tab.until(f"UI.byId.has('rs_{number}')")
            taken.append(time.perf_counter() - start)
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
        ended = time.perf_counter() - start
    return {
        "8_tabs_until_each_shows_a_change_s (at most 1)": round(median(taken), 3),
        "ctrl_c_with_a_tab_open_s (at most 2)": round(ended, 3),
    }


def _seen(folder: Path, program: Any, index: Path) -> Mapping[str, float]:
    four = folder / "four"
    (four / "v").mkdir(parents=True)
    for k in range(4):
        film = clips.film(coded(121, k, 1280, 704), fps=Fraction(24), codec="libx264", tagged=False)
        (four / f"v/{k}.mp4").write_bytes(film)
    compared = shown_runs.gallery(four, [shown_runs.run(f"r{k}", f"v/{k}.mp4") for k in range(4)])
    with browser.opened(program) as seen:
        counted = seen.page.context.new_cdp_session(seen.page)
        counted.send("Performance.enable", {"timeDomain": "threadTicks"})
        start = time.perf_counter()
        seen.go(index.as_uri())
        seen.until("[...document.images].slice(0, 20).every(one => one.complete && one.naturalWidth)")
        stills = time.perf_counter() - start
        drawn = _cpu_s(counted)
        paint = seen.page.evaluate(_FILTER)
        filtered = _cpu_s(counted) - drawn
        seen.go(compared.as_uri(), "#compare/r0,r1,r2,r3")
        step = seen.page.evaluate(_STEPS, STEPS)
    return {
        f"first_20_stills_of_{RUNS}_s (at most 1)": round(stills, 3),
        f"first_20_stills_of_{RUNS}_page_cpu_s": round(drawn, 3),
        "filter_to_paint_s (at most 0.2)": round(paint / 1000, 3),
        "filter_to_paint_page_cpu_s": round(filtered, 3),
        "step_of_4_look_copies_s (at most 0.1)": round(step / 1000, 3),
    }


def _cpu_s(session: Any) -> float:
    """Seconds of the page's own thread so far: on a machine that has other work these tell more than the clock."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


_FILTER = """async () => {
  const box = document.querySelector('#search'), start = performance.now();
  box.value = 'number 7';
  box.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise(requestAnimationFrame);
  await new Promise(done => setTimeout(done));
  return performance.now() - start;
}"""
_STEPS = """async count => {
  const start = performance.now();
  for (let k = 0; k < count; k++) {
    const drawn = document.body.dataset.drawn;
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '.', code: 'Period' }));
    while (document.body.dataset.drawn === drawn) await new Promise(done => setTimeout(done));
  }
  return (performance.now() - start) / count;
}"""
