"""Where information is lost: relative entropy over depth, cutoffs over weight variance, and the law of the cutoff."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import NotMeasured, parameters_of, select
from ..curves.depth_scales import critical_variance
from ..curves.entropies import law_points, lost_depths, over_depth, over_variances
from ..curves.law import predicted_cutoffs, predicted_law
from ..tables import EntropiesTable
from .depth_axes import VARIANCE_LABEL, legend_below, phase_colours, theory_lines

LAW_PANELS = {
    "cutoff_explained_variance": r"cutoff of $R^2$",
    "cutoff_entropy": "cutoff of the differential entropy",
}
MOST_BARS = 60  # curves of more points show their errors as a band


def rel_entropy(main: EntropiesTable, *, scale: str, strength: float = 1e-3, variances: list[float]) -> Figure:
    """Relative entropy of images and reconstructions over depth: corrected, and as the original work computed it.

    One curve for each of the ``variances`` (the nearest at hand), for ridge decoders of ``strength``.
    """
    table = select(main, decoder="ridge", ridge_strength=strength)
    figure = Figure(figsize=(9.6, 3.9))
    axes = figure.subplots(1, 2)
    panels = (("relative_entropy", "relative entropy (nats)"), ("relative_entropy_coded", "as coded originally (nats)"))
    critical = critical_variance(table)
    for letter, ax, (quantity, label) in zip("ab", axes, panels, strict=True):
        mean, deviation = over_depth(table, quantity)
        nearest = sorted({mean.columns[np.abs(mean.columns - variance).argmin()] for variance in variances})
        for variance, colour in sorted(phase_colours(nearest, critical).items()):
            phase = "-" if variance < critical else "--"
            ax.plot(mean.index, mean[variance], phase, color=colour, label=f"{variance:g}")
            low, high = mean[variance] - deviation[variance], mean[variance] + deviation[variance]
            ax.fill_between(mean.index, low, high, color=colour, alpha=0.15, lw=0)
        ax.set_xlabel("depth of the cascade")
        ax.set_ylabel(label)
        ax.set_xlim(0, mean.index.max())
        ax.set_ylim(bottom=0)
        panel_letter(ax, letter)
    lines, labels = axes[0].get_legend_handles_labels()
    title = "$\\sigma_w^2$\n(solid:\nordered)"
    figure.legend(lines, labels, title=title, loc="outside right center", fontsize=8)
    return figure


def cutoff_curves(main: EntropiesTable, *, scale: str, strength: float = 1e-3) -> Figure:
    """Depths at which information is lost over the weight variance: by thresholds, and as coded originally.

    For ridge decoders of ``strength``, with the law without a fit for the explained variance.
    """
    table = select(main, decoder="ridge", ridge_strength=strength)
    params, critical = parameters_of(table), critical_variance(table)
    figure = Figure(figsize=(9.6, 4.6))
    left, right = figure.subplots(1, 2, sharey=True)
    labels = {
        "cutoff_explained_variance": rf"$R^2 < {params['lowest_explained_variance']:g}$",
        "cutoff_entropy": f"entropy fell by {params['entropy_drop']:g} nats",
    }
    for quantity, label in labels.items():
        found = lost_depths(table, quantity)
        curve_with_errors(left, found["depth"], found["error"], label)
    law = predicted_cutoffs(table)
    law = law[law.index < critical]
    left.plot(law.index, law, color="black", lw=1.2, ls="--", label=r"law for $R^2$, no fit")
    coded_cutoffs(right, table)
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_ylim(0, 1.05 * params["depth"])
        ax.set_xlim(0, table["weight_variance"].max())
        theory_lines(ax, params["bias_variance"], rule=False)
        ax.axhline(params["depth"], color="0.6", lw=0.8)
        ax.set_xlabel(VARIANCE_LABEL)
        legend_below(ax, ncols=3)
        panel_letter(ax, letter)
    left.set_ylabel("depth at which information is lost")
    right.set_title("as coded originally: last change of the curve", fontsize=10)
    return figure


def curve_with_errors(ax: Axes, curve: pd.Series, error: pd.Series, label: str) -> None:
    """A curve with error bars, or with a band where bars would touch each other."""
    if len(curve) <= MOST_BARS:
        ax.errorbar(curve.index, curve, error, fmt=".-", ms=4, lw=1, capsize=1.5, label=label)
        return
    (line,) = ax.plot(curve.index, curve, lw=1, label=label)
    ax.fill_between(curve.index, curve - error, curve + error, color=line.get_color(), alpha=0.25, lw=0)


def coded_cutoffs(ax: Axes, table: pd.DataFrame) -> None:
    """The original work's cutoffs: where curves change for the last time."""
    mean, differential = (over_variances(table, f"cutoff_coded_{name}") for name in ("mean", "differential"))
    images, spread = (over_variances(table, f"cutoff_coded_images{name}") for name in ("", "_deviation"))
    ax.plot(mean.index, mean, ".-", ms=4, lw=1, label="mean relative entropy")
    curve_with_errors(ax, images, spread, "that of single images")
    ax.plot(differential.index, differential, ".-", ms=4, lw=1, label="differential entropy")


