"""The JSON schema of config.yaml, for editors.

It is made from the pydantic models of the settings and of every family's parameters, so it cannot
disagree with what is checked; only the form ``{laptop: ..., paper: ...}`` is added to every number.
"""

import json
from pathlib import Path

from .families import families_of
from .settings import SCALES, Experiment, Settings

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "schemas/config.schema.json"
RANGE = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("from", "to", "step")},
    "required": ["from", "to", "step"],
    "additionalProperties": False,
}


PER_SCALE = {
    "type": "object",
    "description": "One value for each scale.",
    "properties": {scale: {} for scale in SCALES},
    "required": list(SCALES),
    "additionalProperties": False,
}


def per_scale(schema: dict) -> dict:
    """``schema``, or one value for each scale, or a range of numbers where it takes a list."""
    kept = {key: schema[key] for key in ("description", "default") if key in schema}
    value = {key: item for key, item in schema.items() if key not in ("description", "default", "title")}
    if isinstance(value.get("items"), dict):
        value["items"] = per_scale(value["items"])
    shorthand = ["PerScale", "Range"] if "array" in json.dumps(value) else ["PerScale"]
    return kept | {"anyOf": [value, *({"$ref": f"#/$defs/{name}"} for name in shorthand)]}


def experiment_schema(family: str, task: str, definitions: dict) -> dict:
    """What an experiment of one task may hold, or change of one that there is."""
    params = families_of()[family].tasks[task].model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(params.pop("$defs", {}))
    # A sweep may give what the fixed parameters leave out: nothing is required here.
    parameters = {name: per_scale(field) for name, field in params["properties"].items()}
    schema = Experiment.model_json_schema()
    properties = {
        name: field if name in ("family", "task", "dataset") else per_scale(field)
        for name, field in schema["properties"].items()
    }
    axis = {"anyOf": [per_scale({"type": "array"}), {"type": "object"}]}
    properties["sweep"] = per_scale({"type": "object", "additionalProperties": axis})
    return {
        "type": "object",
        "title": f"{family} / {task}",
        "description": params.get("description", ""),
        "properties": properties
        | {
            "family": {"const": family},
            "task": {"const": task},
            "params": {"type": "object", "properties": parameters, "additionalProperties": False},
        },
        "additionalProperties": False,
    }


def config_schema() -> dict:
    """The whole schema (JSON Schema, draft 2020-12)."""
    schema = Settings.model_json_schema()
    definitions = schema["$defs"]
    experiments = [
        experiment_schema(name, task, definitions) for name, family in families_of().items() for task in family.tasks
    ]
    definitions.pop("Experiment")
    definitions.update(PerScale=PER_SCALE, Range=RANGE)
    schema["properties"]["experiments"]["additionalProperties"] = {"anyOf": experiments}
    schema["properties"]["experiments"].pop("patternProperties", None)
    # What config.yaml leaves out comes with the package.
    schema.pop("required", None)
    definitions["Figure"].pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "config.yaml of nnstatmech"} | schema


def as_text() -> str:
    return json.dumps(config_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
