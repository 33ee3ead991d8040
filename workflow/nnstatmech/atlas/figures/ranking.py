"""The contest of the scores: how well each foretells what trains, with intervals and costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..curves import AMONG, BESIDE, networks_of, seconds_of_scores, table_of_scores
from ..tables import CellsTable
from .phase import NAMES

BASELINES = ("depth", "gradient_ratio")
LABELS = {
    "moderate_grad_norm": "|ln grad norm|",
    "moderate_synflow": "|ln synflow|",
    "worst_rank_2": "worst rank of reconstruction, gradient",
    "worst_rank_3": "worst rank of both and depth",
}
# Title, label of the axis, its limits, and what chance gives.
PANELS = {among: (among, "area under the curve", (0, 1.02), 0.5) for among in AMONG} | {
    "transfer": ("left-out kind", "balanced accuracy", (0, 1.02), 0.5),
    "kendall": ("accuracy", r"Kendall's $\tau$", (-1.02, 1.02), 0),
}


def scores(main: CellsTable, *, scale: str) -> Figure:
    """Areas under the curve with 95 % intervals, a row a score, a panel a way to compare; areas by kind; CPU seconds.

    Parameters
    ----------
    main
        Of all planes.
    """
    networks = networks_of(main)
    kinds = [kind for kind in NAMES if kind in set(networks["plane"])]
    found = table_of_scores(networks, (*AMONG, *BESIDE, *kinds))
    order = found[found["among"] == "all"].sort_values("value")["score"].tolist()
    figure = Figure(figsize=(15.5, 1.7 + 0.24 * len(order)), layout="constrained")
    panels = figure.subplots(1, len(PANELS) + 2, sharey=True, width_ratios=[1] * len(PANELS) + [1.6, 0.8])
    for ax, among in zip(panels, PANELS, strict=False):
        draw_intervals(ax, found[found["among"] == among].set_index("score").loc[order], among)
    draw_kinds(panels[-2], found.pivot(index="score", columns="among", values="value").loc[order, kinds])
    seconds = seconds_of_scores(main).reindex(order)
    panels[-1].plot(np.maximum(seconds, 1e-4), range(len(order)), "s", color="0.4", markersize=4)
    panels[-1].set(title="cost", xlabel="CPU seconds", xscale="log")
    panels[0].set_yticks(range(len(order)), [LABELS.get(name, name.replace("_", " ")) for name in order], fontsize=8)
    return figure


def draw_intervals(ax: Axes, found: pd.DataFrame, among: str) -> None:
    """Values with their intervals, one score above the other."""
    title, label, limits, chance = PANELS[among]
    for height, row in enumerate(found.itertuples()):
        colour = "C3" if row.Index in BASELINES else "C0"
        ax.plot([row.low, row.high], [height] * 2, color=colour, linewidth=1.2)
        ax.plot(row.value, height, "o", color=colour, markersize=4)
    ax.axvline(chance, color="0.5", linewidth=0.8)
    ax.set(title=title, xlabel=label, xlim=limits)


def draw_kinds(ax: Axes, areas: pd.DataFrame) -> None:
    """Areas under the curve within each kind of network (scores, kinds), as colours and in hundredths."""
    ax.imshow(areas, cmap="RdBu", vmin=0, vmax=1, aspect="auto", interpolation="nearest", origin="lower")
    for (row, column), value in np.ndenumerate(areas.to_numpy()):
        if np.isfinite(value):
            colour = "w" if abs(value - 0.5) > 0.35 else "k"
            ax.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=6, color=colour)
    ax.set_xticks(range(areas.shape[1]), [NAMES[kind] for kind in areas], rotation=60, ha="right", fontsize=8)
    ax.grid(False)
    ax.set(title="area within one kind, %")
