"""Accuracy of a deep ReLU classifier along its strongest paths."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ..logistic import fit_logistic
from .frames import over_seeds, parameters, select


def path_pruning(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Accuracy against the number of paths: linear, logarithmic, gain of each path, fraction of all paths."""
    table = tables["stm_path_pruning"]
    rows = select(table, quantity="pruned_accuracy")
    mean, error = over_seeds(rows, "paths").T.to_numpy()
    paths = np.sort(rows["paths"].unique()).astype(float)
    full = select(table, quantity="accuracy", split="test")["value"].mean()
    fit = fit_logistic(paths, mean)
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    label = (
        f"$A_0$ = {fit.floor:.3f}, $A_\\infty$ = {fit.plateau:.3f}\n"
        f"$K_0$ = {fit.midpoint:.1f}, $\\beta$ = {fit.steepness:.3f}"
    )
    fine = np.linspace(paths.min(), paths.max(), 400)
    for ax in axes[0]:
        for _, network in rows.groupby("seed"):
            ax.plot(network["paths"], network["value"], color="0.75", lw=0.8)
        ax.errorbar(paths, mean, error, fmt="o", ms=3, lw=0.8, label="mean ± standard error")
        ax.plot(fine, fit(fine), "r-", lw=1.2, label=f"logistic fit\n{label}")
        ax.axhline(full, color="black", ls="--", lw=1, label="all paths")
        ax.set(xlabel="paths kept for each pixel, $K$", ylabel="test accuracy", ylim=(0, 1))
    axes[0, 0].legend(loc="lower right")
    axes[0, 1].set_xscale("log", base=2)
    gains(axes[1, 0], paths, mean, fit)
    fraction(axes[1, 1], rows, table, parameters(table)["width"], full)
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        panel_letter(ax, letter)
    return figure


def gains(ax, paths, mean, fit):
    """Accuracy that each further path adds."""
    ax.bar(paths[1:], np.diff(mean) / np.diff(paths), width=0.8 * np.diff(paths), color="tab:blue", alpha=0.7)
    fine = np.linspace(paths.min(), paths.max(), 400)
    ax.plot(fine, np.gradient(fit(fine), fine), "r-", lw=1.2, label="slope of the fit")
    ax.set(xlabel="paths kept for each pixel, $K$", ylabel="accuracy gained by a path")
    ax.legend()


def fraction(ax, rows, table, width, full):
    """Accuracy over that of all paths against the fraction of a layer's units, and how many units are active."""
    groups = rows.groupby("paths")["value"]
    ax.plot(groups.mean().index / width, groups.mean() / full, "o-", ms=3, lw=1)
    active = table[table["quantity"] == "active_fraction"]["value"]
    ax.axvspan(active.min(), active.max(), color="tab:green", alpha=0.15, lw=0, label="active units, by layer")
    ax.axvline(active.mean(), color="tab:green", lw=1, label="active units, mean")
    ax.axhline(1, color="black", ls="--", lw=1)
    ax.set(xlabel="fraction of units kept, $K / n$", ylabel="accuracy / accuracy with all paths", ylim=(0, 1.1))
    ax.legend(loc="lower right")
