"""Command lines of every verb, read from the command tree: a new verb or option is tried without a word here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from cosmosctl.cli.main import cosmosctl

WORDS: Mapping[str, Sequence[str]] = {
    "directory": ("new", "."),
    "text": ("a street at dusk",),
    "video_dir": ("inputs/videos/city", "inputs/videos"),
    "weights": ("0.3",),
    "weighed": ("edge=0.4",),
    "presets": ("edge=low",),
    "inputs": ("depth=inputs/videos/city/depth.mp4", "depth=/dev/zero"),
    "status": ("done", "pending"),
    "host": ("local", "evil"),
    "model": ("transfer1", "transfer2.5"),
    "batch_name": ("again",),
    "export": ("exported",),
    "from_jsonl": ("rows.jsonl", "cosmosctl.yaml"),
    "roots": ("/workspace=.",),
    "host add name": ("lab",),
    "address": ("nobody@127.0.0.1:1",),
    "ssh_args": ("-oConnectTimeout=1",),
    "host check name": ("evil",),
    "host allow names": ("evil",),
    "folders": (".",),
    "links": ("runs/rs_a/history", "batches"),
    "videos": ("inputs/videos/city/color.mp4",),
    "fetch source": ("{data}/cosmosctl", "."),
    "resolution": ("720",),
    "tag": ("a",),
}
"""What to give for parameters by their names, or verb and name; others get an id, or a number."""
LAST = ("host allow",)
"""What says that something may run: tried when all else was."""


@dataclass(frozen=True)
class Line:
    """A verb and its words, and what is in the environment for it."""

    verb: str
    words: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, hash=False)


def lines(ids: Sequence[str], turn: int) -> Sequence[Line]:
    """A line of each verb, and another one of each with the option and the words whose turn it is."""
    found = [line for verb, command in verbs() for line in _lines(verb, command, ids, turn)]
    return sorted(dict.fromkeys(found), key=lambda line: line.verb in LAST)


def verbs(group: click.Group = cosmosctl, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that can be typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


def _lines(verb: str, command: click.Command, ids: Sequence[str], turn: int) -> Iterator[Line]:
    options = [param for param in command.params if isinstance(param, click.Option)]
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    start = tuple(verb.split())
    needed = [_word(verb, one, ids, turn) for one in arguments if one.required]
    yield Line(verb, (*start, *needed))
    given = [_word(verb, one, ids, turn + 1) for one in arguments]
    yield Line(
        verb,
        (*start, *_option(verb, options[turn % len(options)], ids, turn), "--", *given)
        if options
        else (*start, *given),
    )


def _option(verb: str, option: click.Option, ids: Sequence[str], turn: int) -> Sequence[str]:
    if option.is_flag:
        return option.opts[:1]
    return (option.opts[0], *[_word(verb, option, ids, turn)] * option.nargs)


def _word(verb: str, param: click.Parameter, ids: Sequence[str], turn: int) -> str:
    choices = WORDS.get(f"{verb} {param.name}") or WORDS.get(str(param.name)) or _by_type(param.type) or ids
    return choices[turn % len(choices)]


def _by_type(kind: Any) -> Sequence[str]:
    if isinstance(kind, click.Choice):
        return [str(one) for one in kind.choices]
    return {"integer": ("7",), "float": ("0.5",), "integer range": ("7",), "number": ("2",)}.get(kind.name, ())
