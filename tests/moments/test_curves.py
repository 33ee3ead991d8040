"""Curves beside the raw moments that they are formed from."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.moments import measures
from nnstatmech.moments.curves import band, curve, density, exponential_growth, growth_rates, raw, recursion, variances

from .small import table


def test_curves_are_formed_within_a_realisation():
    resnets = table(architecture="bn_res")
    chi = {at: np.exp(raw(resnets, at, "log_chi")) for at in ("input", "normalised", "preactivation", "output")}
    pd.testing.assert_frame_equal(curve(resnets, "delta_chi"), chi["preactivation"] / chi["input"], rtol=1e-12)
    pd.testing.assert_frame_equal(curve(resnets, "chi"), chi["output"])
    product = curve(resnets, "delta_BN_chi") * curve(resnets, "delta_phi_chi")
    pd.testing.assert_frame_equal(product, curve(resnets, "delta_chi"), rtol=1e-12)
    assert measures.product_identity(resnets).value < 1e-12


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
    assert variances(values).loc[1].tolist() == pytest.approx([1, 1, 3])


@pytest.mark.parametrize(("count", "bins"), [(27, 6), (5000, 50)])
def test_density_is_normalised(count, bins):
    values = pd.Series(np.random.default_rng(0).normal(size=count))
    values.iloc[0] = -np.inf  # a dead network
    middles, heights = density(values)
    assert len(middles) == bins
    assert heights.sum() * (middles[1] - middles[0]) == pytest.approx(1)


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
