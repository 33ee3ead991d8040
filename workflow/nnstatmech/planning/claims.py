"""The works' quantitative claims: what they state, and whether what they refer to exists.

A claim names a measure, a function ``(table, **arguments) -> Measurement`` of its family's ``measures`` module, the
value that the work gives, and a rival: the nearest alternative that a reader would believe. Outside the scales and data
for which it is made it is not tested. How it is judged: :mod:`nnstatmech.verdicts`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from .families import Families
from .mistakes import ConfigError, Mistake, Path
from .plan import LABELS, Plan
from .references import Reference, Signature
from .settings import Section, mistakes_of, nearest
from .yaml_files import read_yaml


class HoldsAt(Section):
    """Where a claim is made; a key left out stands for any."""

    scale: list[Literal["laptop", "paper"]] | None = None
    data: list[str] | None = None


class Claim(Section):
    """One quantitative statement of a paper and how it is measured."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    family: str
    source: str = Field(description="paper and figure, equation or table")
    figure: str = Field(description="our figure that shows it")
    statement: str
    experiment: str | None = None
    experiments: dict[str, str] | None = Field(
        None, description="several tables: role, a positional parameter of the measure, to experiment"
    )
    measure: str = Field(description="function of the family's measures module")
    arguments: dict[str, Any] = Field(default_factory=dict)
    expected: float
    expected_error: float = Field(0.0, ge=0, description="standard error of the paper's number")
    allowance: float = Field(0.0, ge=0, description="systematic allowance, derived in the note")
    rival: float | None = Field(None, description="nearest alternative that a reader would believe")
    rival_is: str = Field("", description="what the rival stands for")
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
        return [self.experiment] if self.experiment is not None else list((self.experiments or {}).values())

    def holds(self, scale: str, data: str) -> bool:
        """Whether the claim is made at this scale and for this data."""
        return (self.holds_at.scale is None or scale in self.holds_at.scale) and (
            self.holds_at.data is None or data in self.holds_at.data
        )


def comparison_sign(comparison: str) -> str:
    return {"equal": "", "at_most": "≤ ", "at_least": "≥ "}[comparison]


def read_claims(families: Families) -> tuple[list[Claim], dict[Path, str]]:
    """The claims of every family's ``claims.yaml``, and where each was written (path: ``claims``, id).

    Raises
    ------
    ConfigError
        With one line per mistake in a file's form.
    """
    claims: dict[str, Claim] = {}
    places: dict[Path, str] = {}
    mistakes = []
    for family in families.values():
        path = family.folder / "claims.yaml"
        name = f"{family.name}/claims.yaml"
        entries, origins = read_yaml(path, name) if path.exists() else ([], {})
        if not isinstance(entries or [], list):
            raise ConfigError(f"{name}: must hold a list of claims")
        entries = entries or []
        names = [entry.get("id", i) if isinstance(entry, dict) else i for i, entry in enumerate(entries)]
        places |= {("claims", names[int(path[0])], *path[1:]): origin for path, origin in origins.items()}
        for i, entry in enumerate(entries):
            where: Path = ("claims", names[i])
            try:
                claim = Claim.model_validate({"family": family.name} | entry if isinstance(entry, dict) else entry)
            except ValidationError as error:
                mistakes += [Mistake((*where, *m.path), f"{where[1]}: {m.text}") for m in mistakes_of(error, Claim)]
                continue
            if claim.id in claims:
                mistakes.append(Mistake(where, f"the id {claim.id!r} is given twice"))
            claims[claim.id] = claim
    if mistakes:
        raise ConfigError(*(mistake.located(places) for mistake in mistakes))
    return list(claims.values()), places


def check_references(claims: Sequence[Claim], plan: Plan) -> None:
    """Refuse claims about unknown families, figures, experiments or measures, or with arguments that fit none.

    What a claim selects is compared with the runs of the scales that it is made for: call this for each scale.

    Raises
    ------
    ConfigError
        With one line per mistake.
    """
    mistakes = [
        Mistake(("claims", claim.id, *path), f"claims: {claim.id}: {text}")
        for claim in claims
        for path, text in claim_mistakes(claim, plan)
    ]
    if mistakes:
        raise ConfigError(*mistakes)


