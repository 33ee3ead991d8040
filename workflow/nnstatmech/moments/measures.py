"""What the claims about signal and noise in random networks measure on the engine's tables."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..readings import Measurement, NotMeasured, mean_over_seeds, parameters_of, select
from . import laws, wide
from .agreement import agreement
from .curves import (
    at_depth,
    branch_sensitivities,
    curve,
    diffusion_drifts,
    diffusion_squares,
    gradient_growth_rates,
    growth_rates,
    late_deviations,
    log_log_slopes,
    noise_growth_rates,
    paired_curves,
    paired_log_changes,
    plateau,
    power_law,
    power_law_misfits,
    power_laws_without_one,
    second_half,
    variances,
)
from .tables import PropagationTable

NOWHERE: Mapping[str, object] = {}


def mean_at_depth(table: PropagationTable, name: str, depth: int, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Mean over realisations of the curve ``name`` at one depth, of the run that ``where`` selects."""
    return mean_over_seeds(at_depth(curve(select(table, **where), name), depth))


def spread_at_depth(table: PropagationTable, name: str, depth: int) -> Measurement:
    """Standard deviation over realisations of the curve ``name`` at one depth (error as for normal values)."""
    variance, relative_error, count, holes = variances(at_depth(curve(table, name), depth).to_frame()).loc[depth]
    if count < max(10, holes):
        raise NotMeasured(f"{count:.0f} realisations: at least 10 are needed for a standard deviation, and half of all")
    spread = float(np.sqrt(variance))
    return Measurement(spread, spread * relative_error / 2, count - 1, int(holes))


def late_mean(table: PropagationTable, name: str) -> Measurement:
    """Mean of the curve ``name`` over the second half of the depth."""
    return mean_over_seeds(plateau(curve(table, name)))


