"""Beyond the publication: other activations, gradients, and growth against batch size and width."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import labelled_ticks
from ...readings import over_seeds, runs_of
from .. import laws, wide
from ..curves import curve, growth_rates, plateau, raw, setting
from ..tables import PropagationTable
from .panels import REFERENCE, THEORY, legend_above, panel_grid

NAMES = {"leaky_relu": "leaky ReLU", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}
ARCHITECTURES = {"vanilla": "vanilla", "bn_ff": "batch-normalised", "bn_res": "resnet"}
STYLES = {"held": "-", "differentiated": (0, (4, 1.5))}


def draw_mean(ax: Axes, values: pd.DataFrame, **style) -> None:
    """Mean over realisations with its standard error."""
    mean = over_seeds(values)
    ax.fill_between(
        mean.index, mean["mean"] - mean["error"], mean["mean"] + mean["error"], color=style["color"], alpha=0.2, lw=0
    )
    ax.plot(mean.index, mean["mean"], **style)


def mean_field(main: PropagationTable, *, scale: str) -> Figure:
    """Moments of pre-activations of fully connected vanilla networks beside mean-field theory, without any fit."""
    labels = {
        "length": r"$\nu_2(\mathbf{y}^l)$",
        "contrast": "contrast of images, $1-c$",
        "log_noise": r"$\log\,\mu_2(\mathrm{d}\mathbf{y}^l)$",
        "log_chi": r"$\log\,\chi$ of $\mathbf{y}^l$",
    }
    figure, axes = panel_grid(4)
    runs = list(runs_of(main))
    for (params, rows), colour in zip(runs, sns.color_palette("deep", len(runs)), strict=True):
        name = setting(params, "activation")
        found, theory = wide.measured(rows), wide.predicted(rows)
        for ax, quantity in zip(axes, labels, strict=True):
            draw_mean(ax, found[quantity], color=colour, linewidth=2.2, label=NAMES.get(name, name))
            ax.plot(theory.index, theory[quantity], **THEORY)
    axes[1].set_yscale("log")
    for ax, label in zip(axes, labels.values(), strict=True):
        ax.set(xlabel="depth $l$", ylabel=label)
    axes[0].plot([], [], **THEORY, label="mean field")
    axes[0].set_ylim(bottom=0)
    legend_above(axes[0])
    return figure


def gradients(main: PropagationTable, *, scale: str) -> Figure:
    """Gradients on their way back beside noise on its way, with statistics of the batch held and differentiated."""
    figure, axes = panel_grid(4)
    shown = {"vanilla": axes[:2], "bn_ff": axes[:2], "bn_res": axes[2:]}
    colours = dict(zip(ARCHITECTURES, sns.color_palette("deep", 3), strict=True))
    for params, rows in runs_of(main):
        architecture, statistics = params["architecture"], setting(params, "batch_statistics")
        label = ARCHITECTURES[architecture] + f", {statistics}" * (architecture != "vanilla")
        for ax, quantity in zip(shown[architecture], ("log_mu2_gradient", "log_mu2_noise"), strict=True):
            look = {"color": colours[architecture], "linestyle": STYLES[statistics], "linewidth": 1.8}
            draw_mean(ax, raw(rows, "output", quantity) / 2, label=label, **look)
    depth = max(params["depth"] for params, _ in runs_of(main))
    rate = np.log(laws.GAUSSIAN_ACTIVATION_INCREMENT)
    axes[0].plot([0, depth], [rate * depth, 0], **THEORY)
    axes[1].plot([0, depth], [0, rate * depth], **THEORY, label=r"$\frac{1}{2}\ln\frac{\pi}{\pi-1}$ a layer")
    for ax in axes[2:]:
        ax.set_xlabel("unit $l$")
    for ax in axes[:2]:
        ax.set_xlabel("depth $l$")
    for ax in (axes[0], axes[2]):
        ax.set_ylabel(r"$\frac{1}{2}\log$ mean square of gradients")
    for ax in (axes[1], axes[3]):
        ax.set_ylabel(r"$\frac{1}{2}\log\,\mu_2(\mathrm{d}\mathbf{x}^l)$")
        legend_above(ax, columns=2)
    return figure


def rates(main: PropagationTable, *, scale: str, published: Mapping[int, float], published_width: int) -> Figure:
    """Growth of log chi a layer against batch size, by width, and the rank of the signal that bends it.

    Crosses are the published rates, by batch size, of networks of ``published_width``.
    """
    points = pd.DataFrame(
        [
            {
                "width": params["width"],
                "batch_size": params["batch_size"],
                "statistics": setting(params, "batch_statistics"),
                "rate": over_seeds(growth_rates(rows).to_frame("rate")).loc["rate"],
                "rank": over_seeds(plateau(curve(rows, "reff_signal")).to_frame("rank")).loc["rank"],
            }
            for params, rows in runs_of(main)
        ]
    ).sort_values(["width", "batch_size"])
    figure, axes = panel_grid(2, figure_height=4.0)
    widths = sorted(points["width"].unique())
    colours = dict(zip(widths, sns.color_palette("viridis", len(widths) + 1), strict=False))
    for (width, statistics), rows in points.groupby(["width", "statistics"]):
        filled = statistics == "held"
        for ax, name in zip(axes, ("rate", "rank"), strict=True):
            ax.errorbar(
                rows["batch_size"],
                [value["mean"] for value in rows[name]],
                [value["error"] for value in rows[name]],
                color=colours[width],
                marker="o",
                markersize=4.5,
                markerfacecolor=colours[width] if filled else "white",
                linestyle=STYLES[statistics],
                linewidth=1.3,
                capsize=2,
                label=f"$N={width}$" if filled else None,
            )
    limit: dict[str, Any] = REFERENCE | {"linewidth": 1.4}
    cross: dict[str, Any] = {"linestyle": "none", "marker": "x", "color": "black", "markersize": 7, "zorder": 5}
    axes[0].plot(list(published), list(published.values()), **cross)
    axes[0].axhline(np.log(laws.GAUSSIAN_ACTIVATION_INCREMENT), **limit)
    axes[0].set_ylabel(r"growth of $\log\,\chi$ a layer")
    axes[1].set_ylabel(r"late $r_\mathrm{eff}(\mathbf{x}^l)$")
    axes[1].set_yscale("log")
    labelled_ticks(axes[1].yaxis)
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set_xlabel("batch size $B$")
    proxies = [
        Line2D(
            [], [], color="0.25", marker="o", markerfacecolor=face, linestyle=style, label=f"statistics {statistics}"
        )
        for (statistics, style), face in zip(STYLES.items(), ("0.25", "white"), strict=True)
    ]
    proxies.append(Line2D([], [], **cross, label=f"published, $N={published_width}$"))
    proxies.append(Line2D([], [], **limit, label=r"$\frac{1}{2}\ln\frac{\pi}{\pi-1}$"))
    legend_above(axes[0], columns=4)
    axes[1].legend(handles=proxies, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    return figure
