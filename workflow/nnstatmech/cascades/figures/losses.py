"""Where information is lost: relative entropy over depth, cutoffs over weight variance, and the law of the cutoff."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import parameters_of, select
from ..curves.depth_scales import critical_variance
from ..curves.entropies import law_points, log_signal, lost_depths, over_depth, over_variances
from .depth_axes import VARIANCE_LABEL, theory_lines

LAW_PANELS = {
    "cutoff_explained_variance": r"cutoff of $R^2$",
    "cutoff_entropy": "cutoff of the differential entropy",
}


def rel_entropy(main, *, scale: str, strength: float = 1e-3, variances: list[float]) -> Figure:
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
        colours = colormaps["coolwarm"](np.linspace(0, 1, len(nearest)))
        for variance, colour in zip(nearest, colours, strict=True):
            phase = "-" if variance < critical else "--"
            ax.plot(mean.index, mean[variance], phase, color=colour, label=f"{variance:g}")
            low, high = mean[variance] - deviation[variance], mean[variance] + deviation[variance]
            ax.fill_between(mean.index, low, high, color=colour, alpha=0.15, lw=0)
        ax.set_xlabel("depth of the cascade")
        ax.set_ylabel(label)
        ax.set_xlim(0, mean.index.max())
        panel_letter(ax, letter)
    axes[0].legend(title=r"$\sigma_w^2$ (solid: ordered)", ncols=2, loc="lower right")
    return figure


def cutoff_curves(main, *, scale: str, strength: float = 1e-3) -> Figure:
    """Depths at which information is lost over the weight variance: by thresholds, and as coded originally.

    For ridge decoders of ``strength``.
    """
    table = select(main, decoder="ridge", ridge_strength=strength)
    params = parameters_of(table)
    figure = Figure(figsize=(9.6, 4.1))
    left, right = figure.subplots(1, 2, sharey=True)
    labels = {
        "cutoff_explained_variance": rf"$R^2 < {params['lowest_explained_variance']:g}$",
        "cutoff_entropy": f"entropy fell by {params['entropy_drop']:g} nats",
    }
    for quantity, label in labels.items():
        found = lost_depths(table, quantity)
        left.errorbar(found.index, found.depth, found.error, fmt=".-", ms=4, lw=1, capsize=1.5, label=label)
    coded_cutoffs(right, table)
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_ylim(0, 1.32 * params["depth"])
        ax.set_xlim(0, table["weight_variance"].max())
        theory_lines(ax, params["bias_variance"], labels=ax is left)
        ax.axhline(params["depth"], color="0.6", lw=0.8)
        ax.set_xlabel(VARIANCE_LABEL)
        ax.legend(ncols=2, loc="upper right", framealpha=1).set_zorder(5)
        panel_letter(ax, letter)
    left.set_ylabel("depth at which information is lost")
    right.set_title("as coded originally: last change of the curve", fontsize=10)
    return figure


def coded_cutoffs(ax: Axes, table: pd.DataFrame) -> None:
    """The original work's cutoffs: where curves change for the last time."""
    mean, differential = (over_variances(table, f"cutoff_coded_{name}") for name in ("mean", "differential"))
    images, spread = (over_variances(table, f"cutoff_coded_images{name}") for name in ("", "_deviation"))
    ax.plot(mean.index, mean, ".-", ms=4, lw=1, label="mean relative entropy")
    ax.errorbar(images.index, images, spread, fmt=".-", ms=4, lw=1, capsize=1.5, label="that of single images")
    ax.plot(differential.index, differential, ".-", ms=4, lw=1, label="differential entropy")


def cutoff_law(main, *, scale: str) -> Figure:
    """Cutoffs in units of ξ_c over the noise floor λ of the decoders: ln(V/λ) in order, a constant in chaos."""
    figure = Figure(figsize=(9.6, 4.2))
    axes = figure.subplots(1, 2, sharey=True)
    for letter, ax, (quantity, title) in zip("ab", axes, LAW_PANELS.items(), strict=True):
        law_panel(ax, main, quantity)
        ax.set_title(title, fontsize=10)
        panel_letter(ax, letter)
    if "adam" in {run["decoder"] for run in main.attrs["runs"].values()}:
        axes[0].plot([], [], color="0.4", lw=1, ls=":", label="Adam")
    axes[0].set_ylabel(r"cutoff / correlation depth $\xi_c$")
    axes[0].legend(title=r"$\sigma_w^2$ (round: ordered)", ncols=2, loc="upper left")
    return figure


def law_panel(ax: Axes, table: pd.DataFrame, quantity: str) -> None:
    """Cutoffs of ridge decoders over their strength, those of trained ones as lines, and the law of ordered networks.

    The law's only free number V is fitted to the cutoffs.
    """
    points, critical = law_points(table, quantity), critical_variance(table)
    variances = sorted(table["weight_variance"].unique())
    for variance, colour in zip(variances, colormaps["coolwarm"](np.linspace(0, 1, len(variances))), strict=True):
        own = points[points["weight_variance"] == variance]
        ridge, trained = own[own["decoder"] == "ridge"], own[own["decoder"] == "adam"]
        marker = "o-" if variance < critical else "s--"
        ax.errorbar(
            ridge.strength, ridge.depth, ridge.error, fmt=marker, ms=4, lw=1, capsize=2, color=colour,
            label=f"{variance:g}",
        )  # fmt: skip
        if len(trained) and len(ridge):
            ax.axhline(trained["depth"].iloc[0], color=colour, lw=1, ls=":")
    ordered = points[(points["decoder"] == "ridge") & (points["weight_variance"] < critical)]
    signal = log_signal(ordered["strength"], ordered["depth"])
    ends = np.array([ordered["strength"].max(), ordered["strength"].min()])
    ax.plot(ends, signal - np.log(ends), color="black", lw=1.2, label=rf"$\ln({np.exp(signal):.2g}/\lambda)$")
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xlabel(r"ridge strength $\lambda$ of the decoders")
    ax.set_ylim(bottom=0)
