"""Vanilla ReLU networks: their second moments diffuse, and their signal becomes one-dimensional (Labatie 2019)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from .. import laws
from ..curves import curve, density, diffusion_law, width_scaled_variances
from .panels import BLUE, COLOURS, PURPLE, RED, THEORY, ShownRun, draw_curve, finish, mark_one, only_run, panel_grid


def draw_densities(ax: Axes, run: ShownRun, name: str) -> None:
    """Densities of a log moment at the measured depths, with the normal law of one-dimensional signals (dashed).

    A bar at the top: published mean and 16 to 84 % range.
    """
    values = curve(run.table, name)
    shown = list(zip(COLOURS, values.columns[-len(COLOURS) :], strict=False))
    for colour, depth in shown:
        ax.plot(*density(values[depth]), color=colour, linewidth=1.6, label=f"$l={depth}$")
    low, high = ax.get_xlim()
    grid = np.linspace(low, high, 400)
    mean, variance = diffusion_law(run.table, name)
    for colour, depth in shown:
        law = norm(depth * mean, np.sqrt(depth * variance))
        ax.plot(grid, law.pdf(grid), color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    top = ax.get_ylim()[1] * 1.25
    ax.set_ylim(0, top)
    if run.published is not None:
        rows = run.published[run.published["quantity"] == name]
        for i, (colour, row) in enumerate(zip(COLOURS, rows.itertuples(), strict=False)):
            height = top * (0.97 - 0.03 * i)
            ax.plot([row.p16, row.p84], [height, height], color=colour, linewidth=1.2)
            ax.plot(row.mean, height, "o", color=colour, markersize=3.5)
    ax.set_xlim(low, high + 0.25 * (high - low))
    ax.set_yticks([])
    ax.set_ylabel("density")
    ax.plot([], [], **THEORY, label="one-dim. limit")
    ax.legend(loc="center right")


def density_panels(run: ShownRun, axes: Sequence[Axes]) -> None:
    """log nu_2 of the signal and log mu_2 of the noise: their distribution over realisations."""
    draw_densities(axes[0], run, "log_nu2_signal")
    axes[0].set_xlabel(r"$\log\,\nu_2(\mathbf{x}^l) - \log\,\nu_2(\mathbf{x}^0)$")
    draw_densities(axes[1], run, "log_mu2_noise")
    axes[1].set_xlabel(r"$\log\,\mu_2(\mathrm{d}\mathbf{x}^l) - \log\,\mu_2(\mathrm{d}\mathbf{x}^0)$")


def histograms(
    main: pd.DataFrame, *, scale: str, published: str | None = None, overlay_published: bool | None = None
) -> Figure:
    """Slow diffusion of the second moments in vanilla networks (Labatie 2019, Fig. 2).

    Dashed: the law of a one-dimensional signal and of noise of high rank, a random walk with log increments of
    mean -5/(2N) and -1/(2N), variance 5/N and 1/N.
    """
    run = only_run(main, scale, overlay_published, published)
    figure, axes = panel_grid([run], 2)
    density_panels(run, axes[0])
    return figure


def widths(main: pd.DataFrame, baseline: pd.DataFrame, *, scale: str) -> Figure:
    """Diffusion in a wide vanilla network beside a narrow one: it depends on l/N (Labatie 2019, complement on width).

    Above, the wide network (``main``) as in :func:`histograms`; below, variances over the realisations of both against
    l/N, with the lines 5 l/N and l/N of a one-dimensional signal.
    """
    wide, narrow = only_run(main, scale), only_run(baseline, scale)
    figure, axes = panel_grid([wide], 4)
    density_panels(wide, axes[0][:2])
    for ax, name, slope, symbol in (
        (axes[0][2], "log_nu2_signal", 5, r"$\mathrm{Var}\ \log\,\nu_2(\mathbf{x}^l)$"),
        (axes[0][3], "log_mu2_noise", 1, r"$\mathrm{Var}\ \log\,\mu_2(\mathrm{d}\mathbf{x}^l)$"),
    ):
        reach = 0.0
        for run, colour, marker in ((narrow, BLUE, "o"), (wide, RED, "s")):
            values = width_scaled_variances(run.table, name)
            error = values["variance"] * values["relative_error"]
            label = f"$N={run.params['width']}$"
            ax.errorbar(values["ratio"], values["variance"], error, fmt=marker, color=colour, label=label)
            reach = max(reach, values["ratio"].max())
        line = np.array([0, reach])
        ax.plot(line, slope * line, **THEORY, label=f"${slope if slope > 1 else ''}l/N$")
        ax.set_xlabel("$l/N$")
        ax.set_ylabel(symbol)
        ax.legend(loc="upper left")
    return figure


def sensitivity(
    main: pd.DataFrame, *, scale: str, published: str | None = None, overlay_published: bool | None = None
) -> Figure:
    """Vanilla networks lose all but one dimension of the signal (Labatie 2019, Fig. 3).

    The increments of the sensitivity tend to 1 + 3/(2N) (dashed), with standard deviation N^(-1/2); not with zero
    padding, whose border keeps a second dimension of the signal alive.
    """
    run = only_run(main, scale, overlay_published, published)
    figure, axes = panel_grid([run], 2)
    increment, rank = axes[0]
    mark_one(increment)
    draw_curve(increment, run, "delta_chi", BLUE)
    if run.is_connected or run.params["boundary"] != "zero_padding":
        late, _ = laws.late_sensitivity_increment(run.params["width"])
        increment.plot([run.depth / 2, run.depth], [late, late], **THEORY, label="$1 + 3/(2N)$")
    finish(increment, run, (0.96, 1.26), "geometric increment of sensitivity")
    mark_one(rank)
    draw_curve(rank, run, "reff_signal", PURPLE)
    finish(rank, run, (0.6, 5.5), "effective rank")
    return figure
