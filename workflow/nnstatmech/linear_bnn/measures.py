"""Numbers that the claims compare, from the tables of the experiments."""

import numpy as np

from ..readings import Measurement, NotMeasured, mean_over_seeds, parameters_of, select
from . import comparison
from .curves import (
    classifier,
    ensemble,
    full_data,
    mistakes,
    neural_tangent,
    norm_learning,
    outputs,
    path_pruning,
    posterior,
    prior,
    regression,
    samplers,
    untrained,
)
from .curves.rows import exact_number
from .tables import (
    ClassifierTable,
    EnsembleTable,
    FullDataTable,
    NeuralTangentTable,
    NormLearningTable,
    OutputsTable,
    PathPruningTable,
    PosteriorTable,
    PriorTable,
    RegressionTable,
    SamplersTable,
    UntrainedTable,
)


def score(table: RegressionTable, quantity: str, split: str, coupling: float) -> Measurement:
    """A score of the regression at the end of training, over realisations."""
    return mean_over_seeds(regression.score_by_epoch(table, quantity, split, coupling).iloc[:, -1])


def at_epoch(table: ClassifierTable, quantity: str, epoch: int, split: str | None = None) -> Measurement:
    """A number of the classifier after so many epochs, over realisations."""
    numbers = classifier.by_epoch(select(table, epoch=epoch), quantity, split)
    return mean_over_seeds(numbers.iloc[:, 0])


def distance_to_untrained_law(table: ClassifierTable) -> Measurement:
    """Jensen-Shannon distance of one trained network's preactivations to their law before training, over realisations.

    Its sampling contribution included, as in the original.
    """
    trained = classifier.kept_epochs(table)[-1]
    return mean_over_seeds(found.distance for found in classifier.agreements(table, trained).values())


def transposed_ratio(table: ClassifierTable) -> Measurement:
    """Deviation of trained preactivations over that with both matrices transposed, over realisations."""
    right, transposed = (
        classifier.by_epoch(table, f"{name}_deviation").iloc[:, -1] for name in ("preactivation", "transposed")
    )
    return mean_over_seeds(right / transposed)


def implied_weight_deviation(table: ClassifierTable) -> Measurement:
    """Standard deviation σ of the weights that untrained preactivations of deviation σ² |x| √n have."""
    deviations = classifier.by_epoch(select(table, epoch=0), "preactivation_deviation").iloc[:, 0]
    return mean_over_seeds(np.sqrt(deviations / (classifier.input_norm(table) * parameters_of(table)["width"] ** 0.5)))


def input_norm(table: ClassifierTable) -> Measurement:
    """Length of the image that is shown."""
    return Measurement(classifier.input_norm(table), 0.0)


def penalty_share(table: RegressionTable, coupling: float) -> Measurement:
    """Share of the L2 penalty in the loss on training images at the end of training, over realisations."""
    penalty, loss = (
        regression.score_by_epoch(table, name, "train", coupling).iloc[:, -1] for name in ("penalty", "loss")
    )
    return mean_over_seeds(penalty / loss)


def output_median(table: UntrainedTable) -> Measurement:
    """Median output length over C, all temperatures together; its error from the exact density at the median."""
    return Measurement(*untrained.scaled_median(table))


def temperature_exponent(table: UntrainedTable) -> Measurement:
    """Power of T with which output lengths grow: slope of the mean logarithm, weighted by its errors."""
    return Measurement(*untrained.growth_exponent(table))


def unnormalised_mass(table: NormLearningTable, coupling: float) -> Measurement:
    """Integral over y of the quartic partition function as it was proposed."""
    return Measurement(norm_learning.mass(table, coupling), 0.0)


def energy_of_normaliser(table: NormLearningTable, correction: float) -> Measurement:
    """Energy of the quadratic correction less that without the derivative of its normaliser; the same at every y."""
    return Measurement(norm_learning.normaliser_energy(table, correction), 0.0)


def digit_outputs(table: NeuralTangentTable, quantity: str = "outputs", split: str = "train") -> Measurement:
    """Mean, or standard deviation, of the outputs of the one-digit networks, over realisations."""
    return mean_over_seeds(neural_tangent.one_digit_number(table, quantity, split))


def linearisation_exponent(table: NeuralTangentTable, from_width: int) -> Measurement:
    """Power of n with which the median distance to the linearised network falls, over realisations."""
    return mean_over_seeds(neural_tangent.distance_exponents(table, from_width))


