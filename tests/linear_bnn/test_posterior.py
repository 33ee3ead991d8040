"""The exact posterior against quadrature, simulation, its limits and its symmetries."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import chi2, kstest, norm

from nnstatmech.linear_bnn import integrand, kernel_scale, prior
from nnstatmech.linear_bnn.comparison import equiprobable
from nnstatmech.linear_bnn.gaussian_mixture import GaussianMixture
from nnstatmech.linear_bnn.params import Posterior as Parameters
from nnstatmech.linear_bnn.posterior import Posterior
from nnstatmech.linear_bnn.spectrum import Spectrum
from nnstatmech.linear_bnn.tasks import posterior as task

from .digits import small_digits

SIGMAS = (1.5, 0.8)


def problem(images=4, pixels=20, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((images, pixels))
    test = generator.standard_normal(pixels)
    targets = np.resize([1.0, 1.0, -1.0], images)
    return x / np.linalg.norm(x, axis=1, keepdims=True), targets, test / np.linalg.norm(test)


@pytest.mark.parametrize(("hidden", "sigmas"), [((1,), SIGMAS), ((5,), SIGMAS), ((3, 4), (1.0, 0.7, 1.2))])
def test_infinite_temperature_is_the_prior(hidden, sigmas):
    x, y, test = problem()
    h = np.linspace(0.05, 6, 50)
    expected = np.exp(prior.log_prior(h, hidden, 1, float(np.prod(sigmas) * np.linalg.norm(test))))
    posterior = Posterior(x, y, hidden, sigmas)
    np.testing.assert_allclose(posterior.predictive(0.0, test).pdf(h), expected, rtol=1e-8)
    assert posterior.log_evidence(0.0) == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize("beta", [0.2, 3.0, 80.0])
@pytest.mark.parametrize("hidden", [(2,), (3, 4)])
def test_one_image_by_quadrature(hidden, beta):
    """Trained and tested on the same single image, the posterior is p_0(h) exp(-beta (h - y)^2 / 2)."""
    x, target = np.array([[0.6, -0.5, 1.0]]), 1.3
    sigmas = (1.1, *(0.9 for _ in hidden))
    kappa = float(np.prod(sigmas) * np.linalg.norm(x))

    def weight(h):
        return np.exp(prior.log_prior(np.abs(h), hidden, 1, kappa) - beta * (h - target) ** 2 / 2)

    log_h = np.linspace(-40, 3, 4001)
    evidence = sum(trapezoid(weight(sign * np.exp(log_h)) * np.exp(log_h), log_h) for sign in (-1, 1))
    posterior = Posterior(x, [target], hidden, sigmas)
    assert posterior.log_evidence(beta) == pytest.approx(np.log(evidence), abs=1e-8)
    h = np.array([0.4, 1.0, 1.5])
    np.testing.assert_allclose(posterior.predictive(beta, x[0]).pdf(h), weight(h) / evidence, rtol=1e-7)


def test_evidence_by_simulation():
    """ln Z and <L> from prior draws of real networks, weighted by exp(-beta L)."""
    x, y, test = problem(images=3, pixels=5)
    generator, count, beta, hidden, sigmas = np.random.default_rng(5), 400_000, 1.5, (3, 2), (1.2, 0.9, 0.8)
    first = sigmas[0] * generator.standard_normal((count, 3, 5))
    second = sigmas[1] * generator.standard_normal((count, 2, 3))
    third = sigmas[2] * generator.standard_normal((count, 1, 2))
    vector = (third @ second @ first)[:, 0]
    loss = 0.5 * np.sum((vector @ x.T - y) ** 2, axis=1)
    weight = np.exp(-beta * loss)
    posterior = Posterior(x, y, hidden, sigmas)

    def deviation(numerator, expected):
        ratio = numerator.mean() / weight.mean()
        error = np.std(numerator - ratio * weight) / np.sqrt(count) / weight.mean()
        return abs(ratio - expected) / error

    assert abs(weight.mean() - np.exp(posterior.log_evidence(beta))) < 4 * weight.std() / np.sqrt(count)
    assert deviation(weight * loss, posterior.mean_loss(beta)) < 4
    law = posterior.predictive(beta, test)
    assert deviation(weight * (vector @ test), law.mean) < 4
    assert deviation(weight * (vector @ test < 0.1), law.cdf(0.1)) < 4


@pytest.mark.parametrize("beta", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("hidden", [(1,), (16,), (3, 4)])
def test_mean_loss_is_the_slope_of_the_evidence(hidden, beta):
    x, y, _ = problem()
    posterior = Posterior(x, y, hidden, (1.5, *(0.8 for _ in hidden)))
    step = 1e-4 * beta
    slope = (posterior.log_evidence(beta + step) - posterior.log_evidence(beta - step)) / (2 * step)
    # Second-order differences: relative error about step^2 / beta^2, rounding 1e-13 / step.
    assert -slope == pytest.approx(posterior.mean_loss(beta), rel=1e-6, abs=1e-11 / step)


def test_rotations_and_permutations_change_nothing():
    x, y, test = problem()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((20, 20)))[0]
    order = np.array([2, 0, 3, 1])
    plain = Posterior(x, y, (4,), SIGMAS)
    turned = Posterior(x[order] @ rotation, y[order], (4,), SIGMAS)
    for beta in (0.5, 20.0, np.inf):
        one, other = plain.predictive(beta, test), turned.predictive(beta, test @ rotation)
        assert other.mean == pytest.approx(one.mean, abs=1e-10)
        assert other.variance == pytest.approx(one.variance, abs=1e-10)
        assert turned.mean_loss(beta) == pytest.approx(plain.mean_loss(beta), abs=1e-10)


def test_zero_temperature():
    x, y, test = problem()
    posterior = Posterior(x, y, (2,), SIGMAS)
    cold, frozen = posterior.predictive(1e9, test), posterior.predictive(np.inf, test)
    h = np.linspace(-3, 3, 20)
    np.testing.assert_allclose(cold.pdf(h), frozen.pdf(h), atol=1e-7)
    assert posterior.mean_loss(np.inf) == 0
    assert 1e4 * posterior.mean_loss(1e4) == pytest.approx(len(y) / 2, rel=2e-3)
    # Noiseless conditioning reproduces the targets on the training images.
    assert posterior.predictive(np.inf, x[1]).mean == pytest.approx(y[1], abs=1e-8)
    with pytest.raises(ValueError, match="diverges"):
        posterior.log_evidence(np.inf)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("log_evidence", ()),
        ("mean_loss", ()),
        ("excess_loss", ()),
        ("scale_posterior", ()),
        ("renormalised_scale", ()),
        ("wide_mean_loss", ()),
        ("predictive", (np.ones(20),)),
        ("wide_predictive", (np.ones(20),)),
    ],
)
@pytest.mark.parametrize("beta", [np.nan, -0.01, -np.inf])
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_no_inverse_temperature(method, arguments, beta, hidden):
    x, y, _ = problem()
    with pytest.raises(ValueError, match="beta = "):
        getattr(Posterior(x, y, hidden, SIGMAS[: len(hidden) + 1]), method)(beta, *arguments)


GIVEN = {"images": problem()[0], "targets": problem()[1], "hidden_widths": (2,), "sigmas": SIGMAS}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"targets": np.array([1.0, np.nan, 1, 1])}, "targets: 1 of 4"),
        ({"targets": np.array([1.0, np.inf, 1, 1])}, "targets: 1 of 4"),
        ({"images": np.full((4, 20), np.nan)}, "images: 80 of 80"),
        ({"images": np.zeros((0, 20)), "targets": np.zeros(0)}, "images"),
        ({"sigmas": (1.5, 0.0)}, "sigmas"),
        ({"sigmas": (-1.5, 0.8)}, "sigmas"),
        ({"sigmas": (1.5, np.nan)}, "sigmas"),
        ({"hidden_widths": (0,)}, "hidden widths"),
        ({"hidden_widths": (2.5,)}, "hidden widths"),
        ({"hidden_widths": (np.nan,)}, "hidden widths"),
    ],
)
def test_arguments_outside_of_their_domain_are_named(changed, message):
    with pytest.raises(ValueError, match=message):
        Posterior(**(GIVEN | changed))


def test_images_and_scales_outside_of_their_domain_are_named():
    posterior = Posterior(**GIVEN)
    with pytest.raises(ValueError, match="image: 1 of 20"):
        posterior.predictive(1.0, np.array([np.nan] + [0.0] * 19))
    with pytest.raises(ValueError, match="20 pixels"):
        posterior.predictive(1.0, np.ones(21))
    for u in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="u = "):
            posterior.process_at(u, 1.0, np.ones(20))
    for make in (kernel_scale.scale_law, kernel_scale.mean):
        with pytest.raises(ValueError, match="sigmas"):
            make((3,), (1.0, -1.0))
        with pytest.raises(ValueError, match="weight scales"):
            make((3,), (1.0,))


def brute_force(x, y, width, scale, beta, image):
    """ln Z, <L> and moments of the output by a sum over ln u on a wide, fine grid; dense linear algebra in many digits.

    Given u the targets are N(0, u K + 1/beta), and u = scale chi^2_width.
    """
    with mpmath.workdps(50):
        x_, y_, h = mpmath.matrix(x.tolist()), mpmath.matrix(y.tolist()), mpmath.matrix(image.tolist())
        kernel, cross = x_ * x_.T, x_ * h
        beta, total, sums = mpmath.mpf(beta), mpmath.mpf(0), [mpmath.mpf(0)] * 3
        for log_u in mpmath.linspace(-30, 12, 300):
            u = mpmath.exp(log_u)
            covariance = u * kernel + mpmath.eye(len(y)) / beta
            solved, gain = mpmath.lu_solve(covariance, y_), mpmath.lu_solve(covariance, u * cross)
            quadratic = (y_.T * solved)[0]
            chi2 = (u / scale) ** (mpmath.mpf(width) / 2) * mpmath.exp(-u / scale / 2)
            weight = chi2 * mpmath.exp(-quadratic / 2) / mpmath.sqrt(mpmath.det(covariance * beta))
            mean, variance = (gain.T * y_)[0], u * (h.T * h)[0] - u * (gain.T * cross)[0]
            excess = (solved.T * solved)[0] / beta**2 / 2
            trace = sum((u * kernel * mpmath.inverse(covariance))[i, i] for i in range(len(y))) / beta / 2
            total += weight
            sums = [s + weight * v for s, v in zip(sums, (excess + trace, mean, mean**2 + variance), strict=True)]
        norm = mpmath.mpf(2) ** (mpmath.mpf(width) / 2) * mpmath.gamma(mpmath.mpf(width) / 2)
        log_evidence = mpmath.log(total * 42 / 299 / norm)
        loss, mean, square = (s / total for s in sums)
        return [float(value) for value in (log_evidence, loss, mean, square - mean**2)]


OVERDETERMINED = {
    "random targets": (lambda g: g.standard_normal((5, 2)), lambda g: g.standard_normal(5)),
    "contradicting duplicates": (
        lambda g: np.repeat(g.standard_normal((2, 3)), 2, axis=0),
        lambda g: [1.0, -1, 1, 0.5],
    ),
    "a sum of two others": (lambda g: np.vstack([z := g.integers(-5, 5, (2, 4)), z.sum(0)]), lambda g: [1.0, -1, 2]),
}


@pytest.mark.parametrize("beta", [3.0, 1e6, 1e12])
@pytest.mark.parametrize("case", OVERDETERMINED)
def test_dependent_images_against_many_digits(case, beta):
    generator = np.random.default_rng(4)
    images, targets = (np.asarray(make(generator)) for make in OVERDETERMINED[case])
    image = generator.standard_normal(images.shape[1])
    posterior = Posterior(images, targets, (3,), (1.0, 0.8))
    log_evidence, loss, mean, variance = brute_force(images, targets, 3, 0.64, beta, image)
    assert posterior.log_evidence(beta) == pytest.approx(log_evidence, rel=1e-12, abs=1e-10)
    assert posterior.mean_loss(beta) == pytest.approx(loss, rel=1e-10)
    law = posterior.predictive(beta, image)
    # Directions that the images span are known to 1e-16 of the image's length.
    assert (law.mean, law.variance) == pytest.approx((mean, variance), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("pixels", [1, 6, 40])
@pytest.mark.parametrize("hidden", [(), (4,), (2, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_more_images_than_pixels_have_a_zero_temperature_limit(pixels, hidden, seed):
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((200, pixels)), generator.standard_normal(200)
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    posterior = Posterior(x, y, hidden, (1.0, *(0.7 for _ in hidden)))
    assert posterior.mean_loss(np.inf) == pytest.approx(0.5 * np.sum((x @ best - y) ** 2), rel=1e-12)
    for beta in (1e6, 1e8, 1e12, 1e200):
        # Equipartition; the remainder is of order 1/beta.
        assert 2 * beta * posterior.excess_loss(beta) / pixels == pytest.approx(1, abs=1e-5)
    image = generator.standard_normal(pixels)
    # The output's variance is that of linear regression with noise 1/beta, whatever the network.
    noise = image @ np.linalg.solve(x.T @ x, image)
    assert 1e8 * posterior.predictive(1e8, image).variance == pytest.approx(noise, rel=1e-5)
    law = posterior.predictive(np.inf, image)
    assert law.mean == pytest.approx(image @ best, rel=1e-10)
    assert law.variance == pytest.approx(0, abs=1e-24)


def test_zero_temperature_of_independent_images_is_that_of_their_span():
    """Thirty images of rank 4 in 9 pixels are as good as 4 images with the fitted targets."""
    generator = np.random.default_rng(2)
    basis, y = generator.standard_normal((4, 9)), generator.standard_normal(30)
    mixing = generator.standard_normal((30, 4))
    q, r = np.linalg.qr(mixing)
    image, h = generator.standard_normal(9), np.linspace(-4, 4, 30)
    for beta in (7.0, 1e9, np.inf):
        many, few = Posterior(mixing @ basis, y, (3,), SIGMAS), Posterior(r @ basis, q.T @ y, (3,), SIGMAS)
        assert many.least_loss == pytest.approx(0.5 * (y @ y - (q.T @ y) @ (q.T @ y)), rel=1e-12)
        assert few.least_loss == 0
        np.testing.assert_allclose(many.predictive(beta, image).pdf(h), few.predictive(beta, image).pdf(h), rtol=1e-9)
        assert many.renormalised_scale(beta) == pytest.approx(few.renormalised_scale(beta), rel=1e-11)


@pytest.mark.parametrize(
    ("images", "width", "size", "beta"),
    [(500, 10, 5.0, 10.0), (500, 10, 500.0, 0.1), (500, 1000, 5.0, np.inf), (30, 1, 1e6, 10.0), (60, 20_000, 1.0, 1e9)],
)
def test_posteriors_far_from_the_prior(images, width, size, beta):
    """Against sums over a grid that knows nothing of saddles, with the Gram matrix of independent images."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((images, 784)) / 28
    y = size * np.sign(generator.standard_normal(images))
    eigenvalues, vectors = np.linalg.eigh(x @ x.T)
    square = (vectors.T @ y) ** 2
    log_u = np.linspace(-6, 20, 60_001)
    log_weight = chi2(width).logpdf(width * np.exp(log_u)) + log_u
    for part in np.array_split(np.arange(len(log_u)), 100):
        u = np.exp(log_u[part])[:, None]
        noisy = u * eigenvalues + 1 / beta
        log_weight[part] -= 0.5 * np.sum(np.log(noisy) + square / noisy, axis=1)
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    posterior = Posterior(x, y, (width,), (1.0, width**-0.5))
    scale, ours = posterior.scale_posterior(beta)
    assert ours @ scale.u == pytest.approx(weights @ np.exp(log_u), rel=1e-9)
    assert ours @ scale.u**2 == pytest.approx(weights @ np.exp(2 * log_u), rel=1e-9)


