"""The work folder of a model process: whose the files in it are, by the layouts of the plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional

from files import files_below, move, patiently, sync
from plan import Layout, Row
from verdict import End

PROMPT_FILE = "prompt.txt"


class Outputs:
    """The work folder of one process: which rows have outputs there, and which of these are whole and their own."""

    def __init__(self, work: Path, rows: List[Row], layouts: List[Layout]) -> None:
        self._work, self._rows, self._layouts = work, rows, layouts
        self.renumbered = False

    def begun(self, i: int) -> bool:
        """Whether there is anything of row i."""
        layouts = [self._at(i, k) for k in range(len(self._layouts))]
        places = [place for one in layouts for place in (one.started, one.marker, *one.files) if place]
        return any((self._work / place).exists() for place in places)

    def seems_renumbered(self) -> bool:
        """Whether the program left a row out and counted on: outputs lie under the numbers of earlier rows.

        The prompts beside them tell; they have to be those of just one row each.
        """
        owners = {row.prompt: i for i, row in enumerate(self._rows)}
        several = {row.prompt for i, row in enumerate(self._rows) if owners[row.prompt] != i}
        told = {(i, k): self._told(i, k) for k in range(len(self._layouts)) for i in range(len(self._rows))}
        moves = [owners[text] - i for (i, _), text in told.items() if text in owners and text not in several]
        return any(moves) and min(moves) >= 0

    def finished_as(self, i: int, *, gone_on: bool, end: Optional[End]) -> Optional[int]:
        """The layout in which row i lies there finished; None: it is not, or nothing shows it.

        A marker counts when the program has gone on or ended. Without one the program must have ended, and
        without an error if it has not gone on: the last video of a crash may be half a video.
        """
        for k in range(len(self._layouts)):
            layout = self._at(i, k)
            whole = gone_on or (end is not None and (layout.marker != "" or end.code == 0))
            proof = layout.marker or (layout.place(layout.primary) if end else "")
            if self._taken(i, k).is_dir() or (whole and proof and (self._work / proof).exists()):
                return k
        return None

    def trouble(self, i: int, k: int) -> str:
        """Why the outputs in layout k are not row i's result; "" when they are."""
        layout, prompt = self._at(i, k), self._rows[i].prompt
        primary, told = (self._work / layout.place(name) for name in (layout.primary, PROMPT_FILE))
        if self._taken(i, k).is_dir():
            return ""
        if not primary.is_file() or primary.stat().st_size == 0:
            return f"the model finished the row, but {primary.name} is missing or empty"
        if told.is_file() and prompt is not None and not self._is_told(i, k):
            return f"{told.name} beside {primary.name} is not this run's prompt"
        proved = self.is_proved(i, k)
        if self.renumbered and not proved:
            return f"unclaimed: {primary.name} could belong to another run of the same prompt, a row was left out"
        if not layout.marker and not proved and not self._counted_from_zero(k):
            return f"unclaimed: {primary.name} could belong to another run, the files are not numbered from 0 on"
        return ""

    def is_proved(self, i: int, k: int) -> bool:
        """Whether the outputs in layout k can be no other row's: by their name, or by a prompt that only row i has."""
        alone = [row.prompt for row in self._rows].count(self._rows[i].prompt) == 1
        return self._taken(i, k).is_dir() or self._layouts[k].is_named or (alone and self._is_told(i, k))

    def _is_told(self, i: int, k: int) -> bool:
        """Whether row i's prompt lies beside its outputs in layout k."""
        prompt, told = self._rows[i].prompt, self._work / self._at(i, k).place(PROMPT_FILE)
        return prompt is not None and told.is_file() and told.read_bytes() == prompt.encode("utf-8", "surrogatepass")

    def take(self, i: int, k: int, target: Path) -> None:
        """Moves row i's outputs in layout k to the folder `target`, whole or not at all."""
        layout, index = self._at(i, k), self._index(i, k)
        patiently(lambda: self._taken(i, k).mkdir(parents=True, exist_ok=True))
        if index != i:
            patiently(lambda: (self._taken(i, k) / "index").write_text(str(index)))
        source = self._work / layout.folder
        if not layout.folder:
            source = self._taken(i, k) / "files"
            move({self._work / place: source / name for place, name in layout.files.items()})
        patiently(lambda: sync(*files_below(source), source))
        patiently(lambda: os.rename(source, target))
        sync(target.parent)

    def taken_as(self, i: int) -> Optional[int]:
        """The layout in which row i was taken."""
        return next((k for k in range(len(self._layouts)) if self._taken(i, k).is_dir()), None)

    def left(self, i: int) -> List[Path]:
        """What there is of row i, in any layout."""
        layouts = [self._at(i, k) for k in range(len(self._layouts))]
        places = dict.fromkeys(place for one in layouts for place in (one.folder, *one.files) if place)
        return [path for path in (self._work / place for place in places) if path.exists()]

    def _taken(self, i: int, k: int) -> Path:
        """A folder that stands for the decision that row i is finished, in layout k."""
        return self._work / "taken" / f"{i}.{k}"

    def _at(self, i: int, k: int) -> Layout:
        """Layout k of row i, as it lies there."""
        return self._layouts[k].of(self._index(i, k), self._rows[i].name).seen(self._work)

    def _index(self, i: int, k: int) -> int:
        """The number under which row i lies there: its own, or, after a row was left out, that of its prompt."""
        noted = self._taken(i, k) / "index"
        if noted.is_file():
            return int(noted.read_text())
        if not self.renumbered or self._taken(i, k).is_dir():
            return i
        return next((j for j in range(i + 1) if self._told(j, k) == self._rows[i].prompt), -1)

    def _told(self, i: int, k: int) -> Optional[str]:
        """The prompt that lies under number i in layout k."""
        layout = self._layouts[k]
        told = self._work / layout.of(i, self._rows[i].name).place(PROMPT_FILE)
        if layout.is_named or not told.is_file():
            return None
        return told.read_bytes().decode("utf-8", "surrogatepass")

    def _counted_from_zero(self, k: int) -> bool:
        """Whether the numbers in the names of layout k can only be row indices: 0 is there, nothing beyond the end."""
        ends = [self._layouts[k].of(i, "").seen(self._work) for i in (0, len(self._rows))]
        first, beyond = (place.place(place.primary) for place in ends)
        begins = self._taken(0, k).is_dir() or (bool(first) and (self._work / first).exists())
        return begins and not (beyond and (self._work / beyond).exists())
