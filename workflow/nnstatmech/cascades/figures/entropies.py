"""Figures of reconstruction cascades: entropies over depth and weight variance, and where information is lost."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...theory.mean_field import MeanField, critical_weight_variance
from .depth_scales import correlation_depths, heat_map, parameter

VARIANCE_LABEL = r"weight variance $\sigma_w^2$"
LOWEST_ENTROPY, LOWEST_ENTROPY_OF_RESNETS = -20.0, -10.0
# Accuracies of the strip above the ResNets' map: not above chance, above it, clearly above it.
STRIP_LIMITS, STRIP_COLOURS = (0.10, 0.15), ("white", "0.6", "black")


def with_decoder(table: pd.DataFrame, decoder: str, strength: float | None = None) -> pd.DataFrame:
    """The rows whose runs used a decoder (of a ridge strength); ``attrs`` are kept."""
    runs = [
        run
        for run, params in table.attrs["runs"].items()
        if params["decoder"] == decoder and strength in (None, params["ridge_strength"])
    ]
    return table[table.run.isin(runs)]


def decoder_label(params: Mapping) -> str:
    """How a run's decoders were fitted, for titles and legends."""
    if params["decoder"] == "adam":
        return f"Adam, {params['presentations']:,} images"
    return rf"ridge, $\lambda=10^{{{np.log10(params['ridge_strength']):.0f}}}$"