@pytest.mark.parametrize("beta", [890.0, 900.0, 910.0])
def test_a_posterior_with_two_maxima(beta):
    """Twenty directions without signal want a small kernel, one that is weak wants a large one: both count."""
    x = np.diag([1.0] * 20 + [0.003])
    y = np.array([0.0] * 20 + [1.0])
    log_u = np.linspace(-40, 15, 100_001)
    u = np.exp(log_u)[:, None]
    noisy = u * np.diag(x) ** 2 * beta + 1
    log_weight = chi2(2).logpdf(2 * u[:, 0]) + log_u - 0.5 * np.sum(np.log(noisy) + beta * y**2 / noisy, axis=1)
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    scale, ours = Posterior(x, y, (2,), (1.0, 2**-0.5)).scale_posterior(beta)
    assert np.sum((ours[1:-1] > ours[:-2]) & (ours[1:-1] > ours[2:])) == 2
    assert ours[scale.t > 0].sum() == pytest.approx(weights[log_u > 0].sum(), rel=1e-9)
    assert ours @ scale.t == pytest.approx(weights @ log_u / 2, abs=1e-9)
    assert ours @ scale.u == pytest.approx(weights @ u[:, 0], rel=1e-9)


@pytest.mark.parametrize("steepness", [1.0, 1e4, 1e10])
def test_all_maxima_are_found_however_narrow(steepness):
    places, heights = integrand.maxima(lambda t: -steepness * (t - 1.0123) ** 2 * (t - 4) ** 2, -1.0, 7.0)
    np.testing.assert_allclose(places, [1.0123, 4.0], atol=1e-6)
    np.testing.assert_allclose(heights, 0, atol=1e-12 * steepness)


