"""What the claims on learning by message passing compare."""

from collections.abc import Mapping

import numpy as np

from ..readings import Measurement, by_seed, mean_over_seeds, parameters_of, select
from .curves.calibration import by_seed_and_epoch, repetition_slopes
from .curves.channels import by_position, per_unknown, predicted_error, predicted_evidence
from .curves.committee import by_features
from .curves.continual import memory, remembered
from .curves.fractions import fraction
from .curves.perceptron import (
    distances,
    final_rows,
    predicted_trajectory,
    solved_by_load,
    threshold_bracket,
    trajectories,
)
from .curves.scaling import exponent
from .curves.timing import seconds_by_batch
from .curves.training import diverged_networks, final_values, one_a_seed
from .tables import (
    CalibrationTable,
    ChannelsTable,
    CommitteeTable,
    ContinualTable,
    LocalEnergyTable,
    PerceptronTable,
    RepetitionTable,
    SpecialisationTable,
    TimingTable,
    TrainingTable,
)

# --- perceptrons ---------------------------------------------------------------------------------


def perceptron_overlap(
    table: PerceptronTable, algorithm: str, load: float, quantity: str = "teacher_overlap"
) -> Measurement:
    """R (or another quantity) after the last sweep."""
    return mean_over_seeds(final_rows(table, quantity, algorithm=algorithm, load=float(load))["value"])


def nishimori_gap(table: PerceptronTable, algorithm: str, load: float) -> Measurement:
    """R − q after the last sweep."""
    teacher, own = (
        final_rows(table, quantity, algorithm=algorithm, load=float(load)).set_index("seed")["value"]
        for quantity in ("teacher_overlap", "self_overlap")
    )
    return mean_over_seeds(teacher - own)


def trajectory_gap(table: PerceptronTable, algorithm: str, load: float, sweeps: int) -> Measurement:
    """R minus state evolution, averaged over the first sweeps."""
    gaps = trajectories(table, algorithm, load, sweeps) - predicted_trajectory(load, sweeps)
    return mean_over_seeds(gaps.mean(axis=1))


def recovery_threshold(table: PerceptronTable, algorithm: str) -> Measurement:
    """The load between those at which no instance and those at which every instance finds the teacher.

    The standard error is that of a number anywhere between the two.
    """
    low, high = threshold_bracket(table, algorithm)
    return Measurement((low + high) / 2, (high - low) / 12**0.5)


def solved_fraction(table: PerceptronTable, algorithm: str, load: float) -> Measurement:
    """Part of the instances without a wrong pattern at the end."""
    solved, count = solved_by_load(table, algorithm=algorithm, load=float(load)).iloc[0]
    return fraction(round(solved * count), int(count))


def distance(table: PerceptronTable, reference: str, sweep: int, inputs: int) -> Measurement:
    """Root mean square difference of the means from the reference algorithm's at one size."""
    return mean_over_seeds(distances(table, reference, sweep)[inputs])


def distance_exponent(table: PerceptronTable, reference: str, sweep: int) -> Measurement:
    """Slope of log(distance from the reference) against log N, all instances with equal weight."""
    return exponent(distances(table, reference, sweep))


# --- learning ------------------------------------------------------------------------------------


