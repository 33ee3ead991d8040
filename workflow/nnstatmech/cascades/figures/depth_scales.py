"""What figures over weight variance and depth share: the map, and the depth scales of mean-field theory."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from ...theory.mean_field import MeanField, critical_weight_variance

RESOLVED_DEPTHS = 6  # correlation depths after which little of the input is left: an empirical rule
LARGEST_DEPTH = 1e4  # at and near criticality ξ_c is infinite or lost to rounding: drawn up to here


def parameter(table: pd.DataFrame, name: str):
    """A parameter that all runs of an experiment share."""
    return next(iter(table.attrs["runs"].values()))[name]


def correlation_depths(ax: Axes, bias_variance: float, colour: str = "black", labels: bool = True) -> None:
    """Draw ξ_c, 6 ξ_c and the critical line over depth against weight variance, within the axes' limits."""
    low, high = ax.get_xlim()
    critical = critical_weight_variance(bias_variance)
    variances = np.linspace(max(low, 1e-3), high, 241)
    variances = np.sort(np.append(variances[np.abs(variances - critical) > 1e-3], critical))
    depths = np.array([MeanField(float(variance), bias_variance).correlation_depth for variance in variances])
    # Rounding of a slope of 1 can also give a large negative depth.
    depths[~((depths > 0) & (depths < LARGEST_DEPTH))] = LARGEST_DEPTH
    limits = ax.get_ylim()
    ax.plot(variances, depths, color=colour, lw=1.6, label=r"$\xi_c$" if labels else None)
    ax.plot(
        variances,
        RESOLVED_DEPTHS * depths,
        color=colour,
        lw=1.6,
        ls="--",
        label=rf"${RESOLVED_DEPTHS}\,\xi_c$" if labels else None,
    )
    ax.axvline(critical, color=colour, lw=1, ls=":", label="critical" if labels else None)
    ax.set_xlim(low, high)
    ax.set_ylim(limits)


def heat_map(ax: Axes, grid: pd.DataFrame, **options) -> ScalarMappable:
    """Draw ``grid`` (rows: depth, columns: weight variance); gaps are grey."""
    ax.set_facecolor("0.8")
    ax.grid(False)
    mesh = ax.pcolormesh(grid.columns, grid.index, grid.to_numpy(), shading="nearest", rasterized=True, **options)
    ax.set_xlabel(r"weight variance $\sigma_w^2$")
    return mesh
