"""Gaussian integrals against closed forms and 30 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from nnstatmech.theory.activations import tanh_slope
from nnstatmech.theory.quadrature import (
    Unresolved,
    gaussian_difference,
    gaussian_mean,
    gaussian_product_mean,
    hermite_coefficients,
    line_edges,
)

CORRELATIONS = [-1.0, -0.999, -0.5, 0.0, 0.3, 0.9, 0.999, 1 - 1e-9, 1.0]
VARIANCES = [1e-10, 0.05, 0.57, 4.0, 100.0, 1e4]


def erf_product(q1, q2, c):
    """Williams (1998)."""
    return 2 / np.pi * np.arcsin(2 * c * np.sqrt(q1 * q2) / np.sqrt((1 + 2 * q1) * (1 + 2 * q2)))


@pytest.mark.parametrize("variance", VARIANCES)
def test_steep_functions_against_thirty_digits(variance):
    cuts = [sign * mp.mpf(2) ** k for k in range(-8, 5) for sign in (-1, 1)]
    with mp.workdps(30):
        expected = [
            mp.quad(lambda z, f=f: f(mp.sqrt(variance) * z) * mp.npdf(z), sorted([0, *cuts]))
            for f in (lambda u: mp.tanh(u) ** 2, lambda u: mp.sech(u) ** 4)
        ]
    found = gaussian_mean(lambda u: np.stack([np.tanh(u) ** 2, tanh_slope(u) ** 2]), variance)
    assert found == pytest.approx([float(value) for value in expected], rel=1e-15, abs=0)


@pytest.mark.parametrize("correlation", CORRELATIONS)
@pytest.mark.parametrize(("variance1", "variance2"), [(0.05, 0.05), (4.0, 4.0), (100.0, 100.0), (100.0, 0.3)])
def test_products_of_error_functions(variance1, variance2, correlation):
    found = gaussian_product_mean(erf, variance1, variance2, correlation)
    assert found == pytest.approx(erf_product(variance1, variance2, correlation), abs=2e-15)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_products_of_kinked_functions(correlation):
    """Arc-cosine kernel of order 1 (Cho & Saul 2009)."""
    angle = np.arccos(correlation)
    kernel = (np.sin(angle) + (np.pi - angle) * correlation) / (2 * np.pi)
    found = gaussian_product_mean(lambda u: np.maximum(u, 0), 2.0, 8.0, correlation, (0.0,))
    assert found == pytest.approx(4 * kernel, abs=2e-15)


@pytest.mark.parametrize("distance", [1e-30, 1e-18, 1e-9, 1e-3, 0.5, 1.5, 2.0])
def test_differences_of_steps_need_no_digits_of_the_correlation(distance):
    """Two half-lines differ with probability angle / π."""
    angle = 2 * np.arcsin(np.sqrt(distance / 2))
    found = gaussian_difference(lambda u: np.heaviside(u, 0.5), 3.0, distance, (0.0,))
    assert found == pytest.approx(angle / (2 * np.pi), rel=1e-14, abs=0)


@pytest.mark.parametrize("correlation", [-0.8, 0.6, 0.999])
def test_kinks_off_the_origin(correlation):
    """Steps at ±1: the probability that both are inside, by Price's (Plackett's) theorem."""

    def inside(u):
        return (np.abs(u) < 1).astype(float)

    def density(c):
        return (mp.exp(-1 / (2 * (1 + c))) - mp.exp(-1 / (2 * (1 - c)))) / (mp.pi * mp.sqrt(1 - c * c))

    expected = mp.erf(0.5) ** 2 + mp.quad(density, [0, correlation])
    found = gaussian_product_mean(inside, 2.0, 2.0, correlation, (-1.0, 1.0))
    assert found == pytest.approx(float(expected), abs=2e-15)


@pytest.mark.parametrize("variance", [0.5, 4.0, 100.0])
@pytest.mark.parametrize("correlation", [-0.7, 0.4, 0.9999])
def test_oscillating_functions(variance, correlation):
    expected = (np.exp(-variance * (1 - correlation)) - np.exp(-variance * (1 + correlation))) / 2
    assert gaussian_product_mean(np.sin, variance, variance, correlation) == pytest.approx(expected, abs=1e-15)


def test_a_kink_that_is_not_named_costs_time_and_no_digits():
    def kinked(u):
        return np.abs(u - 0.7)

    named = gaussian_mean(kinked, 2.0, (0.7,))
    assert gaussian_mean(kinked, 2.0) == pytest.approx(named, rel=1e-15)
    named = gaussian_product_mean(kinked, 2.0, 2.0, 0.5, (0.7,))
    assert gaussian_product_mean(kinked, 2.0, 2.0, 0.5) == pytest.approx(named, rel=1e-14)
    # Ten million waves are out of reach: said, not guessed.
    with pytest.raises(Unresolved, match="name the points"):
        gaussian_mean(lambda u: np.sin(1e7 * u), 2.0)


def test_growth():
    assert gaussian_mean(np.exp, 4.0) == pytest.approx(np.exp(2), rel=1e-14)
    assert gaussian_mean(lambda u: np.exp(u**2), 1.0) == np.inf
    assert gaussian_product_mean(np.exp, 1.0, 1.0, 0.5) == pytest.approx(np.exp(1.5), rel=1e-14)
    with pytest.raises(Unresolved, match="grows too fast"):
        gaussian_product_mean(np.exp, 9.0, 9.0, 0.5)


@pytest.mark.parametrize("correlation", [1.001, -1.001, np.nan])
def test_correlations_out_of_range(correlation):
    with pytest.raises(ValueError, match="correlation lies between"):
        gaussian_product_mean(np.tanh, 1.0, 1.0, correlation)


def test_a_function_that_is_not_a_number():
    with pytest.raises(ValueError, match="not a number"), np.errstate(invalid="ignore"):
        gaussian_mean(np.log, 1.0)


def test_hermite_coefficients():
    """exp(a z) = e^(a²/2) Σ aⁿ/√n! hₙ(z); Parseval for a steep function."""
    n = np.arange(30)
    factorials = np.cumprod(np.maximum(n, 1.0))
    found = hermite_coefficients(lambda u: np.exp(u), 0.25, 30, line_edges(0.5))
    assert found == pytest.approx(np.exp(0.125) * 0.5**n / np.sqrt(factorials), abs=1e-14)
    found = hermite_coefficients(np.tanh, 1.0, 512, line_edges(1.0))
    assert (found**2).sum() == pytest.approx(gaussian_mean(lambda u: np.tanh(u) ** 2, 1.0), rel=1e-14)
