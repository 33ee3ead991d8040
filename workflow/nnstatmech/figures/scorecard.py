"""The scorecard as a figure: how far ours is from the papers' values, claim by claim."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..planning.claims import NOT_REPRODUCED, NOT_TESTED, REPRODUCED
from ..scorecard import comparison_sign

COLOURS = {REPRODUCED: "#2a7f3e", NOT_REPRODUCED: "#b3261e"}
ROW_HEIGHT = 0.21  # inches
HEADING_ROWS = 2.2  # height of a family's heading, in rows
DEVIATION_LIMIT = 2.0


def scorecard(claims: pd.DataFrame) -> Figure:
    """A panel a family and a row a claim; the x axis is the deviation in units of the tolerance.

    Points between -1 and 1 are reproduced; those beyond the axis are drawn at its end. Claims that are not tested at
    this scale or with these data are counted in the headings; the table lists them.
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
    panels[-1, 0].set_xlabel("(ours − expected) / tolerance")
    figure.suptitle(verdict_counts(claims), fontsize=10)
    return figure


def verdict_counts(claims: pd.DataFrame) -> str:
    """How many claims have which verdict, as a phrase."""
    counts = claims["verdict"].astype(str).value_counts()
    return ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in (REPRODUCED, NOT_REPRODUCED, NOT_TESTED))


def deviations(claims: pd.DataFrame) -> pd.Series:
    """Deviations in units of the tolerance; those from a value without tolerance are zero or beyond the axis."""
    difference = claims["value"] - claims["expected"]
    in_units = difference / claims["tolerance"].where(claims["tolerance"] > 0)
    return in_units.where(claims["tolerance"] > 0, np.sign(difference) * DEVIATION_LIMIT)


def draw_family(axes: Axes, claims: pd.DataFrame) -> None:
    """One family's judged claims, the first at the top."""
    rows = np.arange(len(claims))[::-1]
    axes.axvspan(-1, 1, color=COLOURS[REPRODUCED], alpha=0.08, lw=0)
    axes.axvline(0, color="0.5", lw=0.8)
    limit = DEVIATION_LIMIT
    colours = claims["verdict"].astype(str).map(COLOURS)
    axes.scatter(deviations(claims).clip(-limit, limit), rows, c=colours, s=22, zorder=3)
    for row, (_, claim) in zip(rows, claims.iterrows(), strict=True):
        describe_claim(axes, row, claim)
    axes.set(xlim=(-1.03 * limit, 1.03 * limit), ylim=(-0.6, max(len(claims), 1) - 0.4), yticks=[])
    axes.grid(axis="y", visible=False)


def describe_claim(axes: Axes, row: int, claim: pd.Series) -> None:
    """The statement at the left of a row, its numbers and verdict at the right."""
    verdict = str(claim["verdict"])
    axes.text(-DEVIATION_LIMIT * 1.05, row, claim["statement"], ha="right", va="center", fontsize=7)
    expected = f"{comparison_sign(str(claim['comparison']))}{claim['expected']:.4g}"
    ours = f"{claim['value']:.4g}"
    if claim["standard_error"] > 0:
        ours += f" ± {claim['standard_error']:.1g}"
    axes.text(
        DEVIATION_LIMIT * 1.05,
        row,
        f"{claim['figure']}:  expected {expected},  ours {ours}  —  {verdict}",
        ha="left",
        va="center",
        fontsize=7,
        color=COLOURS[verdict],
    )
