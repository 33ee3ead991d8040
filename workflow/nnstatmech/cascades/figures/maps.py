"""Maps of cascades: entropy and explained variance over weight variance and depth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...figures.style import panel_letter
from ...readings import parameters_of, runs_of, select
from ..curves.accuracies import accuracies_over_variances, at_best_rates
from ..curves.entropies import over_depth, ridge_line
from ..curves.published import published_boundary
from ..tables import ClassificationTable, EntropiesTable
from .depth_axes import VARIANCE_LABEL, heat_map, legend_below, theory_lines

LOWEST_ENTROPY, LOWEST_ENTROPY_OF_RESNETS = -20.0, -10.0
LABELS = {"differential_entropy": "differential entropy (nats)", "explained_variance": r"explained variance $R^2$"}
ORIGINAL_RESOLUTION = 28  # pixels a side in the original work
# Accuracies of the strip above the ResNets' map: not above chance, above it, clearly above it.
STRIP_LIMITS, STRIP_COLOURS = (0.10, 0.15), ("white", "0.6", "black")


def diff_entropy(
    main: EntropiesTable,
    *,
    scale: str,
    map_strength: float = 1e-3,
    peak_strength: float = 1e-2,
    overlay_published: bool | None = None,
) -> Figure:
    """Differential entropy and explained variance of MLP cascades over weight variance and depth.

    ``main`` holds cascades through square layers; the entropy is drawn for ridge decoders of ``map_strength``, the
    explained variance for those of ``peak_strength``. Trained decoders, where there are any, have a panel between. The
    boundary of the original's map is drawn over maps of the entropy that are of the same images and width.
    """
    panels = [
        (select(main, decoder="ridge", ridge_strength=map_strength), "differential_entropy"),
        (select(main, decoder="ridge", ridge_strength=peak_strength), "explained_variance"),
    ]
    if "adam" in {run["decoder"] for run in main.attrs["runs"].values()}:
        panels.insert(1, (select(main, decoder="adam"), "differential_entropy"))
    figure = Figure(figsize=(4.7 * len(panels), 4.6))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    wanted = scale == "paper" if overlay_published is None else overlay_published
    for letter, ax, (part, quantity) in zip("abc", axes, panels, strict=False):
        mesh = theory_map(ax, part, quantity)
        dark = quantity == "explained_variance"
        if dark:
            largest = ridge_line(part, quantity)
            ax.plot(largest, largest.index, ".", ms=3.5, color="cyan", label="largest")
        elif wanted and is_comparable(part):
            original_boundary(ax)
        legend_below(ax, dark)
        figure.colorbar(mesh, ax=ax, label=LABELS[quantity])
        panel_letter(ax, letter)
        ax.set_title(decoder_label(parameters_of(part)), fontsize=10)
    return figure


def is_comparable(table: pd.DataFrame) -> bool:
    """Whether the original's map is of the same networks and images: 784 units and MNIST itself."""
    params = parameters_of(table)
    stand_in = any(shard.get("stand_in") for shard in table.attrs.get("shards", []))
    return params["resolution"] == ORIGINAL_RESOLUTION and params["dataset"] == "mnist" and not stand_in


def original_boundary(ax: Axes) -> None:
    """Where the original's map falls below -13 nats."""
    boundary, limits = published_boundary(), (ax.get_xlim(), ax.get_ylim())
    ax.plot(boundary.index, boundary, "o", ms=4, mfc="none", color="black", label="original at -13")
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def cnn(main: EntropiesTable, *, scale: str) -> Figure:
    """Differential entropy and explained variance of CNN cascades over weight variance and depth."""
    figure = Figure(figsize=(9.6, 4.5))
    for letter, ax, (quantity, label) in zip("ab", figure.subplots(1, 2), LABELS.items(), strict=True):
        mesh = theory_map(ax, main, quantity)
        figure.colorbar(mesh, ax=ax, label=label)
        legend_below(ax, dark=quantity == "explained_variance")
        panel_letter(ax, letter)
    return figure


def resnet(main: EntropiesTable, training: ClassificationTable, *, scale: str) -> Figure:
    """Differential entropy and explained variance of ResNet cascades, and which networks of the greatest depth train.

    ``training`` holds the accuracies of classifiers; the strip over the maps shows them in three shades. Of several
    learning rates each weight variance has the one that is best on the training images.
    """
    figure = Figure(figsize=(12.6, 4.3))
    strips, axes = figure.subplots(2, 3, height_ratios=(1, 14))
    for letter, strip, ax, (quantity, label) in zip("ab", strips[:2], axes[:2], LABELS.items(), strict=True):
        mesh = quantity_map(ax, main, quantity, LOWEST_ENTROPY_OF_RESNETS)
        figure.colorbar(mesh, ax=ax, label=label)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        training_strip(strip, training)
        strip.set_xlim(ax.get_xlim())
        strip.tick_params(labelbottom=False)
        panel_letter(strip, letter)
    strips[2].set_axis_off()
    panel_letter(strips[2], "c")
    accuracy_curve(axes[2], training)
    axes[2].set_xlim(axes[0].get_xlim())
    return figure


def accuracy_curve(ax: Axes, table: pd.DataFrame) -> None:
    """Test accuracy over the weight variance with errors of the seeds, and the limits of the strip's shades.

    Lines are single learning rates, circles the best rate of each weight variance.
    """
    rates = {params["learning_rate"]: accuracies_over_variances(rows)["mean"] for params, rows in runs_of(table)}
    for place, (rate, reached) in enumerate(sorted(rates.items())):
        ax.plot(reached.index, reached, "-", color=f"C{place}", lw=1, alpha=0.8, label=rf"$\eta={rate:g}$")
    best = at_best_rates(table)
    ax.errorbar(
        best.index, best["mean"], best["error"], fmt="o", ms=5, lw=1, capsize=2, color="black", mfc="none",
        label="rate of the lowest training loss",
    )  # fmt: skip
    for limit, shade in zip(STRIP_LIMITS, ("white up to here", "grey up to here, black above"), strict=True):
        ax.axhline(limit, color="0.5", lw=1, ls=":")
        ax.annotate(f"{shade}", (0.99, limit), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7)
    ax.set_ylim(0, max(1.1 * best["mean"].max(), 2 * STRIP_LIMITS[-1]))
    ax.set_xlabel(VARIANCE_LABEL)
    ax.set_ylabel(f"test accuracy after {parameters_of(table)['steps']} steps")
    legend_below(ax)


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
    reached = at_best_rates(table)["mean"]
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
