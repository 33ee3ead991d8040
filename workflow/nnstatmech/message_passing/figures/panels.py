"""Panels of learning curves, and the colours and names that the family's figures share.

A panel shows training (solid) and test (dashed) errors of several algorithms against epochs; its upper inset is the
mean polarisation ⟨q0⟩ of the first layer's units and its lower inset their mean overlap, as in the figures of the
draft "Deep message passing" and of Lucibello et al. 2022.
"""

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..curves.training import Setting, first_divergence, learning_curve

LABELS = {"bp": "BP", "bpi": "BPI", "series": "BPI, series", "amp": "AMP (TAP)", "mf": "MF", "sgd": "SGD (BinaryNet)"}
COLOURS = {"bp": "C0", "bpi": "C1", "series": "C0", "amp": "C2", "mf": "C4", "sgd": "C3"}
# Algorithms whose curves may coincide are told apart by line width.
WIDTHS = {"bp": 2.6}
DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
FIRST_LAYER = 0


def draw_curve(ax: Axes, curve: pd.DataFrame, algorithm: str, style: str = "-", width: float = 1.0) -> None:
    colour, thickness = COLOURS[algorithm], width * WIDTHS.get(algorithm, 1.4)
    # Thin lines over thick ones: curves that coincide stay visible.
    ax.plot(curve.index, curve["mean"], style, color=colour, lw=thickness, zorder=3 - thickness / 10)
    if not curve["low"].equals(curve["high"]):
        ax.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def inset(ax: Axes, bounds: tuple[float, float, float, float], label: str) -> Axes:
    """A small axis in an empty part of a panel."""
    small = ax.inset_axes(bounds)
    small.tick_params(labelsize=6, pad=1, length=2)
    small.grid(False)
    small.text(0.96, 0.9, label, transform=small.transAxes, fontsize=8, ha="right", va="top")
    return small


def learning_panel(
    ax: Axes, chosen: Sequence[Setting], largest_error: float, overlap: tuple[str, int] = ("overlap_full", FIRST_LAYER)
) -> None:
    """Errors of one setting against epochs, one colour an algorithm, with the two insets.

    ``overlap`` is the quantity and the layer of the lower inset.
    """
    epochs = max(setting.params["epochs"] for setting in chosen)
    for setting in chosen:
        algorithm = setting.params["algorithm"]
        draw_curve(ax, learning_curve(setting.rows, "train_error"), algorithm)
        draw_curve(ax, learning_curve(setting.rows, "test_error"), algorithm, "--")
    ax.set_xlim(0, epochs)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_ylim(0, largest_error)
    draw_insets(ax, chosen, epochs, overlap)
    note_divergence(ax, chosen)


def draw_insets(ax: Axes, chosen: Sequence[Setting], epochs: int, overlap: tuple[str, int]) -> None:
    upper = inset(ax, (0.56, 0.70, 0.42, 0.27), r"$\langle q_0\rangle$")
    lower = inset(ax, (0.56, 0.41, 0.42, 0.24), r"$q_{ab}$")
    overlaps = []
    for setting in chosen:
        for small, (quantity, layer) in ((upper, ("polarisation", FIRST_LAYER)), (lower, overlap)):
            curve = learning_curve(setting.rows, quantity, layer)
            if len(curve):
                draw_curve(small, curve, setting.params["algorithm"], width=0.6)
                overlaps += [curve["mean"].max()] * (small is lower)
    upper.set_ylim(-0.03, 1.03)
    upper.set_yticks([0, 0.5, 1], ["0", "", "1"])
    largest = max(overlaps, default=0.0) or 1.0
    lower.set_ylim(0, 1.7 * largest)
    lower.set_yticks([0, largest], ["0", f"{largest:.1g}"])
    for small in (upper, lower):
        small.set_xlim(0, epochs)
        small.set_xticks([0, epochs])
    upper.set_xticklabels([])


def note_divergence(ax: Axes, chosen: Sequence[Setting]) -> None:
    """Name, in the algorithm's colour, the epoch at which fields left the floating-point range."""
    line = 0
    for setting in chosen:
        epoch = first_divergence(setting.rows)
        if epoch is not None:
            algorithm = setting.params["algorithm"]
            ax.text(
                0.03,
                0.04 + 0.085 * line,
                f"{LABELS[algorithm]}: fields diverge in epoch {epoch:.0f}",
                color=COLOURS[algorithm],
                fontsize=7,
                transform=ax.transAxes,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.5},
                zorder=6,
            )
            line += 1


def legend_entries(chosen: Iterable[Setting]) -> list[Line2D]:
    """One line an algorithm, in the order of appearance, then the meaning of solid and dashed."""
    algorithms = dict.fromkeys(setting.params["algorithm"] for setting in chosen)
    lines = [Line2D([], [], color=COLOURS[a], lw=WIDTHS.get(a, 1.4), label=LABELS[a]) for a in algorithms]
    return [
        *lines,
        Line2D([], [], color="0.3", label="training set"),
        Line2D([], [], color="0.3", ls="--", label="test set"),
    ]
