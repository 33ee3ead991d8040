"""Outputs of sampled networks beside the exact posterior."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...readings import select
from ..curves import ensemble, posterior
from ..curves.rows import by_width
from ..tables import EnsembleTable, PosteriorTable
from .marks import LIMIT


def posterior_ladder(exact: PosteriorTable, sampled: EnsembleTable, *, scale: str) -> Figure:
    """A grid of predictive laws: rows are widths, columns are inverse temperatures."""
    networks, betas = by_width(sampled["network"]), sorted(sampled["beta"].unique())
    figure, axes = plt.subplots(
        len(networks), len(betas), figsize=(12, 1.9 * len(networks) + 0.6), sharex=True, squeeze=False
    )
    for row, network in zip(axes, networks, strict=True):
        for ax, beta in zip(row, betas, strict=True):
            predictive_panel(ax, exact, sampled, network, beta)
        row[0].set_ylabel(f"n = {network}\ndensity")
    for ax, beta in zip(axes[0], betas, strict=True):
        ax.set_title(f"β = {beta:g}")
    for ax in axes[-1]:
        ax.set_xlabel("output f(x)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def predictive_panel(ax: Axes, exact: pd.DataFrame, sampled: pd.DataFrame, network: str, beta: float) -> None:
    """One network at one inverse temperature, with the comparison in equiprobable bins."""
    rows = select(sampled, network=network, beta=beta)
    outputs = ensemble.values_of(rows, "output")
    density = posterior.predictive_density(exact, network, beta)
    process = posterior.predictive_density(exact, network, beta, "process_density")
    edges = np.linspace(-5, 5, 51)
    share = np.histogram(outputs, edges)[0] / (len(outputs) * np.diff(edges))
    ax.stairs(share, edges, fill=True, color="#9ab8d8", label="HMC networks")
    ax.plot(process.index, process, label="infinite width", **LIMIT)
    ax.plot(density.index, density, color="C3", linewidth=1.2, label="exact, finite width")
    agreement = ensemble.agreement(rows)
    text = f"χ² = {agreement.statistic:.0f}\np = {agreement.p_value:.2g}"
    ax.text(0.97, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=7)
    ax.set(xlim=(-5, 5), ylim=(0, 1.45 * max(share.max(), process.max())))
    ax.tick_params(labelsize=7)
    ax.grid(False)
