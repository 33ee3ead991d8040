"""docs/configuration.md: every key of the settings, made from the models that check them."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .families import Families, FoundFamily
from .settings import Experiment, Figure, Settings

PAGE_FILE = Path(__file__).resolve().parents[3] / "docs/configuration.md"

HEAD = """# Configuration

Settings are read from the bottom up: what each family brings with it (`workflow/nnstatmech/<family>/experiments.yaml`
and `figures.yaml`), the data sources of `workflow/nnstatmech/datasets/sources.yaml`, `config.yaml`, files given with
`--configfile`, and `--config key=value` for single values of the top level. Mappings merge key by key; a `sweep`, a set
of `cases` and a data source replace what was there. Every number of an experiment is a scalar or
`{laptop: ..., paper: ...}`, and a list of numbers may be written `{from: 0.1, to: 2.0, step: 0.1}`. In a family's own
files `like: <experiment>` takes everything from a sibling and states only what differs. A figure with a `*` in its
name, as `Probe_*`, is drawn for each experiment of its family; an entry `Probe_mine` states only what differs.

This page is made from the code by `python -m nnstatmech.planning.generated`.
"""


def as_text(families: Families) -> str:
    """The whole page."""
    parts = [HEAD]
    parts.append("## Top level\n\n" + table(Settings))
    parts.append("## An experiment\n\n" + first_paragraph(Experiment) + "\n\n" + table(Experiment))
    parts.append("## A figure\n\n" + first_paragraph(Figure) + "\n\n" + table(Figure))
    parts += [family_section(family) for family in families.values()]
    return "\n".join(parts)


def family_section(family: FoundFamily) -> str:
    """Parameters and columns of every task of a family."""
    lines = [f"## Family `{family.name}`\n\n{family.work}."]
    for name, task in family.tasks.items():
        needs = {None: "reads no data set", "images": "needs images", "labels": "needs images with labels"}[task.needs]
        lines.append(f"### Task `{name}`\n\n{first_paragraph(task)} It {needs}.\n\n{table(task)}")
        columns = ", ".join(f"`{column}` ({kind})" for column, kind in task.columns.items())
        lines.append(f"Columns of its table: {columns}.\n" if columns else "")
    return "\n".join(lines)


def first_paragraph(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def table(model: type[BaseModel]) -> str:
    """One row for each field of a model."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        allowed = escaped(values(schema["properties"][name], definitions))
        rows.append(f"| `{name}` | {allowed} | {default(field)} | {escaped(field.description or '')} |")
    return "\n".join(rows) + "\n"


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    return f"`{value if value is not None else 'null'}`"


def values(schema: dict, definitions: dict) -> str:
    """What a field takes, in words."""
    if "$ref" in schema:
        return values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema or "oneOf" in schema:
        options = [values(option, definitions) for option in schema.get("anyOf") or schema["oneOf"]]
        return " or ".join(dict.fromkeys(options))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {values(schema.get('items', {}), definitions)}"
    if kind == "object":
        return "mapping"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema]
    name = {"boolean": "true or false", "string": "text", "number": "number", "integer": "integer"}.get(kind, kind)
    return " ".join([name, ", ".join(limits)]).strip()
