"""Exact posteriors after all images of two digits."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..curves import full_data as curves
from ..tables import FullDataTable
from .marks import letters

MARKS = ("o", "s", "^")
"""By number of hidden layers."""


def full_data(main: FullDataTable, *, scale: str) -> Figure:
    """Evidence, kernel scale and test error against width, depth and temperature."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.3))
    betas = curves.betas_of(main)
    colours = dict(zip(betas, sns.color_palette("flare", len(betas)), strict=True))
    for layers, networks in curves.layers_of(main).items():
        for beta, colour in colours.items():
            panels(axes, main, layers, networks, beta, colour)
    for beta, colour in colours.items():
        widest = curves.layers_of(main)[1][-1]
        axes[2].axhline(curves.number(main, "process_test_error", widest, beta), color=colour, ls="--", lw=0.9)
    axes[0].axhline(0, color="black", lw=0.8)
    axes[0].set(xscale="log", xlabel="hidden width $n$", ylabel="ln Z above infinite width (nats)")
    axes[0].set_yscale("symlog", linthresh=1)
    axes[1].axhline(1, color="black", lw=0.8)
    axes[1].set(xscale="log", yscale="log", xlabel=r"effective depth $L\,\min(P, \mathrm{rank})/n$")
    axes[1].set_ylabel("kernel scale u / E[u] (lines: saddle)")
    axes[2].set(xscale="log", xlabel="hidden width $n$", ylabel="error on unseen images")
    axes[0].legend(fontsize=7, ncols=2)
    letters(axes)
    return figure


def panels(axes, main: pd.DataFrame, layers: int, networks: list[str], beta: float, colour: tuple) -> None:
    """The curves of equally deep networks at one temperature."""
    mark = MARKS[(layers - 1) % len(MARKS)]
    look = {"color": colour, "marker": mark, "ms": 4, "lw": 1.1, "ls": "-" if layers == 1 else ":"}
    gains = curves.gains(main, networks, beta)
    label = f"β = {beta:g}, {layers} hidden layer{'s' * (layers > 1)}"
    axes[0].plot(gains.index, gains, label=label, **look)
    scales(axes[1], main, networks, beta, look)
    errors = curves.by_hidden_width(main, "test_error", networks, beta)
    axes[2].plot(errors.index, errors, **look)
    open_look = {"color": colour, "fmt": mark, "ms": 8, "mfc": "none", "mew": 1.3, "capsize": 2}
    for ax, quantity, position in ((axes[1], "scale", "depth"), (axes[2], "test_error", "width")):
        points = curves.sampled_points(main, quantity, layers, beta)
        ax.errorbar(points[position], points["mean"], 2 * points["error"], **open_look)


def scales(ax: Axes, main: pd.DataFrame, networks: list[str], beta: float, look: dict) -> None:
    """Kernel scale (marks) and its saddle (lines) against the effective depth."""
    depth = curves.effective_depths(main, networks)
    saddle = curves.by_hidden_width(main, "saddle_scale", networks, beta)
    ax.plot(depth, saddle, color=look["color"], ls=look["ls"], lw=look["lw"])
    mean = curves.by_hidden_width(main, "mean_scale", networks, beta)
    ax.plot(depth, mean, color=look["color"], marker=look["marker"], ms=look["ms"], ls="none")
