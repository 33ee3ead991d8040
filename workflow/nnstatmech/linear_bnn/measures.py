"""Numbers that the claims compare, from the tables of the experiments."""

import numpy as np
import pandas as pd
from scipy.stats import kstest

from ..readings import Measurement, NotMeasured, mean_over_seeds, parameters_of, select
from . import comparison
from .curves import (
    classifier,
    ensemble,
    neural_tangent,
    norm_learning,
    path_pruning,
    posterior,
    prior,
    regression,
    untrained,
)
from .curves.rows import exact_number


def score(table: pd.DataFrame, quantity: str, split: str, coupling: float) -> Measurement:
    """A score of the regression at the end of training, over realisations."""
    return mean_over_seeds(regression.score_by_epoch(table, quantity, split, coupling).iloc[:, -1])


def at_epoch(table: pd.DataFrame, quantity: str, epoch: int, split: str | None = None) -> Measurement:
    """A number of the classifier after so many epochs, over realisations."""
    numbers = classifier.by_epoch(select(table, epoch=epoch), quantity, split)
    return mean_over_seeds(numbers.iloc[:, 0])


def output_law_probability(table: pd.DataFrame) -> Measurement:
    """Smallest p-value of Kolmogorov-Smirnov tests of the output lengths against the closed law."""
    pairs = untrained.output_lengths(table).values()
    return Measurement(float(min(kstest(lengths, law.cdf).pvalue for law, lengths in pairs)), 0.0)


def output_median(table: pd.DataFrame) -> Measurement:
    """Median output length over C, all temperatures together; its error from the exact density at the median."""
    return Measurement(*untrained.scaled_median(table))


def temperature_exponent(table: pd.DataFrame) -> Measurement:
    """Power of T with which output lengths grow: slope of the mean logarithm, weighted by its errors."""
    return Measurement(*untrained.growth_exponent(table))


def unnormalised_mass(table: pd.DataFrame, coupling: float) -> Measurement:
    """Integral over y of the quartic partition function as it was proposed."""
    return Measurement(norm_learning.mass(table, coupling), 0.0)


def digit_outputs(table: pd.DataFrame, quantity: str = "outputs", split: str = "train") -> Measurement:
    """Mean, or standard deviation, of the outputs of the one-digit networks, over realisations."""
    return mean_over_seeds(neural_tangent.one_digit_number(table, quantity, split))


def linearisation_exponent(table: pd.DataFrame, from_width: int) -> Measurement:
    """Power of n with which the median distance to the linearised network falls, over realisations."""
    return mean_over_seeds(neural_tangent.distance_exponents(table, from_width))


def posterior_variance_ratio(table: pd.DataFrame, width: int) -> Measurement:
    """Variance of trained networks over that of the exact noiseless posterior, mean over the unseen images."""
    return mean_over_seeds(neural_tangent.variance_ratios(table, width))


def pruning_fit(table: pd.DataFrame, parameter: str) -> Measurement:
    """A parameter of the logistic fit of accuracy against the number of paths, fitted to each realisation."""
    return mean_over_seeds(getattr(fit, parameter) for fit in path_pruning.fits_by_seed(table))


def prior_number(
    table: pd.DataFrame, quantity: str, network: str, activation: str = "linear", position: float | None = None
) -> Measurement:
    """One exact number of the prior of a network with one output."""
    rows = select(table, quantity=quantity, network=network, activation=activation, n_out=1, position=position)
    return Measurement(exact_number(rows), 0.0)


def ratio_to_process_law(table: pd.DataFrame, networks: list[str]) -> Measurement:
    """Jensen-Shannon distance of priors to the Gaussian process over (sqrt(3)/4) sum 1/n: the one farthest from 1."""
    ratios = [posterior.ratio_to_wide_law(table, network) for network in networks]
    return Measurement(max(ratios, key=lambda ratio: abs(ratio - 1)), 0.0)


