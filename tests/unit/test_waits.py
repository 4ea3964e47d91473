"""No test depends on how fast a machine is: none sleeps but in support/waiting.py, none compares what clocks say."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.earlier import RECORDED
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

TESTS = REPOSITORY / "tests"
CLOCKS = frozenset(("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "time", "time_ns"))
OF_THE_CLOCK = frozenset(
    ("support/waiting.py", "support/held_clock/sitecustomize.py", "support/quick_model.py", "unit/test_waits.py")
)
"""What the rule is made of."""
DURATIONS = ("seconds", "elapsed", "duration_s", "load_s", "video_s")


def test_no_test_sleeps_or_compares_times() -> None:
    ours = [path for path in sorted(TESTS.rglob("*.py")) if RECORDED not in path.parents]
    files = [path for path in ours if path.relative_to(TESTS).as_posix() not in OF_THE_CLOCK]
    assert len(files) > 50
    found = [f"{path.relative_to(TESTS)}:{line}" for path in files for line in faults(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "time.sleep(0.5)",
        "from time import sleep\nsleep(1)",
        "code = 'import time; time.sleep(3)'",
        "assert time.monotonic() - begin < 3",
        "def f():\n    begin = time.time()\n    g()\n    taken = time.time() - begin\n    assert taken < 3",
        "def f():\n    end = time.monotonic() + 30\n    while not g():\n        assert time.monotonic() < end",
        "assert 0.2 < event['seconds'] < 0.7",
        "assert result.duration_s < 60",
        "process.wait(0.3)",
        "process.communicate(timeout=20)",
        "subprocess.run(argv, timeout=30.0)",
        "BOUND_S = 10\nsubprocess.run(argv, timeout=BOUND_S)",
    ],
)
def test_what_depends_on_a_machine_is_found(text: str) -> None:
    assert list(faults(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "os.utime(file, (time.time() - 3600, time.time() - 3600))",
        "process.wait(PATIENCE_S)",
        "assert times == sorted(times)",
        "def f():\n    now = time.time()\n    assert told == now",
    ],
)
def test_what_does_not_is_let_through(text: str) -> None:
    assert list(faults(text)) == []


def faults(text: str) -> Iterator[int]:
    """Lines of a module that sleep, compare what a clock said, or bound a wait by less than minutes."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    small, asked = _small_numbers(tree), _asked_in_a_loop(nodes)
    for node in nodes:
        if isinstance(node, ast.Call) and node not in asked and (_called(node) == "sleep" or _is_short(node, small)):
            yield node.lineno
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "time.sleep(" in node.value:
            yield node.lineno
        if isinstance(node, ast.Compare) and _compares_durations(node):
            yield node.lineno
    if any(map(_is_clock, nodes)):
        for scope in (tree, *(node for node in nodes if isinstance(node, ast.FunctionDef))):
            yield from _compared_with_a_clock(scope)


def _asked_in_a_loop(nodes: list[ast.AST]) -> set[ast.AST]:
    """Looks at a `threading.Event`: `not event.wait(0.1)` goes round again."""
    denied = [node.operand for node in nodes if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)]
    return {node for node in denied if isinstance(node, ast.Call) and _called(node) == "wait"}


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _small_numbers(tree: ast.Module) -> set[str]:
    """Names of the module's constants that are less than minutes."""
    assigned = [node for node in tree.body if isinstance(node, ast.Assign) and _is_small(node.value, frozenset())]
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _is_small(node: ast.expr, names: set[str] | frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value < PATIENCE_S


def _is_short(node: ast.Call, small: set[str]) -> bool:
    """Whether it waits for less than minutes; a file's or a program's own `wait` has no such argument."""
    bounds = [keyword.value for keyword in node.keywords if keyword.arg in ("timeout", "within_s")]
    bounds += node.args[:1] if _called(node) == "wait" else []
    return any(_is_small(bound, small) for bound in bounds)


def _compares_durations(node: ast.Compare) -> bool:
    """Whether a duration that something told is compared with a number."""
    sides = (node.left, *node.comparators)
    numbers = [side for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, int | float)]
    ordered = any(isinstance(one, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for one in node.ops)
    return ordered and any(number.value for number in numbers) and any(map(_is_duration, sides))


def _is_duration(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value in DURATIONS
    return isinstance(node, ast.Attribute) and node.attr in DURATIONS


def _compared_with_a_clock(scope: ast.AST) -> Iterator[int]:
    """Lines where something is said to be more or less than what follows from a clock, within one function."""
    from_clock: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and _has_clock(node.value, from_clock):
            from_clock |= {
                name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    for node in ast.walk(scope):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            yield from [node.lineno] * any(_has_clock(side, from_clock) for side in (node.left, *node.comparators))


def _has_clock(node: ast.expr, names: set[str]) -> bool:
    return any(_is_clock(one) or (isinstance(one, ast.Name) and one.id in names) for one in ast.walk(node))


def _is_clock(node: ast.AST) -> bool:
    """Whether it asks one of the clocks of the module `time`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in CLOCKS:
        return False
    return isinstance(node.func.value, ast.Name) and node.func.value.id == "time"
