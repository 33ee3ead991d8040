"""Committees on random features: errors and the overlap of their units."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from ...figures.style import panel_letter
from ...readings import over_seeds, parameters_of, runs_of
from ..curves.committee import by_features, sorted_by_leading_vector, unit_overlaps
from ..tables import CommitteeTable

LEARNERS = {
    "online_bp": ("online BP", "C0"),
    "focusing_bp": ("focusing BP", "C2"),
    "binarynet": ("SGD (BinaryNet)", "C3"),
    "sbpi": ("LAL-SBPI", "C1"),
}


def committee(main: CommitteeTable, *, scale: str) -> Figure:
    """Errors and overlap of hidden units against the number of weights per pattern, and matrices of unit overlaps."""
    params = parameters_of(main)
    ratio = params["hidden_units"] / params["samples"]
    figure = plt.figure(figsize=(10.5, 6.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1), squeeze=False)[0]
    top, bottom = left.subplots(2, 1, sharex=True)
    for learner in learners_of(main):
        name, colour = LEARNERS[learner]
        for ax, quantity, style in (
            (top, "train_error", "-"),
            (top, "test_error", "--"),
            (bottom, "equal_weights", "-"),
        ):
            points = over_seeds(by_features(main, learner, quantity))
            label = name if style == "-" else None
            ax.errorbar(
                points.index * ratio,
                points["mean"],
                points["error"].fillna(0.0),
                fmt=f"o{style}",
                ms=3,
                color=colour,
                lw=1.3,
                label=label,
            )
    top.set_ylabel("error (%)")
    top.set_ylim(0, 55)
    handles, _ = top.get_legend_handles_labels()
    left.legend(
        handles=handles, title="solid: training, dashed: test", ncols=4, title_fontsize=8, loc="outside upper center"
    )
    for level in (0.5, 1.0):
        bottom.axhline(level, color="0.5", lw=0.8, ls=":")
    bottom.set_ylim(0, 1.05)
    bottom.set_ylabel("equal weights in a pair of units")
    bottom.set_xlabel("weights per training pattern, $KN/P$")
    panel_letter(top, "a")
    panel_letter(bottom, "b")
    overlap_matrices(right, main)
    return figure


def learners_of(table: pd.DataFrame) -> list[str]:
    """The learners whose committees the table has, in the order of the panels."""
    present = {params["algorithm"] for params, _ in runs_of(table)}
    return [learner for learner in LEARNERS if learner in present]


def overlap_matrices(figure: SubFigure, table: pd.DataFrame) -> None:
    """The unit overlaps of the first realisation of each learner at the largest size kept."""
    axes = figure.subplots(2, 2)
    for letter, ax, learner in zip("cdef", axes.flat, learners_of(table), strict=False):
        size, overlaps = unit_overlaps(table, learner)
        image = ax.imshow(sorted_by_leading_vector(overlaps), vmin=-1, vmax=1, cmap="RdBu_r")
        ax.set_title(LEARNERS[learner][0], fontsize=9)
        panel_letter(ax, letter)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel("hidden unit")
        ax.set_ylabel("hidden unit")
    figure.colorbar(image, ax=axes, shrink=0.7, label=f"overlap of the units' weights, $N = {size}$")