def posterior_variance_ratio(table: NeuralTangentTable, width: int) -> Measurement:
    """Variance of trained networks over that of the exact noiseless posterior, mean over the unseen images."""
    return mean_over_seeds(neural_tangent.variance_ratios(table, width))


def pruning_fit(table: PathPruningTable, parameter: str) -> Measurement:
    """A parameter of the logistic fit of accuracy against the number of paths, fitted to each realisation."""
    return mean_over_seeds(getattr(fit, parameter) for fit in path_pruning.fits_by_seed(table))


def prior_number(
    table: PriorTable, quantity: str, network: str, activation: str = "linear", position: float | None = None
) -> Measurement:
    """One exact number of the prior of a network with one output."""
    rows = select(table, quantity=quantity, network=network, activation=activation, n_out=1, position=position)
    return Measurement(exact_number(rows), 0.0)


def ratio_to_process_law(table: PosteriorTable, networks: list[str]) -> Measurement:
    """Jensen-Shannon distance of priors to the Gaussian process over (sqrt(3)/4) sum 1/n: the one farthest from 1."""
    ratios = [posterior.ratio_to_wide_law(table, network) for network in networks]
    return Measurement(max(ratios, key=lambda ratio: abs(ratio - 1)), 0.0)


def kurtosis_difference(table: PriorTable, network: str, activation: str = "linear") -> Measurement:
    """Excess kurtosis of random networks with one output minus the exact one, over realisations."""
    rows = select(table, network=network, activation=activation, n_out=1)
    return mean_over_seeds(prior.kurtosis_differences(rows))


def silent_fraction(table: PriorTable, network: str) -> Measurement:
    """Fraction of random networks of rectified units whose output is 0, over realisations."""
    rows = select(table, network=network, activation="relu", n_out=1)
    return mean_over_seeds(prior.silent_fractions(rows))


def tail_fraction(table: PriorTable, network: str, beyond: float) -> Measurement:
    """Fraction of outputs of random linear networks beyond a multiple of their root mean square, over realisations."""
    rows = select(table, network=network, activation="linear", n_out=1)
    return mean_over_seeds(prior.tail_fractions(rows, beyond))


def random_network_statistic(table: PriorTable) -> Measurement:
    """Pearson's statistic of random networks with one output in bins of their exact prior, mean over the networks."""
    found = prior.random_network_agreements(select(table, n_out=1))
    return Measurement(*comparison.mean_statistic(found, len(found)))


def ladder_statistic(table: EnsembleTable) -> Measurement:
    """Pearson's statistic of an ensemble in bins of its exact law, mean over networks and inverse temperatures.

    The rungs of one network's ladder are the same chains: networks count as the independent draws.
    """
    found = [ensemble.agreement(rows) for rows in ensemble.each_ensemble(table)]
    return Measurement(*comparison.mean_statistic(found, table["network"].nunique()))


def loss_bias(table: EnsembleTable) -> Measurement:
    """Mean loss over the exact one, minus 1, averaged over networks and inverse temperatures, over realisations."""
    return mean_over_seeds(ensemble.loss_biases(table))


def loss_ratio(table: EnsembleTable, network: str, beta: float) -> Measurement:
    """Mean loss of an ensemble over the exact posterior mean."""
    loss = ensemble.mean_loss(select(table, network=network, beta=beta)).iloc[0]
    return Measurement(float(loss["mean"] / loss["exact"]), float(loss["error"] / loss["exact"]))


def equipartition(table: EnsembleTable, network: str, beta: float) -> Measurement:
    """2 beta <L> / P of an ensemble: 1 where every image's error is a free quadratic degree of freedom."""
    loss = ensemble.mean_loss(select(table, network=network, beta=beta)).iloc[0]
    scale = 2 * beta / parameters_of(table)["images"]
    return Measurement(float(scale * loss["mean"]), float(scale * loss["error"]))


def bin_statistic(
    table: EnsembleTable, network: str, samples: int | None = None, beta: float | None = None
) -> Measurement:
    """Pearson's statistic in equiprobable bins of the exact law; no beta: zero temperature.

    Over as many groups of ``samples`` networks as there are; of all of them together if None, with the standard error
    of a noncentral chi^2.
    """
    found = ensemble.agreements_of_groups(select(table, network=network, beta=beta), samples)
    if samples is None:
        return Measurement(*comparison.mean_statistic(found, 1))
    return mean_over_seeds(one.statistic for one in found)


