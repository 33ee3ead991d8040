"""The calibrated comparison: its null distribution, its power, and the distances that it is made of."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chisquare, kstest, norm

from nnstatmech.linear_bnn import comparison


def test_statistic_follows_chi_square():
    generator = np.random.default_rng(0)
    statistics = [comparison.equiprobable(generator.random(1500)).statistic for _ in range(2000)]
    assert kstest(statistics, chi2(29).cdf).pvalue > 1e-3
    assert np.mean(statistics) == pytest.approx(29, abs=4 * np.sqrt(2 * 29 / 2000))


@pytest.mark.parametrize("samples", [100, 128, 192, 256, 1024, 3072])
def test_size_of_the_test(samples):
    """A nominal 1 % is 0.9 to 1.5 % at every number of outputs; 40 000 tests tell it to 0.05 %."""
    counts = np.random.default_rng(samples).multinomial(samples, np.full(30, 1 / 30), 40_000)
    rejected = np.mean([comparison.of_counts(row).p_value < 0.01 for row in counts])
    assert 0.008 < rejected < 0.0125


@pytest.mark.parametrize("samples", [100, 256, 3072])
@pytest.mark.parametrize("level", [0.01, 0.99])
def test_critical_distances_hold_at_any_number_of_outputs(samples, level):
    counts = np.random.default_rng(5).multinomial(samples, np.full(30, 1 / 30), 20_000)
    critical = comparison.critical_distance(30, samples, level)
    beyond = np.mean([comparison.of_counts(row).distance > critical for row in counts])
    # Two simulations of 20 000 draws each.
    assert beyond == pytest.approx(1 - level, abs=4 * np.sqrt(2 * 0.01 * 0.99 / 20_000))


def test_pearsons_statistic_is_that_of_scipy():
    counts = np.random.default_rng(1).multinomial(100, np.full(30, 1 / 30))
    found = comparison.of_counts(counts)
    assert (found.statistic, found.p_value) == pytest.approx(tuple(chisquare(counts)), rel=1e-12)


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
