"""Which depths train, beside the depths that cascades reach."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import over_seeds, parameters_of, select
from ..curves.accuracies import accuracy_map, final_accuracies
from ..curves.entropies import over_depth
from ..curves.falling import found_depths, of_the_seeds, reached_depths
from ..tables import EntropiesTable, FallingTable, TrainabilityTable
from .depth_axes import VARIANCE_LABEL, cutoff_line, heat_map, legend_below, reach_line, theory_lines

CHANCE = 0.1  # accuracy of guessing one of ten classes


def trainability(
    main: TrainabilityTable, cascades: EntropiesTable | None = None, *, scale: str, strength: float = 1e-3
) -> Figure:
    """Test accuracy and differential entropy over weight variance and depth, with the correlation depth.

    ``main`` holds the accuracies, ``cascades`` those through untrained networks, drawn for ridge decoders of
    ``strength``.
    """
    panels = 1 if cascades is None else 2
    figure = Figure(figsize=(4.6 * panels + 0.6, 4.5))
    axes = figure.subplots(1, panels, squeeze=False)[0]
    mesh = heat_map(axes[0], accuracy_map(main), cmap="viridis", vmin=CHANCE, vmax=1)
    steps = int(final_accuracies(main)["step"].max())
    figure.colorbar(mesh, ax=axes[0], label=f"test accuracy after {steps} steps")
    decoded = None if cascades is None else select(cascades, decoder="ridge", ridge_strength=strength)
    if decoded is not None:
        cutoff_line(axes[0], decoded)
    theory_lines(axes[0], parameters_of(main)["bias_variance"], colour="white")
    axes[0].set_ylabel("depth of the network")
    legend_below(axes[0], dark=True)
    if decoded is not None:
        entropy_beside(figure, axes[1], decoded, axes[0])
        axes[0].set_title(units_of(main), fontsize=10)
        axes[1].set_title(units_of(decoded), fontsize=10)
        for ax, letter in zip(axes, "ab", strict=True):
            panel_letter(ax, letter)
    return figure


def units_of(table: pd.DataFrame) -> str:
    """How wide the networks of a table are."""
    return f"{parameters_of(table)['resolution'] ** 2} units a layer"


def entropy_beside(figure: Figure, ax: Axes, table: pd.DataFrame, beside: Axes) -> None:
    """Draw the differential entropy of reconstructions on the same axes as the accuracy beside it."""
    mesh = heat_map(ax, over_depth(table, "differential_entropy").mean, cmap="Spectral")
    figure.colorbar(mesh, ax=ax, label="differential entropy / nats")
    ax.set_xlim(beside.get_xlim())
    ax.set_ylim(beside.get_ylim())
    theory_lines(ax, parameters_of(table)["bias_variance"], labels=False)


def falling(
    main: FallingTable, cascades: EntropiesTable | None = None, *, scale: str, strength: float = 1e-3
) -> Figure:
    """The largest depth that trains at each weight variance: bars coloured by the accuracy reached.

    ``main`` holds the walks of the falling procedure. Over them is drawn how deep the same networks may be for their
    outputs to explain a tenth of the image, from ``cascades`` through networks of several depths, with ridge decoders
    of ``strength``.
    """
    params = parameters_of(main)
    step, top = params["variance_step"], params["start_depth"]
    best = found_depths(main)
    threshold, linear = of_the_seeds(main, "threshold"), of_the_seeds(main, "linear_accuracy")
    largest = max(threshold, best["accuracy"].max())
    colour = ScalarMappable(Normalize(CHANCE, largest), colormaps["viridis"])
    figure = Figure(figsize=(6.4, 4.8))
    ax = figure.subplots()
    ax.grid(False)
    ax.bar(best.index, top, width=step, color=colour.to_rgba(np.array(CHANCE)), alpha=0.6, lw=0)
    ax.bar(best.index, best["depth"], width=step, color=colour.to_rgba(best["accuracy"].to_numpy()), alpha=0.6, lw=0)
    ax.errorbar(best.index, best["depth"], best["error"], fmt="none", ecolor="0.3", lw=1, capsize=2)
    nothing = best.index[best["depth"].isna()]
    ax.plot(nothing, np.full(len(nothing), 0.03 * top), "v", color="white", mec="0.3", ms=6, label="none trains")
    ax.set_xlim(best.index.min() - step / 2, best.index.max() + step / 2)
    ax.set_ylim(1, top)
    if scale == "paper":
        ax.set_xlim(0.8, 4)
    theory_lines(ax, params["bias_variance"])
    if cascades is not None:
        reach = over_seeds(reached_depths(select(cascades, decoder="ridge", ridge_strength=strength)))["mean"].dropna()
        reach_line(ax, reach, r"cascades: outputs reach $R^2=0.1$")
    ax.set_xlabel(VARIANCE_LABEL)
    ax.set_ylabel("depth of the network (number of sizes)")
    bar = figure.colorbar(colour, ax=ax, label="best test accuracy")
    bar.ax.axhline(threshold, color="black", lw=1.5)
    bar.ax.axhline(linear, color="black", lw=1.5, ls=":")
    without = "" if np.isnan(linear) else f" (without hidden layers: {linear:.3f}, dotted)"
    ax.set_title(f"trains: accuracy above {threshold:.3f}{without}", fontsize=10)
    legend_below(ax, ncols=3)
    return figure
