"""Each script for a host is one whole file that is fed to a shell there. What several of them hold is the same text."""

import re

from cosmosctl.io.shipped import template
from cosmosctl.models import WARM_MODELS

SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in template("launch").glob("*.sh")}
FUNCTION = re.compile(r"^# [^\n]*\nfinished\(\) \{\n.*?^\}\n\n# [^\n]*\nis_file\(\) \{\n.*?^\}\n", re.M | re.S)


def test_the_end_of_a_batch_is_looked_for_in_one_way() -> None:
    asking = {name: text for name, text in SCRIPTS.items() if "batch_done" in text or re.search(r"\bfinished \"", text)}
    assert {"cancel.sh", "check.sh", "follow.sh", "gc.sh", "launch.sh", "prepare.sh", "tidy.sh"} <= set(asking)
    functions = {name: FUNCTION.findall(text) for name, text in asking.items()}
    assert {name: len(found) for name, found in functions.items() if len(found) != 1} == {}
    (function,) = {found[0] for found in functions.values()}
    assert "! -L" in function
    assert [name for name, text in asking.items() if "batch_done" in text.replace(function, "")] == []


def test_what_hides_the_words_of_an_env_file_is_the_same_in_check_and_launch() -> None:
    check, launch = (
        _shared(SCRIPTS[one], other) for one, other in (("check.sh", "launch.sh"), ("launch.sh", "check.sh"))
    )
    assert check == launch
    assert "the env_file" in check


def test_launch_knows_all_parts_of_the_programs_that_travel() -> None:
    told = {name: re.search(rf"^{name}='([^']*)'", SCRIPTS["launch.sh"], re.M) for name in ("PROGRAM", "TRAVELLING")}
    named = {part for found in told.values() if found is not None for part in found[1].split()}
    folders = {path.parent for path in template("launch").glob("*/*.py")}
    parts = {file.relative_to(template("launch")).as_posix() for folder in folders for file in folder.glob("*.py")}
    assert named == parts | {model.SCRIPT for model in WARM_MODELS.values()}


def test_why_the_hub_gave_nothing_is_told_in_the_same_words_before_a_batch_and_in_one() -> None:
    fetch, hub = (
        template("launch", *name).read_text() for name in (("fetch_weights.py",), ("diffusers_rows", "hub.py"))
    )
    one, other = (text.partition("def refused(")[2].partition("# end of what")[0] for text in (fetch, hub))
    assert one == other
    assert "gated" in one


def _shared(text: str, other: str) -> str:
    start, end = (
        text.index("# Calls `$1 FILE` for each of the env_files."),
        text.index(f"# end of what stands in {other} too"),
    )
    return text[start:end]
