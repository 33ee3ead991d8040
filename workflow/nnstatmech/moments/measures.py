"""What the claims about signal and noise in random networks measure on the engine's tables."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ..readings import Measurement, NotMeasured, mean_over_seeds, parameters_of, select
from . import laws
from .curves import (
    at_depth,
    curve,
    diffusion_drifts,
    diffusion_squares,
    growth_rates,
    log_log_slopes,
    plateau,
    power_law,
    power_laws_without_one,
    variances,
    width_scaled_variances,
)

NOWHERE: Mapping[str, object] = {}


def mean_at_depth(table: pd.DataFrame, name: str, depth: int) -> Measurement:
    """Mean over realisations of the curve ``name`` at one depth."""
    return mean_over_seeds(at_depth(curve(table, name), depth))


def spread_at_depth(table: pd.DataFrame, name: str, depth: int) -> Measurement:
    """Standard deviation over realisations of the curve ``name`` at one depth (error as for normal values)."""
    variance, relative_error, count = variances(at_depth(curve(table, name), depth).to_frame()).loc[depth]
    if count < 10:
        raise NotMeasured(f"{count:.0f} realisations: at least 10 are needed for a standard deviation")
    spread = float(np.sqrt(variance))
    return Measurement(spread, spread * relative_error / 2, count - 1)


def late_mean(table: pd.DataFrame, name: str) -> Measurement:
    """Mean of the curve ``name`` over the second half of the depth."""
    return mean_over_seeds(plateau(curve(table, name)))


def growth_rate(table: pd.DataFrame, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Growth of log chi per layer over the second half of the depth, of the run that ``where`` selects."""
    return mean_over_seeds(growth_rates(select(table, **where)))


def growth_rate_difference(table: pd.DataFrame, axis: str, first: float, second: float) -> Measurement:
    """Growth rate of the run at ``first`` minus that at ``second`` of a swept parameter."""
    a, b = (growth_rate(table, {axis: value}) for value in (first, second))
    error = float(np.hypot(a.standard_error, b.standard_error))
    return Measurement(a.value - b.value, error, min(a.degrees_of_freedom, b.degrees_of_freedom))


def decline(table: pd.DataFrame, name: str, early: int) -> Measurement:
    """The curve ``name`` at the depth ``early`` minus its mean over the second half."""
    values = curve(table, name)
    return mean_over_seeds(at_depth(values, early) - plateau(values))


def lost_excess_rank(table: pd.DataFrame, name: str, early: int) -> Measurement:
    """Fraction of the effective rank above one at the depth ``early`` that the second half has lost."""
    values = curve(table, name)
    first = at_depth(values, early)
    return mean_over_seeds((first - plateau(values)) / (first - 1))


def power_law_parameter(table: pd.DataFrame, name: str) -> Measurement:
    """``exponent`` or ``prefactor`` of a resnet's power law; error by leaving out one realisation at a time."""
    left_out = np.array([getattr(law, name) for law in power_laws_without_one(table)])
    count = len(left_out)
    if count < 3:
        raise NotMeasured(f"{count} realisations: at least 3 are needed to leave one out")
    return Measurement(getattr(power_law(table), name), float(np.sqrt((count - 1) * left_out.var())), count - 1)


def resnet_exponent(table: pd.DataFrame) -> Measurement:
    """tau of the power law chi ~ l^tau, from the increments inside the branches."""
    return power_law_parameter(table, "exponent")


def resnet_prefactor(table: pd.DataFrame) -> Measurement:
    """c of the power law chi ~ c l^tau."""
    return power_law_parameter(table, "prefactor")


def resnet_free_exponent(table: pd.DataFrame, from_depth: int) -> Measurement:
    """Slope of log chi against log l from ``from_depth`` on, fitted for each realisation."""
    return mean_over_seeds(log_log_slopes(table, from_depth))


def diffusion_drift(table: pd.DataFrame) -> Measurement:
    """Mean log increment of nu_2 over the second half, in units of that of a one-dimensional signal."""
    return mean_over_seeds(diffusion_drifts(table, "log_nu2_signal"))


def diffusion_variance(table: pd.DataFrame, name: str = "log_nu2_signal") -> Measurement:
    """Variance of the increments over the second half, in units of that of a one-dimensional signal."""
    measured = mean_over_seeds(diffusion_squares(table, name))
    count = measured.degrees_of_freedom + 1
    return replace(measured, value=measured.value * count / (count - 1))


def skewness(table: pd.DataFrame, name: str) -> Measurement:
    """Skewness over realisations at the last depth; error sqrt(6/n), as for normal values."""
    values = curve(table, name).iloc[:, -1]
    values = values[np.isfinite(values)]
    return Measurement(float(values.skew()), float(np.sqrt(6 / len(values))))


def width_scaling(first: pd.DataFrame, second: pd.DataFrame, name: str) -> Measurement:
    """Ratio of N Var / l at the last depth between the first and the second table: 1 if only l/N matters."""
    a, b = (width_scaled_variances(table, name).iloc[-1] for table in (first, second))
    ratio = (a["variance"] / a["ratio"]) / (b["variance"] / b["ratio"])
    error = ratio * np.hypot(a["relative_error"], b["relative_error"])
    return Measurement(float(ratio), float(error), float(min(a["count"], b["count"])) - 1)


def late_increment_excess(table: pd.DataFrame) -> Measurement:
    """Mean of delta chi - 1 over the second half, in units of the law 3/(2N) of a one-dimensional signal."""
    law, _ = laws.late_sensitivity_increment(parameters_of(table)["width"])
    return mean_over_seeds((plateau(curve(table, "delta_chi")) - 1) / (law - 1))


def activation_law(table: pd.DataFrame) -> Measurement:
    """Mean over all depths of delta_phi chi over its closed form in nu_1(|z|)."""
    return mean_over_seeds((curve(table, "delta_phi_chi") / curve(table, "delta_phi_chi_law")).mean(axis=1))


def product_identity(table: pd.DataFrame) -> Measurement:
    """Largest relative deviation of delta_BN chi delta_phi chi from delta chi."""
    product = curve(table, "delta_BN_chi") * curve(table, "delta_phi_chi")
    return Measurement(float((product / curve(table, "delta_chi") - 1).abs().max().max()), 0.0)


def kurtosis_over_bound(table: pd.DataFrame, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Largest mu_4(z) of fully connected networks over the bound set by the number of points (images)."""
    rows = select(table, **where)
    bound = laws.largest_kurtosis(parameters_of(rows)["batch_size"])
    return Measurement(float(curve(rows, "mu4_z").max().max() / bound), 0.0)


def paired_log_change(first: pd.DataFrame, second: pd.DataFrame, name: str, depth: int) -> Measurement:
    """log of the curve ``name`` in the second table minus in the first, realisation by realisation.

    Both have to share images, noise and weights: the same seeds and sizes.
    """
    before, after = (np.log(at_depth(curve(table, name), depth)) for table in (first, second))
    return mean_over_seeds((after - before).dropna())
