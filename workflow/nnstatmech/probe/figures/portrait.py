"""Portraits of networks: what becomes of signal, noise, gradients and information, block by block."""

import textwrap
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...figures.style import labelled_ticks, panel_letter
from ..curves import Line, lines_of, logarithmic
from ..params import Initialisation, Training

# Panel: quantity, label of the axis, factor of the exponent (None: as it is), logarithmic axis.
PANELS = (
    ("log_nu2_signal", r"size of the signal $\sqrt{\nu_2}$", 0.5, True),
    ("log_chi", r"sensitivity to noise $\chi$", 1.0, True),
    ("reff_signal", r"effective rank $r_\mathrm{eff}$", None, True),
    ("contrast", r"contrast of inputs $1 - c$", None, True),
    ("log_gradient", "gradient (last block: 1)", 1.0, True),
    ("r2", "reconstruction of the input $R^2$", None, False),
)
LONGEST_NAME = 18
MOST_LABELS = 14
MOST_SENTENCES = 4
WIDTH = 150  # characters of the sentences' font across the figure


def blocks(main: Annotated[pd.DataFrame, Initialisation, Training], *, scale: str, sentences: bool = True) -> Figure:
    """Six lenses against the block, one line a network or state, and what they say.

    Parameters
    ----------
    main
        Of a probe: the runs of a sweep, or the steps of a training, are drawn side by side.
    sentences
        Whether findings are written above the panels.
    """
    lines = list(lines_of(main))
    text = findings_text(lines) if sentences else []
    height = 0.16 * len(text)
    figure = Figure(figsize=(11, 5.6 + height), layout="constrained")
    if text:
        top, below = figure.subfigures(2, 1, height_ratios=[max(height, 0.2), 5.6], squeeze=False)[:, 0]
        top.text(0.01, 0.98, "\n".join(text), va="top", ha="left", fontsize=7.5, linespacing=1.25)
        panels = below.subplots(2, 3, sharex=True)
    else:
        panels = figure.subplots(2, 3, sharex=True)
    colours = sns.color_palette("viridis", len(lines)) if len(lines) > 1 else [sns.color_palette("deep")[0]]
    for ax, letter, panel in zip(panels.flat, "abcdef", PANELS, strict=True):
        draw_panel(ax, lines, colours, *panel)
        panel_letter(ax, letter)
    for ax in panels[1]:
        name_blocks(ax, lines)
    if len(lines) > 1:
        panels.flat[0].legend(handles=panels.flat[0].get_lines())
    return figure


def draw_panel(
    ax: Axes, lines: Sequence[Line], colours: Sequence, quantity: str, label: str, factor: float | None, log: bool
) -> None:
    """One quantity of all lines; bands are two standard errors."""
    for line, colour in zip(lines, colours, strict=True):
        shown = band(line, quantity, factor)
        if shown.empty:
            continue
        ax.plot(shown.index, shown["mean"], "-o", color=colour, linewidth=1.3, markersize=2.5, label=line.label)
        ax.fill_between(shown.index, shown["low"], shown["high"], color=colour, alpha=0.18, linewidth=0)
    if quantity == "reff_signal":
        for line, colour in zip(lines, colours, strict=True):
            noise = band(line, "reff_noise", factor)
            ax.plot(noise.index, noise["mean"], ":", color=colour, linewidth=1.0)
        ax.plot([], [], ":", color="0.4", linewidth=1.0, label="of the noise")
        ax.legend(handles=[ax.get_lines()[-1]], loc="lower left")
    if log:
        ax.set_yscale("log")
        labelled_ticks(ax.yaxis)
    else:
        ax.set_ylim(min(-0.05, ax.get_ylim()[0]) if ax.get_ylim()[0] > -0.5 else -0.5, 1.05)
    ax.set_ylabel(label)


def band(line: Line, quantity: str, factor: float | None) -> pd.DataFrame:
    """Mean and two standard errors to each side of what a panel shows."""
    values = line.curve(quantity)
    mean, error = values["mean"].astype(float), values["error"].astype(float).fillna(0.0)
    if quantity == "log_gradient" and len(mean.dropna()):
        mean = mean - mean.dropna().iloc[-1]
    shown = pd.DataFrame({"mean": mean, "low": mean - 2 * error, "high": mean + 2 * error})
    if factor is not None:
        shown = shown.apply(logarithmic, factor=factor)
    elif quantity != "r2":
        shown["low"] = shown["low"].where(shown["low"] > 0, shown["mean"])
    return shown.replace([np.inf, -np.inf], np.nan).dropna()


def name_blocks(ax: Axes, lines: Sequence[Line]) -> None:
    """Names of the blocks on the axis, where all lines have the same ones; else their numbers."""
    names = lines[0].blocks["name"]
    same = all(list(line.blocks["name"]) == list(names) for line in lines)
    if same and len(names) <= MOST_LABELS:
        ax.set_xticks(
            names.index, [textwrap.shorten(str(name), LONGEST_NAME) for name in names], rotation=60, ha="right"
        )
        ax.tick_params("x", labelsize=7)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("block")


def findings_text(lines: Sequence[Line]) -> list[str]:
    """What each line shows, wrapped to the width of the figure."""
    text = []
    for line in lines:
        sentences = [finding.sentence for finding in line.findings()]
        rest = len(sentences) - MOST_SENTENCES
        shown = sentences[:MOST_SENTENCES] + ([f"And {rest} more."] if rest > 0 else [])
        what = " ".join(shown) or "No finding."
        text += textwrap.wrap(f"{line.label}: {what}" if line.label else what, WIDTH, subsequent_indent="    ")
    return text
