"""An editor's own program, yaml-language-server, by the schemas of a project: what it offers, tells and finds wrong."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl.commands.start.init import init_project
from cosmosctl.schema import write_schemas
from cosmosctl.store import load_all
from tests.end_to_end.test_editor import BAD_RUNS, EDGE, GOOD_RUNS, PROJECTS, PROMPTS, P
from tests.support.file_check import run_mistakes
from tests.support.language_server import LanguageServer
from tests.support.tree import git
from tests.support.waiting import INSTALL_S

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm, which brings yaml-language-server"),
]
PROGRAM = "yaml-language-server@1.25.0"
RUN = "runs/rs_a/run.yaml"
HEAD = "# yaml-language-server: $schema=../../schemas/cosmosctl/run.json\n"
PROMPT_HEAD = "# yaml-language-server: $schema=../schemas/cosmosctl/prompt.json\n"
PROJECT_HEAD = "# yaml-language-server: $schema=schemas/cosmosctl/project.json\n"
BEFORE = {
    "texts where it says what check says": "77 of 105",
    "check refuses, it is silent": "24",
    "check accepts, it complains": "4",
    "prompts offered": "ps_k3f9qz, which is nobody's",
    "values of a control offered": "0.2, 0.3, 0.4, [object Object]",
    "seed filled in for transfer2.5": "1",
    "tooltip of edge": "How strongly the control holds the video, from 0 to 1.",
    "a fresh clone": "Unable to load schema",
}
"""What this program made of the schemas of commit af04b9d, of the same texts: measured in the same way."""
NOT_EVEN_YAML_TO_IT = ("", "- a\n")
"""Of an empty file it says nothing; the list is told by another mistake of ours than of its own."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command that starts it."""
    there = tmp_path_factory.mktemp("npm")
    command = ("npm", "install", "--no-audit", "--no-fund", "--prefix", str(there), PROGRAM)
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
    return ("node", str(there / "node_modules/yaml-language-server/bin/yaml-language-server"), "--stdio")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with the prompts ps_here and ps_there."""
    root = init_project(tmp_path_factory.mktemp("editor") / "project", demo=False)
    write_schemas(root, model="transfer1", prompts=("ps_here", "ps_there"))
    return root


@pytest.fixture(scope="module")
def editor(program: tuple[str, ...], project: Path) -> Iterator[LanguageServer]:
    with LanguageServer(program, project) as server:
        yield server


def test_the_editor_of_a_fresh_clone_knows_all_but_the_prompts_and_those_once_a_command_has_run(
    program: tuple[str, ...], project: Path, tmp_path: Path
) -> None:
    clone = fresh_clone(project, tmp_path / "clone")
    with LanguageServer(program, clone) as server:
        assert server.complaints(EDGE, head=HEAD) == []
        assert server.complaints(f"{EDGE}fps: 29.97\n", head=HEAD) == ['Incorrect type. Expected "integer".']
        assert "Canny edges." in server.told(RUN, f"{HEAD}{P}controls:\n  ed|ge: 0.3\n")
        assert {"seed", "controls"} <= set(server.offered(RUN, f"{HEAD}{P}|\n"))
        assert server.offered(RUN, f"{HEAD}prompt: |\n") == {}
        assert "hosts" in server.offered("cosmosctl.yaml", f"{PROJECT_HEAD}project: a\n|\n")
        assert server.complaints_of("prompts/ps_here.yaml", "text: a\nvideo: 5\n", head=PROMPT_HEAD) != []
    clone.joinpath("prompts/ps_mine.yaml").write_text("text: a\nvideo: inputs/videos/s\n")
    load_all(clone)
    with LanguageServer(program, clone) as server:
        assert set(server.offered(RUN, f"{HEAD}prompt: |\n")) == {"ps_mine"}
        assert server.complaints(EDGE, head=HEAD) == []


def test_the_prompts_that_there_are_are_offered(editor: LanguageServer) -> None:
    assert set(editor.offered(RUN, f"{HEAD}prompt: |\n")) == {"ps_here", "ps_there"}


def test_a_run_is_offered_the_settings_of_its_family(editor: LanguageServer) -> None:
    offered = set(editor.offered(RUN, f"{HEAD}{P}model: transfer2.5\n|\n"))
    assert {"seed", "resolution", "distilled", "controls"} <= offered
    assert offered & {"fps", "sigma_max", "warm", "checkpoint"} == set()


def test_the_defaults_of_a_family_are_filled_in_with_its_own_numbers(editor: LanguageServer) -> None:
    offered = editor.offered("cosmosctl.yaml", f"{PROJECT_HEAD}project: a\ndefaults:\n  |\n")
    assert "seed: ${1:2025}" in offered["transfer2.5"]
    assert "seed: ${1:0}" in offered["cosmos3"]
    assert "guidance" not in offered["cosmos3"]  # it depends on the set of controls


def test_keys_are_completed_in_braces_too(editor: LanguageServer) -> None:
    assert "preset" in editor.offered(RUN, f"{HEAD}{P}controls:\n  edge: {{weight: 0.4, p|}}\n")
    block = editor.offered(RUN, f"{HEAD}{P}controls:\n  edge:\n    weight: 0.4\n    |\n")
    assert set(block) == {"input", "preset"}
    assert not any("object" in word for word in editor.offered(RUN, f"{HEAD}{P}controls:\n  edge: |\n"))


@pytest.mark.parametrize("value", ["0.3", "{weight: 0.3}"])
def test_a_tooltip_says_what_a_control_does(value: str, editor: LanguageServer) -> None:
    told = editor.told(RUN, f"{HEAD}{P}controls:\n  ed|ge: {value}\n")
    assert "Canny edges." in told
    assert "Usual weights: 0.3 to 0.5." in told
    assert "weight from 0 to 1" in told


def test_a_tooltip_says_range_and_default_of_a_setting_in_the_runs_family(editor: LanguageServer) -> None:
    told = editor.told(RUN, f"{HEAD}{EDGE}model: cosmos3\nguid|ance: 3\n")
    assert "between 0 and 7" in told
    assert "6; 3 with a single control" in told


@pytest.mark.parametrize("text", GOOD_RUNS)
def test_it_finds_nothing_wrong_where_check_does_not(text: str, editor: LanguageServer) -> None:
    assert editor.complaints(text, head=HEAD) == []


@pytest.mark.parametrize("text", [text for text in BAD_RUNS if text not in NOT_EVEN_YAML_TO_IT])
def test_it_complains_where_check_does(text: str, editor: LanguageServer) -> None:
    assert run_mistakes(text, "transfer1") != []
    assert editor.complaints(text, head=HEAD) != []


def test_its_words_name_the_key_that_is_wrong(editor: LanguageServer) -> None:
    found = editor.complaints(f"{P}controls: {{edge: {{wieght: 0.3}}}}\n", head=HEAD)
    assert found == ['Missing property "weight".', "Property wieght is not allowed."]


def test_the_table_of_what_an_editor_says_before_and_now(
    editor: LanguageServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """make test-real prints it."""
    verdicts = dict(_verdicts(editor))
    silent = [text for text, (is_good, has_none) in verdicts.items() if not is_good and has_none]
    flagged = [text for text, (is_good, has_none) in verdicts.items() if is_good and not has_none]
    values = editor.offered(RUN, f"{HEAD}{P}controls:\n  edge: |\n")
    family = editor.offered("cosmosctl.yaml", f"{PROJECT_HEAD}project: a\ndefaults:\n  |\n")["transfer2.5"]
    now = (
        f"{len(verdicts) - len(silent) - len(flagged)} of {len(verdicts)}",
        str(len(silent)),
        str(len(flagged)),
        ", ".join(sorted(editor.offered(RUN, f"{HEAD}prompt: |\n"))),
        ", ".join(sorted(values)),
        re.findall(r"seed: \$\{\d:(\d+)\}", family)[0],
        editor.told(RUN, f"{HEAD}{P}controls:\n  ed|ge: 0.3\n").partition("\n")[0],
        "all but the prompts' ids",
    )
    with capsys.disabled():
        print(f"\n{PROGRAM}")
        for (what, before), today in zip(BEFORE.items(), now, strict=True):
            print(f"  {what:<36} | {before:<54} | {today}")
    assert (silent, flagged) == ([""], [])
    assert now[4:6] == ("0.3", "2025")


def _verdicts(editor: LanguageServer) -> Iterator[tuple[str, tuple[bool, bool]]]:
    """A text -> whether `check` finds it well, whether the language server does."""
    for text in (*GOOD_RUNS, *BAD_RUNS):
        yield text, (text in GOOD_RUNS, editor.complaints(text, head=HEAD) == [])
    for number, (text, is_good) in enumerate(PROMPTS.items()):
        found = editor.complaints_of(f"prompts/ps_{number}.yaml", text, head=PROMPT_HEAD)
        yield f"prompt: {text}", (is_good, found == [])
    for number, (text, is_good) in enumerate(PROJECTS.items()):
        head = PROJECT_HEAD.replace("=", "=../", 1)
        yield f"project: {text}", (is_good, editor.complaints_of(f"p{number}/c.yaml", text, head=head) == [])


def fresh_clone(project: Path, folder: Path) -> Path:
    """A clone in which no command has run."""
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "base")
    git(folder.parent, "clone", "-q", str(project), str(folder))
    (folder / "prompts").mkdir(exist_ok=True)
    return folder