def growth_rate(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Growth of log chi per layer over the second half of the depth, of the run that ``where`` selects."""
    return mean_over_seeds(growth_rates(select(table, **where)))


def growth_rate_difference(table: PropagationTable, axis: str, first: float, second: float) -> Measurement:
    """Growth rate of the run at ``first`` minus that at ``second`` of a swept parameter."""
    a, b = (growth_rate(table, {axis: value}) for value in (first, second))
    error = float(np.hypot(a.standard_error, b.standard_error))
    freedom = min(a.degrees_of_freedom, b.degrees_of_freedom)
    return Measurement(a.value - b.value, error, freedom, a.holes + b.holes)


def paired_growth_rate_change(first: PropagationTable, second: PropagationTable) -> Measurement:
    """Growth rate of log chi in the second table minus in the first, realisation by realisation.

    Both have to share images, noise and weights: the same seeds and sizes.
    """
    changes = paired_log_changes(first, second, "chi")
    late = changes.loc[:, changes.columns >= changes.columns.max() / 2]
    layers = late.columns[-1] - late.columns[0]
    return mean_over_seeds((late.iloc[:, -1] - late.iloc[:, 0]) / layers)


def decline(table: PropagationTable, name: str, early: int) -> Measurement:
    """The curve ``name`` at the depth ``early`` minus its mean over the second half."""
    values = curve(table, name)
    return mean_over_seeds(at_depth(values, early) - plateau(values))


def lost_excess_rank(table: PropagationTable, name: str, early: int) -> Measurement:
    """Fraction of the effective rank above one at the depth ``early`` that the second half has lost."""
    values = curve(table, name)
    first = at_depth(values, early)
    return mean_over_seeds((first - plateau(values)) / (first - 1))


def power_law_parameter(table: PropagationTable, name: str) -> Measurement:
    """``exponent`` or ``prefactor`` of a resnet's power law; error by leaving out one realisation at a time."""
    left_out = np.array([getattr(law, name) for law in power_laws_without_one(table)])
    count, holes = len(left_out), table["seed"].nunique() - len(left_out)
    if count < max(3, holes):
        raise NotMeasured(f"{count} realisations: at least 3 are needed to leave one out, and half of all")
    error = float(np.sqrt((count - 1) * left_out.var()))
    return Measurement(getattr(power_law(table), name), error, count - 1, holes)


def resnet_exponent(table: PropagationTable) -> Measurement:
    """tau of the power law chi ~ l^tau, from the increments inside the branches."""
    return power_law_parameter(table, "exponent")


def resnet_prefactor(table: PropagationTable) -> Measurement:
    """c of the power law chi ~ c l^tau."""
    return power_law_parameter(table, "prefactor")


def resnet_misfit(table: PropagationTable) -> Measurement:
    """c l^tau over chi minus one, at the first measured unit."""
    misfits = power_law_misfits(table).iloc[:, 0]
    measured = mean_over_seeds(misfits)
    return replace(measured, holes=table["seed"].nunique() - len(misfits))


def resnet_free_exponent(table: PropagationTable, from_depth: int) -> Measurement:
    """Slope of log chi against log l from ``from_depth`` on, fitted for each realisation."""
    return mean_over_seeds(log_log_slopes(table, from_depth))


def resnet_sensitivity(table: PropagationTable) -> Measurement:
    """Mean chi of a resnet at the last unit, of the realisations that have values at all depths."""
    return mean_over_seeds(branch_sensitivities(table).end.iloc[:, -1])


def diffusion_drift(table: PropagationTable) -> Measurement:
    """Mean log increment of nu_2 over the second half, in units of that of a one-dimensional signal."""
    return mean_over_seeds(diffusion_drifts(table, "log_nu2_signal"))


def diffusion_variance(table: PropagationTable, name: str = "log_nu2_signal") -> Measurement:
    """Variance of the increments over the second half, in units of that of a one-dimensional signal."""
    measured = mean_over_seeds(diffusion_squares(table, name))
    count = measured.degrees_of_freedom + 1
    return replace(measured, value=measured.value * count / (count - 1))


def mean_noise(table: PropagationTable, depth: int | None = None) -> Measurement:
    """Mean over realisations of mu_2 of the noise itself at a depth (the last)."""
    log_noise = curve(table, "log_mu2_noise")
    return mean_over_seeds(np.exp(log_noise.iloc[:, -1] if depth is None else at_depth(log_noise, depth)))


def noise_between_walls(first: PropagationTable, second: PropagationTable, side: int, depth: int) -> Measurement:
    """Mean of mu_2 of the noise with zero padding (second table), over the exact law.

    The same realisation with periodic boundaries (first table), where the mean is one, is subtracted: most of what
    weights make fluctuate.

    Parameters
    ----------
    side
        Rows of an image.
    """
    law = laws.noise_between_walls(side, depth)
    periodic, padded = (np.exp(at_depth(found, depth)) for found in paired_curves(first, second, "log_mu2_noise"))
    return mean_over_seeds((1 + padded / law - periodic).dropna())


def skewness(table: PropagationTable, name: str) -> Measurement:
    """Skewness over realisations at the last depth; error sqrt(6/n), as for normal values."""
    values = curve(table, name).iloc[:, -1]
    count, holes = int(values.count()), int(values.isna().sum())
    if count < max(10, holes):
        raise NotMeasured(f"{count} realisations: at least 10 are needed for a skewness, and half of all")
    return Measurement(float(values.skew()), float(np.sqrt(6 / count)), count - 1, holes)


def width_scaling(first: PropagationTable, second: PropagationTable, name: str) -> Measurement:
    """N times the variance of the late increments a layer: the first table's over the second's.

    1 if only l/N matters (the law's dependence on the width beyond that, 1/N^2, is taken out).
    """
    a, b = (diffusion_variance(table, name) for table in (first, second))
    error = a.value / b.value * np.hypot(a.standard_error / a.value, b.standard_error / b.value)
    freedom = min(a.degrees_of_freedom, b.degrees_of_freedom)
    return Measurement(a.value / b.value, float(error), freedom, a.holes + b.holes)


def late_increment_excess(table: PropagationTable) -> Measurement:
    """Mean of delta chi - 1 over the second half, in units of the law 3/(2N) of a one-dimensional signal."""
    law, _ = laws.late_sensitivity_increment(parameters_of(table)["width"])
    return mean_over_seeds((plateau(curve(table, "delta_chi")) - 1) / (law - 1))


def late_increment_spread(table: PropagationTable) -> Measurement:
    """Standard deviation of delta chi over realisations in the second half, in units of the law N^(-1/2)."""
    _, law = laws.late_sensitivity_increment(parameters_of(table)["width"])
    squares = mean_over_seeds(late_deviations(curve(table, "delta_chi")) / law**2)
    spread = float(np.sqrt(squares.value))
    return replace(squares, value=spread, standard_error=squares.standard_error / (2 * spread))


def activation_law(table: PropagationTable) -> Measurement:
    """Mean over all depths of delta_phi chi over its closed form in nu_1(|z|)."""
    ratio = curve(table, "delta_phi_chi") / curve(table, "delta_phi_chi_law")
    return mean_over_seeds(ratio.mean(axis=1, skipna=False))


def paired_log_change(first: PropagationTable, second: PropagationTable, name: str, depth: int) -> Measurement:
    """log of the curve ``name`` in the second table minus in the first, realisation by realisation.

    Both have to share images, noise and weights: the same seeds and sizes.
    """
    return mean_over_seeds(at_depth(paired_log_changes(first, second, name), depth))


def published_deviation(table: PropagationTable, experiment: str, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Root mean square over all depths and quantities of the standardised deviations from published means.

    1 is expected of samples of one law. Deviations are those of means over realisations, in units of their combined
    standard errors, see :mod:`nnstatmech.moments.agreement`.
    """
    found = agreement(select(table, **where), experiment)
    return Measurement(found.rms, found.error, found.count - 1, found.holes)


def length_over_theory(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """nu_2 of late pre-activations over mean-field theory's fixed length q*."""
    run = select(table, **where)
    return mean_over_seeds(plateau(wide.measured(run)["length"]) / wide.ensemble(parameters_of(run)).fixed_length)


def noise_growth_over_theory(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Growth per layer of the log mean square of the noise in late layers, over mean-field theory's ln chi_1."""
    run = select(table, **where)
    late = second_half(wide.measured(run)["log_noise"])
    rates = (late.iloc[:, -1] - late.iloc[:, 0]) / (late.columns[-1] - late.columns[0])
    return mean_over_seeds(rates / np.log(wide.ensemble(parameters_of(run)).susceptibility))


def late_contrast(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """1 - c of late pre-activations, mean over pairs of images; mean-field theory's is 1 - c*."""
    return mean_over_seeds(plateau(wide.contrasts(select(table, **where))))


def gradient_growth_rate(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Growth per layer towards the input of half the log mean square of gradients."""
    return mean_over_seeds(gradient_growth_rates(select(table, **where)))


def gradient_over_noise_growth(table: PropagationTable, where: Mapping[str, object] = NOWHERE) -> Measurement:
    """Growth rate of gradients on their way back over that of noise on its way, in the same networks."""
    run = select(table, **where)
    return mean_over_seeds(gradient_growth_rates(run) / noise_growth_rates(run))


def held_statistics_excess(table: PropagationTable, width: int, batch_size: int) -> Measurement:
    """Growth rate of log chi with the statistics of the batch held less that with statistics differentiated, paired."""
    held, differentiated = (
        growth_rates(select(table, width=width, batch_size=batch_size, batch_statistics=statistics))
        for statistics in ("held", "differentiated")
    )
    return mean_over_seeds(held - differentiated)
