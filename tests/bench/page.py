"""The gallery of 1,000 runs: written again, first stills, a filter, a step of four look copies; what a look copy costs.

The browser is Chromium; without it only what needs none is measured.
"""

import resource
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from cosmosctl.io.shipped import template
from cosmosctl.media.look import Targets, write_look
from cosmosctl.results.receipts import read_receipt, receipt_text
from cosmosctl.store import hash_file
from tests import clips
from tests.bench.timing import cosmosctl, medians, once
from tests.bench.trees import grow
from tests.support import browser, shown_runs
from tests.support.browser import coded

RUNS = 1_000
STEPS = 20


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
    if browser.PROGRAM is not None:
        yield _seen(folder, root / "gallery/index.html")


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
    """CPU seconds of a look copy of the demo's colour video, beside ffmpeg making that copy alone."""
    source = template("demo", "inputs/videos/city/color.mp4")
    targets = Targets(folder / "a.mp4", folder / "a.jpg", folder / "b.jpg")
    before = time.process_time()
    write_look(source, targets, lambda *_: None)
    ours = time.process_time() - before
    options = ("-vf", "scale=640:-2", "-c:v", "libx264", "-preset", "superfast", "-crf", "20", "-g", "12", "-bf", "0")
    argv = ("ffmpeg", "-v", "error", "-y", "-i", str(source), *options, "-tune", "fastdecode", str(folder / "c.mp4"))
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    theirs = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    return {"look_copy_cpu_s": round(ours, 3), "ffmpeg_copy_alone_cpu_s": round(theirs, 3)}


def _seen(folder: Path, index: Path) -> Mapping[str, float]:
    four = folder / "four"
    (four / "v").mkdir(parents=True)
    for k in range(4):
        film = clips.film(coded(121, k, 1280, 704), fps=Fraction(24), codec="libx264", tagged=False)
        (four / f"v/{k}.mp4").write_bytes(film)
    compared = shown_runs.gallery(four, [shown_runs.run(f"r{k}", f"v/{k}.mp4") for k in range(4)])
    with browser.chromium(folder / "playwright") as program, browser.opened(program) as seen:
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
