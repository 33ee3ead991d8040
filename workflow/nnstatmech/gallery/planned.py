"""What the plan says of a figure, before anything is computed: no torch, no pandas."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..figures.origin import distinct, shown
from ..planning import estimates
from ..planning.claims import Claim, comparison_sign
from ..planning.plan import Plan
from ..planning.references import Reference
from .model import ClaimRow, Code, ExperimentFacts, FigurePage


def planned_page(plan: Plan, name: str, claims: Iterable[Claim], priced: Iterable[Plan]) -> FigurePage:
    """The page of a figure without results.

    Parameters
    ----------
    plan
        The plan of the scale and data of the page.
    claims
        Those of all figures.
    priced
        The plans at whose scales the cost is given.
    """
    figure, settings = plan.figure(name), plan.settings
    return FigurePage(
        name=name,
        family=figure.family,
        work=plan.families[figure.family].work,
        scale=settings.scale,
        data=settings.data,
        title=figure.title,
        caption=figure.caption,
        code=code_of(plan, name),
        claims=[claim_row(claim) for claim in claims if claim.figure == name],
        experiments=[planned_experiment(plan, experiment) for experiment in figure.tables],
        cost={at.settings.scale: cost_of(at, figure.tables) for at in priced},
    )


def claim_row(claim: Claim) -> ClaimRow:
    """A claim that has not been judged."""
    rival = "" if claim.rival is None else f"{claim.rival:.4g}"
    return ClaimRow(
        id=claim.id,
        source=claim.source,
        statement=claim.statement,
        expected=f"{comparison_sign(claim.comparison)}{claim.expected:.4g}",
        rival=f"{rival} ({claim.rival_is})" if claim.rival_is else rival,
        remark=claim.note,
    )


def cost_of(plan: Plan, experiments: Sequence[str]) -> str:
    """Jobs, core hours and memory of some experiments."""
    estimate = estimates.of_experiments(plan, experiments)
    return (
        f"{estimate.jobs:,} job{'s' * (estimate.jobs != 1)}, {estimates.hours(estimate.core_hours)} core hours, "
        f"up to {estimates.megabytes(estimate.memory_mb)} of memory a job"
    )


def planned_experiment(plan: Plan, name: str) -> ExperimentFacts:
    """The runs of an experiment as they are planned."""
    runs = [run.params | {"dataset": run.dataset} for run in plan.runs[name].values()]
    facts = ExperimentFacts(name, plan.experiment(name).family, str(plan.task(name)), 0, "")
    return with_runs(facts, runs, str(plan.seed_count(name)))


def with_runs(facts: ExperimentFacts, runs: Sequence[Mapping], realisations: str) -> ExperimentFacts:
    """An experiment with what its runs share, and what differs between them."""
    keys = list(dict.fromkeys(key for run in runs for key in run))
    values = {key: distinct(run.get(key) for run in runs) for key in keys}
    fixed = {key: shown(found[0]) for key, found in values.items() if len(found) == 1 and found[0] is not None}
    varied = {key: shown(found) for key, found in values.items() if len(found) > 1}
    return replace(facts, runs=len(runs), realisations=realisations, fixed=fixed, varied=varied)


def code_of(plan: Plan, name: str) -> Code:
    """The function that draws a figure."""
    reference = plan.drawing(name)
    where = f"{reference.file.name}:{reference.name}" if ":" in plan.figure(name).draw else dotted_name(reference)
    return Code(where, source_of(reference))


def dotted_name(reference: Reference) -> str:
    return f"{reference.module}.{reference.name}"


def source_of(reference: Reference) -> str:
    """The source of a function, from the file that defines it."""
    text = reference.file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == reference.name:
            return ast.get_source_segment(text, node) or ""
    return ""
