"""What made a result is named wherever the result is told of, in the words of its program: a stranger's."""

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from cosmosctl.results.receipts import read_receipt
from tests.end_to_end.test_gallery import run_in
from tests.support import quick_rows
from tests.support.tree import Tree, on_this_machine

FACTS = {
    "checkpoint": "/data/weights/cosmos",
    "diffusers": "0.42.1",
    "gpu": "NVIDIA L4",
    "memory": "offload",
    "revision": "1f2e3d4c",
    "torch": "2.13.0+cu130",
    "transformers": "5.24.0",
}
STRANGE = json.dumps(
    {"../up": "a", "torch": "\x1b[2J", "gpu": 7, "long": "x" * 500, "nested": {"a": "b"}, "": "a", "fine": "words"}
    | {f"more{number:02d}": "a" for number in range(40)}
)


SECRET = "hf_sEcReT0123456789"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Three results of a family through Diffusers: facts, words that are none, and no JSON at all."""
    folder = tmp_path_factory.mktemp("made_with")
    tree, told = on_this_machine(folder, {}), folder / "told"
    told.mkdir()
    for name, text in (("plain", json.dumps(FACTS)), ("strange", STRANGE), ("broken", "{" * 10_000)):
        (told / name).write_text(text)
        tree.prompt(f"ps_{name}", name)
        tree.run(f"rs_{name}", f"ps_{name}")
    (folder / "secrets.env").write_text(f"# of ours\nHF_TOKEN={SECRET}\r\n")
    python = folder / "python"
    words = shlex.join((sys.executable, quick_rows.__file__, str(told)))
    python.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    python.chmod(0o755)
    block = f"{{python: {json.dumps(str(python))}}}"
    tree.config(
        "project: 5f3a91c2\nmodel: transfer2.5-diffusers\nhost: gpu\nhosts:\n  gpu:\n    engine: bare\n"
        f"    models: {{transfer2.5-diffusers: {block}}}\n    env_file: {json.dumps(str(folder / 'secrets.env'))}\n"
    )
    tree.cli("batch")
    return tree


def test_receipt_show_and_page_name_what_made_a_result(project: Tree, tmp_path: Path) -> None:
    place = project.run_paths("rs_plain").result
    receipt = read_receipt(place.report)
    assert receipt is not None
    assert (receipt.model, receipt.made_with) == ("transfer2.5-diffusers", FACTS)
    assert not {"torch", "gpu", "made_with"} & receipt.effective.keys(), "no run is another one by what made it"
    shown = json.loads(project.cli("show", "rs_plain", "--json").out)["result"]
    assert (shown["model"], shown["made_with"]) == ("transfer2.5-diffusers", FACTS)
    assert "torch: 2.13.0+cu130" in project.cli("show", "rs_plain").out
    project.cli("gallery", "-o", str(tmp_path / "look"))
    made = run_in(tmp_path / "look", "rs_plain")["facts"]
    assert ["family", "transfer2.5-diffusers"] in made
    assert [row for row in made if row[0] in FACTS] == [
        *([name, words] for name, words in {**FACTS, "checkpoint": "…/cosmos"}.items()),
    ]

    strange, broken = (read_receipt(project.run_paths(run).result.report) for run in ("rs_strange", "rs_broken"))
    assert strange is not None and broken is not None
    assert list(strange.made_with.items())[:3] == [("fine", "words"), ("long", "x" * 200 + "…"), ("more00", "a")]
    assert len(strange.made_with) == 16
    assert broken.made_with == {}

    without = re.sub(r"^made_with:\n(  .*\n)+", "", place.report.read_text(), flags=re.M)
    assert "\nmade_with:" in place.report.read_text() and "\nmade_with:" not in without
    place.report.write_text(without)
    earlier = read_receipt(place.report)
    assert earlier is not None and earlier.spec == receipt.spec
    assert project.states() == dict.fromkeys(("rs_broken", "rs_plain", "rs_strange"), "done")


def test_a_secret_is_known_to_the_program_without_a_container_too_and_written_nowhere(project: Tree) -> None:
    log = project.cli("logs", project.batches()[-1].name).out
    assert hashlib.sha256(SECRET.encode()).hexdigest() in log
    places = (project.root, project.home)
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []
