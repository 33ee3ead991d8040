"""Mean losses and kernel scales against the inverse temperature."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...readings import parameters_of, select
from ..curves import ensemble, posterior
from ..curves.rows import by_width
from ..tables import EnsembleTable, PosteriorTable
from .marks import LIMIT, letters


def energy_vs_beta(exact: PosteriorTable, hmc: EnsembleTable, langevin: EnsembleTable, *, scale: str) -> Figure:
    """Mean loss by inverse temperature, exact and sampled, and the posterior of the kernel scale."""
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.2))
    networks = by_width(exact["network"])
    colours = dict(zip(networks, sns.color_palette("viridis", len(networks)), strict=True))
    mean_losses(axes[0], exact, hmc, colours)
    loss_ratios(axes[1], hmc, langevin, colours)
    kernel_scales(axes[2], exact, colours)
    letters(axes)
    for ax in axes:
        ax.set_xlabel("inverse temperature β")
    return figure


def mean_losses(ax: Axes, exact: pd.DataFrame, hmc: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    """Exact (lines) and sampled (dots), infinite width, and equipartition."""
    for network, colour in colours.items():
        loss = posterior.by_beta(exact, "mean_loss", network)
        ax.loglog(loss.index, loss, color=colour, label=f"n = {network}")
        if network in set(hmc["network"]):
            dots = ensemble.mean_loss(select(hmc, network=network))
            ax.errorbar(dots.index, dots["mean"], dots["error"], fmt="o", markersize=3.5, color=colour)
    process = posterior.by_beta(exact, "process_mean_loss", next(iter(colours)))
    ax.loglog(process.index, process, label="infinite width", **LIMIT)
    images = parameters_of(exact)["images"]
    cold = np.array([1.0, process.index.max()])
    ax.loglog(cold, images / (2 * cold), color="C3", linestyle=":", label=f"P/(2β), P = {images}")
    ax.set_ylabel("mean loss ⟨L⟩")
    ax.legend(fontsize=7)


def loss_ratios(ax: Axes, hmc: pd.DataFrame, langevin: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    """Sampled over exact mean losses."""
    for table, marker, name in ((hmc, "o", "HMC"), (langevin, "s", "Langevin")):
        for network in by_width(set(table["network"]) & set(colours)):
            loss = ensemble.mean_loss(select(table, network=network))
            ratio, error = loss["mean"] / loss["exact"], loss["error"] / loss["exact"]
            style = {"markersize": 4, "linewidth": 0.8, "color": colours[network], "label": f"{name}, n = {network}"}
            ax.errorbar(ratio.index, ratio, error, fmt=f"{marker}-", **style)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xscale="log", yscale="log", ylabel=r"sampled over exact $\langle L\rangle$")
    ax.legend(fontsize=7)


def kernel_scales(ax: Axes, exact: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    """Posterior mean of the kernel scale over its prior mean, and its saddle point."""
    for network, colour in colours.items():
        for quantity, line in (("mean_scale", "-"), ("saddle_scale", "--")):
            curve = posterior.by_beta(exact, quantity, network)
            label = f"n = {network}" if quantity == "mean_scale" else None
            ax.semilogx(curve.index, curve, line, color=colour, linewidth=1.2, label=label)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_ylabel("kernel scale u / E[u] (dashed: saddle)")
    ax.legend(fontsize=7)
