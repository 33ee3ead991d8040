"""Curves along the depth from the engine's table, and the numbers that figures and claims draw from them.

The table holds raw moments at the locations inside a layer. A derived quantity is formed within a realisation before
any average: a frame with realisations (seeds) in rows and depths in columns.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..readings import NotMeasured, by_seed, over_seeds, parameters_of
from . import laws
from .params import Propagation

# Locations whose ratio of sensitivities is an increment: all of a layer, its batch normalisation, its activation.
INCREMENTS = {
    "vanilla": {"delta_chi": ("output", "input")},
    "bn_ff": {
        "delta_chi": ("output", "input"),
        "delta_BN_chi": ("normalised", "input"),
        "delta_phi_chi": ("output", "normalised"),
    },
    "bn_res": {
        "delta_chi": ("preactivation", "input"),
        "delta_BN_chi": ("normalised", "input"),
        "delta_phi_chi": ("preactivation", "normalised"),
    },
}


def setting(params: Mapping, name: str):
    """A parameter of a run; one that came later is missing while it has its default."""
    return params.get(name, Propagation.model_fields[name].default)


def raw(table: pd.DataFrame, location: str, quantity: str) -> pd.DataFrame:
    """Values of one quantity at one location: seeds x depths.

    Raises
    ------
    KeyError
        If the table does not have them.
    """
    rows = table[(table["location"] == location) & (table["quantity"] == quantity)]
    if rows.empty:
        raise KeyError(f"no {quantity} at {location} in this table")
    return by_seed(rows, "depth")


def curve(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A derived quantity of one run: seeds x depths.

    Parameters
    ----------
    table
        The rows of a single run.
    name
        ``delta_chi``, ``delta_BN_chi``, ``delta_phi_chi`` (geometric increments), ``delta_phi_chi_law`` (the last one
        in closed form, from nu_1(|z|)), ``chi``, ``log_chi``, ``reff_signal``, ``reff_noise``, ``mu4_z``,
        ``nu1_abs_z``, ``log_nu2_signal``, ``log_mu2_noise`` (the last two of x^l).

    Raises
    ------
    KeyError
        If the run did not measure it.
    """
    architecture = parameters_of(table)["architecture"]
    of = partial(raw, table)
    if name in INCREMENTS[architecture]:
        after, before = INCREMENTS[architecture][name]
        return np.exp(of(after, "log_chi") - of(before, "log_chi"))
    simple = {
        "delta_phi_chi_law": lambda: laws.activation_increment(of("normalised", "nu1_abs_signal")),
        "log_chi": lambda: of("output", "log_chi"),
        "chi": lambda: np.exp(of("output", "log_chi")),
        "reff_signal": lambda: of("activation" if architecture == "bn_res" else "output", "reff_signal"),
        "reff_noise": lambda: of("activation" if architecture == "bn_res" else "output", "reff_noise"),
        "mu4_z": lambda: of("normalised", "mu4_signal"),
        "nu1_abs_z": lambda: of("normalised", "nu1_abs_signal"),
        "log_nu2_signal": lambda: np.log(of("output", "nu2_signal").where(lambda values: values > 0)),
        "log_mu2_noise": lambda: of("output", "log_mu2_noise"),
    }
    if name not in simple:
        known = ", ".join([*INCREMENTS[architecture], *simple])
        raise KeyError(f"{name} is no curve of {architecture}; known: {known}")
    return simple[name]()


def at_depth(values: pd.DataFrame, depth: int) -> pd.Series:
    """One value a realisation.

    Raises
    ------
    NotMeasured
        If ``depth`` was not measured.
    """
    if depth not in values.columns:
        raise NotMeasured(f"depth {depth} is not among the measured ones")
    return values[depth]


def late_part(values: pd.DataFrame) -> pd.DataFrame:
    """The depths beyond half of the last one: late layers, whose mean is a plateau."""
    return values.loc[:, values.columns > values.columns.max() / 2]


def second_half(values: pd.DataFrame) -> pd.DataFrame:
    """The depths from half of the last one on: late layers with the point that their growth starts from."""
    return values.loc[:, values.columns >= values.columns.max() / 2]


