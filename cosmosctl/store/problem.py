"""Something wrong in the project's files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmosctl.errors import with_hint
from cosmosctl.io.visible import one_line

if TYPE_CHECKING:
    from cosmosctl.domain.mistake import Mistake


@dataclass(frozen=True)
class Problem:
    """One mistake with its place. `subject` is what cannot be used because of it.

    "runs/rs_x7m2ab" is a run, "prompts/ps_k3f9qz" a prompt (and its runs), "" the whole project.
    `line` and `column` count from 1; 0 means the whole of `file`, which is relative to the project.
    """

    subject: str
    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{one_line(place)}: {self.message}"

    @property
    def words(self) -> str:
        """What people read: the mistake and what mends it."""
        return with_hint(str(self), self.hint)

    @property
    def mistake(self) -> "Mistake":
        """The same without what cannot be used because of it."""
        from cosmosctl.domain.mistake import Mistake

        return Mistake(self.file, self.line, self.column, with_hint(self.message, self.hint), self.words)
