"""Perceptrons of binary weights against theory."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import labelled_ticks, panel_letter
from ...readings import over_seeds, parameters_of, runs_of, select
from .. import state_evolution
from ..curves.perceptron import distances, final_by_load, predicted_trajectory, solved_by_load, trajectories
from ..state_evolution import Overlaps
from ..tables import PerceptronTable
from .panels import COLOURS, LABELS

CAPACITY = 0.833  # of the perceptron with binary weights: Krauth and Mézard 1989
TRAJECTORY_LOAD = 1.0
TRAJECTORY_SWEEPS = 12
MARKERS = {"amp": ("o", 4), "bp": ("s", 7), "mf": ("^", 7), "bpi": ("v", 7)}
# Of (d), widest first: fractions that coincide stay visible through each other.
WIDTHS = {"bp": 4.0, "amp": 2.2, "bpi": 1.2, "mf": 1.6}


def perceptron(
    overlaps: PerceptronTable, difference: PerceptronTable, capacity: PerceptronTable, *, scale: str
) -> Figure:
    """Overlaps and their trajectories against state evolution, BP against AMP, and the capacity.

    Parameters
    ----------
    overlaps
        Of teacher-student problems, one run a rule.
    difference
        Of BP with AMP as the reference.
    capacity
        Of random labels, one run a rule.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9.0, 6.6), layout="constrained")
    overlap_panel(axes[0, 0], overlaps)
    trajectory_panel(axes[0, 1], overlaps)
    difference_panel(axes[1, 0], difference)
    capacity_panel(axes[1, 1], capacity)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def overlap_panel(ax: Axes, table: pd.DataFrame) -> None:
    spinodal, conjugate = state_evolution.spinodal()
    branch = np.linspace(1e-3, conjugate, 200)
    loads = [state_evolution.load_at(c) for c in branch]
    ax.plot(loads, [state_evolution.optimal_overlap(c) for c in branch], color="0.2", lw=1.2)
    ax.plot([spinodal, max(2.0, table["load"].max())], [1, 1], color="0.2", lw=1.2)
    threshold = state_evolution.information_threshold()
    for load, text in ((spinodal, "spinodal"), (threshold, "threshold")):
        ax.axvline(load, color="0.6", lw=0.8, ls=":")
        ax.text(load, 0.27, f"{text} {load:.3f}", rotation=90, ha="right", va="bottom", fontsize=7, color="0.4")
    shown = []
    for params, rows in runs_of(table):
        rule = params["algorithm"]
        shown.append(rule)
        marker, size = MARKERS[rule]
        for quantity, filled in (("teacher_overlap", True), ("self_overlap", False)):
            points = final_by_load(rows, quantity)
            ax.errorbar(
                points.index,
                points["mean"],
                points["error"].fillna(0.0),
                fmt=marker,
                ms=size,
                color=COLOURS[rule],
                mfc=COLOURS[rule] if filled else "none",
                lw=1,
                zorder=3 - size / 10,
            )
    handles = [
        Line2D([], [], color=COLOURS[rule], marker=MARKERS[rule][0], ls="", label=LABELS[rule]) for rule in shown
    ]
    handles.append(Line2D([], [], color="0.2", label="state evolution"))
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(0.0, 0.68))
    ax.set_xlabel(r"load $\alpha = P/N$")
    ax.set_ylabel(r"overlaps $R$ (filled), $q$ (open)")
    ax.set_ylim(-0.03, 1.06)


def trajectory_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        rule = params["algorithm"]
        points = over_seeds(trajectories(rows, rule, TRAJECTORY_LOAD, TRAJECTORY_SWEEPS))
        errors = points["error"].fillna(0.0)
        marker, size = MARKERS[rule]
        style = {"fmt": marker, "ms": size, "color": COLOURS[rule], "mfc": "none", "lw": 1, "zorder": 3 - size / 10}
        ax.errorbar(points.index, points["mean"], errors, **style)
    theory = predicted_trajectory(TRAJECTORY_LOAD, TRAJECTORY_SWEEPS)
    ax.plot(range(len(theory)), theory, color="0.2", lw=1.2)
    q = state_evolution.fixed_point(TRAJECTORY_LOAD)
    error = state_evolution.generalisation_error(Overlaps(q, q))
    ax.text(
        0.97,
        0.97,
        rf"$\alpha = {TRAJECTORY_LOAD:g}$: $q^* = {q:.4f}$, $\epsilon_g = {error:.3f}$",
        transform=ax.transAxes,
        ha="right",
        va="top",
    )
    ax.set_xlabel("sweep")
    ax.set_ylabel("teacher overlap $R$")
    ax.set_ylim(-0.02, 0.72)


def difference_panel(ax: Axes, table: pd.DataFrame) -> None:
    rows = select(table, reference="amp")
    rule = parameters_of(rows)["algorithm"]
    for sweep, marker in ((2, "^"), (3, "o")):
        points = over_seeds(distances(rows, "amp", sweep))
        errors = points["error"].fillna(0.0)
        ax.errorbar(points.index, points["mean"], errors, fmt=marker, color=COLOURS["amp"], label=f"sweep {sweep}")
    guide = points["mean"].iloc[0] * points.index[0] / points.index
    ax.plot(points.index, guide, color="0.4", ls="--", lw=1, label=r"$\propto 1/N$")
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = sorted(points.index)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    labelled_ticks(ax.yaxis)
    ax.set_xlabel("inputs $N$")
    ax.set_ylabel(f"rms difference of $m$, {rule.upper()} and AMP")
    ax.legend()


def capacity_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        rule = params["algorithm"]
        points = solved_by_load(rows)
        (line,) = ax.plot(points.index, points["fraction"], "o-", color=COLOURS[rule], label=LABELS[rule], alpha=0.8)
        line.set(linewidth=WIDTHS[rule], markersize=WIDTHS[rule] + 3, zorder=4 - WIDTHS[rule] / 10)
    ax.axvline(CAPACITY, color="0.6", lw=0.8, ls=":")
    ax.text(CAPACITY, 0.98, f"capacity {CAPACITY}", rotation=90, ha="right", va="top", fontsize=7, color="0.4")
    ax.set_xlabel(r"load $\alpha = P/N$")
    ax.set_ylabel("fraction solved")
    ax.set_ylim(-0.05, 1.06)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.legend(loc="center left")
