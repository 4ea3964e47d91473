"""What is remembered about one run: a line of the index, its words between tabs."""

import json
from typing import Any

Notes = dict[str, list[Any]]
"""What is remembered about one run, by a name that means something to whoever remembers it."""

_COLUMNS = 14
_NEW = "\t" * (_COLUMNS - 1)


class RunLine:
    """The columns of a line. What `status` asks of ten thousand runs stands in words; the rest is in `notes`.

    `key`, `link`, `payload`: of run.yaml, as of any file. `left`, `inside`: what lies in the run's folder and in its
    preview's, each with the key of that folder. `spec` is the run's hash while the keys of its prompt and of
    cosmosctl.yaml (`spec_keys`) and its videos (`inputs`) are these; `source` is the run that it upscales, with its
    keys. `state`: that it is done, and all that was looked at to tell it (`state/known_states.py`); whatever changes
    here takes it away. `manifest`: the key of the manifest that was found well.
    """

    __slots__ = (
        *("_notes", "_told", "inputs", "inside", "inside_key", "key", "left", "left_key", "link", "manifest"),
        *("payload", "source", "spec", "spec_keys", "state"),
    )

    key: str
    link: str
    payload: str
    left_key: str
    left: str
    inside_key: str
    inside: str
    spec_keys: str
    spec: str
    inputs: str
    source: str
    state: str
    manifest: str

    def __init__(self, line: str | None) -> None:
        words = (_NEW if line is None else line).split("\t")
        self.key, self.link, self.payload, self.left_key, self.left, self.inside_key, self.inside, *rest = words
        self.spec_keys, self.spec, self.inputs, self.source, self.state, self.manifest, self._told = rest
        self._notes: Notes | None = None

    @property
    def notes(self) -> Notes:
        """Values of JSON by name. Change them by the index."""
        if self._notes is None:
            self._notes = json.loads(self._told) if self._told else {}
        return self._notes

    def forget_spec(self) -> None:
        """Remember no hash and no state: they were told of other files."""
        self.spec_keys = self.spec = self.inputs = self.source = self.state = ""

    def text(self) -> str:
        """The line without the name."""
        if self._notes is not None:
            self._told = json.dumps(self._notes, separators=(",", ":")) if self._notes else ""
        first = (self.key, self.link, self.payload, self.left_key, self.left, self.inside_key, self.inside)
        rest = (self.spec_keys, self.spec, self.inputs, self.source, self.state, self.manifest, self._told)
        return "\t".join(first + rest)
