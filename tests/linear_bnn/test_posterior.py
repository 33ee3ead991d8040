"""The exact posterior against quadrature, simulation, its limits and its symmetries."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from nnstatmech.linear_bnn import prior
from nnstatmech.linear_bnn.params import Posterior as Parameters
from nnstatmech.linear_bnn.posterior import Posterior
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


def test_dependent_images_have_no_zero_temperature_limit():
    x, y, test = problem()
    posterior = Posterior(np.vstack([x, x[:1]]), np.append(y, -y[0]), (2,), SIGMAS)
    # Equal images with opposite targets: a loss of y^2 remains at any temperature.
    assert posterior.mean_loss(1e6) == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ValueError, match="independent"):
        posterior.predictive(np.inf, test)


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
    posterior = Posterior(x, 3 * generator.standard_normal(images), (width,), (1.0, width**-0.5))
    for beta in (1.0, np.inf):
        scale, weights = posterior.scale_posterior(beta)
        # The saddle neglects corrections of relative order 1/n.
        assert posterior.renormalised_scale(beta) == pytest.approx(weights @ scale.u, rel=3e-4)
    saddle, residual = (
        posterior.renormalised_scale(np.inf),
        posterior.targets @ np.linalg.solve(x @ x.T, posterior.targets),
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
