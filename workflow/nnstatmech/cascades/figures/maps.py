"""Maps of cascades: entropy and explained variance over weight variance and depth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import parameters_of, select
from ..curves.accuracies import accuracy_over_variances
from ..curves.entropies import over_depth, ridge_line
from .depth_axes import heat_map, legend_above, theory_lines

LOWEST_ENTROPY, LOWEST_ENTROPY_OF_RESNETS = -20.0, -10.0
LABELS = {"differential_entropy": "differential entropy (nats)", "explained_variance": r"explained variance $R^2$"}
# Accuracies of the strip above the ResNets' map: not above chance, above it, clearly above it.
STRIP_LIMITS, STRIP_COLOURS = (0.10, 0.15), ("white", "0.6", "black")


def diff_entropy(main, *, scale: str, map_strength: float = 1e-3, peak_strength: float = 1e-2) -> Figure:
    """Differential entropy and explained variance of MLP cascades over weight variance and depth.

    ``main`` holds cascades through square layers; the entropy is drawn for ridge decoders of ``map_strength``, the
    explained variance for those of ``peak_strength``. Trained decoders, where there are any, have a panel between.
    """
    panels = [
        (select(main, decoder="ridge", ridge_strength=map_strength), "differential_entropy"),
        (select(main, decoder="ridge", ridge_strength=peak_strength), "explained_variance"),
    ]
    if "adam" in {run["decoder"] for run in main.attrs["runs"].values()}:
        panels.insert(1, (select(main, decoder="adam"), "differential_entropy"))
    figure = Figure(figsize=(4.7 * len(panels), 4.1))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for letter, ax, (part, quantity) in zip("abc", axes, panels, strict=False):
        mesh = theory_map(ax, part, quantity)
        dark = quantity == "explained_variance"
        if dark:
            largest = ridge_line(part, quantity)
            ax.plot(largest, largest.index, ".", ms=3.5, color="cyan", label="largest")
        legend_above(ax, dark)
        figure.colorbar(mesh, ax=ax, label=LABELS[quantity])
        panel_letter(ax, letter)
        ax.set_title(decoder_label(parameters_of(part)), fontsize=10)
    return figure


def cnn(main, *, scale: str) -> Figure:
    """Differential entropy and explained variance of CNN cascades over weight variance and depth."""
    figure = Figure(figsize=(9.6, 4.1))
    for letter, ax, (quantity, label) in zip("ab", figure.subplots(1, 2), LABELS.items(), strict=True):
        mesh = theory_map(ax, main, quantity)
        figure.colorbar(mesh, ax=ax, label=label)
        legend_above(ax, dark=quantity == "explained_variance")
        panel_letter(ax, letter)
    return figure


def resnet(main, training, *, scale: str) -> Figure:
    """Differential entropy and explained variance of ResNet cascades, with a strip that says which networks train.

    ``training`` holds the accuracies of classifiers of the greatest depth.
    """
    figure = Figure(figsize=(9.6, 4.3))
    (strip, empty), axes = figure.subplots(2, 2, sharex=True, height_ratios=(1, 14))
    empty.set_axis_off()
    for letter, ax, (quantity, label) in zip("ab", axes, LABELS.items(), strict=True):
        mesh = quantity_map(ax, main, quantity, LOWEST_ENTROPY_OF_RESNETS)
        figure.colorbar(mesh, ax=ax, label=label)
        panel_letter(ax, letter)
        limits = ax.get_xlim()
    training_strip(strip, training)
    strip.set_xlim(limits)
    key = empty.text(0, 0.5, strip_key(training), va="center", fontsize=8, transform=empty.transAxes)
    key.set_in_layout(False)  # it may reach above the colour bar
    return figure


def decoder_label(params: Mapping) -> str:
    """How a run's decoders were fitted, for titles and legends."""
    if params["decoder"] == "adam":
        return f"Adam, {params['presentations']:,} images"
    return rf"ridge, $\lambda=10^{{{np.log10(params['ridge_strength']):.0f}}}$"


def quantity_map(ax: Axes, table: pd.DataFrame, quantity: str, lowest: float = LOWEST_ENTROPY) -> ScalarMappable:
    """Draw entropy (from ``lowest`` on) or R² over weight variance and depth; returns the colours."""
    grid = over_depth(table, quantity).mean
    options = {"cmap": "Spectral", "vmin": lowest, "vmax": np.ceil(grid.to_numpy().max())}
    if quantity == "explained_variance":
        # Roots of R² are shown evenly: what is left at great depth would be black otherwise.
        lowest, options = 0, {"cmap": "magma", "norm": PowerNorm(0.5, 0, 1)}
    ax.set_ylabel("depth of the cascade")
    return heat_map(ax, grid.clip(lower=lowest), **options)


def theory_map(ax: Axes, table: pd.DataFrame, quantity: str) -> ScalarMappable:
    """A map of ``quantity`` with the scales of mean-field theory; returns the colours."""
    mesh = quantity_map(ax, table, quantity)
    colour = "white" if quantity == "explained_variance" else "black"
    theory_lines(ax, parameters_of(table)["bias_variance"], colour=colour)
    return mesh


def training_strip(ax: Axes, table: pd.DataFrame) -> None:
    """Three shades for how well networks of each weight variance have learnt."""
    reached = accuracy_over_variances(table)
    shades = np.digitize(reached, STRIP_LIMITS, right=True)
    ax.grid(False)
    # Two rows: the cells of a single one would have no height.
    ax.pcolormesh(
        reached.index,
        [0, 1],
        np.stack(2 * [shades]),
        shading="nearest",
        cmap=ListedColormap(STRIP_COLOURS),
        vmin=0,
        vmax=2,
    )
    ax.set_ylim(0, 1)
    ax.set_yticks([])


def strip_key(table: pd.DataFrame) -> str:
    """What the shades of the strip say, for the free place beside it."""
    low, high = STRIP_LIMITS
    steps = parameters_of(table)["steps"]
    return f"← accuracy after {steps} steps: white ≤ {low:g}, grey > {low:g}, black > {high:g}"