def final_value(table: TrainingTable, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The value at the last epoch, averaged over realisations."""
    return mean_over_seeds(one_a_seed(final_values(table, quantity, **where)))


def value_at(table: TrainingTable, quantity: str, epoch: int, where: Mapping[str, object]) -> Measurement:
    """The value at an epoch, averaged over realisations."""
    rows = select(table, quantity=quantity, epoch=epoch, **where)
    return mean_over_seeds(one_a_seed(final_values(rows, quantity)))


def largest_of_a_run(table: TrainingTable, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The largest value over epochs, averaged over realisations."""
    return mean_over_seeds(select(table, quantity=quantity, **where).groupby("seed", observed=True)["value"].max())


def field_growth(table: TrainingTable, where: Mapping[str, object]) -> Measurement:
    """Growth of log(root mean square field) of a layer in a mini-batch, over the later half of the unclamped epochs."""
    rows = select(table, quantity="field_scale", **where)
    params = parameters_of(rows)
    batches = int(select(table, quantity="samples")["value"].iloc[0]) // params["batch_size"]
    fields = by_seed(rows, "epoch").T
    free = fields[fields < params["field_limit"] / 100].dropna()
    return mean_over_seeds(np.log(free).diff().iloc[len(free) // 2 :].mean() / batches)


def final_difference(
    table: TrainingTable, quantity: str, first: Mapping[str, object], second: Mapping[str, object]
) -> Measurement:
    """Difference of final values, realisation by realisation (they share their random numbers)."""
    values = [one_a_seed(final_values(table, quantity, **where)) for where in (first, second)]
    return mean_over_seeds(values[0] - values[1])


def difference_of_quantities(table: TrainingTable, first: str, second: str, where: Mapping[str, object]) -> Measurement:
    """Final value of one quantity less that of another of the same networks."""
    values = [one_a_seed(final_values(table, quantity, **where)) for quantity in (first, second)]
    return mean_over_seeds(values[0] - values[1])


def diverged_fraction(table: TrainingTable, where: Mapping[str, object]) -> Measurement:
    """Part of the trained networks whose fields left the floating-point range."""
    diverged = diverged_networks(table, **where)
    return fraction(int(diverged.sum()), len(diverged))


# --- committees and times ------------------------------------------------------------------------


def committee_value(table: CommitteeTable, algorithm: str, quantity: str, features: int) -> Measurement:
    """A quantity of committees of one size."""
    return mean_over_seeds(by_features(select(table, features=features), algorithm, quantity)[features])


def committee_drop(table: CommitteeTable, algorithm: str, quantity: str, smaller: int, larger: int) -> Measurement:
    """By how much a quantity falls from one number of features to a larger one, realisation by realisation."""
    values = [by_features(select(table, features=size), algorithm, quantity)[size] for size in (smaller, larger)]
    return mean_over_seeds(values[0] - values[1])


def time_ratio(
    table: TimingTable, algorithm: str, reference: str, batch_size: int, quantity: str = "epoch_cpu_seconds"
) -> Measurement:
    """How many times longer an epoch takes than with the reference algorithm."""
    rows = select(table, batch_size=batch_size)
    first, second = (
        mean_over_seeds(seconds_by_batch(rows, name, quantity)[batch_size]) for name in (algorithm, reference)
    )
    ratio = first.value / second.value
    relative = np.hypot(first.standard_error / first.value, second.standard_error / second.value)
    return Measurement(ratio, float(ratio * relative), min(first.degrees_of_freedom, second.degrees_of_freedom))


def time_exponent(table: TimingTable, algorithm: str, largest_batch: int) -> Measurement:
    """Slope of log(seconds per epoch) against log(batch size) up to a batch size."""
    return exponent(seconds_by_batch(table, algorithm).loc[:, :largest_batch])


# --- channels of any activation ------------------------------------------------------------------


def channel_error(table: ChannelsTable, quantity: str, algorithm: str, where: Mapping[str, object]) -> Measurement:
    """A quantity of one rule and problem, averaged over realisations."""
    return mean_over_seeds(select(table, quantity=quantity, algorithm=algorithm, **where)["value"])


def channel_error_difference(
    table: ChannelsTable, quantity: str, first: str, second: str, where: Mapping[str, object]
) -> Measurement:
    """A quantity of one rule less that of another on the same problems."""
    values = [
        select(table, quantity=quantity, algorithm=name, **where).set_index("seed")["value"] for name in (first, second)
    ]
    return mean_over_seeds(values[0] - values[1])


def channel_error_exponent(
    table: ChannelsTable, quantity: str, algorithm: str, where: Mapping[str, object]
) -> Measurement:
    """Slope of the log of a quantity against log N_0, all problems with equal weight."""
    return exponent(by_position(table, "inputs", quantity, algorithm=algorithm, **where))


def evolution_gap(table: ChannelsTable, load: float, where: Mapping[str, object]) -> Measurement:
    """Squared error of AMP less that of state evolution, at one load."""
    rows = select(table, **where)
    return mean_over_seeds(per_unknown(rows, "squared_error", "amp")[load] - predicted_error(parameters_of(rows), load))


def evidence_gap(table: ChannelsTable, load: float, where: Mapping[str, object]) -> Measurement:
    """log Z per unknown of AMP less the replica-symmetric value, at one load."""
    rows = select(table, **where)
    found = per_unknown(rows, "log_evidence", "amp")[load]
    return mean_over_seeds(found - predicted_evidence(parameters_of(rows), load))


def evidence_error(table: ChannelsTable, algorithm: str, patterns: int, where: Mapping[str, object]) -> Measurement:
    """Size of the error of log Z at one number of patterns, averaged over realisations."""
    errors = by_position(table, "patterns", "log_evidence_error", algorithm=algorithm, **where)
    return mean_over_seeds(errors[patterns].abs())


def specialisation(table: SpecialisationTable, load: float, start: str, where: Mapping[str, object]) -> Measurement:
    """Overlap with a unit's own teacher unit less that with another, of AMP."""
    own, other = (
        select(table, quantity=f"amp_{name}_overlap", load=float(load), start=start, **where).set_index("seed")["value"]
        for name in ("own", "other")
    )
    return mean_over_seeds(own - other)


def specialisation_gap(
    table: SpecialisationTable, quantity: str, load: float, start: str, where: Mapping[str, object]
) -> Measurement:
    """An overlap of AMP less that of state evolution."""
    found, predicted = (
        select(table, quantity=name, load=float(load), start=start, **where).set_index("seed")["value"]
        for name in (f"amp_{quantity}", quantity)
    )
    return mean_over_seeds(found - predicted)


# --- continual learning, calibration, flatness ---------------------------------------------------


def memory_value(
    table: ContinualTable, statistic: str, where: Mapping[str, object], quantity: str = "test_accuracy"
) -> Measurement:
    """A statistic of what is remembered: ``mean``, ``new``, ``first`` or ``transfer``, in %."""
    return remembered(select(table, **where), statistic, quantity)


def memory_difference(
    table: ContinualTable,
    statistic: str,
    first: Mapping[str, object],
    second: Mapping[str, object],
    quantity: str = "test_accuracy",
) -> Measurement:
    """The statistic of one run less that of another, realisation by realisation."""
    values = [memory(select(table, **where), quantity)[statistic] for where in (first, second)]
    return mean_over_seeds(values[0] - values[1])


def surprise_ratio(table: ContinualTable, where: Mapping[str, object]) -> Measurement:
    """Field that the first mini-batch of a later task sends to the first layer over that of the last one."""
    rows = select(table, **where)
    rows = rows[rows["learned"] > 1]
    first, last = (
        select(rows, quantity=f"{name}_surprise").groupby("seed", observed=True)["value"].mean()
        for name in ("first", "last")
    )
    return mean_over_seeds(first / last)


def calibration_value(
    table: CalibrationTable, quantity: str, prediction: str, epoch: int, where: Mapping[str, object]
) -> Measurement:
    """A quantity of one way of prediction after some epochs."""
    return mean_over_seeds(by_seed_and_epoch(select(table, **where), quantity, prediction)[epoch])


def calibration_fall(
    table: CalibrationTable, quantity: str, prediction: str, early: int, late: int, where: Mapping[str, object]
) -> Measurement:
    """By how much it falls from one epoch to a later one."""
    values = by_seed_and_epoch(select(table, **where), quantity, prediction)
    return mean_over_seeds(values[early] - values[late])


def excess_calibration_error(
    table: CalibrationTable, prediction: str, epoch: int, where: Mapping[str, object]
) -> Measurement:
    """Calibration error less its floor."""
    rows = select(table, **where)
    error, floor = (
        by_seed_and_epoch(rows, quantity, prediction)[epoch] for quantity in ("calibration_error", "error_floor")
    )
    return mean_over_seeds(error - floor)


def repetition_slope(table: RepetitionTable, rule: str, patterns: int, passes: int) -> Measurement:
    """Calibration slope of small perceptrons after some passes."""
    return mean_over_seeds(repetition_slopes(table, rule, patterns)[passes])


def local_energy_difference(table: LocalEnergyTable, flipped: float, first: str, second: str) -> Measurement:
    """Rise of the training error by flips of one rule less that of another."""
    values = [
        select(table, quantity="local_energy", flipped=float(flipped), algorithm=name).set_index("seed")["value"]
        for name in (first, second)
    ]
    return mean_over_seeds(values[0] - values[1])
