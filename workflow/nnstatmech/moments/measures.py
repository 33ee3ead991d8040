"""What the claims about signal and noise in random networks measure on the engine's tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..readings import Measurement, NotMeasured
from . import laws
from .curves import branch_sensitivities, curve, power_law, raw


def of_samples(samples: np.ndarray | pd.Series) -> Measurement:
    """Mean of independent realisations with its standard error."""
    samples = np.asarray(samples, float)
    samples = samples[np.isfinite(samples)]
    if len(samples) < 2:
        raise NotMeasured(f"{len(samples)} realisations: at least 2 are needed for a standard error")
    return Measurement(float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(len(samples))))


def power_law_parameter(table: pd.DataFrame, which: int) -> Measurement:
    """Exponent (1) or factor (2) of a resnet's power law, with the error from leaving out one realisation at a time."""
    residual_depth = parameters(table)["residual_depth"]
    sensitivities = branch_sensitivities(table)
    seeds = sensitivities[0].index
    if len(seeds) < 3:
        raise NotMeasured(f"{len(seeds)} realisations: at least 3 are needed to leave one out")
    left_out = np.array(
        [power_law(tuple(x.drop(index=seed) for x in sensitivities), residual_depth)[which] for seed in seeds]
    )
    error = np.sqrt((len(seeds) - 1) * left_out.var())
    return Measurement(power_law(sensitivities, residual_depth)[which], float(error))


def run_where(table: pd.DataFrame, **where) -> pd.DataFrame:
    """Rows of the single run whose swept parameters have the values ``where``."""
    for name, value in where.items():
        table = table[table[name] == value]
    if table.empty:
        raise NotMeasured(f"no run with {where}")
    return table


def parameters(table: pd.DataFrame) -> dict:
    """Parameters of the run that a table is about."""
    (run,) = table["run"].unique()
    return table.attrs["runs"][run]


def at_depth(values: pd.DataFrame, depth: int) -> pd.Series:
    if depth not in values.columns:
        raise NotMeasured(f"depth {depth} is not among the measured ones")
    return values[depth]


def late(values: pd.DataFrame) -> pd.DataFrame:
    """The second half of the depth."""
    return values.loc[:, values.columns > values.columns.max() / 2]


def mean_at_depth(table: pd.DataFrame, name: str, depth: int, **where) -> Measurement:
    """Mean over realisations of the curve ``name`` at one depth."""
    return of_samples(at_depth(curve(run_where(table, **where), name), depth))


def spread_at_depth(table: pd.DataFrame, name: str, depth: int, **where) -> Measurement:
    """Standard deviation over realisations of the curve ``name`` at one depth (error as for normal values)."""
    values = at_depth(curve(run_where(table, **where), name), depth).dropna()
    if len(values) < 10:
        raise NotMeasured(f"{len(values)} realisations: at least 10 are needed for a standard deviation")
    spread = float(values.std())
    return Measurement(spread, spread / np.sqrt(2 * (len(values) - 1)))


def late_mean(table: pd.DataFrame, name: str, **where) -> Measurement:
    """Mean of the curve ``name`` over the second half of the depth."""
    return of_samples(late(curve(run_where(table, **where), name)).mean(axis=1))


def growth_rate(table: pd.DataFrame, **where) -> Measurement:
    """Growth of log chi per layer over the second half of the depth."""
    values = curve(run_where(table, **where), "log_chi")
    first, last = values.columns[values.columns >= values.columns.max() / 2][[0, -1]]
    return of_samples((values[last] - values[first]) / (last - first))


def growth_rate_difference(table: pd.DataFrame, axis: str, first: float, second: float) -> Measurement:
    """Growth rate of the run at ``first`` minus that at ``second`` of a swept parameter."""
    a, b = (growth_rate(table, **{axis: value}) for value in (first, second))
    return Measurement(a.value - b.value, float(np.hypot(a.standard_error, b.standard_error)))


def decline(table: pd.DataFrame, name: str, early: int, **where) -> Measurement:
    """The curve ``name`` at the depth ``early`` minus its mean over the second half."""
    values = curve(run_where(table, **where), name)
    return of_samples(at_depth(values, early) - late(values).mean(axis=1))


def lost_excess_rank(table: pd.DataFrame, name: str, early: int) -> Measurement:
    """Fraction of the effective rank above one at the depth ``early`` that the second half has lost."""
    values = curve(table, name)
    first = at_depth(values, early)
    return of_samples((first - late(values).mean(axis=1)) / (first - 1))


def resnet_exponent(table: pd.DataFrame) -> Measurement:
    """tau of the power law chi ~ l^tau, from the increments inside the branches."""
    return power_law_parameter(table, 1)


def resnet_prefactor(table: pd.DataFrame) -> Measurement:
    """c of the power law chi ~ c l^tau."""
    return power_law_parameter(table, 2)


