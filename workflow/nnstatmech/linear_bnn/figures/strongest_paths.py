"""Accuracy of a deep ReLU classifier along its strongest paths."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...readings import over_seeds
from ..curves import path_pruning as curves
from ..logistic import Logistic
from ..tables import PathPruningTable
from .marks import letters


def accuracy_by_paths(main: PathPruningTable, *, scale: str) -> Figure:
    """Accuracy against the number of paths: linear, logarithmic, gain of each path, fraction of all paths."""
    accuracies, fit = curves.accuracies_by_paths(main), curves.mean_fit(main)
    mean = over_seeds(accuracies)["mean"]
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    for ax in axes[0]:
        networks_and_fit(ax, accuracies, fit, curves.unpruned_accuracy(main))
    axes[0, 0].legend(loc="lower right")
    axes[0, 1].set_xscale("log", base=2)
    gains(axes[1, 0], curves.accuracy_gains(mean), fit)
    kept_fractions(axes[1, 1], main)
    letters(axes.flat)
    return figure


def networks_and_fit(ax: Axes, accuracies: pd.DataFrame, fit: Logistic, full: float) -> None:
    """Single networks, their mean, and the logistic law fitted to it."""
    line = over_seeds(accuracies)
    for _, network in accuracies.iterrows():
        ax.plot(network.index, network, color="0.75", lw=0.8)
    ax.errorbar(line.index, line["mean"], line["error"], fmt="o", ms=3, lw=0.8, label="mean ± standard error")
    label = (
        f"$A_0$ = {fit.floor:.3f}, $A_\\infty$ = {fit.plateau:.3f}\n"
        f"$K_0$ = {fit.midpoint:.1f}, $\\beta$ = {fit.steepness:.3f}"
    )
    fine = np.linspace(line.index.min(), line.index.max(), 400)
    ax.plot(fine, fit(fine), "r-", lw=1.2, label=f"logistic fit\n{label}")
    ax.axhline(full, color="black", ls="--", lw=1, label="all paths")
    ax.set(xlabel="paths kept for each pixel, $K$", ylabel="test accuracy", ylim=(0, 1))


def gains(ax: Axes, gained: pd.Series, fit: Logistic) -> None:
    """Accuracy that each further path adds."""
    steps = np.diff(gained.index, prepend=1)
    ax.bar(gained.index, gained, width=0.8 * steps, color="tab:blue", alpha=0.7)
    fine = np.linspace(gained.index[0] - steps[0], gained.index[-1], 400)
    ax.plot(fine, np.gradient(fit(fine), fine), "r-", lw=1.2, label="slope of the fit")
    ax.set(xlabel="paths kept for each pixel, $K$", ylabel="accuracy gained by a path")
    ax.legend()


def kept_fractions(ax: Axes, table: pd.DataFrame) -> None:
    """Accuracy over that of all paths against the fraction of a layer's units, and how many units are active."""
    relative, active = curves.relative_accuracies(table), curves.active_fractions(table)
    ax.plot(relative.index, relative, "o-", ms=3, lw=1)
    ax.axvspan(active.min(), active.max(), color="tab:green", alpha=0.15, lw=0, label="active units, by layer")
    ax.axvline(active.mean(), color="tab:green", lw=1, label="active units, mean")
    ax.axhline(1, color="black", ls="--", lw=1)
    ax.set(xlabel="fraction of units kept, $K / n$", ylabel="accuracy / accuracy with all paths", ylim=(0, 1.1))
    ax.legend(loc="lower right")
