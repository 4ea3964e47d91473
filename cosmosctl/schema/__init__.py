"""What the three files of the user may say: cosmosctl.yaml, prompts/ID.yaml and runs/ID/run.yaml.

`files` holds the keys as pydantic models: `settings` and `controls` as the families have them, and `hosts`. `messages`
turns their complaints into sentences, `values` makes domain values, `json_schema` feeds editors. All of them import
pydantic: import them where a file is really read. `versioned` knows what git holds of the schemas.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Config


def schema_folder(root: Path) -> Path:
    """Where the JSON Schemas of a project lie; the first line of each new file names it."""
    return ProjectPaths(root).derived / "schema"


def schema_line(root: Path, kind: str, up: str) -> str:
    """The first line of a new file of that kind, which lies `up` from the root: the schema that git versions.

    Where there is none, as `init` has not brought the project up to date, it is the derived one.
    """
    project = ProjectPaths(root)
    versioned = project.schema(kind)
    file = versioned if versioned.is_file() else schema_folder(root) / versioned.name
    return f"# yaml-language-server: $schema={up}{file.relative_to(root).as_posix()}"


def write_schemas(root: Path, *, model: str, prompts: Iterable[str] = (), outside: bool = False) -> None:
    """.cosmosctl/schema/{run,prompt,project,result,batch,sweep}.json are there and right for a project of that family
    with these prompts; `outside`: its videos may lie anywhere. Raises: FileError.
    """
    from cosmosctl.schema.editors.json_schema import Project, write_json_schemas, write_offered_ids  # pydantic

    prompts = tuple(prompts)
    write_json_schemas(schema_folder(root), Project(model, prompts, outside))
    write_offered_ids(ProjectPaths(root).offered_ids, prompts)


def versioned_schemas(config: Config) -> Mapping[str, bytes]:
    """Kind -> what git should version for such a project, whatever its prompts are, on every machine."""
    from cosmosctl.schema.editors.for_git import texts  # pydantic
    from cosmosctl.schema.editors.json_schema import Project

    return texts(Project(config.model, outside=config.allow_outside_inputs or config.asks_outside))
