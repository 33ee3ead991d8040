"""What the claims on learning by message passing compare."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..readings import Measurement, NotMeasured
from . import state_evolution

RECOVERED = 0.99  # an overlap above this counts as the teacher itself


def mean_over_seeds(values: np.ndarray) -> Measurement:
    """Mean and its standard error.

    Raises
    ------
    NotMeasured
        With fewer than two realisations.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        raise NotMeasured(f"{len(values)} realisation(s): a standard error needs two")
    return Measurement(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5))


def select(table: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """The rows whose columns have the given values; numbers are compared with a relative tolerance of 1e-9.

    Raises
    ------
    NotMeasured
        If there are none.
    """
    for column, wanted in where.items():
        if isinstance(wanted, float):
            table = table[np.isclose(table[column].astype(float), wanted, rtol=1e-9, atol=0)]
        else:
            table = table[table[column] == wanted]
    if table.empty:
        raise NotMeasured(f"no rows with {', '.join(f'{key} = {value}' for key, value in where.items())}")
    return table


def last_values(table: pd.DataFrame, quantity: str, where: Mapping[str, object], position: str = "epoch") -> pd.Series:
    """The last value of each seed along ``position``, indexed by seed."""
    rows = select(table, {**where, "quantity": quantity})
    rows = rows[rows["value"].notna()].sort_values(position)
    return rows.groupby("seed", observed=True)["value"].last()


# --- perceptrons ---------------------------------------------------------------------------------


def perceptron_overlap(
    table: pd.DataFrame, rule: str, load: float, quantity: str = "teacher_overlap", sweep: int | None = None
) -> Measurement:
    """R (or another quantity) after a sweep, by default after the last."""
    where = {"rule": rule, "load": float(load)} | ({} if sweep is None else {"sweep": sweep})
    return mean_over_seeds(last_values(table, quantity, where, "sweep").to_numpy())


def nishimori_gap(table: pd.DataFrame, rule: str, load: float) -> Measurement:
    """R − q after the last sweep."""
    where = {"rule": rule, "load": float(load)}
    teacher = last_values(table, "teacher_overlap", where, "sweep")
    return mean_over_seeds((teacher - last_values(table, "self_overlap", where, "sweep")).to_numpy())


def trajectory_gap(table: pd.DataFrame, rule: str, load: float, sweeps: int) -> Measurement:
    """R minus state evolution, averaged over the first sweeps."""
    rows = select(table, {"rule": rule, "load": float(load), "quantity": "teacher_overlap"})
    rows = rows[rows["sweep"] <= sweeps]
    theory = np.array([state.teacher for state in state_evolution.trajectory(load, sweeps)])
    gaps = rows.assign(value=rows["value"] - theory[rows["sweep"]])
    return mean_over_seeds(gaps.groupby("seed", observed=True)["value"].mean().to_numpy())


def recovery_threshold(table: pd.DataFrame, rule: str) -> Measurement:
    """The load between those at which no instance and those at which every instance finds the teacher.

    The standard error is that of a number anywhere between the two.
    """
    rows = select(table, {"rule": rule, "quantity": "teacher_overlap"}).sort_values("sweep")
    final = rows.groupby(["load", "seed"], observed=True)["value"].last()
    fraction = (final > RECOVERED).groupby("load").mean()
    lost, found = fraction[fraction == 0].index, fraction[fraction == 1].index
    if lost.empty or found.empty or lost.max() > found.min():
        raise NotMeasured("the loads do not bracket a transition")
    low, high = lost.max(), found.min()
    return Measurement((low + high) / 2, (high - low) / 12**0.5)


def solved_fraction(table: pd.DataFrame, rule: str, load: float) -> Measurement:
    """Part of the instances without a wrong pattern at the end."""
    errors = last_values(table, "training_error", {"rule": rule, "load": float(load)}, "sweep")
    fraction = float((errors == 0).mean())
    return Measurement(fraction, (fraction * (1 - fraction) / len(errors)) ** 0.5)


def largest_distance(table: pd.DataFrame, reference: str, sweep: int) -> Measurement:
    """Largest root mean square difference of the means from the reference algorithm's, over sizes and instances."""
    rows = select(table, {"reference": reference, "sweep": sweep, "quantity": "distance_to_reference"})
    return Measurement(float(rows["value"].max()), 0.0)


def distance_exponent(table: pd.DataFrame, reference: str, sweep: int) -> Measurement:
    """Slope of log(distance from the reference) against log N, all instances with equal weight."""
    rows = select(table, {"reference": reference, "sweep": sweep, "quantity": "distance_to_reference"})
    return slope(np.log(rows["inputs"].astype(float)), np.log(rows["value"]))


def slope(x: np.ndarray, y: np.ndarray) -> Measurement:
    """Least-squares slope and its standard error."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) < 3:
        raise NotMeasured(f"{len(x)} points: the error of a slope needs three")
    coefficients, covariance = np.polyfit(x, y, 1, cov="unscaled")
    residuals = y - np.polyval(coefficients, x)
    variance = residuals @ residuals / (len(x) - 2)
    return Measurement(float(coefficients[0]), float((covariance[0, 0] * variance) ** 0.5))


# --- learning ------------------------------------------------------------------------------------


def final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The value at the last epoch, averaged over realisations."""
    return mean_over_seeds(last_values(table, quantity, where).to_numpy())


def best_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The smallest value along the run, averaged over realisations."""
    rows = select(table, {**where, "quantity": quantity})
    return mean_over_seeds(rows.groupby("seed", observed=True)["value"].min().to_numpy())


def largest_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The largest value over realisations and epochs: what never happens in any of them."""
    return Measurement(float(select(table, {**where, "quantity": quantity})["value"].max()), 0.0)


def smallest_final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The smallest value over realisations at the last epoch: what happens in all of them."""
    return Measurement(float(last_values(table, quantity, where).min()), 0.0)


def largest_final_value(table: pd.DataFrame, quantity: str, where: Mapping[str, object]) -> Measurement:
    """The largest value over realisations at the last epoch."""
    return Measurement(float(last_values(table, quantity, where).max()), 0.0)


def final_ratio(
    table: pd.DataFrame, quantity: str, above: Mapping[str, object], below: Mapping[str, object]
) -> Measurement:
    """Ratio of the realisations' mean final values of two settings; its error is left out, so margins must be wide."""
    return Measurement(
        float(last_values(table, quantity, above).mean() / last_values(table, quantity, below).mean()), 0.0
    )


def final_difference(
    table: pd.DataFrame, quantity: str, first: Mapping[str, object], second: Mapping[str, object]
) -> Measurement:
    """Difference of final values, realisation by realisation (they share their random numbers)."""
    difference = last_values(table, quantity, first) - last_values(table, quantity, second)
    return mean_over_seeds(difference.dropna().to_numpy())


def difference_of_quantities(table: pd.DataFrame, first: str, second: str, where: Mapping[str, object]) -> Measurement:
    """Final value of one quantity less that of another of the same networks."""
    return mean_over_seeds((last_values(table, first, where) - last_values(table, second, where)).to_numpy())


def diverged_fraction(table: pd.DataFrame, where: Mapping[str, object]) -> Measurement:
    """Part of the trained networks whose fields left the floating-point range."""
    rows = select(table, where)
    keys = ["run", "case", "seed"]
    networks = rows[keys].drop_duplicates()
    diverged = rows.loc[rows["quantity"] == "diverged_epoch", keys].drop_duplicates()
    return Measurement(len(diverged) / len(networks), 0.0)


# --- committees and times ------------------------------------------------------------------------


def committee_value(table: pd.DataFrame, learner: str, quantity: str, features: int) -> Measurement:
    """A quantity of committees of one size."""
    rows = select(table, {"learner": learner, "quantity": quantity, "features": features})
    return mean_over_seeds(rows["value"].to_numpy())


def committee_drop(table: pd.DataFrame, learner: str, quantity: str, smaller: int, larger: int) -> Measurement:
    """By how much a quantity falls from one number of features to a larger one, realisation by realisation."""
    values = [
        select(table, {"learner": learner, "quantity": quantity, "features": size}).set_index("seed")["value"]
        for size in (smaller, larger)
    ]
    return mean_over_seeds((values[0] - values[1]).to_numpy())


def time_ratio(
    table: pd.DataFrame, algorithm: str, reference: str, batch_size: int, quantity: str = "epoch_cpu_seconds"
) -> Measurement:
    """How many times longer an epoch takes than with the reference algorithm."""
    seconds = [
        mean_over_seeds(
            select(table, {"algorithm": name, "batch_size": batch_size, "quantity": quantity})["value"].to_numpy()
        )
        for name in (algorithm, reference)
    ]
    ratio = seconds[0].value / seconds[1].value
    relative = np.hypot(seconds[0].standard_error / seconds[0].value, seconds[1].standard_error / seconds[1].value)
    return Measurement(ratio, float(ratio * relative))


def time_exponent(table: pd.DataFrame, algorithm: str, largest_batch: int) -> Measurement:
    """Slope of log(seconds per epoch) against log(batch size) up to a batch size."""
    rows = select(table, {"algorithm": algorithm, "quantity": "epoch_seconds"})
    rows = rows[rows["batch_size"] <= largest_batch]
    return slope(np.log(rows["batch_size"].astype(float)), np.log(rows["value"]))
