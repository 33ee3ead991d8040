"""What the claims about cascades and trained networks measure on the engines' tables.

``where`` picks runs by their parameters or columns (see :func:`nnstatmech.readings.select`).
"""

from collections.abc import Mapping

from ..readings import Measurement, NotMeasured, mean_over_seeds, select
from .curves.accuracies import accuracies_beyond, accuracies_of_band, image_accuracy_of, networks_at_best_rates
from .curves.decoded import intended_counts
from .curves.entropies import (
    averages,
    collapsed_entropies,
    contrast_losses,
    cutoff_depths,
    cutoff_ratios,
    cutoff_slopes,
    differences_from_map,
    effective_strengths,
    entropy_boundaries,
    largest_falls,
    lost_values,
    mean_of_networks,
    peaks,
)
from .curves.falling import reach_ratios, scaled_depths, scaled_reaches, trained_shares
from .curves.law import law_ratios
from .curves.prediction import predicted
from .tables import (
    ChannelsTable,
    ClassificationTable,
    EntropiesTable,
    FallingTable,
    ReconstructionTable,
    ScoresTable,
    TrainabilityTable,
)

EVERYWHERE: Mapping = {}


def weight_variance_of_peak(
    table: EntropiesTable, quantity: str, from_depth: int, to_depth: int, where: Mapping = EVERYWHERE
) -> Measurement:
    """The weight variance at which ``quantity`` is largest, averaged over a range of depths."""
    return mean_over_seeds(peaks(select(table, **where), quantity, from_depth, to_depth))


def average_over_depths(
    table: EntropiesTable,
    quantity: str,
    weight_variances: list[float],
    from_depth: int,
    to_depth: int,
    where: Mapping = EVERYWHERE,
) -> Measurement:
    """A quantity averaged over weight variances and a range of depths."""
    return mean_over_seeds(averages(select(table, **where), quantity, weight_variances, from_depth, to_depth))


def contrast_loss(
    table: EntropiesTable, weight_variances: list[float], from_depth: int, to_depth: int, where: Mapping = EVERYWHERE
) -> Measurement:
    """Squared correlation minus R², averaged: what would be explained more at the contrast that fits best."""
    return mean_over_seeds(contrast_losses(select(table, **where), weight_variances, from_depth, to_depth))


def difference_from_map(
    table: EntropiesTable, weight_variances: list[float], from_depth: int, to_depth: int, where: Mapping = EVERYWHERE
) -> Measurement:
    """Differential entropy in nats minus that of the original's map, averaged over cells of the map."""
    return mean_over_seeds(differences_from_map(select(table, **where), weight_variances, from_depth, to_depth))


def value_of_the_lost(
    table: EntropiesTable, quantity: str, correlation_depths: float, where: Mapping = EVERYWHERE
) -> Measurement:
    """A quantity averaged over ordered networks deeper than so many correlation depths."""
    return mean_over_seeds(lost_values(select(table, **where), quantity, correlation_depths))


def collapsed_entropy(table: EntropiesTable, correlation_depths: float, where: Mapping = EVERYWHERE) -> Measurement:
    """Largest differential entropy of ordered networks deeper than so many correlation depths."""
    return mean_over_seeds(collapsed_entropies(select(table, **where), correlation_depths))


def cutoff_depth(
    table: EntropiesTable, quantity: str, weight_variances: list[float], strength: float, where: Mapping = EVERYWHERE
) -> Measurement:
    """Cutoff of ridge decoders of one strength in units of ξ_c, averaged over weight variances."""
    return mean_over_seeds(cutoff_depths(select(table, **where), quantity, weight_variances, strength))


def cutoff_slope(
    table: EntropiesTable, quantity: str, weight_variances: list[float], weakest: float, strongest: float
) -> Measurement:
    """Growth of the cutoff, in units of ξ_c, for each decade by which the decoders' ridge strength is lowered."""
    return mean_over_seeds(cutoff_slopes(table, quantity, weight_variances, weakest, strongest))


def effective_ridge_strength(table: EntropiesTable, quantity: str, weight_variances: list[float]) -> Measurement:
    """log₁₀ of the ridge strength whose decoders lose information at the depth at which trained decoders do."""
    return mean_over_seeds(effective_strengths(table, quantity, weight_variances))


def entropy_boundary(
    table: EntropiesTable, weight_variance: float, threshold: float, decoder: str = "adam"
) -> Measurement:
    """First depth at which the differential entropy of one weight variance is below ``threshold`` nats."""
    return mean_over_seeds(entropy_boundaries(select(table, decoder=decoder), weight_variance, threshold))


def law_deviation(
    table: EntropiesTable, weight_variances: list[float], strength: float, largest_aspect: float
) -> Measurement:
    """Largest relative deviation of a seed's cutoffs from the law without a fit, |measured / predicted - 1|.

    Of cutoffs that, over the width and averaged over seeds, are below ``largest_aspect``.
    """
    ratios = law_ratios(table, weight_variances, strength)
    aspects = ratios.groupby(["run", "weight_variance"], observed=True)["aspect"].transform("mean")
    within = ratios[aspects < largest_aspect]
    if within.empty:
        raise NotMeasured(f"no cutoff is below {largest_aspect} widths")
    deviations = (within["ratio"] - 1).abs()
    return mean_over_seeds(deviations.groupby(within["seed"]).agg(lambda own: own.max(skipna=False)))


