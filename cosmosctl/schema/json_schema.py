"""JSON Schemas (draft 2020-12) of the user's files, so that an editor completes and checks keys offline."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from cosmosctl.io import own
from cosmosctl.io.own import NotOwn
from cosmosctl.schema.files import ProjectFile, PromptFile, RunFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FILES: Mapping[str, type[BaseModel]] = {"run": RunFile, "prompt": PromptFile, "project": ProjectFile}


def json_schemas() -> dict[str, dict[str, Any]]:
    """run, prompt, project -> JSON Schema."""
    return {
        name: {"$schema": DIALECT, **_schema(model), "title": f"cosmosctl {name}"} for name, model in _FILES.items()
    }


def write_json_schemas(folder: Path) -> None:
    """`folder` holds run.json, prompt.json and project.json; files that are right already are not touched.

    Raises: FileError.
    """
    for name, schema in json_schemas().items():
        path, data = folder / f"{name}.json", f"{json.dumps(schema, indent=1)}\n".encode()
        if not _holds(path, data):
            own.write_bytes(path, data, durable=False)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return own.read_bytes(path, most=len(data)) == data
    except (OSError, NotOwn):
        return False


class _Plain(GenerateJsonSchema):
    """Without the defaults and titles that say nothing."""

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(schema_generator=_Plain)
