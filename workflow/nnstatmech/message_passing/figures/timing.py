"""Times of an epoch."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...readings import over_seeds
from ..curves.timing import seconds_by_batch
from ..tables import TimingTable
from .panels import COLOURS, LABELS
from .published import published_table

PUBLISHED_NAMES = {"bp": "bp", "bpi": "bpi", "amp": "amp", "mf": "mf", "binarynet": "sgd"}
TIMED_LABELS = LABELS | {"bpi": "BP, BPI (exact edges)", "series": "BPI, series to order 3"}
TIMED_COLOURS = COLOURS | {"series": "C5"}


def epoch_time(main: TimingTable, *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Seconds an epoch against batch size, with published times behind unless these are switched off."""
    figure, ax = plt.subplots(figsize=(7.4, 4.4), layout="constrained")
    if overlay_published is not False:
        for (device, name), rows in published_table("epoch_seconds").groupby(["device", "algorithm"]):
            style = ":" if device == "gpu" else "--"
            colour = TIMED_COLOURS[PUBLISHED_NAMES[name]]
            ax.plot(rows["batch_size"], rows["seconds"], style, color=colour, lw=1, alpha=0.5)
    handles = []
    for algorithm in main["algorithm"].unique():
        points = over_seeds(seconds_by_batch(main, algorithm))
        handles.append(
            ax.errorbar(
                points.index,
                points["mean"],
                points["error"].fillna(0.0),
                fmt="o-",
                ms=5,
                color=TIMED_COLOURS[algorithm],
                label=TIMED_LABELS[algorithm],
            )
        )
    if overlay_published is not False:
        handles += [
            Line2D([], [], color="0.5", ls=":", label="published, GPU (RTX 2080 Ti)"),
            Line2D([], [], color="0.5", ls="--", label="published, CPU"),
        ]
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    sizes = sorted(main["batch_size"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_xlabel("batch size")
    ax.set_ylabel("seconds per epoch of 60 000 images")
    figure.legend(handles=handles, loc="outside right upper", fontsize=7)
    return figure
