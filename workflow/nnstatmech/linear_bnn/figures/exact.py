"""Figures of the exact priors and posteriors of finite networks, and of the ensembles held against them."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures import style
from .. import comparison

BINS = 30
PROCESS = {"color": "black", "linestyle": "--", "linewidth": 1.2}


def prior(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Densities of outputs: by width, of whole layers, with rectified units, behind a bottleneck."""
    table = tables["stm_prior"]
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    _component_panel(axes[0, 0], table[table["panel"] == "width"], "n")
    _layer_panel(axes[0, 1], table)
    _component_panel(axes[1, 0], table[table["panel"] == "relu"], "n")
    _component_panel(axes[1, 1], table[table["panel"] == "bottleneck"], "k")
    titles = (
        "linear, one hidden layer",
        "linear, equal widths",
        "ReLU, one hidden layer",
        "linear, widths 100, k, 100",
    )
    for ax, letter, title in zip(axes.flat, "abcd", titles, strict=True):
        style.panel_letter(ax, letter)
        ax.set_title(title)
    return figure


def posterior_ladder(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """A grid of predictive laws: rows are widths, columns are inverse temperatures."""
    exact, sampled = tables["stm_exact"], tables["stm_hmc"]
    networks, betas = _by_width(sampled["network"].unique()), sorted(sampled["beta"].unique())
    figure, axes = plt.subplots(len(networks), len(betas), figsize=(12, 1.9 * len(networks) + 0.6), sharex=True)
    for row, network in zip(axes, networks, strict=True):
        for ax, beta in zip(row, betas, strict=True):
            _ladder_panel(ax, _select(exact, network, beta), _select(sampled, network, beta))
        row[0].set_ylabel(f"n = {network}\ndensity")
    for ax, beta in zip(axes[0], betas, strict=True):
        ax.set_title(f"β = {beta:g}")
    for ax in axes[-1]:
        ax.set_xlabel("output f(x)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def js_vs_width(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Distances between exact laws and of ensembles to them, and what dropping unconverged networks does."""
    exact, hmc, descent = tables["stm_exact"], tables["stm_hmc"], tables["stm_descent"]
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 5), width_ratios=(1.35, 1, 1))
    _distances_between_laws(axes[0], exact)
    _distances_of_ensembles(axes[0], hmc, descent)
    _selection_panel(axes[1], descent)
    _convergence_panel(axes[2], descent)
    for ax, letter in zip(axes, "abc", strict=True):
        style.panel_letter(ax, letter)
    return figure


def js_vs_samples(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """How distances to the exact posterior fall with the number of networks, in bins and by density estimates."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    hmc, langevin, descent = tables["stm_hmc"], tables["stm_langevin"], tables["stm_descent"]
    curves = [
        ("HMC, n = 1, β = 0.3", _select(hmc, "1", 0.3), "1", 0.3),
        ("HMC, n = 4, β = 10", _select(hmc, "4", 10), "4", 10),
        ("Langevin, n = 2, β = 10", _select(langevin, "2", 10), "2", 10),
        ("Langevin, n = 8, β = 10", _select(langevin, "8", 10), "8", 10),
        ("gradient descent, n = 2", _select(descent, "2", None), "2", None),
        ("gradient descent, n = 16", _select(descent, "16", None), "16", None),
        ("gradient descent, n = 64", _select(descent, "64", None), "64", None),
    ]
    largest = max(len(_values(sampled, "probability")) for _, sampled, _, _ in curves)
    _floor(axes[0], np.geomspace(100, largest, 50))
    for (label, sampled, network, beta), colour in zip(curves, sns.color_palette("deep"), strict=False):
        sizes = _sizes(len(_values(sampled, "probability")))
        probabilities, outputs = _values(sampled, "probability"), _values(sampled, "output")
        law = _select(tables["stm_exact"], network, beta)
        in_bins = [comparison.equiprobable(probabilities[:size], BINS).distance for size in sizes]
        by_density = [comparison.kde_distance(outputs[:size], _density(law)) for size in sizes]
        axes[0].loglog(sizes, in_bins, "o-", markersize=3, color=colour, label=label)
        axes[1].loglog(sizes, by_density, "o-", markersize=3, color=colour, label=label)
    axes[0].set_title("30 equiprobable bins")
    axes[1].set_title("kernel density estimate")
    axes[1].sharey(axes[0])
    for ax, letter in zip(axes, "ab", strict=True):
        style.panel_letter(ax, letter)
        ax.set_xlabel("networks M")
        ax.set_ylabel("Jensen-Shannon distance")
        ax.legend()
    return figure


def energy_vs_beta(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Mean loss by inverse temperature, exact and sampled, and the posterior of the kernel scale."""
    exact, hmc, langevin = tables["stm_energy"], tables["stm_hmc"], tables["stm_langevin"]
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.2))
    networks = _by_width(exact["network"].unique())
    colours = dict(zip(networks, sns.color_palette("viridis", len(networks)), strict=True))
    _loss_panel(axes[0], exact, hmc, colours)
    _loss_ratio_panel(axes[1], hmc, langevin, colours)
    _scale_panel(axes[2], exact, colours)
    for ax, letter in zip(axes, "abc", strict=True):
        style.panel_letter(ax, letter)
        ax.set_xlabel("inverse temperature β")
    return figure