def cutoff_law(main: EntropiesTable, *, scale: str) -> Figure:
    """Cutoffs in units of ξ_c over the noise floor λ of the decoders, beside the law without a fit."""
    figure = Figure(figsize=(9.6, 4.2))
    axes = figure.subplots(1, 2, sharey=True)
    for letter, ax, (quantity, title) in zip("ab", axes, LAW_PANELS.items(), strict=True):
        law_panel(ax, main, quantity)
        ax.set_title(title, fontsize=10)
        panel_letter(ax, letter)
    axes[0].plot([], [], color="0.4", lw=1, label="law, no fit")
    if "adam" in {run["decoder"] for run in main.attrs["runs"].values()}:
        axes[0].plot([], [], color="0.4", lw=1, ls=":", label="Adam")
    axes[0].set_ylabel(r"cutoff / correlation depth $\xi_c$")
    lines, labels = axes[0].get_legend_handles_labels()
    title = "$\\sigma_w^2$\n(round:\nordered)"
    figure.legend(lines, labels, title=title, loc="outside right center", fontsize=8)
    return figure


def law_panel(ax: Axes, table: pd.DataFrame, quantity: str) -> None:
    """Cutoffs of ridge decoders over their strength, those of trained ones as lines, and the law of ordered networks.

    The law is that of the explained variance; where the table does not say what its images are there is none.
    """
    points, critical = law_points(table, quantity), critical_variance(table)
    variances = sorted(table["weight_variance"].dropna().unique())
    for variance, colour in sorted(phase_colours(variances, critical).items()):
        own = points[points["weight_variance"] == variance]
        ridge, trained = own[own["decoder"] == "ridge"], own[own["decoder"] == "adam"]
        is_ordered, has_law = variance < critical, quantity == "cutoff_explained_variance"
        marker = "s--" if not is_ordered else "o" if has_law else "o-"
        ax.errorbar(
            ridge.strength, ridge.depth, ridge.error, fmt=marker, ms=4, lw=1, capsize=2, color=colour,
            label=f"{variance:g}",
        )  # fmt: skip
        if is_ordered and has_law and len(ridge):
            draw_law(ax, table, variance, ridge["strength"], colour)
        if len(trained) and len(ridge):
            ax.axhline(trained["depth"].iloc[0], color=colour, lw=1, ls=":")
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xlabel(r"ridge strength $\lambda$ of the decoders")
    ax.set_ylim(bottom=0)


def draw_law(ax: Axes, table: pd.DataFrame, variance: float, strengths: pd.Series, colour) -> None:
    """The law's line for one weight variance over the range of ``strengths``."""
    line = np.geomspace(strengths.min(), strengths.max(), 25)
    try:
        ax.plot(line, predicted_law(table, variance, line), color=colour, lw=1)
    except NotMeasured:
        return
