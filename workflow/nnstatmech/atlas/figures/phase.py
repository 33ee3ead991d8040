"""Phase diagrams of the atlas: what trains, and every lens on the same axes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..curves import TRAINS, networks_of, scores_in, share_that_trains
from ..tables import CellsTable

NAMES = {
    "dense_tanh": "tanh",
    "dense_relu": "ReLU",
    "dense_batch_norm": "batch norm",
    "dense_layer_norm": "layer norm",
    "residual": "residual",
    "convolutional": "convolutional",
    "transformer": "transformer",
}
SYMBOLS = {
    "dense_tanh": r"$\sigma_w^2$",
    "dense_relu": r"$\sigma_w^2$",
    "dense_batch_norm": r"gain $\gamma$",
    "dense_layer_norm": r"gain $\gamma$",
    "residual": "scale",
    "convolutional": r"$\sigma_w^2$",
    "transformer": "scale",
}
# Column: what it shows, and whether its colours begin at 0.
LENSES = {
    "accuracy": "accuracy",
    "gradient_ratio": r"$-|g|$",
    "reconstruction": r"$R^2$",
    "log_chi": r"$-|\ln\chi|$",
    "effective_rank": r"$r_\mathrm{eff}$",
    "contrast": r"$1 - c$",
}


def planes(main: CellsTable, *, scale: str) -> Figure:
    """One row a plane: accuracy after the last step, and lenses at initialisation; the line parts what trains.

    Parameters
    ----------
    main
        Of all planes.
    """
    networks = networks_of(main)
    lenses = scores_in(networks)[list(LENSES)[1:]]
    found = pd.concat([networks[["plane", "initial_value", "depth", "accuracy"]], lenses], axis=1)
    kinds = [kind for kind in NAMES if kind in set(found["plane"])]
    figure = Figure(figsize=(11.5, 1.25 + 1.45 * len(kinds)), layout="constrained")
    panels = figure.subplots(len(kinds), len(LENSES), squeeze=False)
    for row, kind in zip(panels, kinds, strict=True):
        mean = found[found["plane"] == kind].drop(columns="plane").groupby(["depth", "initial_value"]).mean()
        trains = mean["accuracy"].unstack() > TRAINS
        for ax, lens in zip(row, LENSES, strict=True):
            draw_map(ax, mean[lens].unstack(), trains, lens == "accuracy")
        row[0].set_ylabel(f"{NAMES[kind]}\ndepth")
        for ax in row:
            ax.set_xlabel(SYMBOLS[kind], labelpad=1)
    for ax, label in zip(panels[0], LENSES.values(), strict=True):
        ax.set_title(label)
    return figure


def draw_map(ax: Axes, values: pd.DataFrame, trains: pd.DataFrame, accuracy: bool) -> None:
    """One map on evenly spaced cells, its own colour bar, and the border of what trains."""
    data = np.ma.masked_invalid(values.to_numpy(float))
    low, high = (0.0, 1.0) if accuracy else (None, None)
    colours = mpl.colormaps["viridis" if accuracy else "cividis"].with_extremes(bad="0.85")
    image = ax.imshow(data, origin="lower", aspect="auto", cmap=colours, vmin=low, vmax=high)
    outline(ax, trains.to_numpy(bool))
    ax.set_xticks(range(len(values.columns))[:: max(1, len(values.columns) // 3)])
    ax.set_xticklabels([f"{values.columns[tick]:g}" for tick in ax.get_xticks().astype(int)])
    ax.set_yticks(range(len(values.index)), [f"{depth:g}" for depth in values.index])
    ax.tick_params(labelsize=7, pad=1)
    ax.grid(False)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.ax.tick_params(labelsize=6)
    bar.locator = MaxNLocator(3)
    bar.update_ticks()


def outline(ax: Axes, inside: np.ndarray) -> None:
    """Lines along the cells where ``inside`` changes."""
    padded = np.pad(inside, 1, mode="edge")
    for row, column in np.argwhere(padded[1:-1, 1:-1] != padded[1:-1, 2:]):
        ax.plot([column + 0.5] * 2, [row - 0.5, row + 0.5], color="white", linewidth=1.4)
    for row, column in np.argwhere(padded[1:-1, 1:-1] != padded[2:, 1:-1]):
        ax.plot([column - 0.5, column + 0.5], [row + 0.5] * 2, color="white", linewidth=1.4)


def budget(main: CellsTable, *, scale: str) -> Figure:
    """Share of networks that train against their depth, a panel a plane and a line a number of minibatches.

    Parameters
    ----------
    main
        Of all planes.
    """
    found = share_that_trains(main)
    kinds = [kind for kind in NAMES if kind in set(found["plane"])]
    columns = min(4, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(2.9 * columns, 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    steps = sorted(found["step"].unique())
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(steps)))
    for ax, kind in zip(panels.flat, kinds, strict=False):
        here = found[found["plane"] == kind]
        for step, colour in zip(steps, colours, strict=True):
            line = here[here["step"] == step]
            ax.plot(line["depth"], line["share"], "o-", markersize=3, color=colour, label=f"{step:g} minibatches")
        ax.set_xscale("log")
        depths = sorted(here["depth"].unique())
        ax.set_xticks(depths, [f"{depth:g}" for depth in depths])
        ax.minorticks_off()
        ax.set(title=NAMES[kind], xlabel="depth", ylim=(-0.03, 1.03))
    for ax in panels[:, 0]:
        ax.set_ylabel("share that trains")
    for ax in panels.flat[len(kinds) :]:
        ax.axis("off")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    place = {"loc": "center"} if len(kinds) < panels.size else {"loc": "upper right"}
    panels.flat[-1].legend(handles, labels, **place)
    return figure
