"""What figures over weight variance and depth share: maps, and the depth scales drawn over them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from ...theory.mean_field import MeanField, critical_weight_variance
from ..curves.entropies import lost_depths

VARIANCE_LABEL = r"weight variance $\sigma_w^2$"
RESOLVED_DEPTHS = 6  # correlation depths after which little of the input is left: an empirical rule
LARGEST_DEPTH = 1e4  # at and near criticality ξ_c is infinite or lost to rounding: drawn up to here


def theory_lines(ax: Axes, bias_variance: float, colour: str = "black", labels: bool = True) -> None:
    """Draw ξ_c, 6 ξ_c and the critical line over depth against weight variance, within the axes' limits."""
    low, high = ax.get_xlim()
    critical = critical_weight_variance(bias_variance)
    variances = np.linspace(max(low, 1e-3), high, 241)
    variances = np.sort(np.append(variances[np.abs(variances - critical) > 1e-3], critical))
    depths = np.array([MeanField(float(variance), bias_variance).correlation_depth for variance in variances])
    # Rounding of a slope of 1 can also give a large negative depth.
    depths[~((depths > 0) & (depths < LARGEST_DEPTH))] = LARGEST_DEPTH
    limits = ax.get_ylim()
    style = {"color": colour, "lw": 1.6}
    ax.plot(variances, depths, **style, label=r"$\xi_c$" if labels else None)
    sixfold = rf"${RESOLVED_DEPTHS}\,\xi_c$" if labels else None
    ax.plot(variances, RESOLVED_DEPTHS * depths, **style, ls="--", label=sixfold)
    ax.axvline(critical, color=colour, lw=1, ls=":", label="critical" if labels else None)
    ax.set_xlim(low, high)
    ax.set_ylim(limits)


def heat_map(ax: Axes, grid: pd.DataFrame, **options) -> ScalarMappable:
    """Draw ``grid`` (rows: depth, columns: weight variance); gaps are grey."""
    ax.set_facecolor("0.8")
    ax.grid(False)
    mesh = ax.pcolormesh(grid.columns, grid.index, grid.to_numpy(), shading="nearest", rasterized=True, **options)
    ax.set_xlabel(VARIANCE_LABEL)
    return mesh


def cutoff_line(ax: Axes, cascades: pd.DataFrame) -> None:
    """Draw the depth at which cascades have lost the image, where those of all seeds do."""
    depths = lost_depths(cascades, "cutoff_explained_variance")["depth"].dropna()
    limits = ax.get_xlim(), ax.get_ylim()
    ax.plot(depths.index, depths, "x-", color="tab:red", ms=4, lw=1, label=r"cascade's $R^2$ below 0.1")
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def legend_above(ax: Axes, dark: bool = False) -> None:
    """A legend over everything, on a dark ground for dark maps."""
    colours = {"facecolor": "0.25", "labelcolor": "white"} if dark else {}
    ax.legend(loc="upper right", fontsize=8, **colours).set_zorder(5)
