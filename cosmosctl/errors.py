"""The one family of errors: a message (where and what) and a hint (the next command to type).

A class per exit code. `cosmosctl --help` prints the table; `cli/` turns an error into text.
"""

from collections.abc import Sequence

EXIT_OK = 0
EXIT_RUNS_WITHOUT_RESULT = 1
EXIT_USAGE = 2
EXIT_FILES = 3
EXIT_HOST = 4
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


MOST_SHOWN = 100
"""So many mistakes are shown at once: nobody reads more, and a project of somebody else may hold any number."""


def bounded(lines: Sequence[str]) -> list[str]:
    """The first of these lines, and how many more there are."""
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]


def with_hint(message: str, hint: str) -> str:
    """A mistake as it is told in one line."""
    return f"{message} ({hint})" if hint else message


class CosmosctlError(Exception):
    """Something a person has to hear about: `message` says where and what, `hint` what to type next."""

    exit_code = EXIT_FILES

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def line(self) -> str:
        """Message and hint together, for where several are told one below the other."""
        return with_hint(self.message, self.hint)


class UsageError(CosmosctlError):
    """The command line names something that is not there or does not go together."""

    exit_code = EXIT_USAGE


class FileError(CosmosctlError):
    """A file of the user's is missing, unreadable or wrong."""

    exit_code = EXIT_FILES


class FilesError(FileError):
    """Several mistakes in the user's files, told all at once."""

    def __init__(self, messages: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(messages), hint=hint)
        self.messages = tuple(messages)


class HostError(CosmosctlError):
    """The host, ssh, rsync or the engine did not do what was asked."""

    exit_code = EXIT_HOST


class Interrupted(CosmosctlError):
    """The user pressed Ctrl-C; the message says what goes on without us, the hint is a sentence on how to go on."""

    exit_code = EXIT_INTERRUPTED