def law_ratio(
    table: EntropiesTable, weight_variances: list[float], strength: float, where: Mapping = EVERYWHERE
) -> Measurement:
    """Measured cutoff over that of the law without a fit, averaged over weight variances."""
    ratios = law_ratios(select(table, **where), weight_variances, strength)
    return mean_over_seeds(mean_of_networks(ratios.set_index("seed")["ratio"]))


def largest_fall(
    table: EntropiesTable, quantity: str, weight_variances: list[float], where: Mapping = EVERYWHERE
) -> Measurement:
    """How far ``quantity`` falls over depth below what it was before, at most; averaged over weight variances."""
    return mean_over_seeds(largest_falls(select(table, **where), quantity, weight_variances))


def mean_accuracy(table: TrainabilityTable, depth: int, lowest: float, highest: float) -> Measurement:
    """Test accuracy at ``depth``, averaged over the weight variances from ``lowest`` to ``highest``."""
    return mean_over_seeds(accuracies_of_band(table, depth, lowest, highest))


def accuracy_beyond(table: TrainabilityTable, correlation_depths: float) -> Measurement:
    """Test accuracy of ordered networks deeper than so many correlation depths ξ_c, averaged over all of them."""
    return mean_over_seeds(accuracies_beyond(table, correlation_depths))


def accuracy_at_best_rate(table: ClassificationTable, weight_variances: list[float]) -> Measurement:
    """Test accuracy, averaged over weight variances, each at the learning rate with the lowest training loss."""
    found = networks_at_best_rates(table)
    return mean_over_seeds(found.reindex(columns=weight_variances).mean(axis=1, skipna=False))


def prediction(
    truth: TrainabilityTable,
    scores: ScoresTable,
    score: str,
    statistic: str,
    dataset: str,
    inputs: str = "dataset",
    step: int = 200,
) -> Measurement:
    """How well a score says which networks train within ``step`` minibatches.

    ``statistic`` is ``auc``, ``auc_deep`` (from depth 20 on), ``spearman`` or ``overlap``, of each seed's networks; a
    fixed rule has an ``overlap`` only (:mod:`.curves.prediction`). Of several learning rates the smallest is taken.
    """
    return mean_over_seeds(predicted(truth, scores, score, statistic, dataset, inputs, step))


def prediction_gain(
    truth: TrainabilityTable,
    scores: ScoresTable,
    score: str,
    over: str,
    statistic: str,
    dataset: str,
    step: int = 200,
) -> Measurement:
    """:func:`prediction` by a score minus that by another, of the same networks."""
    first, second = (predicted(truth, scores, name, statistic, dataset, "dataset", step) for name in (score, over))
    return mean_over_seeds(first - second)


def cutoff_gain(
    table: EntropiesTable, quantity: str, weight_variances: list[float], few: int, many: int
) -> Measurement:
    """Cutoff of decoders trained on ``many`` images over that of decoders trained on ``few``, minus 1."""
    ratios = cutoff_ratios(table, quantity, weight_variances, few, many)
    return mean_over_seeds(ratios - 1)


def largest_falling_depth(table: FallingTable, lowest: float, highest: float) -> Measurement:
    """Largest depth that the falling procedure found within a range of weight variances, in units of ξ_c.

    A seed with a weight variance at which nothing trains is a hole.
    """
    scaled = scaled_depths(table, lowest, highest)
    if scaled.empty:
        raise NotMeasured(f"no walk visited weight variances between {lowest} and {highest}")
    return mean_over_seeds(scaled.max(axis=1, skipna=False))


def share_that_trains(table: FallingTable, lowest: float, highest: float) -> Measurement:
    """Share of the weight variances in a range at which the falling procedure ends with a network that trains."""
    shares = trained_shares(table, lowest, highest)
    if shares.empty:
        raise NotMeasured(f"no walk visited weight variances between {lowest} and {highest}")
    return mean_over_seeds(shares)


def shrinking_reach(table: EntropiesTable, lowest: float, highest: float) -> Measurement:
    """Depth, in sizes over ξ_c, down to which outputs of shrinking networks explain a tenth of the images' variance.

    Averaged over a range of weight variances.
    """
    return mean_over_seeds(scaled_reaches(table, lowest, highest))


def trained_over_reached(walks: FallingTable, cascades: EntropiesTable, lowest: float, highest: float) -> Measurement:
    """Depth that trains over the depth to which cascades through the same networks carry the image.

    Averaged over a range of weight variances.
    """
    return mean_over_seeds(reach_ratios(walks, cascades, lowest, highest))


def intended_classes(table: ReconstructionTable) -> Measurement:
    """How many class-optimal inputs the network gives the class that they were decoded for."""
    return mean_over_seeds(intended_counts(table))


def image_accuracy(table: ChannelsTable) -> Measurement:
    """Test accuracy of a trained image classifier; the error is that of the test images and of the seeds."""
    return image_accuracy_of(table)
