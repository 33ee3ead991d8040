"""Numbers that the claims compare, from the tables of the experiments."""

import numpy as np
import pandas as pd
from scipy.stats import kstest

from ..measurement import Measurement, NotMeasured
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
