"""The documents name every key, reason, state and command there is, and what they tell people to type works."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from cosmosctl import models
from cosmosctl.cli.main import VERBS, cosmosctl
from cosmosctl.domain.reasons import REASONS
from cosmosctl.domain.settings import SettingRule
from cosmosctl.errors import EXIT_BUG, EXIT_FILES, EXIT_HOST, EXIT_INTERRUPTED, EXIT_RUNS_WITHOUT_RESULT, EXIT_USAGE
from cosmosctl.media.control import THRESHOLDS
from cosmosctl.models.buckets import BUCKETS_720
from cosmosctl.results.batch_end import BatchEnd
from cosmosctl.results.ratings import Rating
from cosmosctl.results.receipts import Failure, Receipt
from cosmosctl.schema.controls import Controls, VideoFiles, control_keys
from cosmosctl.schema.files import ProjectFile, PromptFile, RunFile
from cosmosctl.schema.hosts import HostKeys, HostModelKeys
from cosmosctl.schema.sweeps import SweepFile, sweep_of
from cosmosctl.schema.user_config import UserFile, user_config_of
from cosmosctl.schema.values import prompt_of, run_of
from cosmosctl.state.states import STATES
from cosmosctl.yaml.reader import parse_bytes
from tests import clips
from tests.support.newcomer import newcomer
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
FORMAT, TROUBLE, README = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("docs/format.md", "docs/troubleshooting.md", "README.md")
)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
KEYS = (
    RunFile,
    PromptFile,
    VideoFiles,
    *(control_keys(rule) for rule in models.controls().values()),
    Controls,
    ProjectFile,
    SweepFile,
    UserFile,
    HostKeys,
    HostModelKeys,
)


@pytest.mark.parametrize("model", KEYS, ids=lambda model: str(model.__name__))
def test_every_key_of_the_users_files_is_in_the_format(model: type[BaseModel]) -> None:
    missing = [name for name in model.model_fields if not re.search(rf"`([\w.]+\.)?{name}`", FORMAT)]
    assert missing == []


@pytest.mark.parametrize("receipt", (Receipt, Failure, BatchEnd, Rating), ids=lambda receipt: str(receipt.__name__))
def test_every_key_of_the_tools_receipts_is_in_the_format(receipt: type[Receipt | Failure | BatchEnd | Rating]) -> None:
    assert [field.name for field in fields(receipt) if f"`{field.name}`" not in FORMAT] == []


OF_FAMILIES = [(family, name) for family in models.REGISTRY for name in models.get(family).SETTINGS]


@pytest.mark.parametrize(("family", "name"), OF_FAMILIES)
def test_range_choices_and_default_of_a_setting_stand_in_its_row(family: str, name: str) -> None:
    rule: SettingRule = models.get(family).SETTINGS[name]
    cited = {
        "transfer1": "[T1]",
        "transfer2.5": "[T2.5]",
        "cosmos3": "[C3]",
        "transfer2.5-diffusers": "[D2.5]",
        "cosmos3-diffusers": "[D3]",
    }[family]
    row = next(line for line in FORMAT.splitlines() if line.startswith(f"| `{name}` |") and cited in line)
    told = [rule.low, rule.high, rule.default, *rule.choices]
    words = set(re.findall(r"[\w.]*\w", row))
    assert [value for value in told if value is not None and _words(value) not in words] == []


@pytest.mark.parametrize(("family", "name"), [(f, n) for f in models.REGISTRY for n in models.setting_rules()])
def test_the_readme_says_of_a_setting_which_families_have_it(family: str, name: str) -> None:
    lines = [line for line in README.splitlines() if line.startswith("|") and line.endswith("|")]
    head = next(line for line in lines if all(f" {name} " in line for name in models.REGISTRY))
    column = [cell.strip() for cell in head.split("|")].index(family)
    for row in (line for line in lines if f"`{name}`" in line.split("|")[1] and line.count("|") == head.count("|")):
        cell = row.split("|")[column].strip()
        assert bool(cell and "refused" not in cell) == (name in models.get(family).SETTINGS), row


def test_sizes_and_presets_of_the_format_are_those_of_the_code() -> None:
    assert all(f"{width}x{height}" in FORMAT for width, height in BUCKETS_720)
    assert " | ".join(f"{low} / {high}" for low, high in THRESHOLDS.values()) in FORMAT


def test_every_reason_has_its_section_and_no_other_word_has() -> None:
    assert re.findall(r"^### `([\w-]+)`$", TROUBLE, flags=re.M) == list(REASONS)


def test_every_reason_says_what_to_do() -> None:
    sections = re.split(r"^### ", TROUBLE.split("## Exit codes")[0], flags=re.M)[1:]
    assert [section.splitlines()[0] for section in sections if "**Do:**" not in section] == []


def test_every_state_and_exit_code_is_explained() -> None:
    assert [state for state in STATES if f"`{state}`" not in TROUBLE] == []
    codes = (0, EXIT_RUNS_WITHOUT_RESULT, EXIT_USAGE, EXIT_FILES, EXIT_HOST, EXIT_BUG, EXIT_INTERRUPTED)
    assert [code for code in codes if f"\n| {code} | " not in TROUBLE] == []


def test_every_command_is_in_the_readme() -> None:
    assert [verb for verb in VERBS if not re.search(rf"`{verb}[ `]", README)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_a_document_has_people_type_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    lines = [line.partition("#")[0] for code in (*blocks, *spans) for line in code.replace("\n", " \n").splitlines()]
    commands = [command for line in lines for command in line.split(" | ")]
    assert [wrong for command in commands if (wrong := unknown_word(command.split()))] == []


@pytest.mark.parametrize("line", ["cosmosctl annals", "cosmosctl host none", "cosmosctl batch --no-such X"])
def test_what_does_not_exist_is_found(line: str) -> None:
    assert unknown_word(line.split())


def unknown_word(words: list[str]) -> str:
    """The first word after `cosmosctl` that is no command of it, or no option of that command; "" when all exist."""
    if "cosmosctl" not in words:
        return ""
    command: click.Command = cosmosctl
    context = click.Context(command)
    for word in words[words.index("cosmosctl") + 1 :]:
        word = word.strip(",;.()")
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(context, word)
            if found is None:
                return word if re.fullmatch("[a-z]+", word) else ""
            command = found
        elif word.startswith("--") and word.partition("=")[0] not in _options(command):
            return word
    return ""


def _options(command: click.Command) -> set[str]:
    named = [[*one.opts, *one.secondary_opts] for one in command.params if isinstance(one, click.Option)]
    return {"--help", "--version", *(word for words in named for word in words)}


@pytest.mark.parametrize("text", (README, FORMAT), ids=("README", "format"))
def test_runs_and_prompts_in_the_documents_are_valid(text: str) -> None:
    blocks = re.findall(r"```yaml\n(# yaml-language-server: \S+/(run|prompt)\.json\n.*?)```", text, flags=re.S)
    assert blocks
    for block, kind in blocks:
        document = parse_bytes(block.encode())
        mistakes = run_of(document, "rs_a", "run.yaml").mistakes if kind == "run" else prompt_of(document).mistakes
        assert mistakes == ()


@pytest.mark.parametrize("name", ("docs/sweeps.md", "docs/format.md"))
def test_sweeps_in_the_documents_are_valid(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = [
        block for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.S) if re.search("^base: ", block, re.M)
    ]
    assert blocks
    assert [sweep_of(parse_bytes(block.encode()), "look").mistakes for block in blocks] == [()] * len(blocks)


def test_the_users_own_file_in_the_format_is_valid_with_any_of_its_lines() -> None:
    block = re.search(r"```yaml\n(on_end: .*?)```", FORMAT, flags=re.S)
    assert block is not None
    for line in block[1].splitlines():
        data = f"on_end:{line.partition('on_end:')[2]}".encode()
        assert user_config_of(data)[1] == ()


@pytest.mark.parametrize("name", (*DOCUMENTS, "CHANGELOG.md"))
def test_links_between_documents_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_quick_start_of_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    script = README.split("## Quick start")[1].split("```sh\n")[1].split("```")[0]
    clips.scene(tmp_path / "scene", width=64, height=36)
    script = script.replace(
        "mkdir -p inputs/videos/city1", "mkdir -p inputs/videos; cp -r ../scene inputs/videos/city1"
    )
    done = subprocess.run(
        ("sh", "-eu", "-c", script),
        cwd=tmp_path,
        env=newcomer(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    project = tmp_path / "city-looks"
    assert len(list(project.glob("runs/*/preview/outputs/output.mp4"))) == 2
    log = subprocess.run(
        ("git", "-C", str(project), "show", "--stat=200", "HEAD"),
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "run.yaml" in log.stdout
    assert ".mp4" not in log.stdout


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.0f}" if isinstance(value, int | float) else str(value)


CONTRACTS = (ROOT / "docs/model-contracts.md").read_text(encoding="utf-8")


def test_every_section_of_the_contracts_that_is_cited_is_there() -> None:
    cited = [(str(path.relative_to(ROOT)), section) for path in _sources() for section in _citations(path)]
    assert len(cited) > 5
    assert [(path, section) for path, section in cited if not _is_section(section)] == []


def test_a_section_that_is_not_there_is_missed() -> None:
    assert [section for section in ("5.8", "1a", "4.1") if not _is_section(section)] == []
    assert [section for section in ("5.99", "9a", "4.7", "1z") if _is_section(section)] == []


def _sources() -> Iterator[Path]:
    for folder in ("cosmosctl", "templates", "tests", "tools"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def _citations(path: Path) -> Iterator[str]:
    for words in re.findall(r"model-contracts ((?:\d[\w.]*(?:, | and )?)+)", path.read_text(encoding="utf-8")):
        yield from re.findall(r"\d+(?:\.\d+)?[a-z]?", words)


def _is_section(section: str) -> bool:
    """Whether `5`, `1a`, `4.1` is a heading, or `5.8` the eighth point of section 5."""
    if re.search(rf"^###? {re.escape(section)}[. ]", CONTRACTS, flags=re.M):
        return True
    chapter, _, point = section.partition(".")
    text = re.split(r"^## ", CONTRACTS, flags=re.M)
    found = next((part for part in text if part.startswith(f"{chapter}. ")), "")
    return bool(point and re.search(rf"^{point}\. ", found, flags=re.M))


def test_every_promise_of_security_names_a_test_that_there_is() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 30
    lost = [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")]
    assert lost == []
