"""All prompts and runs of a project at one moment, with every mistake in every file.

What was read before is taken from the index while the file's stat key is the same; values are built when asked for.
"""

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.domain.project import BUILT_IN_HOST, Config, Drafts, Host, Prompt, Run
from cosmosctl.errors import FileError, FilesError, UsageError
from cosmosctl.store.index import Entry, Index
from cosmosctl.store.problem import Problem
from cosmosctl.store.reading import payload as payloads
from cosmosctl.store.reading.scan import Found, known_entry, noted, scan_prompts, scan_runs, scan_sweeps, strange_links
from cosmosctl.store.root import local_dir, outside_counts

if TYPE_CHECKING:
    from cosmosctl.domain.sweep import Sweep

Value = TypeVar("Value")


@dataclass(frozen=True)
class Snapshot:
    """The project's files as values. `prompts` and `runs` hold what can be used, `problems` why the rest cannot.

    `sweeps` are those that can be used. `run_ids` and `prompt_ids` are all there are, sorted; `leftovers` are folders
    below runs/ that have no run.yaml.
    `left`: what attempts left in the folder of each run, as `left_of` tells it.
    `config` has the built-in values when cosmosctl.yaml is wrong.
    `index` may keep more about a run: `index.facts`, then `index.save`.
    """

    root: Path
    config: Config
    prompts: Mapping[str, Prompt]
    runs: Mapping[str, Run]
    sweeps: Mapping[str, "Sweep"]
    problems: tuple[Problem, ...]
    prompt_ids: tuple[str, ...]
    run_ids: tuple[str, ...]
    sweep_ids: tuple[str, ...]
    leftovers: tuple[str, ...]
    left: Mapping[str, str]
    index: Index = field(repr=False, compare=False)
    _by_subject: Mapping[str, tuple[Problem, ...]] = field(repr=False, compare=False)
    _prompt_of: Mapping[str, str] = field(repr=False, compare=False)
    _run_files: Mapping[str, str] = field(repr=False, compare=False)
    _prompt_files: Mapping[str, str] = field(repr=False, compare=False)

    def problems_of(self, runs: Iterable[str]) -> tuple[Problem, ...]:
        """What keeps these runs from being used: mistakes of the project, of their prompts and their own."""
        runs = tuple(runs)
        prompts = dict.fromkeys(self._prompt_of[run] for run in runs if run in self._prompt_of)
        subjects = ["", *(f"prompts/{prompt}" for prompt in prompts), *(f"runs/{run}" for run in runs)]
        return tuple(problem for subject in subjects for problem in self._by_subject.get(subject, ()))

    def prompt_of(self, run: str) -> str:
        """The id of the prompt that a run names, also when there is none of that id; "" when its file is wrong."""
        return self._prompt_of.get(run, "")

    def seen_run(self, run: str) -> Run:
        """A run as far as its file can be read: also one that cannot be used."""
        payload = payloads.seen_of(self._run_files[run]) if run in self._run_files else ""
        return _run_from(payload, run) if payload else self.runs.get(run) or Run(run, "", ())

    def seen_prompt(self, prompt: str) -> Prompt:
        """A prompt as far as its file can be read; without videos when those are not what they should be."""
        payload = payloads.seen_of(self._prompt_files[prompt]) if prompt in self._prompt_files else ""
        return payloads.prompt_from(payload, prompt) if payload else self.prompts.get(prompt) or Prompt(prompt, "", {})

    def gist_of(self, run: str) -> str:
        """All that the files of a run, of its prompt and of what it enlarges say, as text to be compared."""
        from cosmosctl import models

        own, prompt = self._run_files.get(run, ""), self._prompt_files.get(self.prompt_of(run), "")
        source = models.source_of(self.runs[run]) if run in self.runs else None
        more = self.gist_of(source) if source is not None and source != run and self._is_plain(source) else ""
        return "\0".join((own, prompt, source or "", more))

    def _is_plain(self, run: str) -> bool:
        from cosmosctl import models

        return run not in self.runs or models.source_of(self.runs[run]) is None

    def mistakes_of_prompt(self, prompt: str) -> tuple[Problem, ...]:
        """What keeps a prompt from being used."""
        return self._by_subject.get(f"prompts/{prompt}", ())

    def mistakes_of_sweep(self, sweep: str) -> tuple[Problem, ...]:
        """What keeps a sweep from being used; its base and the runs that it spans have mistakes of their own."""
        return self._by_subject.get(f"sweeps/{sweep}", ())

    def problems_of_file(self, run: str) -> tuple[Problem, ...]:
        """The mistakes of a run's own file, and those of the project."""
        return (*self._by_subject.get("", ()), *self._by_subject.get(f"runs/{run}", ()))

    def is_without_videos(self, prompt: str) -> bool:
        """Whether all that keeps a prompt from being used is that its videos are not here."""
        return payloads.is_absent(self._prompt_files.get(prompt, ""))

    def lacks_videos(self, run: str) -> bool:
        """Whether all that keeps a run from being used is that the videos of its prompt are not here."""
        own = self._run_files.get(run)
        if own is None or payloads.is_mistakes(own) or self._by_subject.get("") or self._by_subject.get(f"runs/{run}"):
            return False
        return self.is_without_videos(self.prompt_of(run))

    def host(self, name: str | None = None) -> Host:
        """The host to use: the one named, else the project's. Raises: UsageError naming the known ones."""
        wanted = name or self.config.host
        if wanted in self.config.hosts:
            return self.config.hosts[wanted]
        raise UsageError(f"there is no host {wanted!r}; known: {', '.join(sorted(self.config.hosts))}")

    def with_drafts(self, drafts: Drafts) -> "Snapshot":
        """This project and what is in no file yet, as if it were: for plans that must write nothing."""
        prompts, runs = {one.id: one for one in drafts.prompts}, {one.id: one for one in drafts.runs}
        usable = {**self.prompts, **prompts}
        return replace(
            self,
            prompts=usable,
            runs={**self.runs, **{run: one for run, one in runs.items() if one.prompt in usable}},
            prompt_ids=(*self.prompt_ids, *prompts),
            run_ids=(*self.run_ids, *runs),
            _prompt_of={**self._prompt_of, **{run.id: run.prompt for run in drafts.runs}},
        )

    @property
    def schemas(self) -> str:
        """What stands for the schemas that git should version; derived once, as few commands ask. "": those of this
        project could not be written.
        """
        entry = self.index.get(_SCHEMAS)
        if entry is None or entry.payload:
            return entry.payload if entry else ""
        from cosmosctl.schema import versioned_schemas
        from cosmosctl.schema.editors.versioned import digest

        payload = digest(versioned_schemas(self.config))
        self.index.put(_SCHEMAS, entry._replace(payload=payload))
        self.index.save()
        return payload

    def require(self, runs: Iterable[str]) -> None:
        """Nothing, when these runs can be used. Raises: FilesError with all that is wrong with them."""
        problems = self.problems_of(runs)
        if problems:
            raise FilesError([problem.words for problem in problems], hint="cosmosctl check")


