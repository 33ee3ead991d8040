"""The calibrated comparison: its null distribution, its power, and the distances that it is made of."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, kstest, norm

from nnstatmech.linear_bnn import comparison


def test_statistic_follows_chi_square():
    generator = np.random.default_rng(0)
    statistics = [comparison.equiprobable(generator.random(1500)).statistic for _ in range(2000)]
    # 8 M JSD is chi^2 up to terms of relative order bins / M = 2 %, below what 2000 values resolve.
    assert kstest(statistics, chi2(29).cdf).pvalue > 1e-3
    assert np.mean(statistics) == pytest.approx(29, abs=4 * np.sqrt(2 * 29 / 2000) + 29 * 0.02)


def test_a_wrong_law_is_seen():
    h = 1.09 * np.random.default_rng(1).standard_normal(4000)
    agreement = comparison.equiprobable(norm.cdf(h))
    assert agreement.p_value < 1e-3
    assert agreement.distance > comparison.critical_distance(30, 4000)


def test_excess_divergence_is_unbiased():
    generator, shift = np.random.default_rng(2), 0.3
    exact = comparison.js_divergence(np.diff(norm.cdf(norm.ppf(np.linspace(0, 1, 31)) - shift)), np.full(30, 1 / 30))
    estimates = [
        comparison.excess_divergence(comparison.equiprobable(norm.cdf(shift + generator.standard_normal(1000))))
        for _ in range(400)
    ]
    values, errors = np.array(estimates).T
    assert abs(values.mean() - exact) < 4 * values.std() / 20 + 0.03 * exact
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_divergence_is_scipys():
    p, q = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.4])
    assert np.sqrt(comparison.js_divergence(p, q)) == pytest.approx(jensenshannon(p, q), rel=1e-12)


def test_distance_of_densities():
    grid = np.linspace(-12, 12, 4001)
    near = comparison.js_distance_on_grid(norm.pdf(grid), norm.pdf(grid, 0, 1.02), grid)
    # For a small change of scale e, JSD = <(p/q - 1)^2> / 8 = 2 e^2 / 8.
    assert near == pytest.approx(0.02 / 2, rel=0.03)
    far = comparison.js_distance_on_grid(norm.pdf(grid, -6, 0.1), norm.pdf(grid, 6, 0.1), grid)
    assert far == pytest.approx(np.sqrt(np.log(2)), rel=1e-6)


def test_density_estimate():
    outputs = np.random.default_rng(3).standard_normal(20_000)
    assert comparison.kde_distance(outputs, norm.pdf) < 0.03
    assert comparison.kde_distance(outputs, lambda h: norm.pdf(h, 0.5)) > 0.1


def test_refusals():
    with pytest.raises(ValueError, match="probabilities"):
        comparison.equiprobable([])
    with pytest.raises(ValueError, match="probabilities"):
        comparison.equiprobable([0.2, 1.2])
