"""The scorecard: every claim judged on the tables at hand, as a table, Markdown and a page."""

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import pandas as pd
import pyarrow as pa

from .planning.claims import Claim, comparison_sign
from .readings import Measurement, NotMeasured
from .storage.shards import read_frame
from .storage.tables import CATEGORY, DamagedTable
from .verdicts import INCONCLUSIVE, NOT_TESTED, REFUTED, REPRODUCED, Statement, realisations_to_decide, verdict

VERDICTS = (REPRODUCED, REFUTED, INCONCLUSIVE, NOT_TESTED)
STATED = {"id", "family", "source", "figure", "statement", "comparison", "expected", "expected_error", "allowance"}
STATED |= {"rival", "rival_is", "note"}
PRICED = ("made for", "its table")  # reasons of claims that are not tested here and would be, for core hours


def measure_of(claim: Claim, module: str) -> Callable[..., Measurement]:
    """The measure of a claim, from the module of its family's measures."""
    return getattr(importlib.import_module(module), claim.measure)


class NotThere(NotMeasured):
    """A table that a claim needs and that cannot be judged; the message says why."""


class Tables:
    """Tables by the names of their experiments, read when they are first asked for.

    Parameters
    ----------
    paths
        Experiment to the file of its table, of those that are there.
    runs
        Experiment to its runs and their parameters, as the plan has them, of tables that may have been made with
        others.
    """

    def __init__(self, paths: Mapping[str, str], runs: Mapping[str, Mapping[str, Mapping]] | None = None):
        self.paths = paths
        self.runs = runs or {}
        self.frames: dict[str, pd.DataFrame] = {}

    def __getitem__(self, experiment: str) -> pd.DataFrame:
        """The table of an experiment.

        Raises
        ------
        NotThere
            If it is not there, not whole, or was made with other parameters than the plan has.
        """
        if experiment not in self.paths:
            raise NotThere("its table is not there")
        if experiment not in self.frames:
            try:
                frame = read_frame(self.paths[experiment])
            except DamagedTable as error:
                if experiment not in self.runs:
                    raise
                raise NotThere(str(error)) from error
            self.require_runs(experiment, frame.attrs["runs"])
            self.frames[experiment] = frame
        return self.frames[experiment]

    def require_runs(self, experiment: str, found: Mapping[str, Mapping]) -> None:
        """Refuse a table of other runs than the plan has."""
        wanted = self.runs.get(experiment, found)
        if others := sorted(found.keys() ^ wanted.keys()):
            raise NotThere(f"its table was made with other runs ({others[0]})")
        for run, params in wanted.items():
            for name in sorted(params.keys() | found[run].keys()):
                if params.get(name) != found[run].get(name):
                    change = f"{name}: {found[run].get(name)}, the plan says {params.get(name)}"
                    raise NotThere(f"its table was made with other parameters ({change})")

    def keep(self, experiments: set[str]) -> None:
        """Forget all tables but these."""
        self.frames = {name: frame for name, frame in self.frames.items() if name in experiments}


def judge_all(
    claims: Sequence[Claim],
    tables: Tables,
    modules: Mapping[str, str],
    prices: Mapping[str, float],
    scale: str,
    data: str,
) -> list[dict]:
    """The rows of the scorecard, in the order of the claims.

    A table is held from the first claim about it to the last, so that no more than a family's are in memory.

    Parameters
    ----------
    modules
        Family to the dotted name of the module of its measures.
    prices
        Id of a claim to the core hours that its tables take.
    """
    rows = []
    for i, claim in enumerate(claims):
        row = judge(claim, tables, modules[claim.family], scale, data)
        if row["reason"].startswith(PRICED):
            row["reason"] += f"; about {prices[claim.id]:g} core hours"
        rows.append(row)
        tables.keep({name for later in claims[i + 1 :] if later.holds(scale, data) for name in later.tables})
    return rows


def judge(claim: Claim, frames: Mapping[str, pd.DataFrame] | Tables, module: str, scale: str, data: str) -> dict:
    """One row of the scorecard.

    Parameters
    ----------
    frames
        The tables that the claim names, if the claim is made at this scale and for this data.
    module
        Dotted name of the module of the family's measures.
    """
    row = claim.model_dump(include=STATED) | {"verdict": NOT_TESTED, "reason": ""}
    if not claim.holds(scale, data):
        return row | {"reason": f"made for {where_made(claim)}"}
    try:
        tables = [frames[name] for name in claim.tables]
        roles = dict(zip(claim.experiments or {}, tables, strict=False))
        measured = measure_of(claim, module)(*([] if roles else tables), **roles, **claim.arguments)
    except NotMeasured as error:
        return row | {"reason": str(error)}
    return row | judged(claim, measured)


