"""Vanilla ReLU networks: their second moments diffuse, and their signal becomes one-dimensional (Labatie 2019)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from .. import laws
from ..curves import curve, density, diffusion_law, width_scaled_variances
from ..tables import PropagationTable
from .panels import (
    BLUE,
    COLOURS,
    PURPLE,
    RED,
    SYMBOLS,
    THEORY,
    Shown,
    ShownRun,
    draw_curves,
    finish,
    legend_above,
    mark_one,
    paired_panel,
    panel_grid,
    shared_legend,
    shown,
)


def density_panel(ax: Axes, run: ShownRun, name: str, of_what: str) -> None:
    """Densities of a log moment at the measured depths, with the normal law of one-dimensional signals (dashed).

    A bar at the top: published mean and 16 to 84 % range. The legend counts networks without a value.
    """
    values = curve(run.table, name)
    mean, variance = diffusion_law(run.table, name)
    for colour, depth in zip(COLOURS, values.columns[-len(COLOURS) :], strict=False):
        edges, heights = density(values[depth])
        dead = int(values[depth].isna().sum())
        label = f"$l={depth}$" + (f" ({dead} of {len(values)} dead)" if dead else "")
        if len(edges):
            ax.stairs(heights, edges, color=colour, linewidth=1.1, fill=False)
            ax.stairs(heights, edges, color=colour, alpha=0.12, fill=True)
        ax.plot([], [], color=colour, linewidth=1.8, label=label)
        law = norm(depth * mean, np.sqrt(depth * variance))
        low, high = law.interval(0.999)
        grid = np.linspace(low, high, 300)
        ax.plot(grid, law.pdf(grid), **THEORY | {"color": colour, "linewidth": 1.3})
    top = ax.get_ylim()[1]
    if run.published is not None:
        rows = run.published[run.published["quantity"] == name]
        for i, (colour, row) in enumerate(zip(COLOURS, rows.itertuples(), strict=False)):
            height = top * (1.16 - 0.04 * i)
            ax.plot([row.p16, row.p84], [height, height], color=colour, linewidth=1.2)
            ax.plot(row.mean, height, "o", color=colour, markersize=3.5)
        ax.plot([], [], "o-", color="0.25", linewidth=1.2, markersize=3.5, label="published")
        top *= 1.2
    ax.set_ylim(0, top)
    ax.set_yticks([])
    ax.set_ylabel("density")
    ax.set_xlabel(f"{SYMBOLS[name]}, {of_what}" if of_what else SYMBOLS[name])
    ax.plot([], [], **THEORY, label="one-dim. signal")
    legend_above(ax)


def variance_panel(ax: Axes, picture: Shown, name: str, slope: int) -> None:
    """Variance over realisations against l/N beside the line of a one-dimensional signal."""
    reach = 0.0
    runs = [*picture.runs, *([picture.baseline] if picture.baseline else [])]
    looks = [(RED, "s"), (BLUE, "o"), (PURPLE, "^"), ("0.4", "D")]
    for run, label, (colour, marker) in zip(runs, picture.labels, looks, strict=False):
        values = width_scaled_variances(run.table, name)
        error = values["variance"] * values["relative_error"]
        look = {"fmt": marker, "color": colour, "capsize": 2, "markersize": 4.5}
        ax.errorbar(values["ratio"], values["variance"], error, label=label, **look)
        reach = max(reach, values["ratio"].max())
    line = np.array([0, reach])
    ax.plot(line, slope * line, **THEORY, label=f"${slope if slope > 1 else ''}l/N$")
    ax.set_xlabel("$l/N$")
    ax.set_ylabel(f"variance of {SYMBOLS[name]}")
    ax.set_ylim(0)
    legend_above(ax)


def histograms(
    main: PropagationTable,
    baseline: PropagationTable | None = None,
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Slow diffusion of the second moments in vanilla networks (Labatie 2019, Fig. 2 and its complements).

    Dashed: the law of a one-dimensional signal and of noise of high rank, a random walk with log increments of
    mean -5/(2N) and -1/(2N), variance 5/N and 1/N. With a baseline, below: variances of both against l/N.
    """
    picture = shown(main, baseline, scale, overlay_published, published)
    figure, axes = panel_grid(4 if baseline is not None else 2)
    density_panel(axes[0], picture.first, "log_nu2_signal", picture.labels[0])
    density_panel(axes[1], picture.first, "log_mu2_noise", picture.labels[0])
    if baseline is not None:
        variance_panel(axes[2], picture, "log_nu2_signal", slope=5)
        variance_panel(axes[3], picture, "log_mu2_noise", slope=1)
    return figure


def sensitivity(
    main: PropagationTable,
    baseline: PropagationTable | None = None,
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
    paired: Sequence[str] = (),
) -> Figure:
    """Vanilla networks lose all but one dimension of the signal (Labatie 2019, Fig. 3 and its complements).

    The increments of the sensitivity tend to 1 + 3/(2N) (dashed), with standard deviation N^(-1/2); not with zero
    padding, whose border keeps a second dimension of the signal alive. ``paired`` names curves whose change against the
    baseline is shown realisation by realisation.
    """
    picture = shown(main, baseline, scale, overlay_published, published)
    figure, axes = panel_grid(2 + len(paired))
    mark_one(axes[0])
    draw_curves(axes[0], picture, {"delta_chi": (BLUE, "-")})
    late_law(axes[0], picture.first)
    finish(axes[0], picture, (0.96, 1.26), "geometric increment of sensitivity")
    mark_one(axes[1])
    draw_curves(axes[1], picture, {"reff_signal": (PURPLE, "-")})
    finish(axes[1], picture, (0.6, 5.5), "effective rank")
    for ax, name in zip(axes[2:], paired, strict=False):
        paired_panel(ax, picture, name, None)
    shared_legend(figure, picture)
    return figure


def late_law(ax: Axes, run: ShownRun) -> None:
    """1 + 3/(2N) over the second half of the depth, where a one-dimensional signal is reached."""
    if run.is_connected or run.params["boundary"] != "zero_padding":
        late, _ = laws.late_sensitivity_increment(run.params["width"])
        ax.plot([run.depth / 2, run.depth], [late, late], **THEORY, label="$1 + 3/(2N)$")