def load_all(root: Path, index: Index | None = None) -> Snapshot:
    """The whole project; no mistake in a file is raised, they are all in `problems`. `index`: where it is open."""
    index = index or Index.open(root)
    config, problems = _config(root, index)
    prompts = scan_prompts(root, index, outside=config.allow_outside_inputs)
    runs = scan_runs(root, index, outside=config.allow_outside_inputs)
    sweeps = scan_sweeps(root, index)
    usable_sweeps = _Decoded(sweeps.payloads, payloads.sweep_from)
    of_runs = sorted([*runs.problems, *_lost(runs, prompts)], key=lambda p: (p.file, p.line, p.column))
    problems = [*problems, *strange_links(root), *prompts.problems, *of_runs]
    problems += [*sweeps.problems, *_lost_of_sweeps(usable_sweeps, runs, prompts)]
    index.forget_others(prompts=prompts.links, runs=runs.links, sweeps=sweeps.links)
    _save(root, index, config, prompts.ids)
    usable = {run: text for run, text in runs.payloads.items() if _is_usable(run, runs, prompts)}
    return Snapshot(
        root=root,
        config=config,
        prompts=_Decoded(prompts.payloads, payloads.prompt_from),
        runs=_Decoded(usable, _run_from, runs.runs),
        sweeps=usable_sweeps,
        problems=tuple(problems),
        prompt_ids=tuple(prompts.ids),
        run_ids=tuple(runs.ids),
        sweep_ids=tuple(sweeps.ids),
        leftovers=tuple(runs.leftovers),
        left=runs.left,
        index=index,
        _by_subject=_grouped(problems),
        _prompt_of=runs.links,
        _run_files={**runs.payloads, **runs.broken},
        _prompt_files={**prompts.payloads, **prompts.broken},
    )


def _lost(runs: Found, prompts: Found) -> Iterable[Problem]:
    if {"", *prompts.ids}.issuperset(runs.links.values()):
        return ()
    from cosmosctl.store.reading.lost import lost_runs

    return lost_runs(runs, prompts)


def _lost_of_sweeps(sweeps: Mapping[str, "Sweep"], runs: Found, prompts: Found) -> Iterable[Problem]:
    if not sweeps:
        return ()
    from cosmosctl.store.reading.lost import lost_of_sweeps

    return lost_of_sweeps(sweeps, runs.ids, prompts.ids)


