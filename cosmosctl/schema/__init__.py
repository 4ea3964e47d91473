"""What the three files of the user may say: cosmosctl.yaml, prompts/ID.yaml and runs/ID/run.yaml.

`files` holds the keys as pydantic models: `settings` and `controls` as the families have them, and `hosts`. `messages`
turns their complaints into sentences, `values` makes domain values, `json_schema` feeds editors. All of them import
pydantic: import them where a file is really read.
"""

from collections.abc import Iterable
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths


def schema_folder(root: Path) -> Path:
    """Where the JSON Schemas of a project lie; the first line of each new file names it."""
    return ProjectPaths(root).derived / "schema"


def write_schemas(root: Path, *, model: str, prompts: Iterable[str] = (), outside: bool = False) -> None:
    """.cosmosctl/schema/{run,prompt,project,result,batch}.json are there and right for a project of that family, with
    these prompts; `outside`: its videos may lie anywhere. Raises: FileError.
    """
    from cosmosctl.schema.json_schema import Project, write_json_schemas  # pydantic

    write_json_schemas(schema_folder(root), Project(model, tuple(prompts), outside))
