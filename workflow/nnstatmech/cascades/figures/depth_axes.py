"""What figures over weight variance and depth share: maps, colours of the phases, and theory's depth scales."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from ...theory.mean_field import MeanField, critical_weight_variance
from ..curves.entropies import lost_depths

VARIANCE_LABEL = r"weight variance $\sigma_w^2$"
RESOLVED_DEPTHS = 6  # correlation depths after which little of the input is left: an empirical rule
LARGEST_DEPTH = 1e4  # at and near criticality ξ_c is infinite or lost to rounding: drawn up to here
PHASES = {"ordered": "Blues", "chaotic": "Oranges"}  # dark at the critical point, never white


def phase_colours(variances: Sequence[float], critical: float) -> Mapping[float, tuple]:
    """A colour for each weight variance: blue in order, orange in chaos, darker towards the critical point."""
    ordered = sorted(variance for variance in variances if variance < critical)
    chaotic = sorted((variance for variance in variances if variance >= critical), reverse=True)
    return {
        variance: colormaps[PHASES[phase]](0.4 + 0.6 * (place + 1) / len(own))
        for phase, own in (("ordered", ordered), ("chaotic", chaotic))
        for place, variance in enumerate(own)
    }


def theory_lines(ax: Axes, bias_variance: float, colour: str = "black", labels: bool = True, rule: bool = True) -> None:
    """Draw ξ_c, with ``rule`` also 6 ξ_c, and the critical line over depth, within the axes' limits."""
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
    if rule:
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
    reach_line(ax, depths, r"cascade's $R^2$ below 0.1")


def reach_line(ax: Axes, depths: pd.Series, label: str) -> None:
    """Draw depths over weight variance without moving the limits."""
    limits = ax.get_xlim(), ax.get_ylim()
    ax.plot(depths.index, depths, "x-", color="tab:red", ms=4, lw=1, label=label)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def legend_below(ax: Axes, dark: bool = False, **options) -> None:
    """A legend under the axes, where it covers nothing; on a dark ground if its lines are those of a dark map."""
    colours = {"facecolor": "0.25", "labelcolor": "white"} if dark else {}
    settings = {"ncols": 4, "fontsize": 8, "handlelength": 1.6, "columnspacing": 1.0} | colours | options
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), **settings)