def over_depth(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean over seeds, rows: depth, columns: weight variance."""
    rows = table[table.quantity == quantity]
    return rows.pivot_table(index="depth", columns="weight_variance", values="value", aggfunc="mean")


def cutoffs(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean cutoff and its standard error, from seeds and resampled images, by weight variance.

    NaN at weight variances at which a seed does not lose the information within the network.
    """
    values = table[table.quantity == quantity].groupby("weight_variance").value
    mean, count = values.mean(), values.size()
    between = values.var(ddof=1).fillna(0) / count
    errors = table[table.quantity == f"{quantity}_error"].groupby("weight_variance").value
    # The test images are the same for all seeds: their part of the error does not shrink with the seeds.
    result = pd.DataFrame({"depth": mean, "error": np.sqrt(between + errors.mean().fillna(0) ** 2)})
    return result.where(values.count() == count)


def quantity_map(ax: Axes, table: pd.DataFrame, quantity: str, lowest: float = LOWEST_ENTROPY):
    """Draw entropy (from ``lowest`` on) or R² over weight variance and depth; returns the colours."""
    grid = over_depth(table, quantity)
    options = {"cmap": "Spectral", "vmin": lowest, "vmax": np.ceil(grid.to_numpy().max())}
    if quantity == "explained_variance":
        # Roots of R² are shown evenly: what is left at great depth would be black otherwise.
        lowest, options = 0, {"cmap": "magma", "norm": PowerNorm(0.5, 0, 1)}
    ax.set_ylabel("depth of the cascade")
    return heat_map(ax, grid.clip(lower=lowest), **options)


def entropy_panel(ax: Axes, table: pd.DataFrame, quantity: str):
    """A map of ``quantity`` with the scales of mean-field theory; returns the colours."""
    mesh = quantity_map(ax, table, quantity)
    colour = "white" if quantity == "explained_variance" else "black"
    correlation_depths(ax, parameter(table, "bias_variance"), colour=colour)
    return mesh


def ridge_line(ax: Axes, table: pd.DataFrame, quantity: str, colour: str) -> None:
    """Mark at every depth the weight variance at which ``quantity`` is largest, while it stands out."""
    grid = over_depth(table, quantity)
    peak = grid.idxmax(axis=1)[grid.max(axis=1) - grid.median(axis=1) > 0.02]
    ax.plot(peak, peak.index, ".", ms=3.5, color=colour, label="largest")


def legend(ax: Axes, dark: bool = False) -> None:
    colours = {"facecolor": "0.25", "labelcolor": "white"} if dark else {}
    ax.legend(loc="upper right", fontsize=8, **colours).set_zorder(5)


def diff_entropy(
    tables: Mapping[str, pd.DataFrame], *, scale: str, network: str, map_strength: float, peak_strength: float
) -> Figure:
    """Differential entropy and explained variance of MLP cascades over weight variance and depth.

    ``network`` names the experiment; the entropy is drawn for ridge decoders of ``map_strength``, the explained
    variance for those of ``peak_strength``. At paper scale trained decoders have a third panel.
    """
    table = tables[network]
    trained = with_decoder(table, "adam")
    panels = [
        (with_decoder(table, "ridge", map_strength), "differential_entropy"),
        (with_decoder(table, "ridge", peak_strength), "explained_variance"),
    ]
    if len(trained):
        panels.insert(1, (trained, "differential_entropy"))
    figure = Figure(figsize=(4.7 * len(panels), 4.1))
    for letter, ax, (part, quantity) in zip(
        "abc", figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=False
    ):
        mesh = entropy_panel(ax, part, quantity=quantity)
        dark = quantity == "explained_variance"
        if dark:
            ridge_line(ax, part, quantity, "cyan")
        legend(ax, dark)
        figure.colorbar(mesh, ax=ax, label=r"explained variance $R^2$" if dark else "differential entropy (nats)")
        panel_letter(ax, letter)
        ax.set_title(decoder_label(table.attrs["runs"][part.run.iloc[0]]), fontsize=10)
    return figure


def rel_entropy(
    tables: Mapping[str, pd.DataFrame], *, scale: str, network: str, strength: float, variances: list[float]
) -> Figure:
    """Relative entropy of images and reconstructions over depth: corrected, and as the original work computed it.

    One curve for each of the ``variances`` (the nearest at hand).
    """
    table = with_decoder(tables[network], "ridge", strength)
    figure = Figure(figsize=(9.6, 3.9))
    axes = figure.subplots(1, 2)
    panels = (("relative_entropy", "relative entropy (nats)"), ("relative_entropy_coded", "as coded originally (nats)"))
    critical = critical_weight_variance(parameter(table, "bias_variance"))
    for letter, ax, (quantity, label) in zip("ab", axes, panels, strict=True):
        grid = over_depth(table, quantity)
        spread = table[table.quantity == quantity].groupby(["depth", "weight_variance"]).value.std(ddof=1).unstack()
        nearest = sorted({grid.columns[np.abs(grid.columns - variance).argmin()] for variance in variances})
        colours = colormaps["coolwarm"](np.linspace(0, 1, len(nearest)))
        for variance, colour in zip(nearest, colours, strict=True):
            phase = "-" if variance < critical else "--"
            ax.plot(grid.index, grid[variance], phase, color=colour, label=f"{variance:g}")
            low, high = grid[variance] - spread[variance], grid[variance] + spread[variance]
            ax.fill_between(grid.index, low, high, color=colour, alpha=0.15, lw=0)
        ax.set_xlabel("depth of the cascade")
        ax.set_ylabel(label)
        ax.set_xlim(0, grid.index.max())
        panel_letter(ax, letter)
    axes[0].legend(title=r"$\sigma_w^2$ (solid: ordered)", ncols=2, loc="lower right")
    return figure


def cutoff_curves(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str, strength: float) -> Figure:
    """Depths at which information is lost over the weight variance: by thresholds, and as coded originally."""
    table = with_decoder(tables[network], "ridge", strength)
    params = table.attrs["runs"][table.run.iloc[0]]
    figure = Figure(figsize=(9.6, 4.1))
    left, right = figure.subplots(1, 2, sharey=True)
    for quantity, label in (
        ("cutoff_explained_variance", rf"$R^2 < {params['lowest_explained_variance']:g}$"),
        ("cutoff_entropy", f"entropy fell by {params['entropy_drop']:g} nats"),
    ):
        found = cutoffs(table, quantity)
        left.errorbar(found.index, found.depth, found.error, fmt=".-", ms=4, lw=1, capsize=1.5, label=label)
    mean = table[table.quantity == "cutoff_coded_mean"].groupby("weight_variance").value.mean()
    images = table[table.quantity == "cutoff_coded_images"].groupby("weight_variance").value.mean()
    spread = table[table.quantity == "cutoff_coded_images_deviation"].groupby("weight_variance").value.mean()
    differential = table[table.quantity == "cutoff_coded_differential"].groupby("weight_variance").value.mean()
    right.plot(mean.index, mean, ".-", ms=4, lw=1, label="mean relative entropy")
    right.errorbar(images.index, images, spread, fmt=".-", ms=4, lw=1, capsize=1.5, label="that of single images")
    right.plot(differential.index, differential, ".-", ms=4, lw=1, label="differential entropy")
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_ylim(0, 1.32 * params["depth"])
        ax.set_xlim(0, table.weight_variance.max())
        correlation_depths(ax, params["bias_variance"], labels=ax is left)
        ax.axhline(params["depth"], color="0.6", lw=0.8)
        ax.set_xlabel(VARIANCE_LABEL)
        ax.legend(ncols=2, loc="upper right", framealpha=1).set_zorder(5)
        panel_letter(ax, letter)
    left.set_ylabel("depth at which information is lost")
    right.set_title("as coded originally: last change of the curve", fontsize=10)
    return figure


def cnn(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str) -> Figure:
    """Differential entropy and explained variance of CNN cascades over weight variance and depth."""
    table = tables[network]
    figure = Figure(figsize=(9.6, 4.1))
    labels = {"differential_entropy": "differential entropy (nats)", "explained_variance": r"explained variance $R^2$"}
    for letter, ax, (quantity, label) in zip("ab", figure.subplots(1, 2), labels.items(), strict=True):
        mesh = entropy_panel(ax, table, quantity=quantity)
        figure.colorbar(mesh, ax=ax, label=label)
        legend(ax, dark=quantity == "explained_variance")
        panel_letter(ax, letter)
    return figure


def resnet(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str, classifier: str) -> Figure:
    """Differential entropy and explained variance of ResNet cascades, with a strip that says which networks train."""
    table = tables[network]
    figure = Figure(figsize=(9.6, 4.3))
    (strip, empty), axes = figure.subplots(2, 2, sharex=True, height_ratios=(1, 14))
    empty.set_axis_off()
    labels = {"differential_entropy": "differential entropy (nats)", "explained_variance": r"explained variance $R^2$"}
    for letter, ax, (quantity, label) in zip("ab", axes, labels.items(), strict=True):
        mesh = quantity_map(ax, table, quantity, LOWEST_ENTROPY_OF_RESNETS)
        figure.colorbar(mesh, ax=ax, label=label)
        panel_letter(ax, letter)
        limits = ax.get_xlim()
    training_strip(strip, tables[classifier])
    strip.set_xlim(limits)
    key = empty.text(0, 0.5, strip_key(tables[classifier]), va="center", fontsize=8, transform=empty.transAxes)
    key.set_in_layout(False)  # it may reach above the colour bar
    return figure


def training_strip(ax: Axes, table: pd.DataFrame) -> None:
    """Three shades for how well networks of each weight variance have learnt."""
    reached = table[table.quantity == "accuracy"].groupby("weight_variance").value.mean()
    shades = np.digitize(reached, STRIP_LIMITS, right=True)
    ax.grid(False)
    # Two rows: the cells of a single one would have no height.
    ax.pcolormesh(
        reached.index,
        [0, 1],
        np.stack(2 * [shades]),
        shading="nearest",
        cmap=ListedColormap(STRIP_COLOURS),
        vmin=0,
        vmax=2,
    )
    ax.set_ylim(0, 1)
    ax.set_yticks([])


def strip_key(table: pd.DataFrame) -> str:
    """What the shades of the strip say, for the free place beside it."""
    low, high = STRIP_LIMITS
    steps = parameter(table, "steps")
    return f"← accuracy after {steps} steps: white ≤ {low:g}, grey > {low:g}, black > {high:g}"


def cutoff_law(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str) -> Figure:
    """Cutoffs in units of ξ_c over the noise floor λ of the decoders: ln(V/λ) in order, a constant in chaos."""
    table = tables[network]
    runs = pd.DataFrame.from_dict(table.attrs["runs"], orient="index")
    bias_variance = parameter(table, "bias_variance")
    critical = critical_weight_variance(bias_variance)
    variances = sorted(table.weight_variance.unique())
    colours = dict(zip(variances, colormaps["coolwarm"](np.linspace(0, 1, len(variances))), strict=True))
    figure = Figure(figsize=(9.6, 4.2))
    axes = figure.subplots(1, 2, sharey=True)
    panels = (
        ("cutoff_explained_variance", r"cutoff of $R^2$"),
        ("cutoff_entropy", "cutoff of the differential entropy"),
    )
    for letter, ax, (quantity, title) in zip("ab", axes, panels, strict=True):
        ordered = []
        for variance in variances:
            scaled = scaled_cutoffs(table[table.weight_variance == variance], quantity, variance, bias_variance)
            ridge = scaled[scaled.index.map(runs.decoder) == "ridge"]
            strengths = ridge.index.map(runs.ridge_strength).to_numpy(float)
            order = np.argsort(strengths)
            marker = "o-" if variance < critical else "s--"
            ax.errorbar(
                strengths[order], ridge.depth.iloc[order], ridge.error.iloc[order], fmt=marker, ms=4, lw=1,
                capsize=2, color=colours[variance], label=f"{variance:g}",
            )  # fmt: skip
            if variance < critical:
                ordered.append((strengths, ridge.depth.to_numpy()))
            adam = scaled[scaled.index.map(runs.decoder) == "adam"]
            if len(adam) and len(ridge):
                ax.axhline(adam.depth.iloc[0], color=colours[variance], lw=1, ls=":")
        draw_law(ax, *np.concatenate(ordered, axis=1))
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.set_xlabel(r"ridge strength $\lambda$ of the decoders")
        ax.set_title(title, fontsize=10)
        ax.set_ylim(bottom=0)
        panel_letter(ax, letter)
    if "adam" in set(runs.decoder):
        axes[0].plot([], [], color="0.4", lw=1, ls=":", label="Adam")
    axes[0].set_ylabel(r"cutoff / correlation depth $\xi_c$")
    axes[0].legend(title=r"$\sigma_w^2$ (round: ordered)", ncols=2, loc="upper left")
    return figure


def scaled_cutoffs(table: pd.DataFrame, quantity: str, variance: float, bias_variance: float) -> pd.DataFrame:
    """Cutoffs at one weight variance in units of ξ_c, with errors, by run; runs that lose nothing are left out."""
    rows = {}
    for run, part in table.groupby("run", observed=True):
        found = cutoffs(part, quantity).dropna()
        if len(found):
            rows[run] = found.iloc[0] / MeanField(variance, bias_variance).correlation_depth
    return pd.DataFrame.from_dict(rows, orient="index", columns=["depth", "error"])


def draw_law(ax: Axes, strengths: np.ndarray, depths: np.ndarray) -> None:
    """The law ln(V/λ) of ordered networks, its only free number V fitted to their cutoffs (in units of ξ_c)."""
    log_signal = float(np.mean(depths + np.log(strengths)))
    ends = np.array([strengths.max(), strengths.min()])
    ax.plot(ends, log_signal - np.log(ends), color="black", lw=1.2, label=rf"$\ln({np.exp(log_signal):.2g}/\lambda)$")
