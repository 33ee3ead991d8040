"""Posteriors of networks with ten outputs by two samplers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...readings import select
from ..curves import outputs as curves
from ..tables import OutputsTable
from .marks import letters

NAMES = {"factors": "HMC over Bartlett factors", "layers": "Gibbs over the layers"}


def gram_posteriors(main: OutputsTable, *, scale: str) -> Figure:
    """Mean losses of both samplers, their differences and effective samples, by cell."""
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), width_ratios=(1, 1.1, 1))
    losses = {name: curves.pooled(main, "mean_loss", name) for name in NAMES}
    cells = losses["factors"].index
    position = np.arange(len(cells))
    labels = [f"n = {network}, β = {beta:g}" for _, network, beta, _ in cells]
    process = select(main, quantity="process_mean_loss").groupby(curves.KEYS[:-1], observed=True)["value"].first()
    axes[0].plot([process[cell[:-1]] for cell in cells], position, "d", color="grey", ms=4, label="infinite width")
    for (name, found), shift, mark in zip(losses.items(), (-0.15, 0.15), "os", strict=True):
        axes[0].errorbar(found["value"], position + shift, xerr=found["error"], fmt=mark, ms=4, label=NAMES[name])
        samples = curves.least_effective_samples(main, name)
        axes[2].plot(samples, position + shift, mark, ms=4, label=NAMES[name])
    for quantity, mark in (("mean_loss", "o"), ("trace", "s"), ("mean_output", ".")):
        deviations = curves.deviations(main, quantity)
        places = [list(cells.droplevel("output")).index(cell[:-1]) for cell in deviations.index]
        axes[1].plot(deviations, places, mark, ms=4, ls="none", label=quantity.replace("_", " "))
    for limit in (-3, 3):
        axes[1].axvline(limit, color="black", ls=":", lw=0.9)
    axes[0].set(xscale="log", xlabel="mean loss ⟨L⟩")
    axes[0].set_yticks(position, labels, fontsize=8)
    axes[1].set_xlabel("difference of the samplers over its error")
    axes[2].set(xscale="log", xlabel="effective samples, least of 12 quantities")
    for ax in axes[1:]:
        ax.set_yticks(position, [])
    for ax in axes:
        ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    letters(axes)
    return figure
