"""What `check` says of one file by itself: of a run also what its family says, its videos being well."""

from pathlib import Path

from cosmosctl import models
from cosmosctl.domain.project import Config, Prompt
from cosmosctl.models.protocol import Clip
from cosmosctl.schema.values import run_of
from cosmosctl.store.videos import named_paths, path_words
from cosmosctl.yaml.reader import parse


def run_mistakes(text: str, project: str) -> list[str]:
    """Of a run in a project of that family. Its prompt has a color, a depth and a seg video."""
    document = parse(text)
    parsed = run_of(document, "r", "f")
    paths = [path_words(Path("/project"), path, allow_outside=False) for _, path in named_paths(document.value)]
    if parsed.value is None or any(paths):
        return [mistake.message for mistake in parsed.mistakes] + [words for words in paths if words]
    prompt = Prompt("ps_a", "x", {"color": "c.mp4", "depth": "d.mp4", "seg": "s.mp4"})
    spec = models.spec_of(parsed.value, prompt, Config("p", project, "local", {}, {}))
    clips = dict.fromkeys(spec.input_paths, Clip(1280, 704, 24, 121))
    return [one.message for one in models.get(spec.model).check(spec, clips) if one.level == "error"]
