"""Batch-normalised networks: exploding sensitivity without, a power law with skip connections (Labatie 2019)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import laws
from ..curves import exponential_growth, power_law, recursion
from .panels import BLUE, PURPLE, RED, THEORY, ShownRun, draw_curve, finish, mark_one, only_run, panel_grid, shown_runs


def increments_panel(ax: Axes, run: ShownRun) -> None:
    """delta chi and its parts; dashed, the activation's part as it follows from nu_1(|z|), and for normal z."""
    mark_one(ax)
    for name, colour in (("delta_BN_chi", PURPLE), ("delta_phi_chi", RED), ("delta_chi", BLUE)):
        draw_curve(ax, run, name, colour)
    law = run.band("delta_phi_chi_law")["mean"]
    ax.plot(law.index, law, **THEORY, label=r"$(1-\nu_1(|\mathbf{z}^l|)^2/2)^{-1/2}$")
    normal = r"$(1-1/\pi)^{-1/2}$, normal $\mathbf{z}$"
    ax.axhline(laws.GAUSSIAN_ACTIVATION_INCREMENT, color="0.6", linewidth=0.8, zorder=1, label=normal)
    finish(ax, run, (0.99, 1.4), "geometric increment of sensitivity", headroom=0.35)


def growth_panel(ax: Axes, run: ShownRun) -> None:
    """chi on a logarithmic axis: its exponential growth, with the rate over the second half of the depth."""
    draw_curve(ax, run, "chi", BLUE)
    rate, growth = exponential_growth(run.table)
    ax.plot(growth.index, growth, **THEORY, label=f"$e^{{\\gamma l}}$, $\\gamma={rate:.3f}$")
    finish(ax, run, (1, 1e17), "normalised sensitivity", log=True)


def power_law_panel(ax: Axes, run: ShownRun) -> None:
    """chi of a resnet, its power law, and the recursion without any fit."""
    depth = draw_curve(ax, run, "chi", BLUE).index.to_numpy(float)
    law = power_law(run.table)
    label = f"$l^{{{law.exponent:.3f}}}$"
    ax.plot(depth, law.prefactor * depth**law.exponent, color=RED, linestyle="--", linewidth=1.4, label=label)
    ax.plot(depth, recursion(run.table), **THEORY | {"linestyle": "-."}, label="recursion, no fit")
    finish(ax, run, (1, 50), "normalised sensitivity")


def ranks_panel(ax: Axes, run: ShownRun, limits: tuple[float, float]) -> None:
    """Effective ranks of noise and signal."""
    mark_one(ax)
    for name, style in (("reff_noise", ":"), ("reff_signal", "-")):
        draw_curve(ax, run, name, PURPLE, linestyle=style)
    finish(ax, run, limits, "effective rank", log=True)


def shape_panel(ax: Axes, run: ShownRun, limits: tuple[float, float], log: bool) -> None:
    """mu_4 and nu_1 of normalised pre-activations beside their values for normal ones."""
    for name, style in (("mu4_z", ":"), ("nu1_abs_z", "-")):
        draw_curve(ax, run, name, RED, linestyle=style)
    for value in (laws.GAUSSIAN_MU4, laws.GAUSSIAN_NU1):
        ax.axhline(value, color="0.6", linewidth=0.8, zorder=1)
    ax.plot([], [], color="0.6", linewidth=0.8, label="normal $\\mathbf{z}$")
    if run.is_connected and log:
        bound = laws.largest_kurtosis(run.params["batch_size"])
        ax.axhline(bound, **THEORY, label="largest $\\mu_4$ of $B$ points")
    finish(ax, run, limits, "moments of $\\mathbf{z}$", log=log)
    if not log and not run.paper_axes:
        ax.set_ylim(0)


def feedforward(
    main: pd.DataFrame, *, scale: str, published: str | Mapping | None = None, overlay_published: bool | None = None
) -> Figure:
    """Exploding sensitivity of batch-normalised feed-forward networks (Labatie 2019, Fig. 4 and its complements).

    A sweep gives one row of panels a run; ``published`` may then map batch sizes to published experiments.
    """
    runs = shown_runs(main, scale, overlay_published, published)
    figure, axes = panel_grid(runs, 4)
    for run, row in zip(runs, axes, strict=True):
        increments_panel(row[0], run)
        growth_panel(row[1], run)
        ranks_panel(row[2], run, (0.8, 1e4))
        shape_panel(row[3], run, (0.1, 3e4), log=True)
    return figure


def resnet(
    main: pd.DataFrame, *, scale: str, published: str | None = None, overlay_published: bool | None = None
) -> Figure:
    """Power-law sensitivity of batch-normalised resnets (Labatie 2019, Fig. 5 and its complement).

    The power law's exponent follows from the increments and only its factor is fitted; the recursion has no fitted
    parameter and starts from the first measured unit, see :func:`nnstatmech.moments.laws.resnet_sensitivity`.
    """
    run = only_run(main, scale, overlay_published, published)
    figure, axes = panel_grid([run], 4)
    increments_panel(axes[0][0], run)
    power_law_panel(axes[0][1], run)
    ranks_panel(axes[0][2], run, (0.8, 2e4))
    shape_panel(axes[0][3], run, (0, 7.2), log=False)
    return figure
