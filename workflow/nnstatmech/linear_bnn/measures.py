"""Numbers that the claims compare, from the tables of the experiments."""

import numpy as np
import pandas as pd
from scipy.stats import kstest

from ..readings import Measurement, NotMeasured
from . import comparison
from .logistic import fit_logistic
from .untrained import OutputLength


def _over_seeds(values: pd.Series, what: str) -> Measurement:
    """Mean over realisations with its standard error."""
    if len(values) < 2:
        raise NotMeasured(f"{what}: {len(values)} realisations; two are needed for an error")
    return Measurement(float(values.mean()), float(values.sem()))


def _selected(table: pd.DataFrame, **where) -> pd.DataFrame:
    """Rows that fulfil all conditions ``column=value``."""
    chosen = np.ones(len(table), dtype=bool)
    for column, value in where.items():
        chosen &= (table[column] == value).to_numpy()
    return table[chosen]


def _parameters(table: pd.DataFrame) -> dict:
    """Parameters of a table's first run."""
    return next(iter(table.attrs["runs"].values()))


def score(table: pd.DataFrame, quantity: str, split: str, coupling: float) -> Measurement:
    """A score of the regression at the end of training, over realisations."""
    rows = _selected(table, quantity=quantity, split=split, coupling=coupling)
    if rows.empty:
        raise NotMeasured(f"no {quantity} on the {split} split at g = {coupling:g}")
    last = rows[rows["epoch"] == rows["epoch"].max()]
    return _over_seeds(last["value"], quantity)


def at_epoch(table: pd.DataFrame, quantity: str, epoch: int, split: str | None = None) -> Measurement:
    """A number of the classifier after so many epochs, over realisations."""
    where = {"quantity": quantity, "epoch": epoch} | ({"split": split} if split else {})
    return _over_seeds(_selected(table, **where)["value"], f"{quantity} after {epoch} epochs")


def _output_lengths(table: pd.DataFrame) -> dict[OutputLength, np.ndarray]:
    """The closed law and the measured lengths of each temperature."""
    settings = _parameters(table)
    norm = _selected(table, quantity="input_norm")["value"].iloc[0]
    rows = _selected(table, quantity="output_length")
    return {
        OutputLength(norm, temperature, settings["width"], settings["coupling"]): group["value"].to_numpy()
        for temperature, group in rows.groupby("temperature")
    }


def output_law_probability(table: pd.DataFrame) -> Measurement:
    """Smallest p-value of Kolmogorov-Smirnov tests of the output lengths against the closed law."""
    return Measurement(float(min(kstest(y, law.cdf).pvalue for law, y in _output_lengths(table).items())), 0.0)


def output_median(table: pd.DataFrame) -> Measurement:
    """Median output length over C, all temperatures together; its error from the exact density at the median."""
    scaled = np.concatenate([y / law.scale for law, y in _output_lengths(table).items()])
    law = next(iter(_output_lengths(table)))
    density = law.pdf(law.median) * law.scale
    return Measurement(float(np.median(scaled)), float(0.5 / (density * np.sqrt(len(scaled)))))


def temperature_exponent(table: pd.DataFrame) -> Measurement:
    """Power of T with which output lengths grow: slope of the mean logarithm, weighted by its errors."""
    lengths = _output_lengths(table)
    if len(lengths) < 2:
        raise NotMeasured("one temperature has no slope")
    log_t = np.log([law.temperature for law in lengths])
    means = np.array([np.log(y).mean() for y in lengths.values()])
    weights = np.array([len(y) / np.log(y).var(ddof=1) for y in lengths.values()])
    centred = log_t - np.average(log_t, weights=weights)
    curvature = np.sum(weights * centred**2)
    return Measurement(float(np.sum(weights * centred * means) / curvature), float(curvature**-0.5))


def unnormalised_mass(table: pd.DataFrame, coupling: float) -> Measurement:
    """Integral over y of the quartic partition function as it was proposed."""
    rows = _selected(table, curve="quartic", quantity="partition_unnormalised", coupling=coupling).sort_values("output")
    return Measurement(float(np.trapezoid(rows["value"], rows["output"])), 0.0)


def digit_outputs(table: pd.DataFrame, quantity: str = "outputs", split: str = "train") -> Measurement:
    """Mean, or standard deviation, of the outputs of the one-digit networks, over realisations."""
    return _over_seeds(_selected(table, task="digit", split=split, quantity=quantity)["value"], quantity)