def kurtosis_difference(table: pd.DataFrame, network: str, activation: str = "linear") -> Measurement:
    """Excess kurtosis of random networks with one output minus the exact one, over realisations."""
    rows = select(table, network=network, activation=activation, n_out=1)
    return mean_over_seeds(prior.kurtosis_differences(rows))


def random_network_statistic(table: pd.DataFrame) -> Measurement:
    """Largest 8 M JSD of random networks against their exact prior in equiprobable bins, over all networks."""
    return Measurement(max(found.statistic for found in prior.random_network_agreements(table)), 0.0)


def fraction_outside(table: pd.DataFrame, level: float) -> Measurement:
    """Share of (network, beta) whose 8 M JSD is beyond the ``level`` quantile of chi^2; binomial error of 1 - level."""
    outside = [ensemble.agreement(rows).p_value < 1 - level for rows in ensemble.each_ensemble(table)]
    return Measurement(float(np.mean(outside)), float(np.sqrt(level * (1 - level) / len(outside))))


def loss_deviation(table: pd.DataFrame) -> Measurement:
    """Root mean square over (network, beta) of (mean loss - exact) / standard error: 1 for independent samples.

    The rungs of one network's ladder are the same chains, so networks count as the independent draws.
    """
    losses = [ensemble.mean_loss(rows) for rows in ensemble.each_ensemble(table)]
    scores = [((loss["mean"] - loss["exact"]) / loss["error"]).iloc[0] for loss in losses]
    independent = table["network"].nunique()
    return Measurement(float(np.sqrt(np.mean(np.square(scores)))), float(1 / np.sqrt(2 * independent)))


def loss_ratio(table: pd.DataFrame, network: str, beta: float) -> Measurement:
    """Mean loss of an ensemble over the exact posterior mean."""
    loss = ensemble.mean_loss(select(table, network=network, beta=beta)).iloc[0]
    return Measurement(float(loss["mean"] / loss["exact"]), float(loss["error"] / loss["exact"]))


def equipartition(table: pd.DataFrame, network: str, beta: float) -> Measurement:
    """2 beta <L> / P of an ensemble: 1 where every image's error is a free quadratic degree of freedom."""
    loss = ensemble.mean_loss(select(table, network=network, beta=beta)).iloc[0]
    scale = 2 * beta / parameters_of(table)["images"]
    return Measurement(float(scale * loss["mean"]), float(scale * loss["error"]))


def bin_statistic(
    table: pd.DataFrame, network: str, beta: float | None = None, samples: int | None = None
) -> Measurement:
    """8 M JSD of the first ``samples`` networks (all if None) against the exact posterior; no beta: zero temperature.

    Its standard error is that of a noncentral chi^2 of the measured size.
    """
    found = ensemble.agreement(select(table, network=network, beta=beta), samples)
    _, error = comparison.excess_divergence(found)
    return Measurement(found.statistic, 8 * found.samples * error)


def true_distance(table: pd.DataFrame, network: str) -> Measurement:
    """Jensen-Shannon distance of trained networks to the exact zero-temperature law, sampling noise removed."""
    net = ensemble.net_divergence(select(table, network=network, beta=None))
    return Measurement(net.distance, net.distance_error)


def least_converged(table: pd.DataFrame) -> Measurement:
    """Smallest fraction of networks that reached the tolerance, over all widths."""
    return Measurement(float(ensemble.converged_fraction(table).min()), 0.0)


def selection_artefact(table: pd.DataFrame, network: str, multiple: float) -> Measurement:
    """Jensen-Shannon distance to the exact law of only those networks that converged soon, sampling noise removed.

    Soon: within ``multiple`` of the median number of steps that the widest network takes.
    """
    within = multiple * ensemble.typical_steps(table)
    kept = ensemble.agreement_of_converged(select(table, network=network), within)
    if kept is None or kept.samples < 2 * kept.bins:
        raise NotMeasured(f"{kept.samples if kept else 0} networks converged within {within:.0f} steps")
    net = ensemble.NetDivergence(*comparison.excess_divergence(kept))
    return Measurement(net.distance, net.distance_error)
