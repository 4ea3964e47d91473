"""Where the values of a user's file stand, kept as text: of ten thousand files hardly one is asked for them."""

from collections.abc import Iterable, Iterator, Mapping

from cosmosctl.domain.project import Place


class Places(Mapping[str, Place]):
    """The places of keys in one file. `text`: `key line column` for each, between blanks."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self.text = text
        self._places: dict[str, Place] | None = None

    def __getitem__(self, key: str) -> Place:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Place]:
        if self._places is None:
            words = self.text.split(" ") if self.text else []
            triples = zip(words[::3], words[1::3], words[2::3], strict=True)
            self._places = {key: Place(self._file, int(line), int(column)) for key, line, column in triples}
        return self._places


def text_of(places: Iterable[tuple[str, tuple[int, int]]]) -> str:
    """The text of these: a key, its line and its column."""
    return " ".join([f"{key} {line} {column}" for key, (line, column) in places])