def linearisation_exponent(table: pd.DataFrame, from_width: int) -> Measurement:
    """Power of n with which the median distance to the linearised network falls, over realisations."""
    rows = _selected(table, task="pair", quantity="distance")
    medians = rows[rows["hidden_width"] >= from_width].groupby(["seed", "hidden_width"])["value"].median().unstack()
    if medians.shape[1] < 2:
        raise NotMeasured(f"{medians.shape[1]} widths from n = {from_width}: no slope")
    slopes = np.polyfit(np.log(medians.columns.to_numpy(dtype=float)), np.log(medians.to_numpy()).T, 1)[0]
    return _over_seeds(pd.Series(slopes), "exponent")


def posterior_variance_ratio(table: pd.DataFrame, width: int) -> Measurement:
    """Variance of trained networks over that of the exact noiseless posterior, mean over the unseen images."""
    rows = _selected(table, task="pair", hidden_width=width)
    exact = np.asarray(_selected(rows, quantity="exact_deviation")["profile"].iloc[0], dtype=float)
    mean = np.asarray(_selected(rows, quantity="exact_mean")["profile"].iloc[0], dtype=float)
    ratios = [
        float(np.mean((np.stack(list(group["profile"])) - mean) ** 2 / exact**2))
        for _, group in _selected(rows, quantity="outputs").groupby("seed")
    ]
    return _over_seeds(pd.Series(ratios), "variance ratio")


def pruning_fit(table: pd.DataFrame, parameter: str) -> Measurement:
    """A parameter of the logistic fit of accuracy against the number of paths, fitted to each realisation."""
    rows = _selected(table, quantity="pruned_accuracy").sort_values("paths")
    fits = [
        fit_logistic(group["paths"].to_numpy(dtype=float), group["value"].to_numpy())
        for _, group in rows.groupby("seed")
    ]
    return _over_seeds(pd.Series([getattr(fit, parameter) for fit in fits]), parameter)


BINS = 30
"""Equiprobable bins of every comparison of an ensemble with an exact law."""


def exact(table: pd.DataFrame, quantity: str, network: str, **where) -> Measurement:
    """One exact number of a network, without a sampling error."""
    rows = _selected(table, quantity=quantity, network=network, **where)
    if len(rows) != 1:
        raise NotMeasured(f"{len(rows)} values of {quantity} for the network {network}")
    return Measurement(float(rows["value"].iloc[0]), 0.0)


def ratio_to_process_law(table: pd.DataFrame, networks: list[str]) -> Measurement:
    """Jensen-Shannon distance of priors to the Gaussian process over (sqrt(3)/4) sum 1/n: the one farthest from 1."""
    priors = _selected(table, quantity="js_distance", beta=0.0).set_index("network")["value"]
    law = {network: np.sqrt(3) / 4 * sum(1 / int(width) for width in network.split("-")) for network in networks}
    ratios = np.array([priors[network] / law[network] for network in networks])
    return Measurement(float(ratios[np.argmax(np.abs(ratios - 1))]), 0.0)


def kurtosis_excess(table: pd.DataFrame, panel: str, network: str) -> Measurement:
    """Excess kurtosis of random networks minus the exact one, over realisations."""
    rows = _selected(table, panel=panel, network=network)
    expected = exact(rows, "excess_kurtosis", network).value
    return _over_seeds(_selected(rows, quantity="sampled_excess_kurtosis")["value"] - expected, "kurtosis")


def random_network_statistic(table: pd.DataFrame) -> Measurement:
    """Largest 8 M JSD of random networks against their exact prior in equiprobable bins, over all networks."""
    statistics = []
    for _, rows in _selected(table, quantity="bin_count").groupby(["panel", "network"], observed=True):
        counts = rows.groupby("position")["value"].sum().to_numpy()
        divergence = comparison.js_divergence(counts / counts.sum(), np.full(len(counts), 1 / len(counts)))
        statistics.append(8 * counts.sum() * divergence)
    return Measurement(float(max(statistics)), 0.0)


