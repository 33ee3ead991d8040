"""The papers' quantitative claims, evaluated on the tables of an experiment.

A claim names a measure, a function ``(table, **arguments) -> Measurement`` of its family's ``measures``
module, and the value that the paper gives. It is reproduced if the two agree within sampling error:

    |ours - expected| <= SIGMAS * sqrt(standard_error² + expected_error²) + allowance

and one-sided for ``at_most`` and ``at_least``. Outside the scales and data for which it is made, and
where the table is too small to say, it is not tested.
"""

import math
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from ..readings import Measurement
from .codehash import defined_functions
from .families import FAMILIES, PACKAGE
from .settings import ConfigError, Section, Settings, StrictLoader, nearest, validation_lines

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
    experiments: dict[str, str] | None = Field(
        None, description="Several tables: role, a positional parameter of the measure, to experiment."
    )
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
        return list(self.experiments.values()) if self.experiment is None else [self.experiment]

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


def read_claims(folder: Path = PACKAGE) -> list[Claim]:
    """The claims of every family's ``claims.yaml``.

    Raises
    ------
    ConfigError
        With one line per mistake in the file's form.
    """
    path = folder / "claims.yaml"
    try:
        entries = [
            {"family": family} | entry
            for family in FAMILIES
            if (path := folder / family / "claims.yaml").exists()
            for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader) or []
        ]
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
