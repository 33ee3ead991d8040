"""The law of the cutoff without a fit beside measured cascades: maps, cutoffs of three widths, and where it fails."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import parameters_of, runs_of, select
from ..curves.depth_scales import critical_variance
from ..curves.entropies import lost_depths, over_depth
from ..curves.law import law_ratios, predicted_cutoffs, predicted_map
from ..tables import EntropiesTable
from .depth_axes import VARIANCE_LABEL, heat_map, legend_below

MARKERS = "os^Dv"
TOLERANCE, ASPECT = 0.07, 0.06  # within the first of the law, where the cutoff is below the second times the width


def theory(main: EntropiesTable, cascades: EntropiesTable, *, scale: str, strength: float = 1e-3) -> Figure:
    """Maps of R² as measured and by the law, cutoffs of several widths, and their ratio to the law's.

    ``main`` holds cascades through ordered networks of several widths; ``cascades`` those of the maps. Ridge decoders
    of ``strength`` in both.
    """
    table = select(cascades, decoder="ridge", ridge_strength=strength)
    widths = select(main, decoder="ridge", ridge_strength=strength)
    figure = Figure(figsize=(9.6, 8.2))
    (measured, predicted), (depths, ratios) = figure.subplots(2, 2)
    critical = critical_variance(table)
    options = {"cmap": "magma", "norm": PowerNorm(0.5, 0, 1)}
    mesh = None
    for ax, grid, title in (
        (measured, over_depth(table, "explained_variance").mean, "measured"),
        (predicted, predicted_map(table), "the law, no fit"),
    ):
        mesh = heat_map(ax, grid.clip(lower=0), **options)
        ax.axvline(critical, color="white", lw=1, ls=":")
        ax.set_title(title, fontsize=10)
        ax.set_ylabel("depth of the cascade")
        ax.set_ylim(0, parameters_of(table)["depth"])
    figure.colorbar(mesh, ax=[measured, predicted], label=r"explained variance $R^2$")
    width_panel(depths, widths)
    variances = sorted(widths["weight_variance"].dropna().unique())
    ratio_panel(ratios, law_ratios(widths, variances, strength))
    for ax, letter in zip((measured, predicted, depths, ratios), "abcd", strict=True):
        panel_letter(ax, letter)
    return figure


def width_panel(ax: Axes, table: pd.DataFrame) -> None:
    """Cutoffs over the weight variance, a colour a width; lines are the law's."""
    widths = list(dict.fromkeys(params["resolution"] for params, _ in runs_of(table)))
    for colour, (marker, resolution) in enumerate(zip(MARKERS, widths, strict=False)):
        own = select(table, resolution=resolution)
        runs = [select(own, run=str(run)) for run in own["run"].unique()]
        law = pd.concat([predicted_cutoffs(rows) for rows in runs]).sort_index()
        found = lost_depths(own, "cutoff_explained_variance")
        ax.plot(law.index, law, color=f"C{colour}", lw=1)
        ax.errorbar(
            found.index, found["depth"], found["error"], fmt=marker, ms=4, capsize=2, color=f"C{colour}",
            label=f"N = {resolution**2}",
        )  # fmt: skip
    ax.plot([], [], color="0.4", lw=1, label="law")
    ax.set_yscale("log")
    ax.set_yticks([5, 10, 20, 50, 100], labels=["5", "10", "20", "50", "100"])
    ax.minorticks_off()
    ax.set_xlabel(VARIANCE_LABEL)
    ax.set_ylabel(r"depth at which $R^2$ is lost")
    legend_below(ax)


def ratio_panel(ax: Axes, ratios: pd.DataFrame) -> None:
    """Measured over predicted cutoff of every network, over the cutoff in units of the width."""
    for colour, (marker, (width, own)) in enumerate(zip(MARKERS, ratios.groupby("width", sort=False), strict=False)):
        ax.plot(own["aspect"], own["ratio"], marker, ms=4, color=f"C{colour}", label=f"N = {width}")
    ax.axhline(1, color="black", lw=1)
    ax.axhspan(1 - TOLERANCE, 1 + TOLERANCE, color="0.85", zorder=0, label=f"± {100 * TOLERANCE:.0f} %")
    ax.axvline(ASPECT, color="0.4", lw=1, ls=":")
    ax.set_xscale("log")
    low, high = np.nanmin(ratios["aspect"]), np.nanmax(ratios["aspect"])
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if low / 2 < tick < 2 * high]
    ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("measured cutoff / width N")
    ax.set_ylabel("measured / predicted cutoff")
    legend_below(ax)