def true_distance(table: EnsembleTable, network: str) -> Measurement:
    """Jensen-Shannon distance of trained networks to the exact zero-temperature law, sampling noise removed."""
    net = ensemble.net_divergence(select(table, network=network, beta=None))
    return Measurement(net.distance, net.distance_error)


def least_converged(table: EnsembleTable) -> Measurement:
    """Smallest fraction of networks that reached the tolerance, over all widths."""
    return Measurement(float(ensemble.converged_fraction(table).min()), 0.0)


def selection_artefact(table: EnsembleTable, network: str, multiple: float) -> Measurement:
    """Jensen-Shannon distance to the exact law of only those networks that converged soon, sampling noise removed.

    Soon: within ``multiple`` of the median number of steps that the widest network takes.
    """
    within = multiple * ensemble.typical_steps(table)
    kept = ensemble.agreement_of_converged(select(table, network=network), within)
    if kept is None or kept.samples < 2 * kept.bins:
        raise NotMeasured(f"{kept.samples if kept else 0} networks converged within {within:.0f} steps")
    net = ensemble.NetDivergence(*comparison.excess_divergence(kept))
    return Measurement(net.distance, net.distance_error)


def evidence_gain(table: FullDataTable, network: str, beta: float) -> Measurement:
    """Log evidence of all images above that of the infinitely wide network, in nats."""
    return Measurement(full_data.evidence_gain(table, network, beta), 0.0)


def full_data_number(table: FullDataTable, quantity: str, network: str, beta: float) -> Measurement:
    """One exact number of the posterior after all images."""
    return Measurement(full_data.number(table, quantity, network, beta), 0.0)


def scale_over_saddle(table: FullDataTable, network: str, beta: float) -> Measurement:
    """Posterior mean of the kernel scale over its saddle point."""
    mean, saddle = (full_data.number(table, name, network, beta) for name in ("mean_scale", "saddle_scale"))
    return Measurement(mean / saddle, 0.0)


def passed_verdicts(table: SamplersTable, sampler: str) -> Measurement:
    """Fraction of the test-bed's verdicts that a sampler passes, over realisations."""
    return mean_over_seeds(samplers.passes(table, sampler))


def sampler_loss_ratio(table: SamplersTable, sampler: str, network: str, beta: float) -> Measurement:
    """Mean loss of a sampler over the exact one, over realisations."""
    return mean_over_seeds(
        select(table, quantity="loss_ratio", sampler=sampler, network=network, beta=beta)["value"].tolist()
    )


def samplers_difference(table: OutputsTable, quantity: str) -> Measurement:
    """Relative difference of the two samplers of ten outputs, mean over all cells."""
    return Measurement(*outputs.mean_difference(table, quantity))


def script_distance(table: ClassifierTable) -> Measurement:
    """What the seed's script calls a distance, over trained networks."""
    return mean_over_seeds(mistakes.script_distances(table))


def bessel_mass(table: ClassifierTable) -> Measurement:
    """Integral over h of K₀(|h|/κ) without a prefactor, at κ of the untrained network."""
    return Measurement(mistakes.bessel_mass(table), 0.0)


def one_sided_mass(table: ClassifierTable) -> Measurement:
    """Integral from 0 to the largest h of the density estimate over a trained network's units, over realisations."""
    return mean_over_seeds(mistakes.one_sided_masses(table))


def two_layer_scale(table: FullDataTable, width: int, beta: float) -> Measurement:
    """Saddle point of the kernel scale for two hidden layers over the posterior mean of one hidden layer's."""
    scales = mistakes.scales_by_width(table, beta).loc[width]
    return Measurement(float(scales["two_layers"] / scales["exact"]), 0.0)


def foretold_accuracy(table: PathPruningTable) -> Measurement:
    """Accuracy at all paths by the fit to the first quarter of them, less that measured, over realisations."""
    return mean_over_seeds(mistakes.foretold_differences(table))


def loss_over_saddle(table: OutputsTable, network: str, beta: float, images: int) -> Measurement:
    """Mean loss of ten outputs, sampled, over that at the saddle point of kernel renormalisation."""
    return Measurement(*outputs.loss_over_saddle(table, network, beta, images))


def sampled_ratio(table: FullDataTable, quantity: str) -> Measurement:
    """Scale or loss after all images, sampled over exact, mean over networks and temperatures."""
    return Measurement(*full_data.sampled_ratio(table, quantity))
