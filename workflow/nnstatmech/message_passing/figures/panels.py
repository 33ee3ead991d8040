"""Panels of learning curves, and the colours and names that the family's figures share.

A panel shows training (solid) and test (dashed) errors of several algorithms against epochs; two strips below it show
the mean polarisation ⟨q0⟩ of the first layer's units and the mean overlap q_ab of two different ones, which the draft
"Deep message passing" and Lucibello et al. 2022 plot as insets (there with the diagonal of the matrix of overlaps).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...figures.style import panel_letter
from ..curves.training import GRADIENT_RULES, Setting, breakdown_epoch, first_divergence, learning_curve, lost_networks

LABELS = {
    "bp": "BP",
    "bpi": "BPI",
    "series": "BPI, series",
    "amp": "AMP (TAP)",
    "mf": "MF",
    "sgd": "SGD (BinaryNet)",
    "adam_sgd": "Adam (BinaryNet)",
}
COLOURS = {"bp": "C0", "bpi": "C1", "series": "C0", "amp": "C2", "mf": "C4", "sgd": "C3", "adam_sgd": "C3"}
# Algorithms whose curves may coincide are told apart by line width.
WIDTHS = {"bp": 2.6}
DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
FIRST_LAYER = 0
NOTE_HEIGHT = 9  # points
FAINT = 0.35  # opacity of a curve where its algorithm has broken down


@dataclass(frozen=True)
class Panel:
    """A panel of errors with its two strips, all against epochs."""

    errors: Axes
    polarisation: Axes
    overlap: Axes


def panel_in(figure: Figure, cell: SubplotSpec) -> Panel:
    """An empty panel in a cell of a grid."""
    grid = cell.subgridspec(3, 1, height_ratios=(3, 1, 1))
    errors = figure.add_subplot(grid[0])
    return Panel(errors, *(figure.add_subplot(grid[row], sharex=errors) for row in (1, 2)))


def draw_curve(
    ax: Axes, curve: pd.DataFrame, algorithm: str, style: str = "-", width: float = 1.0, valid_to: float = np.inf
) -> None:
    """A mean with its range over realisations; faint from the epoch ``valid_to`` on."""
    colour, thickness = COLOURS[algorithm], width * WIDTHS.get(algorithm, 1.4)
    # Thin lines over thick ones: curves that coincide stay visible.
    line = {"color": colour, "lw": thickness, "zorder": 3 - thickness / 10}
    valid, broken = curve[curve.index <= valid_to], curve[curve.index >= valid_to]
    ax.plot(valid.index, valid["mean"], style, **line)
    if len(broken):
        ax.plot(broken.index, broken["mean"], style, alpha=FAINT, **line)
    if not curve["low"].equals(curve["high"]):
        ax.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def learning_panel(
    panel: Panel,
    chosen: Sequence[Setting],
    title: str,
    letter: str,
    largest_error: float,
    overlap: tuple[str, int] = ("overlap", FIRST_LAYER),
) -> None:
    """Errors of one setting against epochs, one colour an algorithm, with the two strips.

    ``overlap`` is the quantity and the layer of the lower strip.
    """
    largest_overlap = 0.0
    for setting in chosen:
        algorithm = setting.params["algorithm"]
        valid_to = breakdown_epoch(setting.rows) or np.inf
        draw_curve(panel.errors, learning_curve(setting.rows, "train_error"), algorithm, valid_to=valid_to)
        draw_curve(panel.errors, learning_curve(setting.rows, "test_error"), algorithm, "--", valid_to=valid_to)
        for ax, (quantity, layer) in ((panel.polarisation, ("polarisation", FIRST_LAYER)), (panel.overlap, overlap)):
            curve = learning_curve(setting.rows, quantity, layer)
            if len(curve):
                draw_curve(ax, curve, algorithm, width=0.7, valid_to=valid_to)
                largest_overlap = max(largest_overlap, curve["high"].abs().max() if ax is panel.overlap else 0.0)
    panel.errors.set_xlim(0, max(setting.params["epochs"] for setting in chosen))
    panel.errors.set_ylim(0, largest_error)
    panel.errors.set_ylabel("error (%)")
    panel.polarisation.set_ylim(-0.05, 1.05)
    panel.polarisation.set_yticks([0, 0.5, 1])
    panel.polarisation.set_ylabel(r"$\langle q_0\rangle$")
    panel.overlap.set_ylabel(r"$q_{ab}$")
    panel.overlap.yaxis.set_major_locator(MaxNLocator(2))
    if largest_overlap == 0:
        panel.overlap.set_ylim(-0.01, 0.01)
    panel.overlap.set_xlabel("epoch")
    panel.overlap.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for ax in (panel.errors, panel.polarisation):
        ax.tick_params(labelbottom=False)
    for ax in (panel.polarisation, panel.overlap):
        ax.tick_params(labelsize=7)
    panel.overlap.ticklabel_format(axis="y", scilimits=(-2, 2))
    panel.overlap.yaxis.get_offset_text().set_fontsize(7)
    lines = write_notes(panel.errors, chosen)
    panel_letter(panel.errors, letter)
    panel.errors.set_title(title, fontsize=10, pad=6 + NOTE_HEIGHT * lines)


def write_notes(ax: Axes, chosen: Sequence[Setting]) -> int:
    """What a curve cannot show, in its colour above the panel; returns the number of lines."""
    notes = [(setting.params["algorithm"], note) for setting in chosen for note in notes_of(setting)]
    for line, (algorithm, note) in enumerate(reversed(notes)):
        ax.annotate(
            f"{LABELS[algorithm].partition(' (')[0]}: {note}",
            (0.5, 1.0),
            xycoords="axes fraction",
            xytext=(0, 3 + NOTE_HEIGHT * line),
            textcoords="offset points",
            color=COLOURS[algorithm],
            fontsize=7,
            ha="center",
            va="bottom",
        )
    return len(notes)


def notes_of(setting: Setting) -> list[str]:
    """The learning rate chosen for a baseline; divergence, breakdown and lost networks with their epochs."""
    notes = []
    if setting.params["algorithm"] in GRADIENT_RULES:
        notes.append(f"learning rate {setting.params['learning_rate']:g}")
    if (epoch := first_divergence(setting.rows)) is not None:
        notes.append(f"fields diverge in epoch {epoch:.0f}")
    if (epoch := breakdown_epoch(setting.rows)) is not None:
        notes.append(f"expansion fails from epoch {epoch}")
    lost, count = lost_networks(setting.rows)
    if lost:
        notes.append(f"{lost} of {count} networks not finite")
    return notes


def legend_entries(chosen: Iterable[Setting]) -> list[Line2D]:
    """One line an algorithm, in the order of appearance, then the meaning of solid and dashed."""
    algorithms = dict.fromkeys(setting.params["algorithm"] for setting in chosen)
    lines = [Line2D([], [], color=COLOURS[a], lw=WIDTHS.get(a, 1.4), label=LABELS[a]) for a in algorithms]
    return [
        *lines,
        Line2D([], [], color="0.3", label="training set"),
        Line2D([], [], color="0.3", ls="--", label="test set"),
    ]
