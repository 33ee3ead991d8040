"""docs/costs.md: what each figure takes at both scales, from the formulas that jobs are planned by."""

from pathlib import Path

from . import estimates
from .layers import of_package
from .plan import Plan

PAGE_FILE = Path(__file__).resolve().parents[3] / "docs/costs.md"
FEW = 8  # realisations of the papers' sizes at the price of few
SETTINGS = (
    {"scale": "laptop", "data": "bundled"},
    {"scale": "paper", "data": "official", "seeds": FEW},
    {"scale": "paper", "data": "official"},
)

HEAD = f"""# What the figures cost

Core hours of one thread, on a core that multiplies single-precision matrices at
{estimates.REFERENCE_GFLOPS:.0f} GFLOP/s, and the memory of the largest job: what `nnstatmech cost` says of your
own settings (`--here` counts hours of your machine). `--config scale=paper seeds={FEW}` is the papers' sizes with
{FEW} realisations. Figures that share an experiment pay for it once, so that the totals are less than the sums. A GPU
does most of the long ones in far less time: see [the paper-scale plan](scaling.md).

`python benchmarks/costs.py` compares these numbers with measured ones. This page is made by
`python -m nnstatmech.planning.generated`.
"""
COLUMNS = (
    "figure",
    *("laptop: jobs", "core minutes"),
    *(f"paper, `seeds={FEW}`: jobs", "core hours", "memory of a job"),
    *("paper: jobs", "core hours"),
)
HEADER = ("| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|")


def as_text() -> str:
    """The whole page."""
    plans = [Plan.of(of_package(dict(setting))) for setting in SETTINGS]
    families: dict[str, list[str]] = {}
    for name in plans[0].settings.figures:
        families.setdefault(plans[0].figure(name).family, []).append(name)
    parts = [HEAD.rstrip("\n")]
    for family, figures in families.items():
        rows = [row(f"`{name}`", plans, [name]) for name in figures]
        parts.append("\n".join([f"## {family}", "", *HEADER, *rows, row("together", plans, figures)]))
    parts.append("\n".join(["## All", "", *HEADER, row("together", plans, list(plans[0].settings.figures))]))
    return "\n\n".join(parts) + "\n"


def row(label: str, plans: list[Plan], figures: list[str]) -> str:
    """What some figures take together under each of the settings."""
    laptop, few, paper = (
        estimates.of_experiments(plan, [name for figure in figures for name in plan.figure(figure).tables])
        for plan in plans
    )
    cells = [
        label,
        *(str(laptop.jobs), estimates.hours(60 * laptop.core_hours)),
        *(str(few.jobs), estimates.hours(few.core_hours), estimates.megabytes(few.memory_mb)),
        *(str(paper.jobs), estimates.hours(paper.core_hours)),
    ]
    return "| " + " | ".join(cells) + " |"
