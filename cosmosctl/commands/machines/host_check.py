"""Look at a host, in one round trip, and say what a batch would miss there."""

import shlex
import time
from pathlib import Path

from cosmosctl import engines, models, schedulers
from cosmosctl.commands.machines.host_findings import Finding, Looked, findings
from cosmosctl.commands.machines.own_programs import environment_of, own_program_findings
from cosmosctl.domain.project import AllowedHost, Host, HostModel
from cosmosctl.engines.building import image_there
from cosmosctl.engines.protocol import Images
from cosmosctl.errors import FileError, HostError, UsageError
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import answer_of, host_script
from cosmosctl.io.checked import whole_in
from cosmosctl.io.shipped import template
from cosmosctl.store import find_root, load_config

CHECK_S = 300
"""Limit of a check: an entrypoint may install things when it starts (model-contracts 2a)."""


def check_host(folder: Path, name: str, *, model: str | None = None) -> tuple[Finding, ...]:
    """What was found about the host of that name, for `model` or the project's. Raises: UsageError, NotAllowed."""
    root = find_root(folder)
    config = load_config(root)
    if name not in config.hosts:
        raise UsageError(
            f"there is no host {name!r}; known: {', '.join(sorted(config.hosts))}", hint="cosmosctl host list"
        )
    host = trust.allowed_host(root, config.hosts[name])
    return look_at(host, model or _model_of(host, config.model))


def look_at(host: AllowedHost, model: str) -> tuple[Finding, ...]:
    """The findings about one host and one model."""
    c = invoke_context()
    begin = time.time()
    try:
        answer = host_script(c, host, "check.sh", _arguments(host, model), timeout_s=CHECK_S)
    except (HostError, FileError) as e:
        return (Finding("ssh" if isinstance(e, HostError) else "configuration", "FAIL", e.message, e.hint),)
    facts = parse(answer.stdout)
    if "end" not in facts:
        return (Finding("ssh", "FAIL", f"the answer broke off: {answer.stderr[-300:]}", "try again"),)
    skew_s = _skew_s(whole_in(facts.get("clock", "")), begin, time.time())
    facts |= _asked_of_queue(host)
    looked = Looked(host, model, facts, answer_of(c, "rsync --version", timeout_s=10).stdout, skew_s)
    return (*findings(looked), *own_program_findings(looked))


def _asked_of_queue(host: AllowedHost) -> dict[str, str]:
    """What the host's queue answers, by the names of the questions with `queue-` before them."""
    queue = schedulers.queue(host)
    if queue is None:
        return {}
    words = [word for name, argv in queue.questions(host).items() for word in (name, shlex.join(argv))]
    answer = host_script(invoke_context(), host, "check_queue.sh", tuple(words))
    return {f"queue-{name}": value for name, value in parse(answer.stdout).items()}


def _skew_s(clock: int | None, begin: float, end: float) -> float:
    """Seconds by which a clock is off that was read between these two times of ours; 0 when it cannot be told."""
    return 0.0 if clock is None else min(clock - begin, 0.0) or max(clock - end, 0.0)


def parse(text: str) -> dict[str, str]:
    """name -> value of every line `name<TAB>value`."""
    parts = (line.partition("\t") for line in text.splitlines())
    return {name: value for name, tab, value in parts if tab}


def _model_of(host: Host, wanted: str) -> str:
    return wanted if wanted in host.models or not host.models else next(iter(host.models))


def _arguments(host: Host, model: str) -> tuple[str, ...]:
    engine, family = engines.of(host), models.get(model)
    block, keeper = host.models.get(model, HostModel()), engine.keeper(host)
    facts = (
        host.dir,
        *_questions(engine.images(host)),
        shlex.join(keeper.env_files if keeper else (host.env_file,) if host.env_file else ()),
        image_there(host, model),
        block.repo or "",
        block.checkpoints or "",
        host.env_file or "",
        host.cache or "",
        " ".join(name for name in family.HOME.hub_models if not block.checkpoints or name != family.CHECKPOINTS),
        family.HOME.broken,
        environment_of(host, model),
    )
    trial, queue = engine.trial(host, family, _trial_text()), schedulers.queue(host)
    return (*facts, "--", *(queue.at_once(host) if queue and trial else ()), *trial)


def _questions(asked: Images | None) -> tuple[str, ...]:
    """What the engine is asked; empty words without one that has images."""
    words = ((),) * 4 if asked is None else (asked.answers, asked.version, asked.stopped, asked.id)
    return tuple(map(shlex.join, words))


def _trial_text() -> str:
    return template("launch", "trial.py").read_text(encoding="utf-8")
