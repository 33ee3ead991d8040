"""Output lengths of untrained networks."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from ...figures.style import panel_letter
from ..curves.untrained import output_lengths
from ..tables import UntrainedTable
from ..untrained import OutputLength
from .marks import LIMIT, histogram_dots


def untrained_outputs(main: UntrainedTable, *, scale: str, shown: int = 100) -> Figure:
    """Output lengths of untrained networks at several temperatures, and their closed law."""
    pairs = output_lengths(main)
    figure = plt.figure(figsize=(10.5, 9))
    grid = figure.add_gridspec(3, len(pairs), height_ratios=[1, 1, 1.25])
    for i, (temperature, (law, lengths)) in enumerate(pairs.items()):
        upper, lower = figure.add_subplot(grid[0, i]), figure.add_subplot(grid[1, i])
        lengths_by_network(upper, lengths[:shown], law)
        upper.set_title(f"$T$ = {temperature:g}")
        estimated_density(lower, lengths[:shown], law)
        if i == 0:
            upper.legend(loc="upper right")
            lower.legend(loc="upper right")
    panel_letter(figure.axes[0], "a")
    panel_letter(figure.axes[1], "b")
    ax = figure.add_subplot(grid[2, :])
    logarithmic_density(ax, pairs)
    panel_letter(ax, "c")
    return figure


def lengths_by_network(ax: Axes, lengths: np.ndarray, law: OutputLength) -> None:
    """Output length of each network."""
    ax.plot(np.arange(len(lengths)), lengths, "x", color="green", ms=4, label="networks")
    ax.axhline(law.mean, **LIMIT, label="exact mean")
    ax.axhline(law.median, color="black", ls=":", lw=1.4, label="exact median")
    ax.set(xlabel="network", ylabel="output length")
    ax.ticklabel_format(axis="y", scilimits=(-2, 2))


def estimated_density(ax: Axes, lengths: np.ndarray, law: OutputLength) -> None:
    """Kernel density estimate with a bandwidth of one standard deviation, as in the original, beside the density."""
    span = 6 * law.mean
    y = np.linspace(-span, span, 1200)
    ax.plot(y, gaussian_kde(lengths, bw_method=1.0)(y), color="tab:blue", label="estimate, bandwidth 1 s.d.")
    positive = y[y > 0]
    ax.plot(positive, law.pdf(positive), **LIMIT, label="exact")
    ax.set(xlabel="output length", ylabel="density", xlim=(-span, span), ylim=(0, 4 * 0.4 / np.std(lengths)))
    ax.ticklabel_format(axis="both", scilimits=(-2, 2))


def logarithmic_density(ax: Axes, pairs: dict[float, tuple[OutputLength, np.ndarray]]) -> None:
    """Distribution of the logarithm of the output length: all networks against the closed law."""
    for (temperature, (law, lengths)), colour in zip(pairs.items(), sns.color_palette("deep"), strict=False):
        values = np.log10(lengths)
        edges = np.linspace(np.quantile(values, 0.002), values.max(), 36)
        histogram_dots(ax, values, edges, ms=3, color=colour, label=f"$T$ = {temperature:g}")
        grid = np.linspace(edges[0] - 0.5, edges[-1] + 0.5, 500)
        ax.plot(grid, law.pdf(10**grid) * 10**grid * np.log(10), color="black", lw=1.2)
    smallest = 0.3 / (max(len(lengths) for _, lengths in pairs.values()) * (edges[1] - edges[0]))
    ax.set(xlabel=r"$\log_{10}$ output length", ylabel=r"density of $\log_{10}$ length", yscale="log")
    ax.set(ylim=(smallest, 2), title=f"{len(values)} networks each (± standard error), exact law (black)")
    ax.legend(loc="upper left")