def plateau(values: pd.DataFrame) -> pd.Series:
    """Mean over the late layers, one value a realisation; NaN if it lacks one of them."""
    return late_part(values).mean(axis=1, skipna=False)


def late_deviations(values: pd.DataFrame) -> pd.Series:
    """Squared deviation from the mean over realisations, averaged over the late layers: one value a realisation.

    Its mean over the realisations is their variance.
    """
    late = late_part(values)
    late = late.where(late.notna().all(axis=1), axis=0)
    count = late.iloc[:, 0].count()
    return ((late - late.mean()) ** 2).mean(axis=1, skipna=False) * count / (count - 1)


# --- over realisations ----------------------------------------------------------------------------------------------


def band(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and 16th and 84th percentile over the realisations, for each depth (columns mean, p16, p84).

    NaN where more realisations are without a value than with one.
    """
    finite = values.where(np.isfinite(values))
    means = over_seeds(values)["mean"]
    percentiles = pd.DataFrame({"p16": finite.quantile(0.16), "p84": finite.quantile(0.84)})
    percentiles.insert(0, "mean", means)
    return percentiles.where(means.notna(), axis=0)


def variances(values: pd.DataFrame) -> pd.DataFrame:
    """Variance over the realisations at each depth, with its relative error as for normal values.

    Returns
    -------
    pandas.DataFrame
        Indexed by depth: ``variance``, ``relative_error`` (sqrt(2/(n-1))), ``count`` n, and ``holes``, realisations
        without a value. Where there are more holes than values, the first two are NaN.
    """
    finite = values.where(np.isfinite(values))
    count, holes = finite.count(), finite.isna().sum()
    found = pd.DataFrame({"variance": finite.var(), "relative_error": np.sqrt(2 / (count - 1))})
    return found.where(count >= holes, axis=0).assign(count=count, holes=holes)


def without_sensitivity(table: pd.DataFrame) -> pd.Series:
    """Number of realisations, at each depth, of which nothing can be said: the network, or its noise, has died."""
    return raw(table, "output", "log_mu2_noise").isna().sum()


def density(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Histogram over realisations, normalised: edges of the bins and density in each.

    The paper's 50 bins from 5000 realisations on, fewer by Rice's rule below. Empty for fewer than two values.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return np.empty(0), np.empty(0)
    bins = 50 if len(finite) >= 5000 else round(2 * len(finite) ** (1 / 3))
    heights, edges = np.histogram(finite, bins=bins, density=True)
    return edges, heights


# --- realisations that are shared -----------------------------------------------------------------------------------

# Parameters that fix images, noise and the order in which weights are drawn.
STREAM_PARAMETERS = ("dataset", "batch_size", "image_stream", "kernel_size", "width", "weights", "residual_depth")


def devices_of(table: pd.DataFrame) -> dict[int, str | None]:
    """Seed to the device that drew its weights; None where the table does not say."""
    runs = set(table["run"].unique())
    shards = [shard for shard in table.attrs["shards"] if shard["run"] in runs]
    return {seed: shard.get("device") for shard in shards for seed in shard["seeds"]}


def paired_curves(first: pd.DataFrame, second: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The curve ``name`` in two tables whose realisations are pairs: each seeds x depths.

    Of the seeds and depths that are in both. Two runs share images, noise and weights if they were drawn for the same
    sizes, and on the same kind of device: a CPU and a GPU draw different weights from one seed.

    Raises
    ------
    NotMeasured
        If the two do not share their random numbers.
    """
    one, other = parameters_of(first), parameters_of(second)
    differing = [key for key in STREAM_PARAMETERS if one.get(key) != other.get(key)]
    if differing:
        raise NotMeasured(f"the tables differ in {', '.join(differing)}: their realisations are not pairs")
    before, after = (curve(table, name) for table in (first, second))
    seeds, depths = before.index.intersection(after.index), before.columns.intersection(after.columns)
    drawn_on = [devices_of(table) for table in (first, second)]
    if strangers := [seed for seed in seeds if drawn_on[0].get(seed) != drawn_on[1].get(seed)]:
        a, b = (devices[strangers[0]] for devices in drawn_on)
        raise NotMeasured(f"weights were drawn on {a} and on {b}: realisations are pairs on one kind of device only")
    return before.loc[seeds, depths], after.loc[seeds, depths]


def paired_log_changes(first: pd.DataFrame, second: pd.DataFrame, name: str) -> pd.DataFrame:
    """log of the curve ``name`` in the second table minus in the first, of :func:`paired_curves`: seeds x depths."""
    before, after = paired_curves(first, second, name)
    return np.log(after) - np.log(before)


# --- growth ---------------------------------------------------------------------------------------------------------


def growth_rates(table: pd.DataFrame) -> pd.Series:
    """Growth of log chi per layer over the second half of the depth, one value a realisation."""
    values = second_half(curve(table, "log_chi"))
    first, last = values.columns[[0, -1]]
    return (values[last] - values[first]) / (last - first)


def exponential_growth(table: pd.DataFrame) -> tuple[float, pd.Series]:
    """Mean of :func:`growth_rates`, and the exponential exp(a + rate l) of that rate through the mean log chi."""
    logs = over_seeds(second_half(curve(table, "log_chi")))["mean"]
    rate = float(over_seeds(growth_rates(table).to_frame("rate"))["mean"]["rate"])
    return rate, np.exp(logs.mean() + rate * (logs.index.to_series() - logs.index.to_numpy().mean()))


def log_log_slopes(table: pd.DataFrame, from_depth: int) -> pd.Series:
    """Slope of log chi against log l from ``from_depth`` on, fitted for each realisation."""
    values = curve(table, "log_chi")
    values = values.loc[:, values.columns >= from_depth]
    logs = np.log(values.columns.to_numpy(float))
    logs = logs - logs.mean()
    return pd.Series(values.to_numpy() @ logs / (logs @ logs), values.index)  # NaN if a depth has no value


def gradient_growth_rates(table: pd.DataFrame) -> pd.Series:
    """Growth per layer, towards the input, of half the log mean square of gradients, over the middle half of the depth.

    The quarters at both ends are left out: there noise and gradients still turn to the directions that grow.
    """
    return -middle_slopes(raw(table, "output", "log_mu2_gradient") / 2)


def noise_growth_rates(table: pd.DataFrame) -> pd.Series:
    """Growth per layer of half the log mean square of the noise, over the middle half of the depth."""
    return middle_slopes(raw(table, "output", "log_mu2_noise") / 2)


def middle_slopes(values: pd.DataFrame) -> pd.Series:
    """Mean growth per layer over the middle half of the depth, one value a realisation."""
    last = values.columns.max()
    middle = values.loc[:, (values.columns >= last / 4) & (values.columns <= 3 * last / 4)]
    return (middle.iloc[:, -1] - middle.iloc[:, 0]) / (middle.columns[-1] - middle.columns[0])


# --- diffusion of vanilla networks ----------------------------------------------------------------------------------

LOG_INCREMENT_LAWS = {
    "log_nu2_signal": laws.log_increment_moments,
    "log_mu2_noise": laws.log_noise_increment_moments,
}


def diffusion_law(table: pd.DataFrame, name: str) -> tuple[float, float]:
    """Mean and variance of the increment a layer of a log moment, for a one-dimensional signal of the run's width."""
    return LOG_INCREMENT_LAWS[name](parameters_of(table)["width"])


def late_increments(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Differences of a log moment between successive measured depths of the second half, and how many layers each.

    Of a realisation that dies in between there are none (NaN), so that all increments are of the same realisations.

    Raises
    ------
    NotMeasured
        If fewer than two depths were measured there.
    """
    values = second_half(curve(table, name))
    if values.shape[1] < 2:
        raise NotMeasured("at least two measured depths are needed in the second half")
    increments = values.diff(axis=1).iloc[:, 1:]
    return increments.where(values.notna().all(axis=1), axis=0), np.diff(values.columns.to_numpy())


def diffusion_drifts(table: pd.DataFrame, name: str) -> pd.Series:
    """Mean late increment of a log moment in units of :func:`diffusion_law`, one value a realisation."""
    increments, layers = late_increments(table, name)
    return (increments / (layers * diffusion_law(table, name)[0])).mean(axis=1, skipna=False)


def diffusion_squares(table: pd.DataFrame, name: str) -> pd.Series:
    """Squared deviation of the late increments from their mean, in units of the law: one value a realisation.

    Their mean over n realisations is (n - 1)/n of the variance.
    """
    increments, layers = late_increments(table, name)
    squares = (increments - increments.mean()) ** 2
    return (squares / (layers * diffusion_law(table, name)[1])).mean(axis=1, skipna=False)


def width_scaled_variances(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """:func:`variances` of a log moment with a column ``ratio``, l/N."""
    values = variances(curve(table, name))
    return values.assign(ratio=values.index.to_numpy() / parameters_of(table)["width"])


# --- resnets --------------------------------------------------------------------------------------------------------


class BranchSensitivities(NamedTuple):
    """chi of a resnet after and before the first branch layer, and at the end of the unit: seeds x depths each."""

    after: pd.DataFrame
    before: pd.DataFrame
    end: pd.DataFrame


class PowerLaw(NamedTuple):
    """chi ~ c l^tau: mean increment of a branch layer, tau and c."""

    increment: float
    exponent: float
    prefactor: float


def branch_sensitivities(table: pd.DataFrame) -> BranchSensitivities:
    """Of the realisations that have values at all depths."""
    parts = [np.exp(raw(table, at, "log_chi")) for at in ("preactivation", "input", "output")]
    whole = pd.concat(parts, axis=1).notna().all(axis=1)
    return BranchSensitivities(*(part[whole] for part in parts))


def fit_power_law(sensitivities: BranchSensitivities, residual_depth: int) -> PowerLaw:
    """The published construction of chi ~ c l^tau for resnets.

    The increment of a depth is the ratio of the mean sensitivities (over realisations) after and before the first
    branch layer, averaged over the measured depths; tau follows from it and only c is fitted.
    """
    after, before, chi = (values.mean() for values in sensitivities)
    increment = float((after / before).mean())
    exponent = laws.power_law_exponent(increment, residual_depth)
    return PowerLaw(increment, exponent, laws.power_law_prefactor(chi.index.to_numpy(float), chi.to_numpy(), exponent))


def power_law(table: pd.DataFrame) -> PowerLaw:
    """:func:`fit_power_law` of all realisations."""
    return fit_power_law(branch_sensitivities(table), parameters_of(table)["residual_depth"])


def power_law_misfits(table: pd.DataFrame) -> pd.DataFrame:
    """c l^tau over chi minus one, seeds x depths: the law of all realisations beside each of them."""
    law, chi = power_law(table), branch_sensitivities(table).end
    return law.prefactor * chi.columns.to_numpy(float) ** law.exponent / chi - 1


def power_laws_without_one(table: pd.DataFrame) -> list[PowerLaw]:
    """:func:`fit_power_law` without one realisation, for each (jackknife)."""
    residual_depth = parameters_of(table)["residual_depth"]
    whole = branch_sensitivities(table)
    return [
        fit_power_law(BranchSensitivities(*(values.drop(index=seed) for values in whole)), residual_depth)
        for seed in whole.end.index
    ]


def recursion(table: pd.DataFrame) -> pd.Series:
    """chi of a resnet from its first measured unit on, by :func:`nnstatmech.moments.laws.resnet_sensitivity`."""
    increments = over_seeds(curve(table, "delta_chi"))["mean"]
    first = over_seeds(curve(table, "chi"))["mean"].iloc[0]
    depth = increments.index.to_numpy(float)
    residual_depth = parameters_of(table)["residual_depth"]
    return pd.Series(laws.resnet_sensitivity(depth, increments.to_numpy(), first, residual_depth), increments.index)