def resnet_free_exponent(table: pd.DataFrame, from_depth: int) -> Measurement:
    """Slope of log chi against log l from ``from_depth`` on, fitted for each realisation."""
    values = curve(table, "log_chi")
    values = values.loc[:, values.columns >= from_depth]
    slopes = np.polyfit(np.log(values.columns.to_numpy(float)), values.to_numpy().T, 1)[0]
    return of_samples(slopes)


def late_increments(table: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Differences of a log moment between successive measured depths of the second half, and how many layers each."""
    values = curve(table, name)
    values = values.loc[:, values.columns >= values.columns.max() / 2].dropna()
    if values.shape[1] < 2:
        raise NotMeasured("at least two measured depths are needed in the second half")
    return np.diff(values.to_numpy(), axis=1), np.diff(values.columns.to_numpy())


def diffusion_drift(table: pd.DataFrame) -> Measurement:
    """Mean log increment of nu_2 over the second half, in units of that of a one-dimensional signal."""
    increments, layers = late_increments(table, "log_nu2_signal")
    mean, _ = laws.log_increment_moments(parameters(table)["width"])
    return of_samples((increments / (layers * mean)).mean(axis=1))


def diffusion_variance(table: pd.DataFrame, name: str = "log_nu2_signal") -> Measurement:
    """Variance of the increments over the second half, in units of that of a one-dimensional signal."""
    increments, layers = late_increments(table, name)
    width = parameters(table)["width"]
    law = laws.log_increment_moments if name == "log_nu2_signal" else laws.log_noise_increment_moments
    squares = (increments - increments.mean(axis=0)) ** 2 / (layers * law(width)[1])
    count = len(increments)
    result = of_samples(squares.mean(axis=1))
    return Measurement(result.value * count / (count - 1), result.standard_error)


def skewness(table: pd.DataFrame, name: str) -> Measurement:
    """Skewness over realisations at the last depth; error sqrt(6/n), as for normal values."""
    values = curve(table, name).iloc[:, -1].dropna()
    return Measurement(float(values.skew()), float(np.sqrt(6 / len(values))))


def width_scaling(tables: Mapping[str, pd.DataFrame], name: str) -> Measurement:
    """Ratio of N Var / l at the last depth between the first and the second table: 1 if only l/N matters."""
    scaled = []
    for table in tables.values():
        values = curve(table, name)
        depth = values.columns[-1]
        scaled.append((parameters(table)["width"] * values[depth].var() / depth, len(values)))
    (a, n), (b, m) = scaled
    return Measurement(float(a / b), float(a / b * np.sqrt(2 / (n - 1) + 2 / (m - 1))))


def late_increment_excess(table: pd.DataFrame) -> Measurement:
    """Mean of delta chi - 1 over the second half, in units of the law 3/(2N) of a one-dimensional signal."""
    mean, _ = laws.late_sensitivity_increment(parameters(table)["width"])
    return of_samples((late(curve(table, "delta_chi")).mean(axis=1) - 1) / (mean - 1))


def activation_law(table: pd.DataFrame, **where) -> Measurement:
    """Mean over all depths of delta_phi chi over its closed form in nu_1(|z|)."""
    table = run_where(table, **where)
    ratio = curve(table, "delta_phi_chi") / laws.activation_increment(curve(table, "nu1_abs_z"))
    return of_samples(ratio.mean(axis=1))


def product_identity(table: pd.DataFrame) -> Measurement:
    """Largest relative deviation of delta_BN chi delta_phi chi from delta chi."""
    product = curve(table, "delta_BN_chi") * curve(table, "delta_phi_chi")
    return Measurement(float((product / curve(table, "delta_chi") - 1).abs().max().max()), 0.0)


def kurtosis_over_bound(table: pd.DataFrame, **where) -> Measurement:
    """Largest mu_4(z) of fully connected networks over the bound set by the number of points (images)."""
    table = run_where(table, **where)
    bound = laws.largest_kurtosis(parameters(table)["batch_size"])
    return Measurement(float(curve(table, "mu4_z").max().max() / bound), 0.0)


def paired_log_change(tables: Mapping[str, pd.DataFrame], name: str, depth: int) -> Measurement:
    """log of the curve ``name`` in the second table minus in the first, realisation by realisation.

    Both have to share images, noise and weights: the same seeds and sizes.
    """
    first, second = (np.log(at_depth(curve(table, name), depth)) for table in tables.values())
    return of_samples((second - first).dropna())


def noise_moment_at_depth(table: pd.DataFrame, depth: int) -> Measurement:
    """E[mu_2(dx^l)] over realisations: conserved by vanilla networks."""
    return of_samples(np.exp(at_depth(raw(table, "output", "log_mu2_noise"), depth)))
