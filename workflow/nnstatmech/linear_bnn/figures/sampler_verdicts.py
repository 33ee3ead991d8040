"""Samplers of the posterior on the test-bed."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...readings import over_seeds
from ..curves import samplers as curves
from ..curves.rows import by_width
from ..tables import SamplersTable
from .marks import letters

NAMES = {"hmc": "HMC", "mala": "MALA", "langevin": "tamed Langevin", "gradient_descent": "gradient descent (T = 0)"}


def verdicts(main: SamplersTable, *, scale: str) -> Figure:
    """Mean losses, passed tests, effective samples and R̂."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5))
    networks, samplers = by_width(main["network"]), curves.samplers_of(main)
    for sampler, colour in zip(samplers, sns.color_palette("deep", len(samplers)), strict=True):
        for network, mark in zip(networks, "os^Dv", strict=False):
            label = f"{NAMES[sampler]}, n = {network}"
            for ax, quantity in (
                (axes[0, 0], "loss_ratio"),
                (axes[1, 0], "effective_samples_a_draw"),
                (axes[1, 1], "r_hat"),
            ):
                line = curves.by_beta(main, quantity, sampler, network)
                ax.errorbar(line.index, line["mean"], line["error"], marker=mark, ms=4, lw=1, color=colour, label=label)
    axes[0, 0].axhline(1, color="black", lw=0.8)
    axes[0, 0].set(xscale="log", yscale="log", ylabel="mean loss over the exact one")
    axes[0, 0].legend(fontsize=7)
    passed = {NAMES[name]: curves.passes(main, name) for name in dict.fromkeys(main["sampler"])}
    shares = over_seeds(pd.DataFrame(passed))
    axes[0, 1].barh(range(len(shares)), shares["mean"], xerr=shares["error"], color="tab:blue", alpha=0.7)
    axes[0, 1].set_yticks(range(len(shares)), shares.index)
    axes[0, 1].set(xlabel="fraction of passed verdicts", xlim=(0, 1.05))
    axes[1, 0].set(xscale="log", ylabel="effective samples of L a draw", ylim=(0, None))
    axes[1, 1].set(xscale="log", ylabel=r"$\hat R$ of L")
    axes[1, 1].axhline(1.01, color="black", lw=0.8, ls=":")
    for ax in (axes[0, 0], axes[1, 0], axes[1, 1]):
        ax.set_xlabel("inverse temperature β")
    letters(axes.flat)
    return figure
