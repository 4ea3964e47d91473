"""The schemas as git versions them: the editor of a fresh clone has them before any command ran.

They say which version wrote them, and offer the ids that a project has where these are known. What is done with the
files: `versioned`.
"""

from collections.abc import Mapping
from typing import Any

from cosmosctl.schema.editors.json_schema import DIALECT, Project, json_bytes, json_schemas
from cosmosctl.schema.editors.versioned import comment
from cosmosctl.schema.family_schema import JsonSchema

_OFFERED_IDS = "../../.cosmosctl/prompts.json"
"""`ProjectPaths.offered_ids` from `ProjectPaths.schemas`."""


def texts(project: Project) -> Mapping[str, bytes]:
    """Kind -> the bytes of the file, for every machine: `project.prompts` does not matter."""
    found = json_schemas(project)
    found["run"] = _with_offered_ids(found["run"])
    stamped = {kind: {"$schema": DIALECT, "$comment": comment(), **schema} for kind, schema in found.items()}
    return {kind: json_bytes(schema) for kind, schema in stamped.items()}


def _with_offered_ids(run: JsonSchema) -> JsonSchema:
    """The schema of a run that offers, in yaml-language-server, the ids of a file that a fresh clone has not yet.

    That program takes a reference to a file which is not there for a mistake in every text, and completes nothing, but
    in what it has from `schemaSequence`, its own word for schemas by the number of the document in a file: "0" where it
    explains and checks, "undefined" where it completes. It follows references there only where `definitions` lead to
    them. Tried with 1.15.0, 1.19.2 and 1.25.0. Others look at `allOf` alone.
    """
    families = {**run["$defs"], "any": {key: run[key] for key in ("description", "type", "if", "then", "else")}}
    uses = ("0", "undefined")
    schema: JsonSchema = {
        "title": run["title"],
        "allOf": [{"$ref": "#/$defs/any"}],
        "schemaSequence": {use: {"allOf": [{"$ref": "#/$defs/any"}, {"$ref": _OFFERED_IDS}]} for use in uses},
        "definitions": {**families, **{use: {"$ref": f"#/schemaSequence/{use}"} for use in uses}},
    }
    found: JsonSchema = _at_definitions(schema)
    return found


def _at_definitions(node: Any) -> Any:
    """`node` with references to `definitions`: earlier versions of that program follow those of `$defs` nowhere."""
    if isinstance(node, list):
        return [_at_definitions(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _at_definitions(value) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        found["$ref"] = node["$ref"].replace("#/$defs/", "#/definitions/")
    return found