def measure_of(claim: Claim, families: Families) -> Reference:
    """Where a claim's measure is."""
    return Reference(families[claim.family].measures, claim.measure)


def claim_mistakes(claim: Claim, plan: Plan) -> Iterator[tuple[Path, str]]:
    """Paths inside the claim and what is wrong there."""
    settings = plan.settings
    if claim.family not in plan.families:
        yield ("family",), f"family = {claim.family!r}: no such family; allowed: {', '.join(plan.families)}"
        return
    if claim.figure not in settings.figures:
        yield ("figure",), f"figure = {claim.figure!r}: no such figure; {nearest(claim.figure, settings.figures)}"
    unknown = [name for name in claim.tables if name not in settings.experiments]
    for name in unknown:
        yield ("experiment",), f"experiment = {name!r}: no such experiment; {nearest(name, settings.experiments)}"
    try:
        signature = measure_of(claim, plan.families).signature()
    except ConfigError as error:
        yield ("measure",), f"measure = {claim.measure!r}: {'; '.join(error.lines)}"
        return
    yield from argument_mistakes(claim, signature)
    tasks = {name: plan.task_class(name) for name in claim.tables if name not in unknown}
    yield from signature.role_mistakes(roles_of(claim, signature), tasks, others=False)
    made_here = claim.holds_at.scale is None or settings.scale in claim.holds_at.scale
    if made_here and not unknown:
        yield from selection_mistakes(claim, plan)


def roles_of(claim: Claim, signature: Signature) -> dict[str, str | list[str]]:
    """Parameters of the measure that get tables, to the experiments."""
    first = next(iter(signature.roles), "table")
    return dict(claim.experiments) if claim.experiments is not None else {first: str(claim.experiment)}


def argument_mistakes(claim: Claim, signature: Signature) -> Iterator[tuple[Path, str]]:
    """Arguments that the measure does not take, and those that it lacks."""
    tables = set(roles_of(claim, signature))
    takes = {p.name: p for p in signature.parameters if p.name not in tables}
    for name in claim.arguments:
        if name not in takes and not signature.takes_any_keyword:
            yield ("arguments", name), f"{claim.measure} takes no argument {name!r}; {nearest(name, takes)}"
    for name, parameter in takes.items():
        if parameter.required and name not in claim.arguments:
            yield ("arguments",), f"{claim.measure} needs the argument {name!r}"


def selection_mistakes(claim: Claim, plan: Plan) -> Iterator[tuple[Path, str]]:
    """Keys and values of a selection of rows that no run, column or label of the experiments has."""
    selected = claim.arguments.get("where") or {}
    for name, value in selected.items():
        found, known = values_of(name, claim.tables, plan)
        if found is None:
            yield (
                ("arguments", "where", name),
                f"{name!r} is no axis, column or parameter of its table; {nearest(name, known)}",
            )
        elif found and not any(value == one for one in found):
            shown = ", ".join(map(str, list(found)[:12]))
            yield ("arguments", "where", name), f"{name} = {value!r}: no run has it; allowed: {shown}"


def values_of(name: str, tables: Sequence[str], plan: Plan) -> tuple[list | None, set[str]]:
    """The values of an axis or parameter over the runs of tables (empty for a column, None if it is neither)."""
    known: set[str] = set(LABELS) | {"seed"}
    values: list = []
    for experiment in tables:
        entry = plan.settings.experiments[experiment]
        tasks = plan.families[entry.family].tasks
        known |= set(tasks[str(plan.task(experiment))].columns)
        for run in plan.runs[experiment].values():
            options = {**run.params, "dataset": run.dataset, **run.axes}
            known |= set(options)
            if name in options:
                values.append(options[name])
                # The names of cases fill a column of their own.
            if name == "case" and isinstance(run.params.get("cases"), dict):
                values += list(run.params["cases"])
    if name not in known:
        return None, known
    return values, known
