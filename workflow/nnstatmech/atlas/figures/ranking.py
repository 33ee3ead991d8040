"""The contest of the scores: how well each foretells what trains, with intervals and costs."""

import numpy as np
from matplotlib.figure import Figure

from ..curves import AMONG, networks_of, seconds_of_scores, table_of_scores
from ..tables import CellsTable

BASELINES = ("depth", "gradient_ratio")
LABELS = {
    "moderate_grad_norm": "|ln grad norm|",
    "moderate_synflow": "|ln synflow|",
    "worst_rank_2": "worst rank of reconstruction, gradient",
    "worst_rank_3": "worst rank of both and depth",
}


def scores(main: CellsTable, *, scale: str) -> Figure:
    """Areas under the curve with 95 % intervals, a row a score, a panel a way to compare; the last: CPU seconds.

    Parameters
    ----------
    main
        Of all planes.
    """
    found = table_of_scores(networks_of(main))
    order = found[found["among"] == "all"].sort_values("value")["score"].tolist()
    seconds = seconds_of_scores(main)
    figure = Figure(figsize=(11.5, 1.2 + 0.24 * len(order)), layout="constrained")
    panels = figure.subplots(1, len(AMONG) + 1, sharey=True)
    height = {name: row for row, name in enumerate(order)}
    for ax, among in zip(panels, AMONG, strict=False):
        for row in found[found["among"] == among].itertuples():
            colour = "C3" if row.score in BASELINES else "C0"
            ax.plot([row.low, row.high], [height[row.score]] * 2, color=colour, linewidth=1.2)
            ax.plot(row.value, height[row.score], "o", color=colour, markersize=4)
        ax.axvline(0.5, color="0.5", linewidth=0.8)
        ax.set(title=among, xlabel="area under the curve", xlim=(0, 1.02))
    shown = [name for name in order if name in seconds]
    panels[-1].plot(np.maximum(seconds[shown], 1e-4), [height[name] for name in shown], "s", color="0.4", markersize=4)
    panels[-1].set(title="cost", xlabel="CPU seconds a network", xscale="log")
    panels[0].set_yticks(range(len(order)), [LABELS.get(name, name.replace("_", " ")) for name in order], fontsize=8)
    return figure