def _is_usable(run: str, runs: Found, prompts: Found) -> bool:
    return runs.links[run] in prompts.payloads and run not in runs.linked


def load_config(root: Path) -> Config:
    """cosmosctl.yaml. Raises: FilesError with every mistake in it."""
    from cosmosctl.store.reading import parsing

    payload = _usable(parsing.read_config(root).entry.payload, CONFIG_FILE)
    return _here(root, payloads.config_from(payload))


def load_prompt(root: Path, prompt_id: str) -> Prompt:
    """One prompt with its videos found. Raises: FilesError with every mistake in its file."""
    from cosmosctl.store.reading import parsing

    reading = parsing.read_prompt(root, prompt_id, outside=load_config(root).allow_outside_inputs)
    return payloads.prompt_from(_usable(reading.entry.payload, f"prompts/{prompt_id}.yaml"), prompt_id)


def load_run(root: Path, run_id: str) -> Run:
    """One run; its prompt is not looked at. Raises: FilesError with every mistake in its file."""
    from cosmosctl.store.reading import parsing

    reading = parsing.read_run(root, run_id, outside=load_config(root).allow_outside_inputs)
    return _run_from(_usable(reading.entry.payload, f"runs/{run_id}/run.yaml"), run_id)


def _usable(payload: str, file: str) -> str:
    if payloads.is_mistakes(payload):
        problems = payloads.problems_of(payload, "", file)
        raise FilesError([problem.words for problem in problems])
    return payload


def _run_from(payload: str, run_id: str) -> Run:
    return payloads.run_from(payload, run_id, f"runs/{run_id}/run.yaml")


class _Decoded(Mapping[str, Value], Generic[Value]):
    """Values by id, in the order of ids, each built when it is first asked for, but those that are known."""

    def __init__(
        self, payloads_by_id: Mapping[str, str], decode: Callable[[str, str], Value], known: Mapping[str, Value] = {}
    ) -> None:
        self._payloads = payloads_by_id
        self._decode = decode
        self._values = {key: value for key, value in known.items() if key in payloads_by_id}

    def __getitem__(self, key: str) -> Value:
        if key not in self._values:
            self._values[key] = self._decode(self._payloads[key], key)
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._payloads

    def __iter__(self) -> Iterator[str]:
        return iter(self._payloads)

    def __len__(self) -> int:
        return len(self._payloads)


def _config(root: Path, index: Index) -> tuple[Config, list[Problem]]:
    entry = known_entry(index, CONFIG_FILE, f"{root}/{CONFIG_FILE}", outside=False)
    if entry is None:
        from cosmosctl.store.reading import parsing

        reading = parsing.read_config(root)
        entry = noted(index, CONFIG_FILE, reading.entry, keep=reading.may_be_kept)
    if payloads.is_mistakes(entry.payload):
        from cosmosctl import models

        builtin = Config(project="", model=models.default(), host="local", defaults={}, hosts={})
        return _here(root, builtin), payloads.problems_of(entry.payload, "", CONFIG_FILE)
    return _here(root, payloads.config_from(entry.payload)), []


def _here(root: Path, config: Config) -> Config:
    """The project on this machine: the built-in host, folders for hosts that are this machine, what was allowed."""
    here = local_dir()
    hosts = {BUILT_IN_HOST: Host(BUILT_IN_HOST, "preview", here)}
    hosts |= {name: replace(host, dir=host.dir or here) for name, host in config.hosts.items()}
    asks = config.allow_outside_inputs and not outside_counts(root)
    return replace(
        config, hosts=hosts, allow_outside_inputs=config.allow_outside_inputs and not asks, asks_outside=asks
    )


def _grouped(problems: Iterable[Problem]) -> dict[str, tuple[Problem, ...]]:
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.subject, []).append(problem)
    return {subject: tuple(several) for subject, several in found.items()}


def _save(root: Path, index: Index, config: Config, prompts: Sequence[str]) -> None:
    """Remember what was read. The editor's schemas are written anew where they are another project's than this one now.

    A new index also means that they may be missing or old.
    """
    facts = f"{config.model} {config.allow_outside_inputs} {config.asks_outside} {' '.join(prompts)}"
    key = f"{len(facts)}-{zlib.crc32(facts.encode()):08x}"
    if index.key(_SCHEMAS) != key:
        from cosmosctl.schema import write_schemas

        with contextlib.suppress(FileError):
            write_schemas(root, model=config.model, prompts=prompts, outside=config.allow_outside_inputs)
            index.put(_SCHEMAS, Entry(key, "", ""))
    index.save()


_SCHEMAS = "schemas"
"""What the index remembers them by."""
