"""What a host needs and has not: the image, the engine, python3 in the image."""

import shlex
import threading
from collections.abc import Callable
from dataclasses import replace

from tests.containers import IMAGE, Engine
from tests.support.lab import Lab

_BUILDING = threading.Lock()


def image_missing(lab: Lab) -> None:
    engine = _own_image(lab)
    told = _without(lab, lambda: engine("untag", lab.image, lab.image), lambda: engine("tag", IMAGE, lab.image))
    assert not told or lab.image in told
    lab.assert_all_well()


def engine_missing(lab: Lab) -> None:
    engine = _own_image(lab)
    program, away = lab.root / "podman", lab.root / "away"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(engine.command)} "$@"\n')
    program.chmod(0o755)
    lab.engine = replace(engine, command=(str(program),))
    lab.configure()
    told = _without(lab, lambda: program.rename(away), lambda: away.rename(program))
    assert not told or str(program) in told
    lab.assert_all_well()


def python_missing_in_the_image(lab: Lab) -> None:
    engine = _own_image(lab)
    bare = _without_python(engine)
    told = _without(lab, lambda: engine("tag", bare, lab.image), lambda: engine("tag", IMAGE, lab.image))
    assert not told or "python3" in told
    lab.assert_all_well()


def _without(lab: Lab, take_away: Callable[[], object], bring_back: Callable[[], object]) -> str:
    """What a batch says that lacks something from a drawn moment on; then it is brought back and goes on."""
    at_once = lab.pick(True, False)
    if at_once:
        take_away()
    client = lab.start("batch")
    if not at_once:
        lab.freeze_in(client, "push", 0, 30_000)
        take_away()
        lab.line.thaw()
    done = lab.end(client, *((4,) if at_once else (0, 4)))
    nothing_sent = not list(lab.dir.rglob("*.mp4"))
    bring_back()
    if done.code:
        assert nothing_sent or "phase: launch" in done.err
        assert set(lab.states().values()) in ({"queued"}, {"pending"})
        lab.catch_up()
    return done.err if done.code else ""


def _own_image(lab: Lab) -> Engine:
    """The engine, where the host's image has a name of its own."""
    assert lab.engine is not None
    lab.image = f"localhost/{lab.chance.randbytes(6).hex()}:1"
    lab.engine("tag", IMAGE, lab.image)
    lab.configure()
    return lab.engine


def _without_python(engine: Engine) -> str:
    """The name of an image where nothing is called python3."""
    name = "localhost/no-python:1"
    with _BUILDING:
        if name not in engine("images", "--format", "{{.Repository}}:{{.Tag}}"):
            container = engine("create", IMAGE, "true").strip()
            engine("commit", "--quiet", "--change", "ENV PATH=/bin", container, name)
            engine("rm", container)
    return name