def test_no_targets_at_zero_temperature():
    """The kernel vanishes unless every hidden layer is wider than the number of images."""
    image = np.array([1.0, 1, 1, 1])
    for width in (1, 3):
        posterior = Posterior(np.eye(3, 4), np.zeros(3), (width,), (1.0, 1.0))
        law = posterior.predictive(np.inf, image)
        assert (law.mean, law.variance, posterior.renormalised_scale(np.inf)) == (0, 0, 0)
    # u^(n/2 - 1) exp(-u/2) u^(-3/2) is chi^2 with n - 3 degrees of freedom.
    posterior = Posterior(np.eye(3, 4), np.zeros(3), (7,), (1.0, 1.0))
    assert posterior.predictive(np.inf, image).variance == pytest.approx(4, rel=1e-10)
    assert posterior.renormalised_scale(np.inf) == pytest.approx(4, rel=1e-10)


def test_a_point_mass_has_a_step():
    law = Posterior(np.eye(2), np.array([1.0, -1.0]), (3,), SIGMAS).predictive(np.inf, np.array([1.0, 0.0]))
    np.testing.assert_array_equal(law.cdf([-np.inf, 0.0, law.mean - 1e-9, law.mean, 2.0, np.inf]), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(law.pdf([0.0, law.mean, 2.0]), [0, np.inf, 0])
    mixed = GaussianMixture(np.array([0.25, 0.75]), np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(mixed.cdf([0.0, 1.0]), [0.125, 0.25 * norm.cdf(1) + 0.75], rtol=1e-14)


@pytest.mark.parametrize("beta", [0.0, 0.3, 30.0, np.inf])
@pytest.mark.parametrize("hidden", [(1,), (3,), (64,), (3, 4)])
def test_distribution_functions_stay_within_bounds_and_never_fall(hidden, beta):
    x, y, test = problem()
    law = Posterior(x, y, hidden, (1.5, *(0.8 for _ in hidden))).predictive(beta, test)
    h = np.concatenate([np.linspace(-60, 60, 4001), [-np.inf, -1e300, 1e300, np.inf]])
    values = law.cdf(np.sort(h))
    assert values.min() >= 0
    assert values.max() == pytest.approx(1, abs=1e-14)
    assert values.max() <= 1
    assert np.all(np.diff(values) >= 0)
    equiprobable(values)


def test_no_hidden_layer_is_gaussian_process_regression():
    x, y, test = problem()
    beta, sigma = 2.5, 1.4
    kernel = sigma**2 * x @ x.T + np.eye(len(y)) / beta
    gain = np.linalg.solve(kernel, sigma**2 * x @ test)
    law = Posterior(x, y, (), (sigma,)).predictive(beta, test)
    assert law.mean == pytest.approx(gain @ y, abs=1e-12)
    assert law.variance == pytest.approx(sigma**2 * test @ test - gain @ (sigma**2 * x @ test), abs=1e-12)


@pytest.mark.parametrize("beta", [0.5, 50.0, np.inf])
def test_wide_networks_are_the_gaussian_process(beta):
    x, y, test = problem()
    posterior = Posterior(x, y, (10_000,), (1.5, 0.015))
    h = np.linspace(-5, 5, 40)
    process = posterior.wide_predictive(beta, test)
    np.testing.assert_allclose(posterior.predictive(beta, test).pdf(h), process.pdf(h), atol=1e-3)
    assert posterior.renormalised_scale(beta) == pytest.approx(posterior.mean_scale, rel=2e-3)


def test_kernel_renormalisation_where_images_and_width_grow_together():
    generator, images, width = np.random.default_rng(0), 800, 1600
    x = generator.standard_normal((images, 1600)) / 40
    y = 3 * generator.standard_normal(images)
    posterior = Posterior(x, y, (width,), (1.0, width**-0.5))
    for beta in (1.0, np.inf):
        scale, weights = posterior.scale_posterior(beta)
        # The saddle neglects corrections of relative order 1/n.
        assert posterior.renormalised_scale(beta) == pytest.approx(weights @ scale.u, rel=3e-4)
    saddle, residual = (
        posterior.renormalised_scale(np.inf),
        y @ np.linalg.solve(x @ x.T, y),
    )
    assert 1 - saddle == pytest.approx(images / width * (1 - residual / images / saddle), abs=1e-9)


def test_predictive_law_is_a_law():
    x, y, test = problem()
    law = Posterior(x, y, (3,), SIGMAS).predictive(4.0, test)
    h = np.linspace(-40, 40, 8001)
    density = law.pdf(h)
    assert trapezoid(density, h) == pytest.approx(1, abs=1e-9)
    assert trapezoid(h * density, h) == pytest.approx(law.mean, abs=1e-9)
    assert trapezoid((h - law.mean) ** 2 * density, h) == pytest.approx(law.variance, abs=1e-8)
    np.testing.assert_allclose(np.gradient(law.cdf(h), h)[1:-1], density[1:-1], atol=1e-4)
    single = Posterior(x, y, (3,), SIGMAS).process_at(0.5, 4.0, test)
    np.testing.assert_allclose(single.cdf(h), norm.cdf(h, single.mean, single.variance**0.5), atol=1e-12)


def test_shapes_are_checked():
    x, y, _ = problem()
    with pytest.raises(ValueError, match="targets"):
        Posterior(x, y[:2], (3,), SIGMAS)
    with pytest.raises(ValueError, match="weight scales"):
        Posterior(x, y, (3, 3), SIGMAS)


def test_the_task_gives_finite_rows(rows_of):
    rows_of(task, Parameters(hidden_widths=[[1]], betas=[0, 1]), [0], small_digits())


def of_moments(x, y, widths, sigmas):
    return Posterior.of_spectrum(Spectrum.of_moments(x.T @ x, x.T @ y, y @ y), widths, sigmas)


@pytest.mark.parametrize(("images", "pixels"), [(300, 40), (12, 40)])
def test_moments_know_what_the_images_know(images, pixels):
    """Both for more images than pixels and for fewer; ln Z, losses, scales and predictions to 1e-9."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((images, pixels)) / pixels**0.5
    y = np.sign(x[:, 0] + 0.5 * generator.standard_normal(images))
    test = generator.standard_normal(pixels)
    for widths, sigmas in (((3,), (1.5, 0.8)), ((5, 2), (1.0, 0.7, 0.9))):
        all_images, moments = Posterior(x, y, widths, sigmas), of_moments(x, y, widths, sigmas)
        for beta in (0.1, 1.0, 100.0):
            assert moments.log_evidence(beta) == pytest.approx(all_images.log_evidence(beta), rel=1e-9)
            assert moments.mean_loss(beta) == pytest.approx(all_images.mean_loss(beta), rel=1e-9)
            assert moments.wide_log_evidence(beta) == pytest.approx(all_images.wide_log_evidence(beta), rel=1e-9)
            ours, theirs = (each.predictive(beta, test) for each in (moments, all_images))
            assert ours.mean == pytest.approx(theirs.mean, rel=1e-9)
            assert ours.variance == pytest.approx(theirs.variance, rel=1e-9)


def test_mean_weights_and_drawn_functions_have_the_moments_of_the_predictive_law():
    x, y, test = problem()
    posterior = Posterior(x, y, (3,), (1.5, 0.8))
    law = posterior.predictive(3.0, test)
    assert posterior.mean_weights(3.0) @ test == pytest.approx(law.mean, rel=1e-10)
    wide = posterior.wide_predictive(3.0, test)
    assert posterior.wide_mean_weights(3.0) @ test == pytest.approx(wide.mean, rel=1e-10)
    drawn = posterior.draw(3.0, 20_000, np.random.default_rng(0)) @ test
    assert kstest(drawn, law.cdf).pvalue > 1e-3
    losses = 0.5 * np.sum((posterior.draw(3.0, 20_000, np.random.default_rng(1)) @ x.T - y) ** 2, axis=1)
    assert abs(losses.mean() - posterior.mean_loss(3.0)) < 4 * losses.std() / 20_000**0.5


def test_evidence_of_infinite_width_is_the_determinants():
    x, y, _ = problem()
    posterior, beta = Posterior(x, y, (3,), (1.5, 0.8)), 2.0
    covariance = np.eye(len(y)) + beta * posterior.mean_scale * x @ x.T
    expected = -0.5 * (np.linalg.slogdet(covariance)[1] + beta * y @ np.linalg.solve(covariance, y))
    assert posterior.wide_log_evidence(beta) == pytest.approx(expected, rel=1e-10)


def test_moments_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="second moments"):
        Spectrum.of_moments(np.eye(3), np.ones(2), 1.0)
