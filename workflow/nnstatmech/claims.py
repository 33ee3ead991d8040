"""The papers' quantitative claims, evaluated on the tables of an experiment.

A claim names a measure, a function ``(table, **arguments) -> Measurement`` of its family's ``measures``
module, and the value that the paper gives. It is reproduced if the two agree within sampling error:

    |ours - expected| <= SIGMAS * sqrt(standard_error² + expected_error²) + allowance

and one-sided for ``at_most`` and ``at_least``. Outside the scales and data for which it is made, and
where the table is too small to say, it is not tested.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from .codehash import defined_functions
from .families import FAMILIES
from .measurement import Measurement, NotMeasured
from .settings import ConfigError, Section, Settings, StrictLoader, nearest, validation_lines
from .tables import CATEGORY

SIGMAS = 4.0  # with about 60 claims, a true one fails by chance once in 250 scorecards
REPRODUCED, NOT_REPRODUCED, NOT_TESTED = "reproduced", "not reproduced", "not tested here"


class HoldsAt(Section):
    """Where a claim is made; a key left out stands for any."""

    scale: list[Literal["laptop", "paper"]] | None = None
    data: list[str] | None = None


class Claim(Section):
    """One quantitative statement of a paper and how it is measured."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    family: str
    source: str = Field(description="Paper and figure, equation or table.")
    figure: str = Field(description="Our figure that shows it.")
    statement: str
    experiment: str | None = None
    experiments: list[str] | None = Field(None, description="Several tables: the measure gets them by name.")
    measure: str = Field(description="Function of the family's measures module.")
    arguments: dict[str, Any] = Field(default_factory=dict)
    expected: float
    expected_error: float = Field(0.0, ge=0, description="Standard error of the paper's number.")
    allowance: float = Field(0.0, ge=0, description="Systematic allowance, explained in the note.")
    comparison: Literal["equal", "at_most", "at_least"] = "equal"
    holds_at: HoldsAt = HoldsAt()
    note: str = ""

    @model_validator(mode="after")
    def check_tables(self):
        if (self.experiment is None) == (self.experiments is None):
            raise ValueError("a claim names either `experiment` or `experiments`")
        return self

    @property
    def tables(self) -> list[str]:
        """Names of the experiments whose tables the measure reads."""
        return self.experiments if self.experiment is None else [self.experiment]

    def holds(self, scale: str, data: str) -> bool:
        """Whether the claim is made at this scale and for this data."""
        return (self.holds_at.scale is None or scale in self.holds_at.scale) and (
            self.holds_at.data is None or data in self.holds_at.data
        )

    def tolerance(self, measured: Measurement) -> float:
        return SIGMAS * math.hypot(measured.standard_error, self.expected_error) + self.allowance

    def verdict(self, measured: Measurement) -> str:
        """Whether a measured value agrees with the claim."""
        difference = measured.value - self.expected
        deviation = {"equal": abs(difference), "at_most": difference, "at_least": -difference}[self.comparison]
        return REPRODUCED if deviation <= self.tolerance(measured) else NOT_REPRODUCED


def read_claims(path: Path) -> list[Claim]:
    """The claims of a file.

    Raises
    ------
    ConfigError
        With one line per mistake in the file's form.
    """
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader) or []
        claims = TypeAdapter(list[Claim]).validate_python(entries)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise ConfigError(*validation_lines(error, list[Claim], path.name)) from error
    seen: set[str] = set()
    repeated = [claim.id for claim in claims if claim.id in seen or seen.add(claim.id)]
    if repeated:
        raise ConfigError(f"{path.name}: the id {repeated[0]!r} is given twice")
    return claims


def check_references(claims: list[Claim], settings: Settings) -> None:
    """Refuse claims about unknown families, figures, experiments or measures.

    Raises
    ------
    ConfigError
        With one line per mistake.
    """
    lines = []
    for claim in claims:
        where = f"claims.yaml: {claim.id}"
        if claim.family not in FAMILIES:
            lines.append(f"{where}: family = {claim.family!r}: no such family; allowed: {', '.join(FAMILIES)}")
            continue
        measures = defined_functions(f"nnstatmech.{claim.family}.measures")
        if claim.measure not in measures:
            lines.append(f"{where}: measure = {claim.measure!r}: no such function; {nearest(claim.measure, measures)}")
        if claim.figure not in settings.figures:
            lines.append(
                f"{where}: figure = {claim.figure!r}: no such figure; {nearest(claim.figure, settings.figures)}"
            )
        for name in claim.tables:
            if name not in settings.experiments:
                lines.append(f"{where}: experiment = {name!r}: {nearest(name, settings.experiments)}")
    if lines:
        raise ConfigError(*lines)


def measure_of(claim: Claim) -> Callable[..., Measurement]:
    return getattr(importlib.import_module(f"nnstatmech.{claim.family}.measures"), claim.measure)


