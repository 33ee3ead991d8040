"""Partition functions and energies of one output."""

from collections.abc import Mapping
from typing import TypeAlias

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...readings import parameters_of
from ..curves.norm_learning import curve_of, curves_by, over_gaussian
from ..tables import NormLearningTable
from .marks import letters

Curves: TypeAlias = Mapping[float, pd.Series] | Mapping[None, pd.Series]


def proposed_corrections(main: NormLearningTable, *, scale: str) -> Figure:
    """Partition functions and energies of the norm-learning notebook, mended, and the exact finite width."""
    settings = parameters_of(main)
    cold = rf"$\beta$ = {settings['cold']:g}"
    figure, axes = plt.subplots(3, 4, figsize=(15, 9.6))
    panels = axes.flat
    family_of_curves(panels[0], curves_by(main, "beta", "bare", "partition"), r"$\beta$", "Gaussian output")
    bare_energy = curve_of(main, "bare", "energy_without_normaliser")
    family_of_curves(panels[1], {None: bare_energy}, "", "Gaussian output")
    corrected = curves_by(main, "correction", "quadratic", "partition")
    family_of_curves(panels[2], corrected, r"$\lambda$", r"quadratic, $\beta$ = 1")
    quadratic_energies(panels[3], main, "energy_without_normaliser", f"without normaliser, {cold}")
    quadratic_energies(panels[4], main, "energy", f"with normaliser, {cold}")
    proposed = curves_by(main, "coupling", "quartic", "partition_unnormalised")
    title = rf"quartic, $\lambda$ = {settings['cubic_correction']:g}, as proposed"
    family_of_curves(panels[5], proposed, "$g$", title)
    normalised = curves_by(main, "coupling", "quartic", "partition")
    family_of_curves(panels[6], normalised, "$g$", "quartic, normalised")
    for ax, correction in zip(panels[7:9], (0.6, 0.1), strict=True):
        curves = curves_by(main, "coupling", "quartic", "energy", correction=correction)
        family_of_curves(ax, curves, "$g$", rf"quartic, $\lambda$ = {correction:g}, {cold}")
    for ax, quantity in ((panels[9], "partition"), (panels[11], "energy")):
        curves = curves_by(main, "hidden_width", "exact", quantity)
        family_of_curves(ax, curves, "$n$", r"exact finite width, $\beta$ = 1")
    relative_to_gaussian(panels[10], main)
    letters(panels)
    for i, ax in enumerate(axes.flat):
        ax.set_xlabel("output $y$")
        if i in (0, 2, 5, 6, 9):
            ax.set(ylabel="partition function $Z$", ylim=(0, None))
        elif i != 10:
            ax.set_ylabel("energy $E$")
    return figure


def family_of_curves(ax: Axes, curves: Curves, symbol: str, title: str) -> None:
    """One curve for each value of a parameter; the value None has no entry in the legend."""
    for (value, curve), colour in zip(curves.items(), sns.color_palette("viridis", len(curves)), strict=True):
        ax.plot(curve.index, curve, color=colour, lw=1.2, label=None if value is None else f"{value:g}")
    ax.set_title(title, fontsize=9.5)
    ax.margins(x=0)
    if None not in curves:
        ax.legend(title=symbol, fontsize=7)


def quadratic_energies(ax: Axes, table: pd.DataFrame, quantity: str, title: str) -> None:
    """Energies by automatic differentiation (lines) and from the formulas (dots)."""
    family_of_curves(ax, curves_by(table, "correction", "quadratic", quantity), r"$\lambda$", title)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.45 * (high - low))
    ax.legend(title=r"$\lambda$ (dots: formula)", fontsize=7, ncols=3, loc="upper center")
    for curve in curves_by(table, "correction", "quadratic", f"{quantity}_closed").values():
        few = curve.iloc[:: max(1, len(curve) // 12)]
        ax.plot(few.index, few, "k.", ms=2.5)


def relative_to_gaussian(ax: Axes, table: pd.DataFrame) -> None:
    """Density over the Gaussian one: exact, to first order in 1/n, and the strongest quadratic correction."""
    exact, first_order = (
        curves_by(table, "hidden_width", "exact", quantity) for quantity in ("partition", "partition_first_order")
    )
    for width, colour in zip(list(exact)[-3:], sns.color_palette("viridis", 3), strict=False):
        for curves, line, label in ((exact, "-", f"$n$ = {width:.0f}"), (first_order, ":", None)):
            ratio = over_gaussian(curves[width])
            ax.plot(ratio.index, ratio, line, color=colour, label=label)
    quadratic = curves_by(table, "correction", "quadratic", "partition")
    strongest = max(quadratic)
    ratio = over_gaussian(quadratic[strongest])
    ax.plot(ratio.index, ratio, "r--", lw=1, label=rf"quadratic, $\lambda$ = {strongest:g}")
    ax.set(ylabel="density / Gaussian density", xlim=(-3.2, 3.2), ylim=(0.4, 2.2))
    ax.set_title("exact (lines), first order (dotted)", fontsize=9.5)
    ax.legend(fontsize=7)
