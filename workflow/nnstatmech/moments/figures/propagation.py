"""Figures on signal and noise in random deep networks (Labatie 2019): vanilla, batch-normalised, resnets.

Lines are means over the realisations, bands go from the 16th to the 84th percentile; theory is closed-form, see
:mod:`nnstatmech.moments.laws`. Every function takes the tables of its experiments; a table with several runs (a
sweep) gives one row of panels a run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from ...figures.style import panel_letter
from .. import laws
from ..curves import band, branch_sensitivities, curve, power_law
from ..published import published_curves

COLOURS = ("xkcd:blue", "xkcd:purple", "xkcd:magenta", "xkcd:red")
BLUE, PURPLE, MAGENTA, RED = COLOURS
THEORY = {"color": "0.15", "linewidth": 1.0, "linestyle": (0, (4, 2))}
PUBLISHED = {"color": "0.2", "linewidth": 0.9, "linestyle": (0, (1, 1.2)), "zorder": 1.5}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYMBOLS = {
    "delta_chi": r"$\delta\chi^l$",
    "delta_BN_chi": r"$\delta_{\mathrm{BN}}\chi^l$",
    "delta_phi_chi": r"$\delta_\phi\chi^l$",
    "chi": r"$\chi^l$",
    "reff_signal": r"$r_\mathrm{eff}(\mathbf{x}^l)$",
    "reff_noise": r"$r_\mathrm{eff}(\mathrm{d}\mathbf{x}^l)$",
    "mu4_z": r"$\mu_4(\mathbf{z}^l)$",
    "nu1_abs_z": r"$\nu_1(|\mathbf{z}^l|)$",
}


@dataclass(frozen=True)
class Run:
    """One run of an experiment: its rows, its parameters, and the published curves of the same experiment."""

    table: pd.DataFrame
    params: Mapping
    published: pd.DataFrame | None
    paper_axes: bool

    def band(self, name: str) -> pd.DataFrame:
        return band(curve(self.table, name))

    @property
    def depth(self) -> int:
        return self.params["depth"]


def runs_of(
    table: pd.DataFrame, scale: str, overlay_published: bool | None, published: str | Mapping | None
) -> Iterator[Run]:
    """The runs of an experiment in the order of their identities' parameters.

    Parameters
    ----------
    table
        The experiment's table; ``attrs["runs"]`` holds the parameters.
    scale
        At ``paper``, the paper's axis ranges are used, and the published curves drawn unless switched off.
    overlay_published
        Draw the published curves behind ours; None: at paper scale.
    published
        Name of the published experiment, or batch size to name, or None if there is none.
    """
    overlay = scale == "paper" if overlay_published is None else overlay_published
    parameters = table.attrs["runs"]
    for run in sorted(parameters, key=lambda run: (parameters[run]["width"], parameters[run]["batch_size"])):
        name = published.get(parameters[run]["batch_size"]) if isinstance(published, Mapping) else published
        curves = published_curves(name) if overlay and name else None
        yield Run(table[table["run"] == run], parameters[run], curves, paper_axes=scale == "paper")


def only_run(table: pd.DataFrame, *how) -> Run:
    """The run of an experiment without a sweep."""
    (run,) = runs_of(table, *how)
    return run


def draw_curve(ax: Axes, run: Run, name: str, colour: str, symbol: str | None = None, **style) -> pd.DataFrame:
    """Mean and band of one quantity; behind them the published ones, if they are drawn."""
    values = run.band(name)
    depth = values.index.to_numpy()
    ax.fill_between(depth, values["p16"], values["p84"], color=colour, alpha=0.1, linewidth=0)
    for edge in ("p16", "p84"):
        ax.plot(depth, values[edge], color="0.55", linewidth=0.6, linestyle=":")
    ax.plot(depth, values["mean"], color=colour, label=symbol or SYMBOLS[name], **{"linewidth": 1.8, **style})
    if run.published is not None:
        rows = run.published[run.published["quantity"] == name]
        ax.plot(rows["depth"], rows["mean"], **PUBLISHED | {"zorder": 3})
        for edge in ("p16", "p84"):
            ax.plot(rows["depth"], rows[edge], **PUBLISHED | {"linewidth": 0.5})
    return values


def finish(
    ax: Axes, run: Run, limits: tuple[float, float], label: str, log: bool = False, headroom: float = 0.0
) -> None:
    """Axis labels, range and legend.

    The paper's range ``limits`` at paper scale, widened if a mean leaves it; otherwise the data's, with a fraction
    ``headroom`` added at the top for the legend.
    """
    if log:
        ax.set_yscale("log")
    ax.set_xlim(0, run.depth)
    if run.paper_axes:
        means = [line.get_ydata().max() for line in ax.get_lines() if line.get_linewidth() > 1.5]
        ax.set_ylim(limits[0], max(limits[1], 2 * max(means)) if log else max(limits[1], 1.02 * max(means)))
    elif headroom:
        bottom, top = ax.get_ylim()
        ax.set_ylim(bottom, top + headroom * (top - bottom))
    ax.set_xlabel("unit $l$" if run.params["architecture"] == "bn_res" else "depth $l$")
    ax.set_ylabel(label)
    if run.published is not None:
        ax.plot([], [], **PUBLISHED, label="published")
    ax.legend(loc="best")


def one(ax: Axes) -> None:
    ax.axhline(1, color="0.4", linewidth=0.8, linestyle="--", zorder=1)


def caption_of(run: Run) -> str:
    """What tells the runs of a sweep apart."""
    return f"$N={run.params['width']}$, $B={run.params['batch_size']}$"


def panel_grid(runs: Sequence[Run], panels: int) -> tuple[Figure, np.ndarray]:
    """Panels in two columns for one run; for several, one row of panels a run with its sizes at the left."""
    if len(runs) == 1:
        rows, columns, size = -(-panels // 2), 2, (10, 3.1 * -(-panels // 2))
    else:
        rows, columns, size = len(runs), panels, (4.1 * panels, 2.9 * len(runs))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for letter, ax in zip(LETTERS, axes.flat, strict=False):
        panel_letter(ax, letter)
    if len(runs) > 1:
        for run, row in zip(runs, axes, strict=True):
            row[0].set_title(caption_of(run), loc="right", fontsize=10)
    return figure, axes.reshape(len(runs), panels)


# --- vanilla networks -----------------------------------------------------------------------------------------------


def draw_histograms(ax: Axes, run: Run, name: str, limit: tuple[float, float]) -> None:
    """Densities of a log moment at the measured depths, with the normal law of one-dimensional signals (dashed).

    ``limit`` holds mean and variance of the increment of one layer in that limit. A bar at the top: published mean
    and 16 to 84 % range.
    """
    values = curve(run.table, name)
    bins = 50 if len(values) >= 5000 else round(2 * len(values) ** (1 / 3))  # the paper's number, or Rice's rule
    for colour, depth in zip(COLOURS, values.columns[-len(COLOURS) :], strict=False):
        density, edges = np.histogram(values[depth].dropna(), bins=bins, density=True)
        ax.plot((edges[1:] + edges[:-1]) / 2, density, color=colour, linewidth=1.6, label=f"$l={depth}$")
    low, high = ax.get_xlim()
    grid = np.linspace(low, high, 400)
    for colour, depth in zip(COLOURS, values.columns[-len(COLOURS) :], strict=False):
        law = norm(depth * limit[0], np.sqrt(depth * limit[1]))
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


def histogram_panels(run: Run, axes: Sequence[Axes]) -> None:
    """log nu_2 of the signal and log mu_2 of the noise: their distribution over realisations."""
    width = run.params["width"]
    draw_histograms(axes[0], run, "log_nu2_signal", laws.log_increment_moments(width))
    axes[0].set_xlabel(r"$\log\,\nu_2(\mathbf{x}^l) - \log\,\nu_2(\mathbf{x}^0)$")
    draw_histograms(axes[1], run, "log_mu2_noise", laws.log_noise_increment_moments(width))
    axes[1].set_xlabel(r"$\log\,\mu_2(\mathrm{d}\mathbf{x}^l) - \log\,\mu_2(\mathrm{d}\mathbf{x}^0)$")


def vanilla_histograms(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Slow diffusion of the second moments in vanilla networks (Labatie 2019, Fig. 2).

    Dashed: the law of a one-dimensional signal and of noise of high rank, a random walk with log increments of
    mean -5/(2N) and -1/(2N), variance 5/N and 1/N.
    """
    (table,) = tables.values()
    run = only_run(table, scale, overlay_published, published)
    figure, axes = panel_grid([run], 2)
    histogram_panels(run, axes[0])
    return figure


