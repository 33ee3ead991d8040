"""Posteriors of networks with ten outputs by two samplers, and their saddle point."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..curves import outputs as curves
from ..tables import OutputsTable
from .marks import letters

NAMES = {"factors": "HMC over Bartlett factors", "layers": "Gibbs over the layers"}
MARKS = {"factors": "o", "layers": "s"}
STYLES = ("-", "--", ":")
"""By number of hidden layers."""


def gram_posteriors(main: OutputsTable, *, scale: str) -> Figure:
    """Mean losses of both samplers beside the saddle point, their differences and effective samples, by cell."""
    cells = curves.pooled(main, "mean_loss", "factors").index
    figure, axes = plt.subplots(1, 3, figsize=(15, max(4.8, 0.26 * len(cells))), width_ratios=(1.25, 1, 0.8))
    losses_by_width(axes[0], main)
    differences(axes[1], main, cells)
    effective_samples(axes[2], main, cells)
    images = {rows["run"].iloc[0]: number for number, rows in curves.runs_by_images(main).items()}
    labels = [f"P = {images[run]}, n = {network}, β = {beta:g}" for run, network, beta, _ in cells]
    axes[1].set_yticks(range(len(cells)), labels, fontsize=8)
    axes[2].set_yticks(range(len(cells)), [])
    letters(axes)
    return figure


def losses_by_width(ax: Axes, main: pd.DataFrame) -> None:
    """Mean loss over that of infinite width: both samplers (marks) and the saddle point (lines)."""
    runs, layers = curves.runs_by_images(main), curves.layers_of(main)
    combinations = [(images, beta) for images in runs for beta in sorted(main["beta"].dropna().unique())]
    for (images, beta), colour in zip(combinations, sns.color_palette("deep"), strict=False):
        for depth, style in zip(layers, STYLES, strict=False):
            found = curves.relative_to_process(runs[images], depth, beta)
            label = f"P = {images}, β = {beta:g}, {depth} hidden layer{'s' * (depth > 1)}"
            ax.plot(found["saddle"].index, found["saddle"], style, color=colour, lw=1.2, label=label)
            for (name, mark), shift in zip(MARKS.items(), (0.96, 1.04), strict=True):
                look = {"fmt": mark, "ms": 4, "color": colour, "mfc": "white" if name == "layers" else colour}
                ax.errorbar(found[name].index * shift, found[name]["value"], 2 * found[name]["error"], **look)
    ax.axhline(1, color="black", lw=0.8)
    ax.set(xscale="log", xlabel="hidden width $n$", ylabel="mean loss ⟨L⟩ over that of infinite width")
    ax.legend(fontsize=7)


def differences(ax: Axes, main: pd.DataFrame, cells: pd.MultiIndex) -> None:
    """Differences of the two samplers over their standard errors."""
    order = list(cells.droplevel("output"))
    for quantity, mark in (("mean_loss", "o"), ("trace", "s"), ("mean_output", ".")):
        deviations = curves.deviations(main, quantity)
        places = [order.index(cell[:-1]) for cell in deviations.index]
        ax.plot(deviations, places, mark, ms=4, ls="none", label=quantity.replace("_", " "))
    for limit in (-3, 3):
        ax.axvline(limit, color="black", ls=":", lw=0.9)
    ax.set_xlabel("difference of the samplers over its error")
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.1), ncols=3)


def effective_samples(ax: Axes, main: pd.DataFrame, cells: pd.MultiIndex) -> None:
    """Effective samples of the quantity that has the fewest."""
    for name, shift in (("factors", -0.15), ("layers", 0.15)):
        samples = curves.least_effective_samples(main, name)
        places = [list(cells.droplevel("output")).index(cell) + shift for cell in samples.index]
        ax.plot(samples, places, MARKS[name], ms=4, label=NAMES[name])
    low, high = ax.dataLim.intervalx
    decades = (
        10 ** math.floor(math.log10(low)),
        10 ** math.ceil(math.log10(high)),
    )  # within one decade labels would overlap
    ax.set(xscale="log", xlim=decades, xlabel="effective samples, least of 12 quantities")
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.1), ncols=2)