def _ensembles(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each network at each inverse temperature."""
    return [rows for _, rows in table.groupby(["network", "beta"], dropna=False, observed=True)]


def _agreement(rows: pd.DataFrame) -> comparison.Agreement:
    return comparison.equiprobable(_selected(rows, quantity="probability")["value"], BINS)


def fraction_outside(table: pd.DataFrame, level: float) -> Measurement:
    """Share of (network, beta) whose 8 M JSD is beyond the ``level`` quantile of chi^2; binomial error of 1 - level."""
    outside = [_agreement(rows).p_value < 1 - level for rows in _ensembles(table)]
    return Measurement(float(np.mean(outside)), float(np.sqrt(level * (1 - level) / len(outside))))


def loss_deviation(table: pd.DataFrame) -> Measurement:
    """Root mean square over (network, beta) of (mean loss - exact) / standard error: 1 for independent samples.

    The rungs of one network's ladder are the same chains, so networks count as the independent draws.
    """
    scores = []
    for rows in _ensembles(table):
        loss = _selected(rows, quantity="loss")["value"]
        expected = _selected(rows, quantity="exact_mean_loss")["value"].iloc[0]
        scores.append((loss.mean() - expected) / loss.sem())
    independent = table["network"].nunique()
    return Measurement(float(np.sqrt(np.mean(np.square(scores)))), float(1 / np.sqrt(2 * independent)))


def loss_ratio(table: pd.DataFrame, network: str, beta: float) -> Measurement:
    """Mean loss of an ensemble over the exact posterior mean."""
    rows = _selected(table, network=network, beta=beta)
    loss = _selected(rows, quantity="loss")["value"]
    expected = _selected(rows, quantity="exact_mean_loss")["value"]
    if loss.empty:
        raise NotMeasured(f"no ensemble of the network {network} at beta = {beta:g}")
    return Measurement(float(loss.mean() / expected.iloc[0]), float(loss.sem() / expected.iloc[0]))


def equipartition(table: pd.DataFrame, network: str, beta: float) -> Measurement:
    """2 beta <L> / P of an ensemble: 1 where every image's error is a free quadratic degree of freedom."""
    rows = _selected(table, network=network, beta=beta, quantity="loss")["value"]
    if rows.empty:
        raise NotMeasured(f"no ensemble of the network {network} at beta = {beta:g}")
    scale = 2 * beta / _parameters(table)["images"]
    return Measurement(float(scale * rows.mean()), float(scale * rows.sem()))


def statistic(table: pd.DataFrame, network: str, beta: float | None = None, samples: int | None = None) -> Measurement:
    """8 M JSD of the first ``samples`` networks (all if None) against the exact posterior; no beta: zero temperature.

    Its standard error is that of a noncentral chi^2 of the measured size.
    """
    rows = table[(table["network"] == network) & (table["beta"].isna() if beta is None else table["beta"] == beta)]
    probabilities = _selected(rows, quantity="probability")["value"].to_numpy()
    if len(probabilities) < (samples or 1):
        raise NotMeasured(f"{len(probabilities)} networks; {samples} are needed")
    agreement = comparison.equiprobable(probabilities[:samples], BINS)
    _, error = comparison.excess_divergence(agreement)
    return Measurement(agreement.statistic, 8 * agreement.samples * error)


def true_distance(table: pd.DataFrame, network: str) -> Measurement:
    """Jensen-Shannon distance of trained networks to the exact zero-temperature law, sampling noise removed."""
    agreement = _agreement(table[(table["network"] == network) & table["beta"].isna()])
    divergence, error = comparison.excess_divergence(agreement)
    distance = np.sqrt(max(divergence, 0))
    # The square root of a divergence that is zero within its error has no linear error bar.
    return Measurement(float(distance), float(error / (2 * distance) if divergence > error else np.sqrt(error)))


def converged_fraction(table: pd.DataFrame) -> Measurement:
    """Smallest fraction of networks that reached the tolerance, over all widths."""
    fractions = _selected(table, quantity="converged_fraction").groupby("network", observed=True)["value"].mean()
    return Measurement(float(fractions.min()), 0.0)


def selection_artefact(table: pd.DataFrame, network: str, multiple: float) -> Measurement:
    """Jensen-Shannon distance to the exact law of only those networks that converged soon.

    Soon: within ``multiple`` of the median number of steps that the widest network takes.
    """
    widest = max(table["network"].unique(), key=lambda label: int(label.split("-")[0]))
    steps = multiple * _selected(table, network=widest, quantity="step")["value"].median()
    rows = table[(table["network"] == network) & table["quantity"].isin(["step", "probability"])]
    wide = rows.pivot(index=["seed", "member"], columns="quantity", values="value")
    kept = wide.loc[(wide["step"] >= 0) & (wide["step"] <= steps), "probability"]
    if len(kept) < 2 * BINS:
        raise NotMeasured(f"{len(kept)} networks converged within {steps:.0f} steps")
    divergence, error = comparison.excess_divergence(comparison.equiprobable(kept, BINS))
    distance = np.sqrt(max(divergence, 0))
    return Measurement(float(distance), float(error / (2 * distance)) if distance else float(np.sqrt(error)))
