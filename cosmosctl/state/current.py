"""What each run would be made from now."""

from typing import TYPE_CHECKING

from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.errors import FileError
from cosmosctl.store import Snapshot, hash_file

if TYPE_CHECKING:
    from cosmosctl.domain.spec import Spec


class Current:
    """What the runs of one snapshot would be made from now.

    The models are imported only when a hash is not known: `status` mostly knows them all.
    """

    def __init__(self, project: ProjectPaths, snapshot: Snapshot) -> None:
        self._project, self._snapshot = project, snapshot
        self._hashes: dict[str, str] = {}
        self._prompts: dict[str, str] = {}
        self._same: dict[str, bool] = {}
        self._config = snapshot.index.key(CONFIG_FILE)

    def spec_hash(self, run: str) -> str:
        """The hash of a run's fingerprint. Raises: FileError when a video cannot be read."""
        notes, keys = self._snapshot.index.notes(run), self._keys(run)
        known = notes.get("spec")
        if known is not None and known[0] == keys and self._same_inputs(known[2]):
            source = known[3]
            if source is None or self._keys(source[0]) == source[1]:
                return str(known[1])
        from cosmosctl.domain.spec import spec_hash

        spec = self.spec(run)
        digest, inputs = spec_hash(self._facts(spec)), self._inputs(spec)
        source = None if spec.source is None else [spec.source.run, self._keys(spec.source.run)]
        is_trusted = keys != "" and inputs != "" and (source is None or source[1] != "")
        self._snapshot.index.note(notes, "spec", [keys, digest, inputs, source] if is_trusted else None)
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
        own, prompt = self._snapshot.index.key(f"runs/{run}/run.yaml"), self._prompt_key(run)
        return f"{own} {prompt} {self._config}" if own and prompt and self._config else ""

    def _inputs(self, spec: "Spec") -> str:
        """The videos of a run and their hashes, a line each; "" when a path has more than one line."""
        lines = [f"{self._hash(path)} {path}" for path in spec.input_paths]
        return "\n".join(lines) if not any("\n" in line for line in lines) else ""

    def _same_inputs(self, known: str) -> bool:
        """Whether every video is the one it was. Runs of one scene have the same lines, which are looked at once."""
        if known not in self._same:
            pairs = [line.split(" ", 1) for line in known.split("\n")]
            self._same[known] = all(self._hash(path) == digest for digest, path in pairs)
        return self._same[known]

    def _prompt_key(self, run: str) -> str:
        prompt = self._snapshot.prompt_of(run)
        if prompt not in self._prompts:
            self._prompts[prompt] = self._snapshot.index.key(f"prompts/{prompt}.yaml")
        return self._prompts[prompt]

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            self._hashes[path] = hash_file(self._project.root, self._project.root / path)
        return self._hashes[path]
