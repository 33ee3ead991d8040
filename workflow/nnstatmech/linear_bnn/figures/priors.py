"""Exact priors of finite networks beside random ones."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...readings import parameters_of, select
from ..curves import prior as curves
from ..curves.rows import hidden_widths
from ..tables import PriorTable
from .marks import LIMIT, letters


def finite_width_priors(main: PriorTable, *, scale: str) -> Figure:
    """Densities of outputs: by width, of whole layers, behind a bottleneck, with rectified units by depth."""
    figure, axes = plt.subplots(2, 3, figsize=(14, 7))
    component_densities(axes[0, 0], curves.priors_of(main, "linear", 1), "n")
    first_corrections(axes[0, 0], curves.priors_of(main, "linear", 1))
    layer_densities(axes[0, 1], main)
    component_densities(axes[0, 2], curves.priors_of(main, "linear", 3), "k")
    for ax, layers in zip(axes[1], (1, 2, 3), strict=True):
        component_densities(ax, curves.priors_of(main, "relu", layers), "n")
    titles = (
        "linear, one hidden layer",
        "linear, equal widths",
        "linear, widths 100, k, 100",
        "ReLU, one hidden layer",
        "ReLU, two hidden layers",
        "ReLU, three hidden layers",
    )
    letters(axes.flat)
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title)
    return figure


def component_densities(ax: Axes, rows: pd.DataFrame, symbol: str) -> None:
    """Density of one output at h > 0, half of that of its length, on a logarithmic axis."""
    if rows.empty:
        ax.set_axis_off()
        return
    networks = curves.networks_of(rows)
    for network, colour in zip(networks, sns.color_palette("viridis", len(networks)), strict=True):
        one, widths = select(rows, network=network), hidden_widths(network)
        density = curves.length_density(one) / 2
        ax.plot(density.index, density, color=colour, label=f"{symbol} = {widths[len(widths) // 2]}")
        dots = curves.sampled_density(one)
        dots = dots[dots["mean"] > 0]
        ax.errorbar(dots.index, dots["mean"] / 2, dots["error"] / 2, fmt="o", markersize=2, color=colour, linewidth=0.8)
    process = curves.length_density(rows, "log_radial_process") / 2
    ax.plot(process.index, process, label="infinite width", **LIMIT)
    ax.set(yscale="log", ylim=(1e-5, 10), xlim=(0, process.index.max()), xlabel="|h|", ylabel="density p(h)")
    ax.legend(ncols=2)


def first_corrections(ax: Axes, rows: pd.DataFrame) -> None:
    """The Gaussian with its first correction in 1/n, dotted, in the colours of the exact densities."""
    networks = curves.networks_of(rows)
    for network, colour in zip(networks, sns.color_palette("viridis", len(networks)), strict=True):
        density = curves.corrected_gaussian(select(rows, network=network)) / 2
        ax.plot(density.index, density.where(density > 0), color=colour, linestyle=":", linewidth=1.2)


def layer_densities(ax: Axes, table: pd.DataFrame) -> None:
    """Density of the length of a whole layer's output."""
    layers, palette = curves.whole_layers(table), iter(sns.color_palette("deep"))
    if not layers:
        ax.set_axis_off()
        return
    for rows, line in zip(layers, ("--", ":", "-."), strict=False):
        for network in curves.networks_of(rows):
            one, colour, widths = select(rows, network=network), next(palette), hidden_widths(network)
            density, dots = curves.length_density(one), curves.sampled_density(one)
            label = f"N = {widths[0]}, {len(widths)} hidden layer{'s' * (len(widths) > 1)}"
            ax.plot(density.index, density, color=colour, label=label)
            ax.errorbar(dots.index, dots["mean"], dots["error"], fmt="o", markersize=2.5, color=colour, linewidth=0.8)
        process = curves.length_density(rows, "log_radial_process")
        outputs = parameters_of(rows)["n_out"]
        label = f"N = {outputs}, infinite width"
        ax.plot(process.index, process, color="black", linestyle=line, linewidth=1.3, label=label)
    ax.set(
        xlim=(0.4, 2.0),
        ylim=(0, None),
        xlabel=r"$|h| \,/\, \langle |h|^2\rangle^{1/2}$",
        ylabel="density of the length",
    )
    ax.legend()
