"""The exact prior against closed forms, high-precision arithmetic, its moments and real random networks."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import gammaln, kve, logsumexp
from scipy.stats import kstest

from nnstatmech.linear_bnn import asymptotics, comparison, kernel_scale, prior
from nnstatmech.linear_bnn.bessel import log_bessel_k, log_prior_depth_two
from nnstatmech.linear_bnn.params import Prior
from nnstatmech.linear_bnn.random_networks import random_network_outputs
from nnstatmech.linear_bnn.tasks import prior as task

LOG_LENGTH = np.linspace(-80, 12, 2501)


def binomial_log_weights(width):
    k = np.arange(1, width + 1)
    return k, gammaln(width + 1) - gammaln(k + 1) - gammaln(width - k + 1) - width * np.log(2)


def log_bessel_half_integer(nu, z):
    """ln K_nu(z) for half-integer orders, a finite sum of positive terms."""
    j = np.arange(int(nu + 0.5))
    terms = gammaln(nu + 0.5 + j) - gammaln(j + 1) - gammaln(nu + 0.5 - j) - j * np.log(2 * z)
    return 0.5 * np.log(np.pi / (2 * z)) - z + logsumexp(terms)


def mellin_line_integral(r, widths, step=0.025):
    """ln p(h) with kappa = 1 on the line Re s = 1, with more digits than cancellation costs.

    The trapezoidal rule converges as exp(-2 pi distance / step), the first pole being at a distance of 1.5, and
    the Gamma functions have decayed at the end: exp(-depth pi end / 2) times a power of it.
    """
    end = 8 + 66 / len(widths)
    with mpmath.workdps(50):
        n_out, depth, half = widths[-1], len(widths), [mpmath.mpf(width) / 2 for width in widths]
        log_y = 2 * mpmath.log(mpmath.mpf(r)) - depth * mpmath.log(2)

        def integrand(tau):
            s = mpmath.mpc(1, tau)
            return mpmath.exp(sum(mpmath.loggamma(a + s) - mpmath.loggamma(a) for a in half) - s * log_y).real

        nodes = [integrand(0) / 2, *(integrand(j * mpmath.mpf(step)) for j in range(1, int(end / step)))]
        density = 2 * sum(nodes) * step / mpmath.pi / mpmath.mpf(r)
        log_sphere = mpmath.log(2) + half[-1] * mpmath.log(mpmath.pi) - mpmath.loggamma(half[-1])
        return float(mpmath.log(density) - (n_out - 1) * mpmath.log(mpmath.mpf(r)) - log_sphere)


@pytest.mark.parametrize(
    ("r", "expected"), [(0.01, -1.61231545), (1, -1.95217150), (5, -3.71373250), (20, -9.17323831)]
)
def test_meijer_g_values(r, expected):
    # Values of mpmath.meijerg, printed to eight decimals.
    assert prior.log_prior(r, (3, 4), 1) == pytest.approx(expected, abs=6e-9)


@pytest.mark.parametrize("r", [0.3, 7.0])
@pytest.mark.parametrize("widths", [(2, 5, 1), (3, 3, 3, 2), tuple(range(1, 21))])
def test_deep_networks_against_many_digits(widths, r):
    assert prior.log_prior(r, widths[:-1], widths[-1]) == pytest.approx(mellin_line_integral(r, widths), abs=1e-9)


@pytest.mark.parametrize("width", [2, 4, 100, 784])
def test_far_tails_against_finite_bessel_sums(width):
    # Relative to |ln p|, which reaches 3e5: the absolute precision of a double is then 6e-11.
    radii = np.array([1e-6, 1e-2, 1.0, 30.0, 1e3, 3e5])
    nu = (width - 1) / 2
    expected = [
        -0.5 * np.log(4 * np.pi) + np.log(2) - gammaln(width / 2) + nu * np.log(r / 2) + log_bessel_half_integer(nu, r)
        for r in radii
    ]
    np.testing.assert_allclose(prior.log_prior(radii, (width,), 1), expected, rtol=1e-13, atol=1e-9)


@pytest.mark.parametrize(("width", "n_out"), [(1, 1), (3, 2), (784, 784), (784, 1), (1, 784), (391, 10)])
def test_closed_form_of_depth_two(width, n_out):
    radii = np.geomspace(1e-6, 1e4, 200)
    expected = log_prior_depth_two(radii, width, n_out, kappa=0.7)
    np.testing.assert_allclose(prior.log_prior(radii, (width,), n_out, 0.7), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("n_out", [1, 2, 784])
def test_depth_one_is_gaussian(n_out):
    radii = np.linspace(0, 60, 100)
    expected = asymptotics.log_gaussian_process(radii, n_out, 1.3**2)
    np.testing.assert_allclose(prior.log_prior(radii, (), n_out, 1.3), expected, rtol=1e-12, atol=1e-9)


def test_bessel_function_in_log_space():
    nu, z = np.meshgrid([0, 0.5, 1, 7.3, 30], [1e-8, 1e-3, 0.4, 5.0, 80.0, 3e3])
    np.testing.assert_allclose(log_bessel_k(nu, z), np.log(kve(nu, z)) - z, rtol=1e-13, atol=1e-12)
    for order, argument in [(49.5, 1e-7), (391.5, 0.1), (391.5, 500.0), (999.5, 3e3)]:
        assert log_bessel_k(order, argument) == pytest.approx(log_bessel_half_integer(order, argument), rel=1e-13)
    with pytest.raises(ValueError, match="z > 0"):
        log_bessel_k(1, 0.0)


def test_value_at_the_origin():
    assert prior.log_prior(0.0, (5, 6), 2) == pytest.approx(-4.32278372, abs=6e-9)
    assert prior.log_prior(1e-12, (5, 6), 2) == pytest.approx(float(prior.log_prior(0.0, (5, 6), 2)), abs=1e-9)
    assert prior.log_prior(0.0, (3,), 3) == np.inf
    assert prior.log_radial(0.0, (3,), 2) == -np.inf
    assert prior.log_radial(0.0, (5, 1), 3) == pytest.approx(float(prior.log_radial(1e-12, (5, 1), 3)), abs=1e-9)


LAWS = [
    ((3,), 1, "linear"),
    ((2, 4), 3, "linear"),
    ((784, 784), 10, "linear"),
    ((1,) * 6, 1, "linear"),
    ((3,), 1, "relu"),
    ((3, 2), 2, "relu"),
    ((20, 5), 3, "relu"),
]


@pytest.mark.parametrize(("hidden", "n_out", "activation"), LAWS)
def test_total_mass_and_moments(hidden, n_out, activation):
    density = np.exp(prior.log_radial(np.exp(LOG_LENGTH), hidden, n_out, 0.8, activation) + LOG_LENGTH)
    expected = np.prod([1 - 2.0**-n for n in hidden]) if activation == "relu" else 1.0
    assert trapezoid(density, LOG_LENGTH) == pytest.approx(expected, abs=1e-11)
    assert 1 - prior.atom(hidden, activation) == pytest.approx(expected, abs=1e-14)
    for order in (1, 2, 4):
        by_quadrature = trapezoid(density * np.exp(order * LOG_LENGTH), LOG_LENGTH)
        assert prior.moment(order, hidden, n_out, 0.8, activation) == pytest.approx(by_quadrature, rel=1e-10)


@pytest.mark.parametrize(("hidden", "n_out", "activation"), LAWS)
def test_distribution_function(hidden, n_out, activation):
    log_r = np.linspace(-4, 4, 9) + np.log(prior.moment(1, hidden, n_out, 1.0, activation))
    law = (hidden, n_out, 1.0, activation)
    below, above = np.exp(prior.log_cdf(np.exp(log_r), *law)), np.exp(prior.log_survival(np.exp(log_r), *law))
    np.testing.assert_allclose(below + above, 1 - prior.atom(hidden, activation), atol=1e-12)
    step = 1e-4
    around = np.exp(log_r + step), np.exp(log_r - step)
    slope = (np.exp(prior.log_cdf(around[0], *law)) - np.exp(prior.log_cdf(around[1], *law))) / (2 * step)
    density = np.exp(prior.log_radial(np.exp(log_r), *law) + log_r)
    # Central differences: rounding 1e-16 / step, and the third derivative times step^2 / 6.
    np.testing.assert_allclose(slope, density, rtol=1e-4, atol=1e-11)


@pytest.mark.parametrize("n_out", [1, 4, 10])
def test_rectified_layers_are_mixtures_of_linear_ones(n_out):
    radii = np.exp(np.linspace(-10, 6, 30))
    terms = []
    for k, weight_k in zip(*binomial_log_weights(12), strict=True):
        for j, weight_j in zip(*binomial_log_weights(5), strict=True):
            terms.append(weight_k + weight_j + prior.log_prior(radii, (int(k), int(j)), n_out))
    expected = logsumexp(terms, axis=0)
    np.testing.assert_allclose(prior.log_prior(radii, (12, 5), n_out, 1.0, "relu"), expected, rtol=1e-12, atol=1e-9)


REAL_NETWORKS = [
    ((1,), 1, "linear"),
    ((3,), 1, "linear"),
    ((3,), 2, "linear"),
    ((2, 4), 1, "linear"),
    ((5, 3, 4), 3, "linear"),
    ((3,), 1, "relu"),
    ((3, 2), 2, "relu"),
]


@pytest.mark.parametrize(("hidden", "n_out", "activation"), REAL_NETWORKS)
def test_real_weight_matrices(hidden, n_out, activation):
    generator = torch.Generator().manual_seed(1)
    x = torch.tensor([0.3, -1.1, 0.8])
    sigmas = np.linspace(0.6, 1.4, len(hidden) + 1)
    outputs = random_network_outputs(x, hidden, n_out, sigmas, activation, 200_000, generator)
    length = outputs.double().norm(dim=1).numpy()
    kappa = float(np.prod(sigmas) * x.double().norm())
    alive = length[length > 0]
    atom = prior.atom(hidden, activation)
    assert abs(len(alive) / len(length) - (1 - atom)) <= 4 * np.sqrt(atom * (1 - atom) / len(length))
    grid = np.linspace(np.log(alive.min()), np.log(alive.max()), 1500)
    cdf = np.exp(prior.log_cdf(np.exp(grid), hidden, n_out, kappa, activation)) / (1 - atom)
    # One test in a thousand fails by chance; the generator's seed is fixed.
    assert kstest(alive, lambda r: np.interp(np.log(r), grid, cdf)).pvalue > 1e-3


def test_component_of_a_wide_output_is_the_narrow_law():
    h = prior.sample(100_000, (4, 2), 3, 1.7, generator=np.random.default_rng(3))[:, 1]
    grid = np.linspace(h.min(), h.max(), 4001)
    assert kstest(h, lambda t: np.interp(t, grid, prior.component_cdf(grid, (4, 2), 1.7))).pvalue > 1e-3


def test_kurtosis():
    assert prior.component_excess_kurtosis((5, 8)) == pytest.approx(3 * ((1 + 2 / 5) * (1 + 2 / 8) - 1))
    h = prior.sample(400_000, (5, 8), generator=np.random.default_rng(4))[:, 0]
    blocks = (h.reshape(40, -1) ** 4).mean(1) / np.mean(h**2) ** 2 - 3
    error = blocks.std(ddof=1) / np.sqrt(40)
    assert abs(blocks.mean() - prior.component_excess_kurtosis((5, 8))) < 4 * error


def test_halved_argument_is_no_density():
    r = np.exp(LOG_LENGTH)
    wrong = log_prior_depth_two(r, 3, 1) + log_bessel_k(1, r / 2) - log_bessel_k(1, r)
    assert trapezoid(2 * np.exp(wrong) * r, LOG_LENGTH) == pytest.approx(4.0, abs=1e-9)


def test_wide_limit_and_its_first_correction():
    kappa, r = 1e4**-0.5, np.linspace(0, 4, 50)
    ratio = np.exp(prior.log_prior(r, (10_000,), 2, kappa) - asymptotics.log_gaussian_process(r, 2, 1.0))
    np.testing.assert_allclose(ratio[r < 2.5], 1, atol=1e-3)
    # The next order of the expansion is (q^2 / n)^2 / 32 at most, q = 16.
    np.testing.assert_allclose(ratio, asymptotics.wide_correction(r, (10_000,), 2, kappa), atol=2e-5)


@pytest.mark.parametrize(
    ("hidden", "measured"), [((64,), 0.00636), ((256,), 0.00166), ((784,), 0.00055), ((256,) * 3, 0.00487)]
)
def test_distance_to_the_gaussian_process(hidden, measured):
    h = np.linspace(0, 14, 6001)
    exact = np.exp(prior.log_prior(h, hidden, 1, np.prod(hidden) ** -0.5))
    process = np.exp(asymptotics.log_gaussian_process(h, 1, 1.0))
    distance = np.sqrt(2) * comparison.js_distance_on_grid(exact, process, h)
    assert distance == pytest.approx(measured, abs=6e-6)
    assert distance == pytest.approx(
        asymptotics.js_distance_to_gaussian_process(hidden), rel=5 * sum(1 / n for n in hidden)
    )


def test_tail_expansion():
    radii = np.array([1e3, 1e4, 1e5])
    residual = np.abs(asymptotics.log_tail(radii, (3, 4), 1, 1.0) - prior.log_prior(radii, (3, 4), 1))
    np.testing.assert_allclose(residual, [9e-3, 2e-3, 4e-4], rtol=0.15)


def test_kernel_scale_by_convolution():
    for hidden in [(1,), (3, 4), (784, 784), (2, 5, 50)]:
        convolved = kernel_scale.convolved(hidden, points=600)
        exact = prior.log_radial(np.exp(convolved.t), hidden[:-1], hidden[-1]) + convolved.t + np.log(convolved.step)
        bulk = exact > -25
        np.testing.assert_allclose(convolved.log_weight[bulk], exact[bulk], atol=1e-11)
        scale = kernel_scale.scale_law(hidden, (0.7,) * (len(hidden) + 1))
        assert np.exp(scale.log_weight) @ scale.u == pytest.approx(
            kernel_scale.mean(hidden, (0.7,) * (len(hidden) + 1))
        )


@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("hidden", [(1,), (3,), (2, 5)])
def test_distribution_functions_stay_within_bounds(hidden, activation):
    r = np.concatenate([[0.0], np.geomspace(1e-12, 1e6, 500), [np.inf]])
    for values in (prior.cdf(r, hidden, 1, 0.7, activation), prior.component_cdf(r, hidden, 0.7, activation)):
        assert values.min() >= 0
        assert values.max() <= 1
    assert prior.component_cdf(-r, hidden, 0.7, activation).min() >= 0


def test_refusals():
    with pytest.raises(ValueError, match="width"):
        prior.log_prior(1.0, (0,))
    with pytest.raises(ValueError, match="relu"):
        prior.log_prior(1.0, (2,), activation="tanh")
    for activation in ("tanh", "erf", "ReLU", "", None):
        with pytest.raises(ValueError, match="'linear' or 'relu'"):
            prior.atom((2,), activation)
        with pytest.raises(ValueError, match="'linear' or 'relu'"):
            random_network_outputs(torch.ones(2), (2,), 1, (1.0, 1.0), activation, 3, torch.Generator())
    with pytest.raises(ValueError, match="width"):
        prior.atom((0,), "relu")
    with pytest.raises(ValueError, match="length"):
        prior.log_prior(-1.0, (2,))
    for kappa in (0.0, -1.0, np.nan, np.inf):
        for law in (prior.log_prior, prior.cdf, prior.moment):
            with pytest.raises(ValueError, match="kappa"):
                law(1.0, (2,), kappa=kappa)
        with pytest.raises(ValueError, match="kappa"):
            prior.sample(3, (2,), kappa=kappa, generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="does not exist"):
        prior.moment(-1, (1,))


def test_the_task_gives_finite_rows_and_the_same_networks_in_any_shard(rows_of, compare_shards):
    rows_of(task, Prior(hidden_widths=[[3, 2]], samples=50), [0], None)
    compare_shards(task, Prior(hidden_widths=[[3]], samples=200), None)


@pytest.mark.parametrize(("hidden", "activation"), [([1] * 8, "linear"), ([100], "linear"), ([2, 2], "relu")])
def test_bins_are_equally_probable_given_that_the_network_is_not_silent(hidden, activation):
    params = Prior(hidden_widths=[hidden], n_out=3, activation=activation, bins=12)
    edges = task.bin_edges(params, hidden, 0.3)
    heard = 1 - prior.atom(hidden, activation)
    below = np.exp(prior.log_cdf(edges, hidden, 3, 0.3, activation)) / heard
    np.testing.assert_allclose(below, np.arange(1, 12) / 12, rtol=1e-9)