def judge(claim: Claim, frames: Mapping[str, pd.DataFrame], scale: str, data: str) -> dict:
    """One row of the scorecard.

    Parameters
    ----------
    frames
        The tables that the claim names, if the claim is made at this scale and for this data.
    """
    row = claim.model_dump(include={"id", "family", "source", "figure", "statement", "comparison", "expected", "note"})
    row |= {"value": None, "standard_error": None, "tolerance": None, "verdict": NOT_TESTED, "reason": ""}
    if not claim.holds(scale, data):
        return row | {"reason": f"made for {where_made(claim)}"}
    tables = {name: frames[name] for name in claim.tables}
    try:
        measured = measure_of(claim)(frames[claim.experiment] if claim.experiment else tables, **claim.arguments)
    except NotMeasured as error:
        return row | {"reason": str(error)}
    return row | {
        "value": float(measured.value),
        "standard_error": float(measured.standard_error),
        "tolerance": float(claim.tolerance(measured)),
        "verdict": claim.verdict(measured),
    }


def where_made(claim: Claim) -> str:
    parts = []
    if claim.holds_at.scale:
        parts.append(f"scale {' or '.join(claim.holds_at.scale)}")
    if claim.holds_at.data:
        parts.append(f"data {' or '.join(claim.holds_at.data)}")
    return ", ".join(parts)


def scorecard_table(rows: list[dict]) -> pa.Table:
    """The scorecard as a table, in the order of the claims."""
    numbers = ("expected", "value", "standard_error", "tolerance")
    categories = ("family", "comparison", "verdict")
    texts = ("id", "source", "figure", "statement", "note", "reason")
    fields = (
        [pa.field(name, pa.string()) for name in texts]
        + [pa.field(name, CATEGORY) for name in categories]
        + [pa.field(name, pa.float64()) for name in numbers]
    )
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def comparison_sign(comparison: str) -> str:
    return {"equal": "", "at_most": "≤ ", "at_least": "≥ "}[comparison]


def display_frame(scorecard: pd.DataFrame) -> pd.DataFrame:
    """The scorecard with rounded numbers, as people read it."""
    ours = [
        "" if pd.isna(value) else f"{value:.4g}" + (f" ± {error:.2g}" if error else "")
        for value, error in zip(scorecard["value"], scorecard["standard_error"], strict=True)
    ]
    papers = [
        f"{comparison_sign(comparison)}{expected:.4g}"
        for comparison, expected in zip(scorecard["comparison"], scorecard["expected"], strict=True)
    ]
    return pd.DataFrame(
        {
            "Claim": scorecard["statement"],
            "Source": scorecard["source"],
            "Figure": scorecard["figure"],
            "Expected": papers,
            "Ours": ours,
            "Verdict": scorecard["verdict"].astype(str),
            "Remark": scorecard["reason"].where(scorecard["reason"] != "", scorecard["note"]),
        }
    )


def summary(scorecard: pd.DataFrame) -> str:
    """How many claims there are, and how many of each verdict."""
    counts = scorecard["verdict"].astype(str).value_counts()
    verdicts = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in (REPRODUCED, NOT_REPRODUCED, NOT_TESTED))
    return f"{len(scorecard)} claims: {verdicts}."


def markdown(scorecard: pd.DataFrame) -> str:
    """The scorecard as a Markdown table, with the count of each verdict above it."""
    frame = display_frame(scorecard)
    lines = [summary(scorecard), "", "| " + " | ".join(frame) + " |", "|" + " --- |" * len(frame.columns)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in frame.values]
    return "\n".join(lines) + "\n"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Scorecard</title><style>
body {{ font: 13px/1.4 sans-serif; margin: 1.5em; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ padding: 4px 10px; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }}
thead th {{ position: sticky; top: 0; background: white }}
tbody th {{ padding-top: 1.4em; font-size: 15px }}
td:nth-child(4), td:nth-child(5), td:nth-child(6) {{ white-space: nowrap }}
.reproduced td:nth-child(6) {{ color: #2a7f3e; font-weight: bold }}
.not-reproduced td:nth-child(6) {{ color: #b3261e; font-weight: bold }}
.not-tested-here td {{ color: #777 }}
</style></head><body>
<p>{summary}</p>
<table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


def html(scorecard: pd.DataFrame) -> str:
    """The scorecard as a page of its own, one part for each work."""
    frame = display_frame(scorecard)
    rows = []
    for family, part in frame.groupby(scorecard["family"].astype(str), sort=False):
        rows.append(f'<tr><th colspan="{len(frame.columns)}">{escape(FAMILIES[family].work)}</th></tr>')
        for verdict, cells in zip(part["Verdict"], part.values, strict=True):
            row = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
            rows.append(f'<tr class="{verdict.replace(" ", "-")}">{row}</tr>')
    head = "".join(f"<th>{name}</th>" for name in frame)
    return PAGE.format(summary=summary(scorecard), head=head, rows="\n".join(rows))