def _component_panel(ax: Axes, table: pd.DataFrame, symbol: str) -> None:
    """Density of one output at h > 0 on a logarithmic axis."""
    networks = list(dict.fromkeys(table["network"]))
    for network, colour in zip(networks, sns.color_palette("viridis", len(networks)), strict=True):
        rows = table[table["network"] == network]
        curve = _curve(rows, "log_radial")
        width = network.split("-")[len(network.split("-")) // 2]
        ax.plot(curve.index, np.exp(curve) / 2, color=colour, label=f"{symbol} = {width}")
        dots = _curve(rows, "sampled_radial")
        error = _curve(rows, "sampled_radial", "sem")
        seen = dots > 0
        ax.errorbar(
            dots.index[seen], dots[seen] / 2, error[seen] / 2, fmt="o", markersize=2, color=colour, linewidth=0.8
        )
    process = _curve(table, "log_radial_process")
    ax.plot(process.index, np.exp(process) / 2, label="infinite width", **PROCESS)
    ax.set(yscale="log", ylim=(1e-5, 10), xlim=(0, process.index.max()), xlabel="|h|", ylabel="density p(h)")
    ax.legend(ncols=2)


def _layer_panel(ax: Axes, table: pd.DataFrame) -> None:
    """Density of the length of a whole layer's output."""
    panels = [name for name in dict.fromkeys(table["panel"]) if name.startswith("layer_")]
    palette = iter(sns.color_palette("deep"))
    for panel in panels:
        rows = table[table["panel"] == panel]
        for network in dict.fromkeys(rows["network"]):
            one, colour = rows[rows["network"] == network], next(palette)
            curve, dots = _curve(one, "log_radial"), _curve(one, "sampled_radial")
            depth = len(network.split("-"))
            label = f"N = {network.split('-')[0]}, {depth} hidden layer{'s' * (depth > 1)}"
            ax.plot(curve.index, np.exp(curve), color=colour, label=label)
            ax.errorbar(
                dots.index,
                dots,
                _curve(one, "sampled_radial", "sem"),
                fmt="o",
                markersize=2.5,
                color=colour,
                linewidth=0.8,
            )
        process = _curve(rows, "log_radial_process")
        label = "infinite width" if panel == panels[0] else None
        ax.plot(process.index, np.exp(process), label=label, **PROCESS)
    ax.set(
        xlim=(0.4, 1.6),
        ylim=(0, None),
        xlabel=r"$|h| \,/\, \langle |h|^2\rangle^{1/2}$",
        ylabel="density of the length",
    )
    ax.legend()


def _ladder_panel(ax: Axes, exact: pd.DataFrame, sampled: pd.DataFrame) -> None:
    outputs = _values(sampled, "output")
    curve, process = _curve(exact, "density"), _curve(exact, "process_density")
    edges = np.linspace(-5, 5, 51)
    share = np.histogram(outputs, edges)[0] / (len(outputs) * np.diff(edges))
    ax.stairs(share, edges, fill=True, color="#9ab8d8", label="HMC networks")
    ax.plot(process.index, process, label="infinite width", **PROCESS)
    ax.plot(curve.index, curve, color="C3", linewidth=1.2, label="exact, finite width")
    agreement = comparison.equiprobable(_values(sampled, "probability"), BINS)
    text = f"8MJSD {agreement.statistic:.0f}\np = {agreement.p_value:.2g}"
    ax.text(0.97, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=7)
    ax.set(xlim=(-5, 5), ylim=(0, 1.45 * max(share.max(), process.max())))
    ax.tick_params(labelsize=7)
    ax.grid(False)


def _distances_between_laws(ax: Axes, exact: pd.DataFrame) -> None:
    one_layer = exact[~exact["network"].str.contains("-")]
    for beta, quantity, label, marker in (
        (0.0, "js_distance", "exact to process, β = 0", "^-"),
        (None, "js_distance", "exact to process, T = 0", "v-"),
        (None, "saddle_js_distance", "exact to renormalised kernel, T = 0", "d-"),
    ):
        rows = _select(one_layer, None, beta)
        rows = rows[rows["quantity"] == quantity]
        widths = [int(network) for network in rows["network"]]
        ax.loglog(widths, rows["value"], marker, markersize=4, linewidth=1, label=label)
    widths = np.array([4, 1000])
    ax.loglog(widths, np.sqrt(3) / 4 / widths, color="black", linestyle=":", label=r"$(\sqrt{3}/4)\,/\,n$")


def _distances_of_ensembles(ax: Axes, hmc: pd.DataFrame, descent: pd.DataFrame) -> None:
    samples = len(_values(_select(descent, "1", None), "probability"))
    for table, label, colour in (
        (descent, "gradient descent to exact, T = 0", "C3"),
        (hmc, "HMC to exact, all β", "C4"),
    ):
        points = [(int(network), *_net_distance(table, network)) for network in _by_width(table["network"].unique())]
        widths, distance, low, high = np.array(points).T
        ax.errorbar(
            widths,
            distance,
            (distance - low, high - distance),
            fmt="o",
            color=colour,
            markersize=5,
            capsize=2,
            label=label,
        )
    critical = comparison.critical_distance(BINS, samples)
    level = np.sqrt(max(critical**2 - comparison.floor(BINS, samples) ** 2, 0))
    ax.axhline(level, color="0.6", linewidth=1)
    ax.text(700, level * 1.05, f"99 %, M = {samples}", color="0.4", fontsize=7, ha="right")
    ax.set(xlabel="hidden units n", ylabel="Jensen-Shannon distance", ylim=(3e-4, 0.4))
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _net_distance(table: pd.DataFrame, network: str) -> tuple[float, float, float]:
    """Distance with the sampling contribution removed, and the ends of its error bar (one standard error)."""
    estimates = [
        comparison.excess_divergence(comparison.equiprobable(_values(rows, "probability"), BINS))
        for _, rows in table[table["network"] == network].groupby("beta", dropna=False)
    ]
    divergence = np.mean([value for value, _ in estimates])
    # Rungs of one ladder are the same chains: their errors are taken as fully correlated.
    error = np.mean([error for _, error in estimates])
    ends = np.sqrt(np.maximum([divergence, divergence - error, divergence + error], 1e-8))
    return tuple(ends)


def _selection_panel(ax: Axes, descent: pd.DataFrame) -> None:
    networks = _by_width(descent["network"].unique())
    widths = [int(network) for network in networks]
    typical = np.median(_values(_select(descent, networks[-1], None), "step"))
    for multiple, colour in zip((1.5, 3, 6), sns.color_palette("flare", 3), strict=True):
        budget = multiple * typical
        distances = [_kept_distance(_select(descent, network, None), budget) for network in networks]
        ax.loglog(widths, distances, "o-", markersize=4, color=colour, label=f"within {budget:.0f} steps")
    everything = [_kept_distance(_select(descent, network, None), np.inf) for network in networks]
    ax.loglog(widths, everything, "ko-", markersize=4, label="ever")
    samples = len(_values(_select(descent, networks[0], None), "probability"))
    ax.axhline(comparison.floor(BINS, samples), color="0.6", linewidth=1, label="sampling floor")
    ax.set(xlabel="hidden units n", ylabel="Jensen-Shannon distance to the exact law", ylim=(None, 1))
    ax.legend(title="networks kept if converged", fontsize=7, title_fontsize=7)


def _kept_distance(rows: pd.DataFrame, budget: float) -> float:
    wide = rows[rows["quantity"].isin(["step", "probability"])].pivot(
        index=["seed", "member"], columns="quantity", values="value"
    )
    kept = wide.loc[(wide["step"] >= 0) & (wide["step"] <= budget), "probability"]
    return comparison.equiprobable(kept, BINS).distance if len(kept) else np.nan


def _convergence_panel(ax: Axes, descent: pd.DataFrame) -> None:
    networks = _by_width(descent["network"].unique())
    for network, colour in zip(networks, sns.color_palette("viridis", len(networks)), strict=True):
        step = _values(_select(descent, network, None), "step")
        taken = np.sort(step[step >= 0])
        left = 1 - np.arange(1, len(taken) + 1) / len(step)
        ax.step(taken, left, where="post", color=colour, label=f"n = {network}")
    ax.set(xscale="log", yscale="log", xlabel="gradient steps", ylabel="networks with loss above tolerance")
    ax.legend(fontsize=7, ncols=2)


def _floor(ax: Axes, sizes: np.ndarray) -> None:
    low, high = (comparison.critical_distance(BINS, sizes, level) for level in (0.01, 0.99))
    ax.fill_between(sizes, low, high, color="0.85", label="samples of the exact law, 98 %")
    ax.loglog(sizes, comparison.floor(BINS, sizes), label=r"$\sqrt{29/8M}$", **PROCESS)


def _sizes(available: int) -> np.ndarray:
    return np.unique(np.geomspace(100, available, 12).astype(int))


def _density(exact: pd.DataFrame):
    curve = _curve(exact, "density")
    return lambda h: np.interp(h, curve.index, curve, left=0, right=0)


def _loss_panel(ax: Axes, exact: pd.DataFrame, hmc: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    finite = exact.dropna(subset="beta")
    for network, colour in colours.items():
        rows = finite[(finite["network"] == network) & (finite["quantity"] == "mean_loss")]
        ax.loglog(rows["beta"], rows["value"], color=colour, label=f"n = {network}")
        dots = hmc[(hmc["network"] == network) & (hmc["quantity"] == "loss")].groupby("beta")["value"]
        if len(dots):
            ax.errorbar(dots.mean().index, dots.mean(), dots.sem(), fmt="o", markersize=3.5, color=colour)
    process = finite[finite["quantity"] == "process_mean_loss"].groupby("beta")["value"].first()
    ax.loglog(process.index, process, label="infinite width", **PROCESS)
    images = exact.attrs["runs"][exact["run"].iloc[0]]["images"]
    cold = np.array([1.0, process.index.max()])
    ax.loglog(cold, images / (2 * cold), color="C3", linestyle=":", label=f"P/(2β), P = {images}")
    ax.set_ylabel("mean loss ⟨L⟩")
    ax.legend(fontsize=7)


def _loss_ratio_panel(ax: Axes, hmc: pd.DataFrame, langevin: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    for table, marker, name in ((hmc, "o", "HMC"), (langevin, "s", "Langevin")):
        for network in _by_width(table["network"].unique()):
            rows = table[table["network"] == network]
            loss = rows[rows["quantity"] == "loss"].groupby("beta")["value"]
            exact = rows[rows["quantity"] == "exact_mean_loss"].groupby("beta")["value"].first()
            ratio, error = loss.mean() / exact, loss.sem() / exact
            ax.errorbar(
                ratio.index, ratio, error, fmt=f"{marker}-", markersize=4, linewidth=0.8, color=colours[network],
                label=f"{name}, n = {network}",
            )  # fmt: skip
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xscale="log", yscale="log", ylabel=r"sampled over exact $\langle L\rangle$")
    ax.legend(fontsize=7)


def _scale_panel(ax: Axes, exact: pd.DataFrame, colours: Mapping[str, tuple]) -> None:
    finite = exact.dropna(subset="beta")
    for network, colour in colours.items():
        rows = finite[finite["network"] == network]
        for quantity, line in (("mean_scale", "-"), ("saddle_scale", "--")):
            curve = rows[rows["quantity"] == quantity]
            label = f"n = {network}" if quantity == "mean_scale" else None
            ax.semilogx(curve["beta"], curve["value"], line, color=colour, linewidth=1.2, label=label)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_ylabel("kernel scale u / E[u] (dashed: saddle)")
    ax.legend(fontsize=7)


def _select(table: pd.DataFrame, network: str | None, beta: float | None) -> pd.DataFrame:
    """Rows of one network (or all) at one inverse temperature, None being zero temperature."""
    rows = table if network is None else table[table["network"] == network]
    return rows[rows["beta"].isna()] if beta is None else rows[np.isclose(rows["beta"], beta)]


def _values(rows: pd.DataFrame, quantity: str) -> np.ndarray:
    return rows.loc[rows["quantity"] == quantity, "value"].to_numpy()


def _curve(rows: pd.DataFrame, quantity: str, statistic: str = "mean") -> pd.Series:
    """A quantity by position, over seeds where it has several."""
    return rows[rows["quantity"] == quantity].groupby("position")["value"].agg(statistic)


def _by_width(networks: Sequence[str]) -> list[str]:
    return sorted(networks, key=lambda network: [int(width) for width in network.split("-")])
