"""Who somebody is at this machine: the name that stands behind a rating."""

import getpass
import os
import shlex

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import SHORT_S, answer_of
from cosmosctl.store.user_config import user_config

MOST_CHARS = 100


def author(project: ProjectPaths) -> str:
    """The name in the user's own config.yaml, else that git signs this project's commits with, else the login's."""
    if own := user_config().author:
        return own[:MOST_CHARS]
    git = ("git", "-C", str(project.root), "config", "--get", "user.name")
    answer = answer_of(invoke_context(), shlex.join(git), timeout_s=SHORT_S)
    named = " ".join(answer.stdout.split()) if answer.code == 0 else ""
    return (named or _login())[:MOST_CHARS]


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container that runs under a bare number
        return f"user {os.getuid()}"
