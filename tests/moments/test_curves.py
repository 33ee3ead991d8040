"""Curves beside the raw moments that they are formed from."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.moments import laws
from nnstatmech.moments.curves import (
    band,
    curve,
    density,
    exponential_growth,
    growth_rates,
    log_log_slopes,
    paired_log_changes,
    plateau,
    power_law_misfits,
    raw,
    recursion,
    variances,
    without_sensitivity,
)
from nnstatmech.readings import NotMeasured

from .small import table


def test_curves_are_formed_within_a_realisation():
    resnets = table(architecture="bn_res")
    chi = {at: np.exp(raw(resnets, at, "log_chi")) for at in ("input", "normalised", "preactivation", "output")}
    pd.testing.assert_frame_equal(curve(resnets, "delta_chi"), chi["preactivation"] / chi["input"], rtol=1e-12)
    pd.testing.assert_frame_equal(curve(resnets, "chi"), chi["output"])
    product = curve(resnets, "delta_BN_chi") * curve(resnets, "delta_phi_chi")
    pd.testing.assert_frame_equal(product, curve(resnets, "delta_chi"), rtol=1e-12)


def test_unknown_curve():
    with pytest.raises(KeyError, match="no curve of vanilla"):
        curve(table(architecture="vanilla"), "delta_BN_chi")


def test_band_is_mean_and_percentiles():
    values = pd.DataFrame({1: np.arange(101.0), 2: np.zeros(101)})
    assert band(values).loc[1].tolist() == pytest.approx([50, 16, 84])


def test_holes_are_left_out_of_bands_and_variances():
    values = pd.DataFrame({1: [1.0, 2.0, 3.0, -np.inf], 2: [1.0, np.nan, np.nan, np.nan]})
    assert band(values)["mean"].tolist() == pytest.approx([2, np.nan], nan_ok=True)  # more holes than values: no mean
    assert band(values)["p84"][1] == pytest.approx(2.68)
    assert band(values).loc[2].isna().all()
    assert variances(values).loc[1].tolist() == pytest.approx([1, 1, 3, 1])
    assert variances(values).loc[2, ["variance", "relative_error"]].isna().all()


@pytest.mark.parametrize(("count", "bins"), [(28, 6), (5001, 50)])
def test_density_is_normalised(count, bins):
    values = pd.Series(np.random.default_rng(0).normal(size=count))
    values.iloc[0] = -np.inf  # a dead network
    edges, heights = density(values)
    assert len(heights) == bins
    assert heights @ np.diff(edges) == pytest.approx(1)


def test_nothing_has_no_density():
    assert [len(part) for part in density(pd.Series([np.nan, np.nan, 1.0]))] == [0, 0]


def test_growth_is_the_mean_of_the_rates():
    networks = table(architecture="bn_ff")
    logs = curve(networks, "log_chi")  # depths 2, 4, 6, 8: the second half starts at 4
    pd.testing.assert_series_equal(growth_rates(networks), (logs[8] - logs[4]) / 4)
    rate, growth = exponential_growth(networks)
    assert rate == pytest.approx(((logs[8] - logs[4]) / 4).mean())
    assert np.log(growth).mean() == pytest.approx(logs[[4, 6, 8]].mean().mean())
    assert np.log(growth[8] / growth[4]) == pytest.approx(4 * rate)


def test_recursion_starts_from_the_first_measured_unit():
    resnets = table(architecture="bn_res")
    predicted, chi = recursion(resnets), curve(resnets, "chi").mean()
    assert predicted.iloc[0] == pytest.approx(chi.iloc[0])
    assert predicted.is_monotonic_increasing


@pytest.mark.parametrize("weights", ["drawn", "gram"])
def test_increments_of_batch_normalisation_and_activation_multiply(weights):
    networks = table(architecture="bn_ff", kernel_size=1, weights=weights)
    product = curve(networks, "delta_BN_chi") * curve(networks, "delta_phi_chi")
    pd.testing.assert_frame_equal(product, curve(networks, "delta_chi"), rtol=1e-12)


@pytest.mark.parametrize("batch_size", [3, 4])
def test_kurtosis_stays_below_its_bound_and_comes_close(batch_size):
    networks = table(6, architecture="bn_ff", kernel_size=1, batch_size=batch_size, depth=40, width=24, epsilon=0.0)
    ratio = curve(networks, "mu4_z") / laws.largest_kurtosis(batch_size)
    assert ratio.max().max() <= 1 + 1e-6
    assert ratio.max().max() > 0.6


def with_a_death(architecture="vanilla", **settings):
    """Four realisations; the first dies behind the second of four measured depths."""
    made = table(architecture=architecture, **settings)
    made.loc[(made["seed"] == 0) & (made["depth"] > 4), "value"] = np.nan
    return made


def test_a_realisation_that_dies_is_a_hole_in_everything_late():
    networks = with_a_death()
    assert without_sensitivity(networks).tolist() == [0, 0, 1, 1]
    for values in (plateau(curve(networks, "chi")), growth_rates(networks), log_log_slopes(networks, 2)):
        assert values.isna().tolist() == [True, False, False, False]
    assert power_law_misfits(with_a_death("bn_res")).index.tolist() == [1, 2, 3]


def test_log_log_slopes_are_those_of_a_fit():
    networks = table(architecture="bn_res")
    logs = curve(networks, "log_chi")
    expected = [np.polyfit(np.log([4, 6, 8]), row, 1)[0] for row in logs[[4, 6, 8]].to_numpy()]
    assert log_log_slopes(networks, 4).tolist() == pytest.approx(expected)


def test_pairs_are_of_shared_streams_only():
    first = table(architecture="bn_ff", epsilon=1e-3)
    second = table(architecture="bn_ff", epsilon=0.0)
    assert paired_log_changes(first, second, "chi").shape == (4, 4)
    with pytest.raises(NotMeasured, match="differ in width: their realisations are not pairs"):
        paired_log_changes(first, table(architecture="bn_ff", width=24), "chi")
    second.attrs["shards"][0]["device"] = "NVIDIA H100 80GB HBM3"
    with pytest.raises(NotMeasured, match=r"drawn on None and on NVIDIA H100 80GB HBM3: .* one kind of device only"):
        paired_log_changes(first, second, "chi")
    second.attrs["shards"][0]["seeds"] = [4, 5]  # on the other device, but not of the shared ones
    first.attrs["shards"][0]["device"] = None
    second.attrs["shards"].append({"run": "run0", "seeds": [0, 1, 2, 3], "device": None})
    assert paired_log_changes(first, second, "chi").notna().all().all()
