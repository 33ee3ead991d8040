"""Trained linear networks beside the predictors of wide ones."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from ...readings import parameters_of
from ..curves import neural_tangent as curves
from ..tables import NeuralTangentTable
from .marks import LIMIT, letters


def wide_predictors(main: NeuralTangentTable, *, scale: str) -> Figure:
    """Trained networks beside the predictors of wide networks, for one digit and for two."""
    widths = curves.widths_of(main)
    figure, axes = plt.subplots(2, 3, figsize=(13, 7))
    for ax, split in zip(axes[0, :2], ("train", "test"), strict=True):
        one_digit_densities(ax, main, split)
    linearisation_distances(axes[0, 2], main, widths)
    for ax, width in zip(axes[1, :2], (widths[:2][-1], widths[-1]), strict=True):
        noiseless_law(ax, main, width)
    ensemble_deviations(axes[1, 2], main, widths)
    letters(axes.flat)
    return figure


def one_digit_densities(ax: Axes, table: pd.DataFrame, split: str) -> None:
    """Outputs of one network on the images of one digit, all with the same target, and the least-squares fits."""
    digit = parameters_of(table)["digit"]
    outputs, pixels = curves.one_digit_outputs(table, split)
    low, high = np.quantile(np.concatenate([outputs, pixels]), [0.01, 0.99])
    low, high = min(low, digit - 0.2), max(high, digit + 0.2)
    ax.hist(outputs, bins=20, density=True, color="tab:blue", alpha=0.4, label="trained network")
    grid = np.linspace(low, high, 800)
    ax.plot(grid, gaussian_kde(outputs)(grid), color="tab:blue")
    if np.ptp(pixels) > 1e-3 * digit:
        ax.plot(grid, gaussian_kde(pixels)(grid), color="tab:orange", label="wide network without biases")
        ax.axvline(digit, **LIMIT, label="wide network with biases")
    else:
        ax.axvline(digit, **LIMIT, label="wide networks, with biases or without")
    name = "training" if split == "train" else "unseen"
    ax.set(xlabel="output", ylabel="density", xlim=(low, high), title=f"{name} images of the digit {digit}")
    ax.legend(fontsize=7.5)


def by_hidden_units(ax: Axes, widths: list[int]) -> None:
    """A logarithmic axis of widths with a tick at each."""
    ax.set(xlabel="hidden units $n$", xscale="log")
    ax.set_xticks(widths, [f"{width:.0f}" for width in widths])
    ax.minorticks_off()


def linearisation_distances(ax: Axes, table: pd.DataFrame, widths: list[int]) -> None:
    """Root-mean-square distance of trained networks to their linearisation at the start, by width."""
    quartiles = curves.distance_quartiles(table)
    below, above = quartiles[0.5] - quartiles[0.25], quartiles[0.75] - quartiles[0.5]
    ax.errorbar(quartiles.index, quartiles[0.5], [below, above], fmt="o", capsize=3, label="networks (quartiles)")
    law = quartiles[0.5].iloc[-1] * (np.array(widths) / widths[-1]) ** -2.0
    ax.plot(widths, law, "k:", label=r"$\propto n^{-2}$")
    ax.set(ylabel="distance to the linearised network", yscale="log")
    by_hidden_units(ax, widths)
    converged = curves.converged_networks(table)
    ax.set_title(f"{converged.mean():.1%} of {len(converged)} networks converged")
    ax.legend()


def noiseless_law(ax: Axes, table: pd.DataFrame, width: int) -> None:
    """Outputs of all networks of one width for one unseen image, and the exact law without noise."""
    settings = parameters_of(table)
    outputs = curves.outputs_of_networks(table, width)[:, settings["shown"]]
    low, high = np.quantile(outputs, [0.005, 0.995])
    edges = np.linspace(low - 0.3 * (high - low), high + 0.3 * (high - low), 41)
    counts = np.histogram(outputs, edges)[0] / (len(outputs) * (edges[1] - edges[0]))
    ax.stairs(counts, edges, fill=True, color="tab:blue", alpha=0.4, label="trained networks")
    grid = curves.pair_profile(table, "output_grid", width)
    ax.plot(grid, curves.pair_profile(table, "exact_density", width), color="tab:red", label="exact posterior")
    ax.plot(grid, curves.pair_profile(table, "process_density", None), **LIMIT, label="infinite width")
    first, second = settings["pair"]
    ax.set(xlabel="output for one unseen image", ylabel="density", xlim=(edges[0], edges[-1]))
    ax.set_title(f"{first} or {second}, {width:.0f} hidden units")
    ax.legend(fontsize=7.5)


def ensemble_deviations(ax: Axes, table: pd.DataFrame, widths: list[int]) -> None:
    """Deviation of the outputs over that of the exact posterior, averaged over the unseen images, by width."""
    trained, wide = curves.deviation_ratios(table), curves.wide_deviation_ratios(table)
    style = {"fmt": "o", "capsize": 3, "color": "tab:blue", "label": "trained networks"}
    ax.errorbar(trained.index, trained["mean"], trained["error"], **style)
    ax.axhline(1, color="tab:red", lw=1.2, label="exact posterior")
    ax.plot(wide.index, wide, **LIMIT, marker="s", ms=3, label="infinite width")
    ax.set(ylabel="deviation / exact deviation", ylim=(0, None))
    by_hidden_units(ax, widths)
    ax.set_title("mean over all unseen images")
    ax.legend(loc="lower right")
