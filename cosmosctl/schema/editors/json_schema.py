"""JSON Schemas (draft 2020-12) of the project's files: editors complete, explain and check keys by them, offline."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from cosmosctl import models
from cosmosctl.io import own
from cosmosctl.io.own import NotOwn
from cosmosctl.schema.controls import ABOUT_CONTROLS
from cosmosctl.schema.editors.receipt_schema import BATCH, RESULT
from cosmosctl.schema.family_schema import (
    RELATIVE,
    JsonSchema,
    any_of,
    controls_schema,
    setting_schema,
    settings_schema,
)
from cosmosctl.schema.files import ProjectFile, PromptFile, RunKeys
from cosmosctl.schema.settings import ANY_SETTINGS
from cosmosctl.schema.sweeps import sweep_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MOST_PROMPTS = 500
"""So many ids are offered: a list that nobody reads to its end."""


@dataclass(frozen=True)
class Project:
    """What the schemas of a project depend on: its family, the ids of its prompts, whether videos may lie anywhere."""

    model: str
    prompts: tuple[str, ...] = ()
    outside: bool = False


def json_schemas(project: Project) -> dict[str, JsonSchema]:
    """run, prompt, project, result, batch, sweep -> JSON Schema."""
    found = {
        "run": _run(project),
        "prompt": _prompt(project),
        "project": _project(),
        "result": RESULT,
        "batch": BATCH,
        "sweep": _sweep(project),
    }
    return {name: {"$schema": DIALECT, **schema, "title": f"cosmosctl {name}"} for name, schema in found.items()}


def write_json_schemas(folder: Path, project: Project) -> None:
    """`folder` holds a JSON file for each schema; files that are right already are not touched. Raises: FileError."""
    for name, schema in json_schemas(project).items():
        _have(
            folder / f"{name}.json", json.dumps(schema).encode()
        )  # for programs alone: indented takes five times longer


def write_offered_ids(path: Path, prompts: tuple[str, ...]) -> None:
    """`path` holds what the versioned schema of a run looks for. Raises: FileError."""
    _have(path, json_bytes({"properties": {"prompt": {"examples": list(prompts[-MOST_PROMPTS:])}}}))


def json_bytes(schema: JsonSchema) -> bytes:
    """For people and git: a line for each fact."""
    return f"{json.dumps(schema, indent=1)}\n".encode()


def _have(path: Path, data: bytes) -> None:
    if not _holds(path, data):
        own.write_bytes(path, data, durable=False)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return own.read_bytes(path, most=len(data)) == data
    except (OSError, NotOwn):
        return False


def _prompt(project: Project) -> JsonSchema:
    """A prompt, whose videos lie in the project unless that says otherwise."""
    schema = _plain(PromptFile)
    video = schema["properties"]["video"]
    if not project.outside:
        for named in (video, *video["properties"].values()):
            named["pattern"] = RELATIVE
    return {**schema, "$defs": {}}


def _run(project: Project) -> JsonSchema:
    """A run by its family, which is the project's where it names none; one that enlarges is the upscaler's."""
    keys = _plain(RunKeys)
    properties, definitions = keys["properties"], {"UpscaleKeys": keys["$defs"]["UpscaleKeys"]}
    properties["prompt"]["examples"] = list(project.prompts[-MOST_PROMPTS:])
    names = {name: f"#/$defs/{name}" for name in models.REGISTRY}
    for name, family in models.REGISTRY.items():
        making = {key: schema for key, schema in properties.items() if key != "upscale"}
        making["controls"] = controls_schema(family, ABOUT_CONTROLS, outside=project.outside)
        definitions[name] = _object({**making, **settings_schema(family)}, ["prompt", "controls"])
    enlarging = {key: schema for key, schema in properties.items() if key != "controls"}
    definitions["upscale"] = _object({**enlarging, **settings_schema(models.UPSCALER)}, ["prompt", "upscale"])
    families = any_of({name: {"$ref": where} for name, where in names.items()}, project.model, "model")
    return {
        "description": keys["description"],
        "type": "object",
        "if": {"required": ["upscale"]},
        "then": {"$ref": "#/$defs/upscale"},
        "else": families,
        "$defs": definitions,
    }


def _sweep(project: Project) -> JsonSchema:
    """A sweep: its base, which decides the family, stands in another file, so a setting is what any family takes."""
    known = models.setting_rules()
    settings = {
        name: setting_schema(", ".join(known[name]), replace(rule, default=None, otherwise=""))
        for name, rule in ANY_SETTINGS.items()
    }
    return sweep_schema(project.prompts[-MOST_PROMPTS:], settings)


def _object(properties: JsonSchema, required: list[str]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _project() -> JsonSchema:
    """cosmosctl.yaml, its defaults by family."""
    schema = _plain(ProjectFile)
    families = {
        name: {"description": f"Settings of {name}.", **_object(settings_schema(family), [])}
        for name, family in models.REGISTRY.items()
    }
    schema["$defs"] = {name: one for name, one in schema["$defs"].items() if name.startswith("Host")}
    schema["properties"]["defaults"] = {
        "description": "Settings for every run of a family that does not say otherwise.",
        "type": ["object", "null"],
        "properties": families,
        "additionalProperties": False,
    }
    return schema


class _Plain(GenerateJsonSchema):
    """Without the defaults and titles that say nothing."""

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _plain(model: type[BaseModel]) -> JsonSchema:
    schema = model.model_json_schema(schema_generator=_Plain)
    merged: JsonSchema = _merged(schema, schema.get("$defs", {}))
    return merged


def _merged(node: Any, definitions: JsonSchema) -> Any:
    """`node` with two ways to write a value, one of them a mapping, as one schema: their words do not overlap."""
    if isinstance(node, list):
        return [_merged(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _merged(value, definitions) for key, value in node.items()}
    if len(found.get("oneOf", ())) != 2:
        return found
    short, mapping = found.pop("oneOf")
    full = definitions[mapping["$ref"].rpartition("/")[2]]
    return {**full, **short, **found, "type": [short["type"], "object"]}
