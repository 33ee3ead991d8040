"""What training does to linear networks, and the laws that it starts from."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde, norm

from ...figures.style import panel_letter
from ..prior import log_prior
from ..untrained import OutputLength
from .frames import parameters, profiles, select

EXACT = {"color": "black", "ls": "--", "lw": 1.4}


def band(ax, rows: pd.DataFrame, axis: str, **style) -> None:
    """Mean over realisations against ``axis``, with a band of the standard deviation."""
    groups = rows.groupby(axis, observed=True)["value"]
    mean, deviation = groups.mean(), groups.std().fillna(0.0)
    (line,) = ax.plot(mean.index, mean, **style)
    ax.fill_between(mean.index, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.2, lw=0)


def training(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Accuracy and loss of the frozen-readout classifier against the epoch."""
    table = tables["stm_training"]
    figure, ax = plt.subplots(figsize=(6, 4))
    for split, style, name in (("train", "-", "training"), ("validation", "--", "validation")):
        for quantity, colour in (("accuracy", "tab:red"), ("loss", "tab:blue")):
            rows = select(table, split=split, quantity=quantity)
            band(ax, rows, "epoch", color=colour, ls=style, marker="o", ms=2.5, lw=1.2, label=f"{name} {quantity}")
    ax.set(xlabel="epoch", ylabel="accuracy; cross-entropy (nats)", ylim=(0, 1), xlim=(0, table["epoch"].max()))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center right")
    return figure


