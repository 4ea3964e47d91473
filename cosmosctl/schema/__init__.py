"""What the three files of the user may say: cosmosctl.yaml, prompts/ID.yaml and runs/ID/run.yaml.

`files` holds the keys as pydantic models, `words` turns their complaints into sentences, `values` makes domain values,
`json_schema` feeds editors. All of them import pydantic: import them where a file is really read.
"""

from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths


def schema_folder(root: Path) -> Path:
    """Where the JSON Schemas of a project lie; the first line of each new file names it."""
    return ProjectPaths(root).derived / "schema"


def write_schemas(root: Path) -> None:
    """.cosmosctl/schema/{run,prompt,project}.json are there and right. Raises: FileError."""
    from cosmosctl.schema.json_schema import write_json_schemas  # pydantic

    write_json_schemas(schema_folder(root))