def vanilla_widths(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Diffusion in a wide vanilla network beside a narrow one: it depends on l/N (Labatie 2019, complement on width).

    Above, the wide network as in :func:`vanilla_histograms`; below, variances over the realisations of both against
    l/N, with the lines 5 l/N and l/N of a one-dimensional signal.
    """
    runs = sorted(
        (only_run(table, scale, overlay_published, None) for table in tables.values()),
        key=lambda run: run.params["width"],
    )
    wide = max(tables.values(), key=lambda table: max(p["width"] for p in table.attrs["runs"].values()))
    figure, axes = panel_grid(runs[:1], 4)
    histogram_panels(only_run(wide, scale, overlay_published, published), axes[0][:2])
    for ax, name, slope, symbol in (
        (axes[0][2], "log_nu2_signal", 5, r"$\mathrm{Var}\ \log\,\nu_2(\mathbf{x}^l)$"),
        (axes[0][3], "log_mu2_noise", 1, r"$\mathrm{Var}\ \log\,\mu_2(\mathrm{d}\mathbf{x}^l)$"),
    ):
        for run, colour, marker in zip(runs, (BLUE, RED), "os", strict=False):
            values = curve(run.table, name)
            ratio = values.columns.to_numpy() / run.params["width"]
            variance = values.var()
            error = variance * np.sqrt(2 / (len(values) - 1))
            ax.errorbar(ratio, variance, error, fmt=marker, color=colour, label=f"$N={run.params['width']}$")
        reach = np.array([0, max(run.depth / run.params["width"] for run in runs)])
        ax.plot(reach, slope * reach, **THEORY, label=f"${slope if slope > 1 else ''}l/N$")
        ax.set_xlabel("$l/N$")
        ax.set_ylabel(symbol)
        ax.legend(loc="upper left")
    return figure


def vanilla_sensitivity(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Vanilla networks lose all but one dimension of the signal (Labatie 2019, Fig. 3).

    The increments of the sensitivity tend to 1 + 3/(2N) (dashed), with standard deviation N^(-1/2); not with zero
    padding, whose border keeps a second dimension of the signal alive.
    """
    (table,) = tables.values()
    run = only_run(table, scale, overlay_published, published)
    figure, axes = panel_grid([run], 2)
    increment, rank = axes[0]
    one(increment)
    draw_curve(increment, run, "delta_chi", BLUE)
    if run.params["kernel_size"] == 1 or run.params["boundary"] != "zero_padding":
        late, _ = laws.late_sensitivity_increment(run.params["width"])
        increment.plot([run.depth / 2, run.depth], [late, late], **THEORY, label="$1 + 3/(2N)$")
    finish(increment, run, (0.96, 1.26), "geometric increment of sensitivity")
    one(rank)
    draw_curve(rank, run, "reff_signal", PURPLE)
    finish(rank, run, (0.6, 5.5), "effective rank")
    return figure


# --- batch-normalised networks --------------------------------------------------------------------------------------


def increments_panel(ax: Axes, run: Run) -> None:
    """delta chi and its parts; dashed, the activation's part as it follows from nu_1(|z|), and for normal z."""
    one(ax)
    resnet = run.params["architecture"] == "bn_res"
    for name, colour in (("delta_BN_chi", PURPLE), ("delta_phi_chi", RED), ("delta_chi", BLUE)):
        draw_curve(ax, run, name, colour, SYMBOLS[name].replace("^l", "^{l,1}") if resnet else None)
    nu1 = run.band("nu1_abs_z")["mean"]
    ax.plot(nu1.index, laws.activation_increment(nu1), **THEORY, label=r"$(1-\nu_1(|\mathbf{z}^l|)^2/2)^{-1/2}$")
    normal = r"$(1-1/\pi)^{-1/2}$, normal $\mathbf{z}$"
    ax.axhline(laws.GAUSSIAN_ACTIVATION_INCREMENT, color="0.6", linewidth=0.8, zorder=1, label=normal)
    finish(ax, run, (0.99, 1.4), "geometric increment of sensitivity", headroom=0.35)


def growth_panel(ax: Axes, run: Run) -> None:
    """chi on a logarithmic axis: its exponential growth, with the rate over the second half of the depth."""
    draw_curve(ax, run, "chi", BLUE)
    logs = curve(run.table, "log_chi").mean()
    late = logs[logs.index >= run.depth / 2]
    rate, start = np.polyfit(late.index, late, 1)
    ax.plot(late.index, np.exp(start + rate * late.index), **THEORY, label=f"$e^{{\\gamma l}}$, $\\gamma={rate:.3f}$")
    finish(ax, run, (1, 1e17), "normalised sensitivity", log=True)


def ranks_panel(ax: Axes, run: Run, limits: tuple[float, float]) -> None:
    one(ax)
    resnet = run.params["architecture"] == "bn_res"
    for name, style in (("reff_noise", ":"), ("reff_signal", "-")):
        symbol = SYMBOLS[name].replace("^l", "^{l,1}") if resnet else None
        draw_curve(ax, run, name, PURPLE, symbol, linestyle=style)
    finish(ax, run, limits, "effective rank", log=True)


def shape_panel(ax: Axes, run: Run, limits: tuple[float, float], log: bool) -> None:
    """mu_4 and nu_1 of normalised pre-activations beside their values for normal ones."""
    resnet = run.params["architecture"] == "bn_res"
    for name, style in (("mu4_z", ":"), ("nu1_abs_z", "-")):
        symbol = SYMBOLS[name].replace("^l", "^{l,1}") if resnet else None
        draw_curve(ax, run, name, RED, symbol, linestyle=style)
    for value in (laws.GAUSSIAN_MU4, laws.GAUSSIAN_NU1):
        ax.axhline(value, color="0.6", linewidth=0.8, zorder=1)
    ax.plot([], [], color="0.6", linewidth=0.8, label="normal $\\mathbf{z}$")
    if run.params["kernel_size"] == 1 and log:
        bound = laws.largest_kurtosis(run.params["batch_size"])
        ax.axhline(bound, **THEORY, label="largest $\\mu_4$ of $B$ points")
    finish(ax, run, limits, "moments of $\\mathbf{z}$", log=log)
    if not log and not run.paper_axes:
        ax.set_ylim(0)


def batch_norm_feedforward(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    published: str | Mapping | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Exploding sensitivity of batch-normalised feed-forward networks (Labatie 2019, Fig. 4 and its complements)."""
    (table,) = tables.values()
    runs = list(runs_of(table, scale, overlay_published, published))
    figure, axes = panel_grid(runs, 4)
    for run, row in zip(runs, axes, strict=True):
        increments_panel(row[0], run)
        growth_panel(row[1], run)
        ranks_panel(row[2], run, (0.8, 1e4))
        shape_panel(row[3], run, (0.1, 3e4), log=True)
    return figure


def batch_norm_resnet(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Power-law sensitivity of batch-normalised resnets (Labatie 2019, Fig. 5 and its complement).

    The power law's exponent follows from the increments and only its factor is fitted; the recursion has no fitted
    parameter and starts from the first measured unit, see :func:`nnstatmech.moments.laws.resnet_sensitivity`.
    """
    (table,) = tables.values()
    run = only_run(table, scale, overlay_published, published)
    figure, axes = panel_grid([run], 4)
    increments_panel(axes[0][0], run)
    power_law_panel(axes[0][1], run)
    ranks_panel(axes[0][2], run, (0.8, 2e4))
    shape_panel(axes[0][3], run, (0, 7.2), log=False)
    return figure


def power_law_panel(ax: Axes, run: Run) -> None:
    values = draw_curve(ax, run, "chi", BLUE)
    residual_depth = run.params["residual_depth"]
    _, exponent, factor = power_law(branch_sensitivities(run.table), residual_depth)
    depth = values.index.to_numpy(float)
    ax.plot(depth, factor * depth**exponent, color=RED, linestyle="--", linewidth=1.4, label=f"$l^{{{exponent:.3f}}}$")
    increments = run.band("delta_chi")["mean"].to_numpy()
    predicted = laws.resnet_sensitivity(depth, increments, values["mean"].iloc[0], residual_depth)
    ax.plot(depth, predicted, **THEORY | {"linestyle": "-."}, label="recursion, no fit")
    finish(ax, run, (1, 50), "normalised sensitivity")
