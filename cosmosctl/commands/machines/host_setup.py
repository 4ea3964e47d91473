"""Make the Python environment of a family whose program travels with batches; fetch its weights; remove it."""

import re
from collections.abc import Callable
from pathlib import Path

from cosmosctl import models
from cosmosctl.commands.machines.own_programs import first_of, has_environments
from cosmosctl.domain.ids import command
from cosmosctl.domain.project import AllowedHost, Host, HostModel
from cosmosctl.engines import travelling
from cosmosctl.errors import HostError, UsageError
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import host_script
from cosmosctl.host.streams import Sink
from cosmosctl.io.shipped import template
from cosmosctl.io.visible import visible
from cosmosctl.store import find_root, load_config

DRIVER = 580
"""Of NVIDIA, for the CUDA 13.0 that the pinned PyTorch of PyPI is built with (CUDA Toolkit 13.0 release notes)."""
NEED_KIB = 12 << 20
"""Free space: PyTorch with its CUDA libraries is about 7 GiB unpacked (others' figure), and as much on its way."""

Say = Callable[[str], None]


class Lines(Sink):
    """Hands on each whole line that a host prints."""

    def __init__(self, say: Say) -> None:
        self._say, self._rest = say, ""

    def write(self, text: str) -> int:
        *lines, self._rest = re.split(r"[\r\n]", self._rest + text)
        for line in filter(str.strip, lines):
            self._say(visible(line.encode("latin-1").decode("utf-8", "replace")))
        return len(text)


def setup_host(
    folder: Path, name: str, *, model: str | None = None, weights: bool = False, remove: bool = False, say: Say
) -> None:
    """Raises: UsageError where there is nothing to set up, NotAllowed, HostError with what went wrong there."""
    root = find_root(folder)
    config = load_config(root)
    if name not in config.hosts:
        known = ", ".join(sorted(config.hosts))
        raise UsageError(f"there is no host {name!r}; known: {known}", hint="cosmosctl host list")
    host = trust.allowed_host(root, config.hosts[name])
    chosen = _travelling(host, model)
    if remove:
        _run(host, ("remove", host.dir, travelling.environment(host, models.get(chosen))), say)
        return
    _make(host, chosen, say)
    if weights:
        _fetch(host, chosen, say)


def _travelling(host: Host, wanted: str | None) -> str:
    """The family to set up: the wanted one, or the first of the host's that has a program of ours."""
    able = [name for name, family in models.REGISTRY.items() if family.HOME.program]
    chosen = wanted or first_of(host)
    if chosen not in able:
        raise UsageError(f"{chosen} has a program of its own: docs/gpu-host.md; set up here are {', '.join(able)}")
    if not has_environments(host):
        raise UsageError(
            f"host {host.name} has {host.container or host.engine}, and an environment is made for engine bare alone",
            hint="an image with the packages: templates/launch/diffusers_rows/Containerfile, see docs/diffusers.md",
        )
    return chosen


def _make(host: AllowedHost, model: str, say: Say) -> None:
    family = models.get(model)
    if host.models.get(model, HostModel()).python:
        say(f"hosts.{host.name}.models.{model}.python is set: no environment is made")
        return
    env = travelling.environment(host, family)
    _run(host, ("make", host.dir, env, str(DRIVER), str(NEED_KIB), *family.HOME.packages), say)


def _fetch(host: AllowedHost, model: str, say: Say) -> None:
    family = models.get(model)
    text = template("launch", "fetch_weights.py").read_text(encoding="utf-8")
    block = host.models.get(model, HostModel())
    parts = family.HOME.weights
    if block.checkpoints:
        say(f"hosts.{host.name}.models.{model}.checkpoints is set: {family.CHECKPOINTS} is not fetched")
        parts = tuple(part for part in parts if part.partition("@")[0] != family.CHECKPOINTS)
    python = block.python or f"{travelling.environment(host, family)}/bin/python"
    variables = (f"{name}={value}" for name, value in host.env.items())
    told = (host.env_file or "", host.cache or "", text, *variables, "--")
    _run(host, ("weights", host.dir, python, *told, *parts), say, "--weights")


def _run(host: AllowedHost, args: tuple[str, ...], say: Say, *options: str) -> None:
    """Raises: HostError, whose next command is the same setup with these options."""
    answer = host_script(invoke_context(), host, "setup.sh", args, timeout_s=None, sink=Lines(say))
    if answer.code != 0:
        last = answer.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise HostError(f"host {host.name}: {visible(last[0])}", hint=command("host", "setup", host.name, *options))
