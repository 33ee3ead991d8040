"""Closed forms beside sums, samples and published numbers; no network is run."""

import math

import numpy as np
import pytest
from scipy.stats import chi2

from nnstatmech.moments import laws
from nnstatmech.moments.published_values import published_curves

from .small import check_mean


def test_kurtosis_bound_is_reached():
    values = np.array([1.0] + [0.0] * 9)
    values = (values - values.mean()) / values.std()
    assert np.mean(values**4) == pytest.approx(laws.largest_kurtosis(10))


@pytest.mark.parametrize(("width", "mean", "variance"), [(128, -0.019786, 0.040234), (512, -0.0048985, 0.0098368)])
def test_log_increments_of_a_one_dimensional_signal(width, mean, variance):
    found = laws.log_increment_moments(width)
    assert found == pytest.approx((mean, variance), rel=3e-5)  # as many digits as are known
    assert found == pytest.approx((-2.5 / width, 5 / width), rel=5 / width)


def test_log_increment_moments_are_those_of_their_law():
    rng = np.random.default_rng(0)
    width, count = 16, 400_000
    active = rng.binomial(width, 0.5, count)
    active = active[active > 0]
    samples = np.log(2 / width * chi2.rvs(active, random_state=rng))
    mean, variance = laws.log_increment_moments(width)
    assert samples.mean() == pytest.approx(mean, abs=4 * samples.std() / math.sqrt(count))
    error = np.std((samples - samples.mean()) ** 2) / math.sqrt(count)
    assert samples.var() == pytest.approx(variance, abs=4 * error)


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_noise_between_walls_is_what_windows_of_a_plane_share(depth):
    """Mean squares on the plane: every window takes the mean of what it sees, zeros beyond the border."""
    plane = np.pad(np.ones((8, 8)), ((0, 1), (0, 1)))
    squares = np.array([[plane[i : i + 3, j : j + 3].mean() for j in range(0, 8, 2)] for i in range(0, 8, 2)])
    for _ in range(depth):
        plane = np.pad(squares, 1)
        squares = np.array([[plane[i : i + 3, j : j + 3].mean() for j in range(4)] for i in range(4)])
    assert laws.noise_between_walls(8, depth) == pytest.approx(squares.mean())


def test_gaussian_activation_increment():
    assert pytest.approx((1 - 1 / math.pi) ** -0.5) == laws.GAUSSIAN_ACTIVATION_INCREMENT
    assert laws.activation_increment(0.0) == 1


def test_angle_kernel_is_a_gaussian_expectation():
    """k(theta) in polar form: E[r^4] = 8 times the mean over the angle."""
    for angle in (0.0, 0.3, math.pi / 2, 2.5, math.pi):
        phi = np.linspace(0, 2 * np.pi, 200_001)[:-1]
        values = np.maximum(np.cos(phi), 0) ** 2 * np.maximum(np.cos(phi - angle), 0) ** 2
        assert laws.angle_kernel(angle) == pytest.approx(8 * values.mean(), abs=1e-8)


def test_variance_of_the_increment_for_any_signal():
    """Law 9: one layer applied to fixed vectors, over fresh weights."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(6, 10)) + 0.7
    width, count = 16, 20_000
    weights = rng.normal(size=(count, width, 10)) * math.sqrt(2 / 10)
    outputs = np.maximum(np.einsum("rof,pf->rpo", weights, features), 0)
    increments = np.mean(outputs**2, axis=(1, 2)) / np.mean(features**2)
    check_mean(increments, 1)
    check_mean((increments - 1) ** 2, laws.increment_variance(features, width))


def test_noise_of_a_one_dimensional_signal():
    """Law 10, exact for one layer: Var delta mu_2(dx) = (1 + 4/r')/N; Cov(delta nu_2, delta mu_2) = 1/N.

    The masks depend on the sign of W u only, the noise's moment is even in W; the covariance is that of the number
    of active channels if the noise has no component along the signal's direction u.
    """
    rng = np.random.default_rng(4)
    width, inputs, count = 16, 12, 40_000
    noise = rng.normal(size=(30, inputs)) * np.linspace(0.2, 2, inputs)
    noise[:, 0] = 0  # u is the first axis
    weights = rng.normal(size=(count, width, inputs))
    masks = weights[:, :, 0] > 0
    signal_increments = 2 * np.mean(masks * weights[:, :, 0] ** 2, axis=1)
    covariance = noise.T @ noise
    quadratic = np.einsum("roi,ij,roj->ro", weights, covariance, weights) / np.trace(covariance)
    noise_increments = 2 * np.mean(masks * quadratic, axis=1)
    rank = np.trace(covariance) ** 2 / np.sum(covariance**2)
    check_mean((noise_increments - 1) ** 2, laws.log_noise_increment_moments(width, rank)[1])
    check_mean((signal_increments - 1) * (noise_increments - 1), 1 / width)


def test_published_increments_agree_with_the_law():
    """Differences of the published mean log nu_2 (n = 10000): -0.989 over 50 layers, standard error 0.014."""
    rows = published_curves("vanilla_histo")
    rows = rows[rows["quantity"] == "log_nu2_signal"].set_index("depth")
    mean, variance = laws.log_increment_moments(128)
    for first, last in ((100, 150), (150, 200)):
        assert rows["mean"][last] - rows["mean"][first] == pytest.approx(50 * mean, abs=4 * 0.014)
        # Increments are uncorrelated with the past: Var_last - Var_first = Var(increment) + 2 Cov, the covariance zero
        # with standard error sqrt(2.0 * 5.5 / n) = 0.033, and 0.028 is that of the variance of the increment.
        difference = rows["sd"][last] ** 2 - rows["sd"][first] ** 2
        assert difference == pytest.approx(50 * variance, abs=4 * math.hypot(2 * 0.033, 0.028))


def test_resnet_recursion_is_a_power_law():
    """For constant increments chi grows as l^tau with tau = (delta^(2H) - 1)/2."""
    depth = np.arange(1.0, 20_001)
    chi = laws.resnet_sensitivity(depth, np.full(len(depth), 1.2035232), 1.0, 2)
    exponent = laws.power_law_exponent(1.2035232, 2)
    assert exponent == pytest.approx(0.54903, abs=1e-5)
    assert math.log(chi[-1] / chi[9999]) / math.log(2) == pytest.approx(exponent, abs=1e-3)


def test_resnet_recursion_beside_the_published_sensitivity():
    """From l = 5 on; both layers of a branch are given the increment of the first: 5 % are allowed."""
    rows = published_curves("bn_res").pivot(index="depth", columns="quantity", values="mean").dropna(subset="chi")
    depth = rows.index.to_numpy(float)
    chi = laws.resnet_sensitivity(depth, rows["delta_chi"].to_numpy(), rows["chi"].iloc[0], 2)
    np.testing.assert_allclose(chi, rows["chi"], rtol=0.05)


def test_power_law_of_the_published_means():
    """tau = 0.5490 from the published increments, which are means of ratios and agree with ratios of means to 1e-4."""
    rows = published_curves("bn_res")
    increments = rows[rows["quantity"] == "delta_chi"]["mean"]
    assert laws.power_law_exponent(increments.mean(), 2) == pytest.approx(0.54903, abs=1e-3)
    chi = rows[rows["quantity"] == "chi"].set_index("depth")["mean"]
    assert laws.power_law_prefactor(chi.index.to_numpy(float), chi.to_numpy(), 0.54903) == pytest.approx(
        1.10466, rel=1e-3
    )
