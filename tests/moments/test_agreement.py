"""Agreement with published curves, on tables drawn from them."""

import numpy as np
import pandas as pd
import pytest

from nnstatmech.moments.agreement import agreement, standardised, sum_of_squared_correlations
from nnstatmech.moments.published_values import published_means
from nnstatmech.readings import NotMeasured

PUBLISHED = published_means("vanilla")


def correlated(rng, count, depths):
    """Standard normal values, correlated between neighbouring depths like exp(-distance/10)."""
    values = rng.normal(size=(count, depths))
    for depth in range(1, depths):
        values[:, depth] = 0.9 * values[:, depth - 1] + np.sqrt(1 - 0.81) * values[:, depth]
    return values


def like_published(count, seed, shift=0.0, late=0):
    """A table of vanilla networks that have the published means and spreads.

    ``shift`` off by so many published standard deviations, ``late`` by so many measured depths.
    """
    rng = np.random.default_rng(seed)
    drawn = {}
    for name in ("chi", "delta_chi", "reff_signal"):
        part = PUBLISHED.loc[name]
        means, spread = part["mean"].shift(-late).ffill().to_numpy(), part["sd"].to_numpy()
        drawn[name] = np.maximum(means + spread * (shift + correlated(rng, count, len(part))), 1e-3)
    logs = np.log(drawn["chi"])
    columns = {
        ("output", "log_chi"): logs,
        ("input", "log_chi"): logs - np.log(drawn["delta_chi"]),
        ("output", "reff_signal"): drawn["reff_signal"],
    }
    depths = PUBLISHED.loc["chi"].index.to_numpy()
    made = pd.concat(
        pd.DataFrame(values, columns=depths)
        .rename_axis("seed")
        .reset_index()
        .melt("seed", var_name="depth")
        .assign(run="run0", location=location, quantity=quantity)
        for (location, quantity), values in columns.items()
    )
    made.attrs["runs"] = {"run0": {"architecture": "vanilla"}}
    return made


@pytest.mark.parametrize("count", [8, 60])
def test_samples_of_the_published_law_agree_within_the_stated_error(count):
    """Deviations in units of the stated error have the spread of one, for few and for many realisations."""
    found = [agreement(like_published(count, seed), "vanilla") for seed in range(25)]
    pulls = [(one.rms - 1) / one.error for one in found]
    assert abs(np.mean(pulls)) < 0.6
    assert 0.6 < np.std(pulls) < 1.4


def test_curves_one_measured_depth_late_do_not_agree():
    found = agreement(like_published(64, 0, late=1), "vanilla")
    assert (found.rms - 1) / found.error > 5


def test_deviations_are_in_units_of_the_published_spread():
    shifted = standardised(like_published(400, 0, shift=0.7), PUBLISHED)
    assert shifted.shape == (400, 300)
    assert shifted.mean().mean() == pytest.approx(0.7, abs=0.05)


def test_sum_of_squared_correlations_is_unbiased():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(12, 12)) * 0.3 + np.eye(12)
    covariance = mixing @ mixing.T
    found = [sum_of_squared_correlations(rng.normal(size=(6, 12)) @ mixing.T) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(np.sum(covariance**2), abs=4 * np.std(found) / np.sqrt(4000))


def test_too_few_realisations():
    with pytest.raises(NotMeasured, match="2 realisations with all values: at least 3"):
        agreement(like_published(2, 0), "vanilla")
