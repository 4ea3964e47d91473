"""A real project in a folder of its own, and the real command line on it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import BatchPaths, ProjectPaths, RunPaths
from tests.support import forked

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300
"""No command of a test may hang for longer."""


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Tree:
    """A project below `root`; `home` holds what the built-in host keeps."""

    root: Path
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> ProjectPaths:
        return ProjectPaths(self.root)

    def run_paths(self, run: str) -> RunPaths:
        return self.paths.run(run)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a command: the caller's, with a home of its own and none of the user's settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("COSMOSCTL_")}
        own = {"COSMOSCTL_ALLOW_HOSTS": "*"}  # hosts are of the tests' own making; test_trust.py asks for leave
        own |= {"XDG_DATA_HOME": str(self.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return {**kept, **own, "COSMOSCTL_GPU_LOCKS": str(self.home / "locks"), **self.env, **(extra or {})}

    def cli(self, *args: str, env: Mapping[str, str] | None = None, expect: int | None = 0) -> Done:
        """Run `cosmosctl ARGS` in the project; `expect` None takes any exit code."""
        environment = self.environment(env)
        if forked.is_as_started(environment):
            done = Done(*forked.run(args, self.root, environment, TIMEOUT_S))
        else:
            done = self._started(args, environment)
        assert expect is None or done.code == expect, f"{args}: {done.code}\n{done.err}"
        return done

    def _started(self, args: Sequence[str], environment: Mapping[str, str]) -> Done:
        result = subprocess.run(
            (sys.executable, "-m", "cosmosctl", *args),
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        return Done(result.returncode, result.stdout, result.stderr)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start `cosmosctl ARGS` and go on; the caller ends it."""
        return subprocess.Popen(
            (sys.executable, "-m", "cosmosctl", *args),
            cwd=self.root,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def config(self, text: str) -> None:
        """Write cosmosctl.yaml."""
        (self.root / "cosmosctl.yaml").write_text(text, encoding="utf-8")

    def prompt(self, name: str, text: str = "a street", scene: str = "inputs/videos/city", more: str = "") -> None:
        """Write a prompt as a user might."""
        self.paths.prompts.mkdir(exist_ok=True)
        body = f"text: {json.dumps(text)}\nvideo: {scene}\n{more}"
        self.paths.prompt(name).write_text(body, encoding="utf-8")

    def run(self, name: str, prompt: str = "ps_a", controls: str = "{edge: 0.5}", more: str = "") -> None:
        """Write a run as a user might; `controls` is YAML in one line."""
        path = self.run_paths(name).spec
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"prompt: {prompt}\ncontrols: {controls}\n{more}", encoding="utf-8")

    def scene(self, name: str = "city", **size: int) -> Path:
        """Draw a small scene folder."""
        from tests import clips  # decoders and numpy: what draws no scene does without

        return clips.scene(self.root / "inputs/videos" / name, **size)

    def states(self, *args: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Run -> state, as `list runs --json` says."""
        rows = json.loads(self.cli("list", "runs", "--json", *args, env=env).out)
        return {row["id"]: row["reason"] or row["status"] for row in rows}

    def files(self) -> dict[str, bytes]:
        """Every file of the project but what is derived, with its bytes; folders as empty."""
        paths = [path for path in sorted(self.root.rglob("*")) if ".cosmosctl" not in path.parts]
        return {str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else b"" for path in paths}

    def batches(self) -> list[BatchPaths]:
        """Every batch folder, oldest first."""
        return [BatchPaths(path) for path in sorted(self.paths.batches.iterdir())]

    def events(self, batch: str | None = None) -> list[dict[str, Any]]:
        """The events of a batch, the newest by default."""
        paths = self.paths.batch(batch) if batch else self.batches()[-1]
        return [json.loads(line) for line in paths.events.read_text(encoding="utf-8").splitlines()]

    def git(self, *args: str) -> str:
        """Run git in the project, as somebody."""
        return git(self.root, *args)


def git(folder: Path, *args: str, expect: int = 0) -> str:
    """What git prints there, run as somebody."""
    argv = ("git", "-c", "user.name=somebody", "-c", "user.email=some@body.example", *args)
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == expect, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def on_this_machine(folder: Path, env: Mapping[str, str]) -> Tree:
    """A new project in `folder` with one small scene and one prompt (`ps_a`), on the built-in host."""
    tree = Tree(folder / "project", folder / "home", env)
    tree.root.mkdir()
    tree.home.mkdir()
    tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    tree.scene()
    tree.prompt("ps_a")
    return tree


def loads(events: Sequence[Mapping[str, Any]]) -> int:
    """How many model processes were started."""
    return sum(event["ev"] == "process_start" for event in events)
