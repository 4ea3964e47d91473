"""What runs would be made from now: the hash of each, remembered while every file behind it stays."""

from typing import TYPE_CHECKING

from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.errors import FileError
from cosmosctl.store import Snapshot, hash_file

if TYPE_CHECKING:
    from cosmosctl.domain.spec import Spec
    from cosmosctl.store.run_line import RunLine

_BETWEEN = "\x1f"
"""Between videos; no path of a user's holds this control character, and if it does nothing is remembered."""


class Current:
    """What the runs of one snapshot would be made from now.

    The models are imported only when a hash is not known: `status` mostly knows them all.
    """

    def __init__(self, project: ProjectPaths, snapshot: Snapshot) -> None:
        self._project, self._snapshot = project, snapshot
        self._hashes: dict[str, str] = {}
        self._around: dict[str, str] = {}
        self._same: dict[str, bool] = {}
        self._config = snapshot.index.key(CONFIG_FILE)

    def spec_hash(self, run: str) -> str:
        """The hash of a run's fingerprint. Raises: FileError when a video cannot be read."""
        line, around = self._snapshot.index.run(run), self._keys_around(run)
        if line.spec and line.key and line.spec_keys == around and self._same_inputs(line.inputs):
            source, _, its_keys = line.source.partition(" ")
            if not source or self._keys(source) == its_keys:
                return line.spec
        return self._made_anew(run, line, around)

    def _made_anew(self, run: str, line: "RunLine", around: str) -> str:
        """The hash, remembered when every key is trusted."""
        from cosmosctl.domain.spec import spec_hash

        spec = self.spec(run)
        digest, inputs = spec_hash(self._facts(spec)), self._inputs(spec)
        source = "" if spec.source is None else f"{spec.source.run} {self._keys(spec.source.run)}"
        is_trusted = line.key and around and inputs and not source.endswith(" ")
        if line.spec or is_trusted:
            self._snapshot.index.changed()
        line.forget_spec()
        if is_trusted:
            line.spec_keys, line.spec, line.inputs, line.source = around, digest, inputs, source
        return digest

    def facts(self, run: str) -> dict[str, Setting]:
        """The fingerprint of a run. Raises: FileError when a video cannot be read."""
        return self._facts(self.spec(run))

    def lacks_videos(self, run: str) -> bool:
        """Whether all that keeps the hash from being known is that videos are not here, as in a clone."""
        from cosmosctl import models

        source = models.source_of(self._snapshot.runs[run])
        if source is not None and self._snapshot.lacks_videos(source):
            return True
        try:
            paths = self.spec(run).input_paths
        except FileError:
            return False
        return any(not (self._project.root / path).exists() for path in paths)

    def spec(self, run: str) -> "Spec":
        """The effective spec of a run. Raises: FileError when what it enlarges is no run that makes a video."""
        from cosmosctl import models

        found, runs = self._snapshot.runs[run], self._snapshot.runs
        source = models.source_of(found)
        if source is not None and (source not in runs or models.source_of(runs[source]) is not None):
            raise FileError(f"runs/{run}/run.yaml: upscale.run {source} is no run that makes a video")
        made = None if source is None else self.spec(source)
        return models.spec_of(found, self._snapshot.prompts[found.prompt], self._snapshot.config, source=made)

    def _facts(self, spec: "Spec") -> dict[str, Setting]:
        from cosmosctl.domain.spec import fingerprint

        return fingerprint(spec, {path: self._hash(path) for path in spec.input_paths})

    def _keys(self, run: str) -> str:
        """The keys of a run's file, of its prompt's and of cosmosctl.yaml; "" when one is not trusted yet."""
        own, around = self._snapshot.index.run(run).key, self._keys_around(run)
        return f"{own} {around}" if own and around else ""

    def _keys_around(self, run: str) -> str:
        """The same without that of the run's own file. Thousands of runs have the same prompt."""
        prompt = self._snapshot.prompt_of(run)
        found = self._around.get(prompt)
        if found is None:
            key = self._snapshot.index.key(f"prompts/{prompt}.yaml")
            found = self._around[prompt] = f"{key} {self._config}" if key and self._config else ""
        return found

    def _inputs(self, spec: "Spec") -> str:
        """The videos of a run and their hashes; "" when a path holds what parts them, or cannot stand in a line."""
        pairs = [f"{self._hash(path)} {path}" for path in spec.input_paths]
        return _BETWEEN.join(pairs) if not any(sign in pair for pair in pairs for sign in "\t\n" + _BETWEEN) else ""

    def _same_inputs(self, known: str) -> bool:
        """Whether every video is the one it was. Runs of one scene have the same lines, which are looked at once."""
        if known not in self._same:
            pairs = [pair.split(" ", 1) for pair in known.split(_BETWEEN)]
            self._same[known] = all(self._hash(path) == digest for digest, path in pairs)
        return self._same[known]

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            self._hashes[path] = hash_file(self._project.root, self._project.root / path)
        return self._hashes[path]
