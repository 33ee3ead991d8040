"""What the drawings of the family share: the dashed line of a limiting law, bands, panels' letters."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ...figures.style import panel_letter

LIMIT = {"color": "black", "linestyle": "--", "linewidth": 1.3}
"""The exact law that networks start from, or that they tend to at infinite width."""


def letters(panels: Iterable[Axes]) -> None:
    """Letter panels a, b, c, ... in order."""
    for ax, letter in zip(panels, "abcdefghijkl", strict=False):
        panel_letter(ax, letter)


def legend_below(ax: Axes, columns: int = 2, **style) -> None:
    """A legend under the axis' label, where it covers no data."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=columns, fontsize=7, **style)


def band(ax: Axes, line: pd.DataFrame, spread: pd.Series, **style) -> None:
    """A ``mean`` against its index, with a band of ± ``spread`` (none where it is not known)."""
    (drawn,) = ax.plot(line.index, line["mean"], **style)
    low, high = line["mean"] - spread.fillna(0.0), line["mean"] + spread.fillna(0.0)
    ax.fill_between(line.index, low, high, color=drawn.get_color(), alpha=0.2, lw=0)


def histogram_dots(ax: Axes, values: np.ndarray, edges: np.ndarray, **style) -> None:
    """A density by histogram as dots with counting errors."""
    counts, width = np.histogram(values, edges)[0], edges[1] - edges[0]
    scale = 1 / (len(values) * width)
    centres = (edges[1:] + edges[:-1]) / 2
    ax.errorbar(centres, counts * scale, np.sqrt(counts) * scale, fmt="o", lw=0.8, **style)
