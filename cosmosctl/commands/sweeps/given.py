"""What a command line says of a sweep, as a value. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cosmosctl.domain.ids import command
from cosmosctl.domain.project import Setting
from cosmosctl.domain.sweep import MOST_RUNS, Point, Sweep, seeds
from cosmosctl.errors import UsageError
from cosmosctl.schema import axes

SEED = "seed"


@dataclass(frozen=True)
class Given:
    """The options as they were given: `grid` and `zip` as AXIS=VALUE,VALUE, `exclude` as AXIS=VALUE,AXIS=VALUE."""

    base: str | None = None
    grid: tuple[str, ...] = ()
    zip: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    seeds: int | None = None
    most: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether anything is said that stands in a sweep's file."""
        return self != Given()


def sweep_given(name: str, base: str, given: Given, *, first_seed: int) -> Sweep:
    """The sweep that these options make of a run; `first_seed` is the run's own. Raises: UsageError."""
    grid, zipped = dict(_axes("--grid", given.grid)), dict(_axes("--zip", given.zip))
    if given.seeds is not None:
        if SEED in {**grid, **zipped}:
            raise UsageError(
                "--seeds counts seeds from the base's own; name them with --grid seed=1,2, or leave it out"
            )
        grid[SEED] = seeds(first_seed, given.seeds)
    if not grid and not zipped:
        raise UsageError(
            "a sweep has to vary something", hint=command("sweep", name, "--base", base, "--grid", "guidance=3,5,7")
        )
    if len({len(values) for values in zipped.values()}) > 1:
        raise UsageError("--zip wants as many values of each axis")
    twice = [axis for axis in grid if axis in zipped]
    if twice:
        raise UsageError(f"{twice[0]} stands in --grid and in --zip")
    exclude = tuple(_point(word) for word in given.exclude)
    return Sweep(name, base, grid, zipped, exclude, most=MOST_RUNS if given.most is None else given.most)


def _axes(option: str, words: Sequence[str]) -> Iterator[tuple[str, tuple[Setting, ...]]]:
    seen = set()
    for word in words:
        name, there, text = word.partition("=")
        if not there or not text:
            raise UsageError(f"{option} {word}: write AXIS=VALUE,VALUE")
        short = _short(option, word, name)
        if short in seen:
            raise UsageError(f"{option} {word}: {short} is there twice")
        seen.add(short)
        yield short, tuple(_value(option, word, short, part) for part in text.split(","))


def _point(word: str) -> Point:
    """AXIS=VALUE,AXIS=VALUE, taken apart."""
    found: dict[str, Setting] = {}
    for part in word.split(","):
        name, there, text = part.partition("=")
        if not there or not text:
            raise UsageError(f"--exclude {word}: write AXIS=VALUE,AXIS=VALUE")
        short = _short("--exclude", word, name)
        found[short] = _value("--exclude", word, short, text)
    return found


def _short(option: str, word: str, name: str) -> str:
    if name not in axes.axes():
        raise UsageError(f"{option} {word}: {axes.unknown(name)}")
    return axes.short_name(name)


def _value(option: str, word: str, axis: str, text: str) -> Setting:
    return given_value(f"{option} {word}", axis, text)


def given_value(where: str, axis: str, text: str) -> Setting:
    """The value that a word of the command line stands for. Raises: UsageError when the axis takes none like it."""
    from cosmosctl.yaml.scalar import plain_value

    kind = axes.axes()[axis]
    value = plain_value(text)
    if isinstance(value, bool | int | float) and axes.mistake(kind, value) and not axes.mistake(kind, text):
        value = text  # a text that looks like a number
    if mistake := axes.mistake(kind, value):
        raise UsageError(f"{where}: {axis} {mistake}")
    assert isinstance(value, bool | int | float | str)  # `mistake` told of anything else
    return axes.normal(kind, value)


def is_said_already(sweep: Sweep, made: Sweep) -> bool:
    """Whether a sweep's file says what the options make, whatever it says besides."""
    facts = [(one.base, _plain(one.grid), _plain(one.zipped)) for one in (sweep, made)]
    return facts[0] == facts[1] and all(point in sweep.exclude for point in made.exclude)


def _plain(values: Mapping[str, Sequence[Setting]]) -> dict[str, list[Setting]]:
    return {axis: list(several) for axis, several in values.items()}
