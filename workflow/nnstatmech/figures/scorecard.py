"""The scorecard as a figure: every claim, how far ours is from the paper's value, and the verdict."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..claims import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, comparison_sign

COLOURS = {REPRODUCED: "#2a7f3e", NOT_REPRODUCED: "#b3261e", NOT_TESTED: "0.6"}
ROW_HEIGHT = 0.21  # inches
DEVIATION_LIMIT = 2.0


def scorecard(claims: pd.DataFrame) -> Figure:
    """One row a claim, grouped by family; the x axis is the deviation in units of the tolerance.

    Points between -1 and 1 are reproduced; those beyond the axis are drawn at its end.
    """
    order = claims.sort_values("family", kind="stable").reset_index(drop=True)
    rows = np.arange(len(order))[::-1]
    figure, axes = plt.subplots(figsize=(11, 1.2 + ROW_HEIGHT * len(order)))
    axes.axvspan(-1, 1, color=COLOURS[REPRODUCED], alpha=0.08, lw=0)
    axes.axvline(0, color="0.5", lw=0.8)
    deviation = (order["value"] - order["expected"]) / order["tolerance"].where(order["tolerance"] > 0)
    exact = order["value"].notna() & order["tolerance"].eq(0)
    deviation[exact] = np.sign(order["value"] - order["expected"])[exact] * DEVIATION_LIMIT
    colours = order["verdict"].astype(str).map(COLOURS)
    tested = order["value"].notna()
    axes.scatter(
        deviation[tested].clip(-DEVIATION_LIMIT, DEVIATION_LIMIT), rows[tested], c=colours[tested], s=22, zorder=3
    )
    for row, (_, claim) in zip(rows, order.iterrows(), strict=True):
        describe_claim(axes, row, claim)
    for family, group in order.groupby("family", observed=True):
        axes.axhline(rows[group.index[0]] + 0.5, color="0.3", lw=0.8)
        axes.text(-DEVIATION_LIMIT * 1.04, rows[group.index[0]] + 0.62, family, weight="bold", fontsize=8, ha="right")
    axes.set(xlim=(-DEVIATION_LIMIT * 1.03, DEVIATION_LIMIT * 1.03), ylim=(-0.6, len(order) + 0.6), yticks=[])
    axes.set_xlabel("(ours − expected) / tolerance")
    axes.grid(axis="y", visible=False)
    counts = order["verdict"].astype(str).value_counts()
    verdicts = (REPRODUCED, NOT_REPRODUCED, NOT_TESTED)
    axes.set_title(",  ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in verdicts), fontsize=10)
    return figure


def describe_claim(axes: plt.Axes, row: int, claim: pd.Series) -> None:
    """The statement at the left of a row, its numbers and verdict at the right."""
    verdict = str(claim["verdict"])
    axes.text(-DEVIATION_LIMIT * 1.04, row, claim["statement"], ha="right", va="center", fontsize=7)
    expected = f"{comparison_sign(str(claim['comparison']))}{claim['expected']:.4g}"
    ours = "—" if pd.isna(claim["value"]) else f"{claim['value']:.4g}"
    if pd.notna(claim["standard_error"]) and claim["standard_error"] > 0:
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