def annealed_prior(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Preactivations of one image, untrained and trained, beside the exact law at initialisation."""
    table = tables["stm_annealed"]
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    one_network(axes[0, 0], table)
    all_networks(axes[0, 1], table)
    deviations(axes[1, 0], table)
    ladder(axes[1, 1], tables["stm_exact"], tables["stm_hmc"])
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        panel_letter(ax, letter)
    return figure


def exact_marginal(table: pd.DataFrame, h: np.ndarray) -> np.ndarray:
    """Density of one preactivation of the untrained network: two layers of Gaussian weights of variance 1/width."""
    width = parameters(table)["width"]
    norm_of_image = select(table, quantity="input_norm")["value"].iloc[0]
    return np.exp(log_prior(np.abs(h), [width], 1, norm_of_image / width))


def one_network(ax, table):
    """Kernel density estimate (Scott's rule) of all preactivations of a single network, as in the original."""
    rows = select(table, quantity="preactivations", seed=table["seed"].min()).sort_values("epoch")
    values = profiles(rows)
    h = np.linspace(-np.abs(values).max(), np.abs(values).max(), 600)
    for epoch, components, colour in zip(rows["epoch"], values, sns.color_palette("flare", len(rows)), strict=True):
        ax.plot(h, gaussian_kde(components)(h), color=colour, label=epoch_label(epoch))
    ax.plot(h, exact_marginal(table, h), **EXACT, label="exact, untrained")
    ax.set(xlabel="preactivation $h$", ylabel="density", title="one network", ylim=(0, None), xlim=(h[0], h[-1]))
    ax.legend()


def epoch_label(epoch: float) -> str:
    return "untrained" if epoch == 0 else f"after {epoch:.0f} epoch{'s' if epoch > 1 else ''}"


def all_networks(ax, table):
    """Histograms of the preactivations of all networks, in logarithmic scale, and those with transposed weights."""
    rows = select(table, quantity="preactivations")
    epochs = sorted(rows["epoch"].unique())
    pooled = {epoch: profiles(select(rows, epoch=epoch)).ravel() for epoch in epochs}
    limit = max(np.abs(values).max() for values in pooled.values())
    edges = np.linspace(-limit, limit, 61)
    for epoch, colour in zip(epochs, sns.color_palette("flare", len(epochs)), strict=True):
        ax.stairs(np.histogram(pooled[epoch], edges, density=True)[0], edges, color=colour, label=epoch_label(epoch))
    transposed = profiles(select(table, quantity="transposed", epoch=epochs[-1])).ravel()
    density = np.histogram(transposed, edges, density=True)[0]
    ax.stairs(density, edges, color="tab:green", ls=":", lw=1.4, label="trained, matrices transposed")
    h = np.linspace(-limit, limit, 600)
    exact = exact_marginal(table, h)
    ax.plot(h, exact, **EXACT, label="exact, untrained")
    smallest = 0.3 / (len(transposed) * (edges[1] - edges[0]))
    ax.set(xlabel="preactivation $h$", ylabel="density", yscale="log", ylim=(smallest, 10 * exact.max()))
    ax.set(title=f"{rows['seed'].nunique()} networks", xlim=(-limit, limit))
    ax.legend(loc="upper right", fontsize=7)


def deviations(ax, table):
    """Standard deviation of the preactivations against the epoch."""
    for quantity, colour, label in (
        ("preactivation_deviation", "tab:red", r"preactivations $W_2 W_1 x$"),
        ("transposed_deviation", "tab:green", r"transposed, $W_2^{\mathsf{T}} W_1^{\mathsf{T}} x$"),
    ):
        band(ax, select(table, quantity=quantity), "epoch", color=colour, marker="o", ms=3, lw=1.2, label=label)
    width = parameters(table)["width"]
    exact = select(table, quantity="input_norm")["value"].iloc[0] / np.sqrt(width)
    ax.axhline(exact, **EXACT, label=r"exact, untrained: $|x|/\sqrt{n}$")
    ax.set(xlabel="epoch", ylabel="standard deviation of $h$", ylim=(0, None), title="mean ± deviation over networks")
    ax.legend(loc="lower right")


def ladder(ax, exact, sampled, network: str = "4"):
    """Ensembles annealed by Hamiltonian Monte Carlo beside the exact posterior, one colour a temperature."""
    betas = sorted(sampled["beta"].unique())
    betas = betas[:: max(1, len(betas) // 3)]
    for beta, colour in zip(betas, sns.color_palette("flare", len(betas)), strict=True):
        values = select(sampled, network=network, beta=beta, quantity="output")["value"].to_numpy()
        edges = np.linspace(*np.quantile(values, [0.001, 0.999]), 31)
        centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
        counts = np.histogram(values, edges)[0]
        density, error = counts / (len(values) * width), np.sqrt(counts) / (len(values) * width)
        ax.errorbar(centres, density, error, fmt="o", ms=2.5, lw=0.8, color=colour, label=rf"$\beta$ = {beta:g}")
        law = select(exact, network=network, beta=beta, quantity="density").sort_values("position")
        ax.plot(law["position"], law["value"], color=colour, lw=1.2)
    ax.set(xlabel="output $f(x)$ for an unseen image", ylabel="density", xlim=(-4, 4), ylim=(0, None))
    ax.set_title(f"two classes, {network} hidden units")
    ax.legend(title="HMC (dots), exact (lines)")


def untrained_outputs(tables: Mapping[str, pd.DataFrame], *, scale: str, shown: int = 100) -> Figure:
    """Output lengths of untrained networks at several temperatures, and their closed law."""
    table = tables["stm_untrained"]
    settings = parameters(table)
    norm_of_image = select(table, quantity="input_norm")["value"].iloc[0]
    temperatures = sorted(table["temperature"].dropna().unique())
    laws = {t: OutputLength(norm_of_image, t, settings["width"], settings["coupling"]) for t in temperatures}
    lengths = {
        t: select(table, quantity="output_length", temperature=t).sort_values("seed")["value"].to_numpy()
        for t in temperatures
    }
    figure = plt.figure(figsize=(10.5, 9))
    grid = figure.add_gridspec(3, len(temperatures), height_ratios=[1, 1, 1.25])
    for i, temperature in enumerate(temperatures):
        upper, lower = figure.add_subplot(grid[0, i]), figure.add_subplot(grid[1, i])
        scatter(upper, lengths[temperature][:shown], laws[temperature])
        upper.set_title(f"$T$ = {temperature:g}")
        estimated_density(lower, lengths[temperature][:shown], laws[temperature])
        if i == 0:
            upper.legend(loc="upper right")
            lower.legend(loc="upper right")
    panel_letter(figure.axes[0], "a")
    panel_letter(figure.axes[1], "b")
    ax = figure.add_subplot(grid[2, :])
    logarithmic_density(ax, lengths, laws)
    panel_letter(ax, "c")
    return figure


def scatter(ax, lengths, law):
    """Output length of each network."""
    ax.plot(np.arange(len(lengths)), lengths, "x", color="green", ms=4, label="networks")
    ax.axhline(law.mean, **EXACT, label="exact mean")
    ax.axhline(law.median, color="black", ls=":", lw=1.4, label="exact median")
    ax.set(xlabel="network", ylabel="output length")
    ax.ticklabel_format(axis="y", scilimits=(-2, 2))


def estimated_density(ax, lengths, law):
    """Kernel density estimate with a bandwidth of one standard deviation, as in the original, beside the density."""
    span = 6 * law.mean
    y = np.linspace(-span, span, 1200)
    ax.plot(y, gaussian_kde(lengths, bw_method=1.0)(y), color="tab:blue", label="estimate, bandwidth 1 s.d.")
    positive = y[y > 0]
    ax.plot(positive, law.pdf(positive), **EXACT, label="exact")
    ax.set(xlabel="output length", ylabel="density", xlim=(-span, span), ylim=(0, 4 * 0.4 / np.std(lengths)))
    ax.ticklabel_format(axis="both", scilimits=(-2, 2))


def logarithmic_density(ax, lengths, laws):
    """Distribution of the logarithm of the output length: all networks against the closed law."""
    for (temperature, law), colour in zip(laws.items(), sns.color_palette("deep"), strict=False):
        values = np.log10(lengths[temperature])
        edges = np.linspace(np.quantile(values, 0.002), values.max(), 36)
        width = edges[1] - edges[0]
        counts = np.histogram(values, edges)[0]
        density, error = counts / (len(values) * width), np.sqrt(counts) / (len(values) * width)
        centres = (edges[1:] + edges[:-1]) / 2
        ax.errorbar(centres, density, error, fmt="o", ms=3, lw=0.8, color=colour, label=f"$T$ = {temperature:g}")
        grid = np.linspace(edges[0] - 0.5, edges[-1] + 0.5, 500)
        ax.plot(grid, law.pdf(10**grid) * 10**grid * np.log(10), color="black", lw=1.2)
    smallest = 0.3 / (max(len(v) for v in lengths.values()) * width)
    ax.set(xlabel=r"$\log_{10}$ output length", ylabel=r"density of $\log_{10}$ length", yscale="log")
    ax.set(ylim=(smallest, 2), title=f"{len(values)} networks each (± standard error), exact law (black)")
    ax.legend(loc="upper left")


def neural_tangent(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Trained networks beside the predictors of wide networks, for one digit and for two."""
    table = tables["stm_ntk"]
    pair = select(table, task="pair")
    widths = sorted(pair["hidden_width"].dropna().unique())
    figure, axes = plt.subplots(2, 3, figsize=(13, 7))
    for ax, split in zip(axes[0, :2], ("train", "test"), strict=True):
        one_digit(ax, table, split)
    distances(axes[0, 2], pair, widths)
    for ax, width in zip(axes[1, :2], (widths[1], widths[-1]), strict=True):
        predictive_law(ax, pair, width)
    ensemble_deviations(axes[1, 2], pair, widths)
    for ax, letter in zip(axes.flat, "abcdef", strict=True):
        panel_letter(ax, letter)
    return figure


def one_digit(ax, table, split):
    """Outputs of one network on the images of one digit, all with the same target, and the least-squares fits."""
    rows = select(table, task="digit", split=split)
    digit = parameters(table)["digit"]
    outputs = profiles(select(rows, quantity="outputs", seed=rows["seed"].min()))[0]
    pixels = profiles(select(rows, quantity="pixel_fit"))[0]
    low, high = np.quantile(np.concatenate([outputs, pixels]), [0.01, 0.99])
    low, high = min(low, digit - 0.2), max(high, digit + 0.2)
    ax.hist(outputs, bins=20, density=True, color="tab:blue", alpha=0.4, label="trained network")
    grid = np.linspace(low, high, 800)
    ax.plot(grid, gaussian_kde(outputs)(grid), color="tab:blue")
    if np.ptp(pixels) > 1e-3 * digit:
        ax.plot(grid, gaussian_kde(pixels)(grid), color="tab:orange", label="wide network without biases")
        ax.axvline(digit, **EXACT, label="wide network with biases")
    else:
        ax.axvline(digit, **EXACT, label="wide networks, with biases or without")
    name = "training" if split == "train" else "unseen"
    ax.set(xlabel="output", ylabel="density", xlim=(low, high), title=f"{name} images of the digit {digit}")
    ax.legend(fontsize=7.5)


def distances(ax, pair, widths):
    """Root-mean-square distance of trained networks to their linearisation at the start, by width."""
    rows = select(pair, quantity="distance")
    groups = rows.groupby("hidden_width")["value"]
    quartiles = groups.quantile([0.25, 0.5, 0.75]).unstack()
    below, above = quartiles[0.5] - quartiles[0.25], quartiles[0.75] - quartiles[0.5]
    ax.errorbar(quartiles.index, quartiles[0.5], [below, above], fmt="o", capsize=3, label="networks (quartiles)")
    law = quartiles[0.5].iloc[-1] * (np.array(widths) / widths[-1]) ** -2.0
    ax.plot(widths, law, "k:", label=r"$\propto n^{-2}$")
    converged = select(pair, quantity="converged")["value"]
    ax.set(xlabel="hidden units $n$", ylabel="distance to the linearised network", xscale="log", yscale="log")
    ax.set_xticks(widths, [f"{width:.0f}" for width in widths])
    ax.minorticks_off()
    ax.set_title(f"{converged.mean():.1%} of {len(converged)} networks converged")
    ax.legend()


def predictive_law(ax, pair, width):
    """Outputs of all networks of one width for one unseen image, and the exact law without noise."""
    shown = parameters(pair)["shown"]
    rows = select(pair, hidden_width=width)
    outputs = profiles(select(rows, quantity="outputs"))[:, shown]
    low, high = np.quantile(outputs, [0.005, 0.995])
    edges = np.linspace(low - 0.3 * (high - low), high + 0.3 * (high - low), 41)
    counts = np.histogram(outputs, edges)[0] / (len(outputs) * (edges[1] - edges[0]))
    ax.stairs(counts, edges, fill=True, color="tab:blue", alpha=0.4, label="trained networks")
    grid = profiles(select(rows, quantity="output_grid"))[0]
    ax.plot(grid, profiles(select(rows, quantity="exact_density"))[0], color="tab:red", label="exact posterior")
    ax.plot(grid, profiles(select(pair, quantity="process_density"))[0], **EXACT, label="infinite width")
    digits = parameters(pair)["pair"]
    ax.set(xlabel="output for one unseen image", ylabel="density", xlim=(edges[0], edges[-1]))
    ax.set_title(f"{digits[0]} or {digits[1]}, {width:.0f} hidden units")
    ax.legend(fontsize=7.5)


def ensemble_deviations(ax, pair, widths):
    """Deviation of the outputs over that of the exact posterior, averaged over the unseen images, by width."""
    process = profiles(select(pair, quantity="process_deviation"))[0]
    trained, errors, wide = [], [], []
    for width in widths:
        rows = select(pair, hidden_width=width)
        exact = profiles(select(rows, quantity="exact_deviation"))[0]
        outputs = select(rows, quantity="outputs")
        ratios = [np.mean(profiles(group).std(0, ddof=1) / exact) for _, group in outputs.groupby("seed")]
        trained.append(np.mean(ratios))
        errors.append(np.std(ratios, ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else 0.0)
        wide.append(np.mean(process / exact))
    ax.errorbar(widths, trained, errors, fmt="o", capsize=3, color="tab:blue", label="trained networks")
    ax.axhline(1, color="tab:red", lw=1.2, label="exact posterior")
    ax.plot(widths, wide, **EXACT, marker="s", ms=3, label="infinite width")
    ax.set(xlabel="hidden units $n$", ylabel="deviation / exact deviation", xscale="log", ylim=(0, None))
    ax.set_xticks(widths, [f"{width:.0f}" for width in widths])
    ax.minorticks_off()
    ax.set_title("mean over all unseen images")
    ax.legend(loc="lower right")


def norm_learning(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """Partition functions and energies of the norm-learning notebook, mended, and the exact finite width."""
    table = tables["stm_norm_learning"]
    bare, quadratic, quartic, exact = (select(table, curve=c) for c in ("bare", "quadratic", "quartic", "exact"))
    cold = parameters(table)["cold"]
    figure, axes = plt.subplots(3, 4, figsize=(15, 9.6))
    panels = axes.flat
    family(panels[0], select(bare, quantity="partition"), "beta", r"$\beta$", "Gaussian output")
    family(panels[1], select(bare, quantity="energy_without_normaliser"), None, "", "Gaussian output")
    family(panels[2], select(quadratic, quantity="partition"), "correction", r"$\lambda$", r"quadratic, $\beta$ = 1")
    energies(panels[3], quadratic, "energy_without_normaliser", rf"without normaliser, $\beta$ = {cold:g}")
    energies(panels[4], quadratic, "energy", rf"with normaliser, $\beta$ = {cold:g}")
    title = rf"quartic, $\lambda$ = {parameters(table)['cubic_correction']:g}, as proposed"
    family(panels[5], select(quartic, quantity="partition_unnormalised"), "coupling", "$g$", title)
    family(panels[6], select(quartic, quantity="partition"), "coupling", "$g$", "quartic, normalised")
    rows = select(quartic, quantity="energy")
    for ax, correction in zip(panels[7:9], (0.6, 0.1), strict=True):
        title = rf"quartic, $\lambda$ = {correction:g}, $\beta$ = {cold:g}"
        family(ax, select(rows, correction=correction), "coupling", "$g$", title)
    family(panels[9], select(exact, quantity="partition"), "hidden_width", "$n$", r"exact finite width, $\beta$ = 1")
    relative_to_gaussian(panels[10], exact, select(quadratic, quantity="partition"))
    family(panels[11], select(exact, quantity="energy"), "hidden_width", "$n$", r"exact finite width, $\beta$ = 1")
    for i, (ax, letter) in enumerate(zip(panels, "abcdefghijkl", strict=True)):
        panel_letter(ax, letter)
        ax.set_xlabel("output $y$")
        if i in (0, 2, 5, 6, 9):
            ax.set(ylabel="partition function $Z$", ylim=(0, None))
        elif i != 10:
            ax.set_ylabel("energy $E$")
    return figure


def family(ax, rows, parameter, symbol, title):
    """One curve for each value of a parameter."""
    values = sorted(rows[parameter].dropna().unique()) if parameter else [None]
    for value, colour in zip(values, sns.color_palette("viridis", len(values)), strict=True):
        curve = rows if parameter is None else rows[rows[parameter] == value]
        curve = curve.sort_values("output")
        ax.plot(curve["output"], curve["value"], color=colour, lw=1.2, label=None if value is None else f"{value:g}")
    ax.set_title(title, fontsize=9.5)
    ax.margins(x=0)
    if parameter:
        ax.legend(title=symbol, fontsize=7)


def energies(ax, rows, quantity, title):
    """Energies by automatic differentiation (lines) and from the formulas (dots)."""
    family(ax, select(rows, quantity=quantity), "correction", r"$\lambda$", title)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.45 * (high - low))
    ax.legend(title=r"$\lambda$ (dots: formula)", fontsize=7, ncols=3, loc="upper center")
    formula = select(rows, quantity=f"{quantity}_closed")
    for _, curve in formula.groupby("correction"):
        few = curve.iloc[:: max(1, len(curve) // 12)]
        ax.plot(few["output"], few["value"], "k.", ms=2.5)


def relative_to_gaussian(ax, exact, quadratic):
    """Density over the Gaussian one: exact, to first order in 1/n, and the quadratic correction."""
    widths = sorted(exact["hidden_width"].unique())
    for width, colour in zip(widths[-3:], sns.color_palette("viridis", 3), strict=False):
        for quantity, style in (("partition", "-"), ("partition_first_order", ":")):
            curve = select(exact, hidden_width=width, quantity=quantity).sort_values("output")
            label = f"$n$ = {width:.0f}" if style == "-" else None
            ax.plot(curve["output"], curve["value"] / norm.pdf(curve["output"]), style, color=colour, label=label)
    strongest = quadratic[quadratic["correction"] == quadratic["correction"].max()].sort_values("output")
    label = rf"quadratic, $\lambda$ = {strongest['correction'].iloc[0]:g}"
    ax.plot(strongest["output"], strongest["value"] / norm.pdf(strongest["output"]), "r--", lw=1, label=label)
    ax.set(ylabel="density / Gaussian density", xlim=(-3.2, 3.2), ylim=(0.4, 2.2))
    ax.set_title("exact (lines), first order (dotted)", fontsize=9.5)
    ax.legend(fontsize=7)
