"""The stand-in for transfer1's program (`quick_model`) as a test sees it: its command line, its rows, what holds it."""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support import quick_model


@dataclass(frozen=True)
class HeldModel:
    """It notes its rows in `folder`, and waits there."""

    folder: Path

    @property
    def command(self) -> str:
        """What starts it, as YAML takes it in one line."""
        return json.dumps([sys.executable, "-S", "-E", str(Path(quick_model.__file__)), str(self.folder)])

    def host(self, place: Path) -> str:
        """The keys of a host in cosmosctl.yaml that has it, with one GPU, and keeps its things in `place`."""
        where = f"    dir: {json.dumps(str(place))}\n    engine: bare\n    gpus: [0]\n"
        return f"{where}    models:\n      transfer1: {{command: {self.command}}}\n"

    def hold(self) -> None:
        """Each row that is begun from now on waits."""
        (self.folder / "hold").touch()

    def let_go(self) -> None:
        (self.folder / "hold").unlink(missing_ok=True)

    def begun(self) -> Counter[str]:
        """How often it began each run whose prompt is `row RUN`."""
        rows = self.folder / "rows"
        lines = rows.read_text().splitlines() if rows.exists() else []
        return Counter(json.loads(line)["prompt"].removeprefix("row ") for line in lines)
