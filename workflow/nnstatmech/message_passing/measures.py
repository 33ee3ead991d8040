"""What the claims on learning by message passing compare."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..readings import Measurement, NotMeasured, mean_over_seeds, select
from .curves.committee import by_features
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

# --- perceptrons ---------------------------------------------------------------------------------


def perceptron_overlap(
    table: pd.DataFrame, algorithm: str, load: float, quantity: str = "teacher_overlap"
) -> Measurement:
    """R (or another quantity) after the last sweep."""
    return mean_over_seeds(final_rows(table, quantity, algorithm=algorithm, load=float(load))["value"])


def nishimori_gap(table: pd.DataFrame, algorithm: str, load: float) -> Measurement:
    """R − q after the last sweep."""
    teacher, own = (
        final_rows(table, quantity, algorithm=algorithm, load=float(load)).set_index("seed")["value"]
        for quantity in ("teacher_overlap", "self_overlap")
    )
    return mean_over_seeds(teacher - own)


def trajectory_gap(table: pd.DataFrame, algorithm: str, load: float, sweeps: int) -> Measurement:
    """R minus state evolution, averaged over the first sweeps."""
    gaps = trajectories(table, algorithm, load, sweeps) - predicted_trajectory(load, sweeps)
    return mean_over_seeds(gaps.mean(axis=1))


def recovery_threshold(table: pd.DataFrame, algorithm: str) -> Measurement:
    """The load between those at which no instance and those at which every instance finds the teacher.

    The standard error is that of a number anywhere between the two.
    """
    low, high = threshold_bracket(table, algorithm)
    return Measurement((low + high) / 2, (high - low) / 12**0.5)


def solved_fraction(table: pd.DataFrame, algorithm: str, load: float) -> Measurement:
    """Part of the instances without a wrong pattern at the end."""
    fraction, count = solved_by_load(table, algorithm=algorithm, load=float(load)).iloc[0]
    return Measurement(float(fraction), float((fraction * (1 - fraction) / count) ** 0.5))


def largest_distance(table: pd.DataFrame, reference: str, sweep: int) -> Measurement:
    """Largest root mean square difference of the means from the reference algorithm's, over sizes and instances."""
    return Measurement(float(distances(table, reference, sweep).max(axis=None)), 0.0)


def distance_exponent(table: pd.DataFrame, reference: str, sweep: int) -> Measurement:
    """Slope of log(distance from the reference) against log N, all instances with equal weight."""
    return exponent(distances(table, reference, sweep))


# --- learning ------------------------------------------------------------------------------------


def final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The value at the last epoch, averaged over realisations."""
    return mean_over_seeds(one_a_seed(final_values(table, quantity, **where)))


def largest_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The largest value over networks and epochs: what never happens in any of them."""
    return Measurement(float(select(table, quantity=quantity, **where)["value"].max()), 0.0)


def smallest_final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The smallest value over networks at the last epoch: what happens in all of them."""
    return Measurement(float(final_values(table, quantity, **where).min()), 0.0)


def largest_final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The largest value over networks at the last epoch."""
    return Measurement(float(final_values(table, quantity, **where).max()), 0.0)


def final_ratio(
    table: pd.DataFrame, quantity: str, above: Mapping[str, object], below: Mapping[str, object]
) -> Measurement:
    """Ratio of the realisations' mean final values of two settings; its error is left out, so margins must be wide."""
    first, second = (final_value(table, quantity, where).value for where in (above, below))
    if second == 0:
        raise NotMeasured(f"{quantity} is 0: there is no ratio to it")
    return Measurement(first / second, 0.0)


def final_difference(
    table: pd.DataFrame, quantity: str, first: Mapping[str, object], second: Mapping[str, object]
) -> Measurement:
    """Difference of final values, realisation by realisation (they share their random numbers)."""
    values = [one_a_seed(final_values(table, quantity, **where)) for where in (first, second)]
    return mean_over_seeds(values[0] - values[1])


def difference_of_quantities(table: pd.DataFrame, first: str, second: str, where: Mapping[str, object]) -> Measurement:
    """Final value of one quantity less that of another of the same networks."""
    values = [one_a_seed(final_values(table, quantity, **where)) for quantity in (first, second)]
    return mean_over_seeds(values[0] - values[1])


def diverged_fraction(table: pd.DataFrame, where: Mapping[str, object]) -> Measurement:
    """Part of the trained networks whose fields left the floating-point range."""
    return Measurement(float(diverged_networks(table, **where).mean()), 0.0)


# --- committees and times ------------------------------------------------------------------------


def committee_value(table: pd.DataFrame, algorithm: str, quantity: str, features: int) -> Measurement:
    """A quantity of committees of one size."""
    return mean_over_seeds(by_features(select(table, features=features), algorithm, quantity)[features])


def committee_drop(table: pd.DataFrame, algorithm: str, quantity: str, smaller: int, larger: int) -> Measurement:
    """By how much a quantity falls from one number of features to a larger one, realisation by realisation."""
    values = [by_features(select(table, features=size), algorithm, quantity)[size] for size in (smaller, larger)]
    return mean_over_seeds(values[0] - values[1])


def time_ratio(
    table: pd.DataFrame, algorithm: str, reference: str, batch_size: int, quantity: str = "epoch_cpu_seconds"
) -> Measurement:
    """How many times longer an epoch takes than with the reference algorithm."""
    rows = select(table, batch_size=batch_size)
    first, second = (
        mean_over_seeds(seconds_by_batch(rows, name, quantity)[batch_size]) for name in (algorithm, reference)
    )
    ratio = first.value / second.value
    relative = np.hypot(first.standard_error / first.value, second.standard_error / second.value)
    return Measurement(ratio, float(ratio * relative), min(first.degrees_of_freedom, second.degrees_of_freedom))


def time_exponent(table: pd.DataFrame, algorithm: str, largest_batch: int) -> Measurement:
    """Slope of log(seconds per epoch) against log(batch size) up to a batch size."""
    return exponent(seconds_by_batch(table, algorithm).loc[:, :largest_batch])
