"""The scorecard as a figure: where ours lies between the works' values and their rivals, claim by claim."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..planning.claims import comparison_sign
from ..scorecard import VERDICTS
from ..verdicts import INCONCLUSIVE, NOT_TESTED, REFUTED, REFUTES, REPRODUCED

COLOURS = {REPRODUCED: "#2a7f3e", REFUTED: "#b3261e", INCONCLUSIVE: "#8a6d00"}
ROW_HEIGHT = 0.21  # inches
HEADING_ROWS = 2.2  # height of a family's heading, in rows
LIMIT = 2.0


def scorecard(claims: pd.DataFrame) -> Figure:
    """A panel a family and a row a claim: 0 is the expected value, 1 its rival; bars are standard errors.

    What lies beyond the axis is drawn at its end. Claims that are not tested at this scale or with these data are
    counted in the headings; the table lists them.
    """
    families = {family: group.reset_index(drop=True) for family, group in claims.groupby("family", observed=True)}
    judged = {family: group[group["verdict"] != NOT_TESTED] for family, group in families.items()}
    rows = [len(group) + HEADING_ROWS for group in judged.values()]
    figure, panels = plt.subplots(
        len(families), 1, squeeze=False, sharex=True, height_ratios=rows, figsize=(11, ROW_HEIGHT * (sum(rows) + 3))
    )
    for axes, (family, group) in zip(panels[:, 0], families.items(), strict=True):
        draw_family(axes, judged[family])
        axes.set_title(f"{family}: {verdict_counts(group)}", fontsize=9, loc="left")
    panels[-1, 0].set_xlabel("(ours − expected) / (rival − expected)")
    figure.suptitle(verdict_counts(claims), fontsize=10)
    return figure


def verdict_counts(claims: pd.DataFrame) -> str:
    """How many claims have which verdict, as a phrase."""
    counts = claims["verdict"].astype(str).value_counts()
    return ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)


def units(claims: pd.DataFrame) -> pd.Series:
    """Distance from the expected value to the rival; without one, the error that a refutation takes."""
    error = np.hypot(claims["standard_error"].fillna(0), claims["expected_error"])
    without = (REFUTES * error + claims["allowance"]).where(lambda size: size > 0, 1.0)
    return (claims["rival"] - claims["expected"]).where(lambda size: size.abs() > 0).fillna(without)


def draw_family(axes: Axes, claims: pd.DataFrame) -> None:
    """One family's judged claims, the first at the top."""
    rows = np.arange(len(claims))[::-1]
    axes.axvline(0, color=COLOURS[REPRODUCED], lw=0.8)
    axes.axvline(1, color="0.5", lw=0.8, ls=":")
    unit = units(claims)
    position = ((claims["value"] - claims["expected"]) / unit).clip(-LIMIT, LIMIT)
    error = (claims["standard_error"].fillna(0) / unit.abs()).clip(upper=2 * LIMIT)
    colours = claims["verdict"].astype(str).map(COLOURS)
    axes.hlines(rows, (position - error).clip(-LIMIT), (position + error).clip(upper=LIMIT), colors=colours, lw=1.2)
    axes.scatter(position, rows, c=colours, s=22, zorder=3)
    for row, (_, claim) in zip(rows, claims.iterrows(), strict=True):
        describe_claim(axes, row, claim)
    axes.set(xlim=(-1.03 * LIMIT, 1.03 * LIMIT), ylim=(-0.6, max(len(claims), 1) - 0.4), yticks=[])
    axes.grid(axis="y", visible=False)


def describe_claim(axes: Axes, row: int, claim: pd.Series) -> None:
    """The statement at the left of a row, its numbers and verdict at the right."""
    verdict = str(claim["verdict"])
    axes.text(-LIMIT * 1.05, row, claim["statement"], ha="right", va="center", fontsize=7)
    expected = f"{comparison_sign(str(claim['comparison']))}{claim['expected']:.4g}"
    ours = f"{claim['value']:.4g}"
    if claim["standard_error"] > 0:
        ours += f" ± {claim['standard_error']:.1g}"
    rival = "" if pd.isna(claim["rival"]) else f" (rival {claim['rival']:.4g})"
    axes.text(
        LIMIT * 1.05,
        row,
        f"{claim['figure']}:  expected {expected}{rival},  ours {ours}  —  {verdict}",
        ha="left",
        va="center",
        fontsize=7,
        color=COLOURS[verdict],
    )