def statement_of(claim: Claim) -> Statement:
    """What a claim says of the number that it is about."""
    return Statement(claim.expected, claim.expected_error, claim.allowance, claim.rival, claim.comparison)


def judged(claim: Claim, measured: Measurement) -> dict:
    """The measured part of a row: value, errors, verdict, and what would decide."""
    statement = statement_of(claim)
    said = verdict(statement, measured)
    needed = realisations_to_decide(statement, measured) if said == INCONCLUSIVE else None
    return {
        "value": float(measured.value),
        "standard_error": None if math.isnan(measured.standard_error) else float(measured.standard_error),
        "degrees_of_freedom": None if math.isinf(measured.degrees_of_freedom) else float(measured.degrees_of_freedom),
        "holes": measured.holes,
        "realisations_to_decide": needed,
        "verdict": said,
        "reason": undecided(measured, needed) if said == INCONCLUSIVE else "",
    }


def undecided(measured: Measurement, needed: int | None) -> str:
    """Why a claim is inconclusive and what would decide."""
    if needed is not None:
        return f"about {needed} realisations would decide"
    if math.isnan(measured.standard_error):
        return "one realisation: at least 3 are needed"
    return "more realisations would not decide, if the value stays"


def where_made(claim: Claim) -> str:
    parts = []
    if claim.holds_at.scale:
        parts.append(f"scale {' or '.join(claim.holds_at.scale)}")
    if claim.holds_at.data:
        parts.append(f"data {' or '.join(claim.holds_at.data)}")
    return ", ".join(parts)


def scorecard_table(rows: list[dict]) -> pa.Table:
    """The scorecard as a table, in the order of the claims."""
    numbers = ("expected", "expected_error", "allowance", "rival", "value", "standard_error", "degrees_of_freedom")
    counts = ("holes", "realisations_to_decide")
    categories = ("family", "comparison", "verdict")
    texts = ("id", "source", "figure", "statement", "rival_is", "note", "reason")
    fields = (
        [pa.field(name, pa.string()) for name in texts]
        + [pa.field(name, CATEGORY) for name in categories]
        + [pa.field(name, pa.float64()) for name in numbers]
        + [pa.field(name, pa.int64()) for name in counts]
    )
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


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
            "Rival": ["" if pd.isna(rival) else f"{rival:.4g}" for rival in scorecard["rival"]],
            "Ours": ours,
            "Verdict": scorecard["verdict"].astype(str),
            "Remark": scorecard["reason"].where(scorecard["reason"] != "", scorecard["note"]),
        }
    )


def summary(scorecard: pd.DataFrame) -> str:
    """How many claims there are, and how many of each verdict."""
    counts = scorecard["verdict"].astype(str).value_counts()
    verdicts = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)
    return f"{len(scorecard)} claims: {verdicts}."


def markdown(scorecard: pd.DataFrame) -> str:
    """The scorecard as a Markdown table, with the count of each verdict above it."""
    return f"{summary(scorecard)}\n\n{markdown_table(display_frame(scorecard))}\n"


def markdown_table(frame: pd.DataFrame) -> str:
    """The columns of a frame as a Markdown table."""
    lines = ["| " + " | ".join(frame) + " |", "|" + " --- |" * len(frame.columns)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in frame.values]
    return "\n".join(lines)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Scorecard</title><style>
body {{ font: 13px/1.4 sans-serif; margin: 1.5em; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ padding: 4px 10px; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }}
thead th {{ position: sticky; top: 0; background: white }}
tbody th {{ padding-top: 1.4em; font-size: 15px }}
td:nth-child(4), td:nth-child(5), td:nth-child(6), td:nth-child(7) {{ white-space: nowrap }}
.reproduced td:nth-child(7) {{ color: #2a7f3e; font-weight: bold }}
.refuted td:nth-child(7) {{ color: #b3261e; font-weight: bold }}
.not-tested-here td {{ color: #777 }}
</style></head><body>
<p>{summary}</p>
<table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


def html(scorecard: pd.DataFrame, works: Mapping[str, str]) -> str:
    """The scorecard as a page of its own, one part for each work (family to its heading)."""
    frame = display_frame(scorecard)
    rows = []
    for family, part in frame.groupby(scorecard["family"].astype(str), sort=False):
        rows.append(f'<tr><th colspan="{len(frame.columns)}">{escape(works[family])}</th></tr>')
        for said, cells in zip(part["Verdict"], part.values, strict=True):
            row = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
            rows.append(f'<tr class="{said.replace(" ", "-")}">{row}</tr>')
    head = "".join(f"<th>{name}</th>" for name in frame)
    return PAGE.format(summary=summary(scorecard), head=head, rows="\n".join(rows))
